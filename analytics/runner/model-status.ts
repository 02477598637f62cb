// How each model stands, from the metadata of the tables alone: rows, how old its watermark is, how far and how long it is
// behind its sources and what it may be, what its last run took.

import { isCatalogError, recordOf, type Catalog, type LoadedTable, type Snapshot, type SourceRecord, type TableIdentifier } from '../../catalog/index.ts'
import { freshnessGoals } from '../models/freshness.ts'
import type { Model } from '../models/model-file.ts'
import { readState, type ModelState, type RunCost } from './model-state.ts'
import { tableNameOf } from './model-table.ts'

export interface ModelStatus {
  readonly model: string
  readonly unit: string
  readonly state: 'current' | 'behind' | 'changed' | 'never computed' | 'waits'
  readonly rows: bigint | null
  /** Since the newest event that its rows know of. */
  readonly ageMs: number | null
  /** Of the source that is furthest ahead of it; null where it does not say. */
  readonly snapshotsBehind: number
  readonly rowsBehind: bigint | null
  /** Since the first change of its sources, or of theirs, that its rows do not know of; 0 when they know all; null while a source is missing. */
  readonly staleMs: number | null
  readonly goalMs: number
  readonly last: RunCost | null
}

export interface StatusParts {
  /** Each after those that it reads, and with them. */
  readonly models: readonly Model[]
  /** Of the models and of what they read; null: it is not there. */
  readonly tables: ReadonlyMap<string, LoadedTable | null>
  readonly slowMs: number
  readonly nowMs: number
  /** What is known of a model beyond what its table says. */
  readonly stateOf?: (table: string) => ModelState | null
}

/** From the catalog alone. `models`: all of them. */
export async function readStatus (catalog: Catalog, models: readonly Model[], nowMs: number, slowMs = 0): Promise<ModelStatus[]> {
  return statusOfAll({ models, tables: await loadTables(catalog, namesOf(models)), slowMs, nowMs })
}

/** Tables of models, and of what they read. */
export function namesOf (models: readonly Model[]): string[] {
  return [...new Set(models.flatMap(model => [tableNameOf(model), ...model.reads.map(({ table }) => table)]))]
}

export async function loadTables (catalog: Catalog, names: readonly string[]): Promise<Map<string, LoadedTable | null>> {
  return new Map(await Promise.all(names.map(async name => [name, await loadTable(catalog, name)] as const)))
}

export function statusOfAll (parts: StatusParts): ModelStatus[] {
  const goals = freshnessGoals(parts.models, parts.slowMs)
  const staleness = new Map<string, number | null>()
  return parts.models.map(model => {
    const status = statusOf(model, parts, staleness, goals.get(model.name)!)
    staleness.set(tableNameOf(model), status.staleMs)
    return status
  })
}

function statusOf (model: Model, { tables, nowMs, stateOf = name => readState(tables.get(name) ?? null) }: StatusParts, staleness: ReadonlyMap<string, number | null>, goalMs: number): ModelStatus {
  const table = tables.get(tableNameOf(model)) ?? null
  const state = stateOf(tableNameOf(model))
  let staleMs = 0
  const unit = model.unit.kind === 'key' ? `key ${model.unit.column}` : model.unit.kind
  let [snapshotsBehind, rowsBehind] = [0, 0n as bigint | null]
  for (const { table: name } of model.reads) {
    const source = tables.get(name)
    staleMs = Math.max(staleMs, staleness.get(name) ?? 0)
    const now = source === null || source === undefined ? null : recordOf(source)
    const then = state?.sources.get(name) ?? null
    if (now === null || (then !== null && then.snapshotId === now.snapshotId)) continue
    const newer = source!.metadata.snapshots.filter(snapshot => snapshot['sequence-number'] > (then?.sequence ?? -1n))
    if (then !== null && areRewritesOf(then, newer)) continue
    const unseen = newer.filter(({ summary }) => summary.operation !== 'replace').map(snapshot => snapshot['timestamp-ms'])
    if (unseen.length > 0) staleMs = Math.max(staleMs, nowMs - Math.min(...unseen))
    const behind = newer.length
    if (behind > snapshotsBehind) snapshotsBehind = behind
    const rows = now.records < 0n || (then !== null && then.records < 0n) ? null : now.records - (then?.records ?? 0n)
    if (rows === null || rowsBehind === null) rowsBehind = null
    else if (rows > rowsBehind) rowsBehind = rows
  }
  const missing = model.reads.some(({ table }) => (tables.get(table) ?? null) === null)
  return {
    model: model.name,
    unit,
    state: missing ? 'waits' : state === null ? 'never computed' : state.digest !== model.digest ? 'changed' : snapshotsBehind > 0 ? 'behind' : 'current',
    rows: table === null ? null : recordOf(table)?.records ?? 0n,
    ageMs: (state?.watermark ?? null) === null ? null : nowMs - state!.watermark!.getTime(),
    snapshotsBehind,
    rowsBehind,
    staleMs: missing ? null : staleMs,
    goalMs,
    last: state?.last ?? null
  }
}

/** Compaction rewrites files and changes no row: whoever has read the snapshot before knows all of it. */
function areRewritesOf ({ snapshotId }: SourceRecord, newer: readonly Snapshot[]): boolean {
  const [first] = newer.toSorted((a, b) => Number(a['sequence-number'] - b['sequence-number']))
  return first?.['parent-snapshot-id'] === snapshotId && newer.every(({ summary }) => summary.operation === 'replace')
}

async function loadTable (catalog: Catalog, name: string): Promise<LoadedTable | null> {
  const parts = name.split('.')
  const id: TableIdentifier = { namespace: parts.slice(0, -1), name: parts.at(-1)! }
  try {
    return await catalog.loadTable(id)
  } catch (error) {
    if (isCatalogError(error, 'CATALOG_NO_SUCH_TABLE') || isCatalogError(error, 'CATALOG_NO_SUCH_NAMESPACE')) return null
    throw error
  }
}
