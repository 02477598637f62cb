// How each model stands, from the metadata of the tables alone: rows, how old its watermark is, how far it is behind its
// sources, what its last run took.

import { isCatalogError, recordOf, type Catalog, type LoadedTable, type Snapshot, type SourceRecord, type TableIdentifier } from '../../catalog/index.ts'
import type { Model } from '../models/model-file.ts'
import { readState, type RunCost } from './model-state.ts'
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
  readonly last: RunCost | null
}

export async function readStatus (catalog: Catalog, models: readonly Model[], nowMs: number): Promise<ModelStatus[]> {
  const names = new Set(models.flatMap(model => [tableNameOf(model), ...model.reads.map(({ table }) => table)]))
  const tables = new Map(await Promise.all(Array.from(names, async name => [name, await loadTable(catalog, name)] as const)))
  return models.map(model => statusOf(model, tables, nowMs))
}

function statusOf (model: Model, tables: ReadonlyMap<string, LoadedTable | null>, nowMs: number): ModelStatus {
  const table = tables.get(tableNameOf(model)) ?? null
  const state = readState(table)
  const unit = model.unit.kind === 'key' ? `key ${model.unit.column}` : model.unit.kind
  let [snapshotsBehind, rowsBehind] = [0, 0n as bigint | null]
  for (const { table: name } of model.reads) {
    const source = tables.get(name)
    const now = source === null || source === undefined ? null : recordOf(source)
    const then = state?.sources.get(name) ?? null
    if (now === null || (then !== null && then.snapshotId === now.snapshotId)) continue
    const newer = source!.metadata.snapshots.filter(snapshot => snapshot['sequence-number'] > (then?.sequence ?? -1n))
    if (then !== null && areRewritesOf(then, newer)) continue
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
