// One run of one model: what is new → what is dirty → the rows → the files → one commit that carries rows and progress. It
// dies safely at any line: until the commit nothing has changed, afterwards everything has. On a conflict the work is thrown
// away, because it was computed from a table that is no more.

import { commitSnapshot, createSnapshotId, discardFiles, mainSnapshotId, stageOverwrite, type Catalog, type DataFile, type LoadedTable, type Storage } from '../../catalog/index.ts'
import { fail } from '../errors.ts'
import type { Model } from '../models/model-file.ts'
import type { QueryEngine } from '../query/engine.ts'
import { computeRows } from './compute-rows.ts'
import type { Database, Session } from './database.ts'
import { findDirty, type Dirty, type FoundDirty } from './find-dirty.ts'
import { printState, readState, stateProperty, type ModelState, type SourceState } from './model-state.ts'
import { differsFrom, dropModelTable, identifierOf, openModelTable, tableNameOf } from './model-table.ts'
import type { PinnedTable, PinnedTables } from './pinned-tables.ts'
import { planRewrite, type Rewrite } from './plan-rewrite.ts'
import { usesWatermark } from './source-columns.ts'
import { writeFiles } from './write-files.ts'

export interface RunParts {
  readonly catalog: Catalog
  readonly storage: Storage
  readonly database: Database
  readonly tables: PinnedTables
  /** Answers the SELECTs; null: DuckDB here. */
  readonly engine: QueryEngine | null
  readonly timeOf: (table: string) => string | null
  /** Snapshots of a model's table that others still count from. */
  readonly namedBy: (table: string) => bigint[]
  readonly clock: () => number
  /** Progress without rows is written down so often at most; until then it is remembered. */
  readonly progressMs: number
}

export interface RunRequest { readonly full: boolean, readonly from: Date | null, /** Computes, and writes nothing. */ readonly dryRun: boolean }

export interface RunResult { readonly outcome: 'fresh' | 'written', readonly rows: number, readonly dirtyUnits: number, readonly reason: string, readonly snapshotId: bigint | null, readonly files?: { readonly removed: number, readonly added: number } }

/** Snapshots stay for an hour and then go: who builds on a model knows by them what it rewrote. */
const keepAllMs = 3_600_000
const metadataBytesMax = 256_000

export async function runModel (parts: RunParts, model: Model, { full, from, dryRun }: RunRequest): Promise<RunResult> {
  const name = tableNameOf(model)
  const { tables } = parts
  const missing = model.reads.find(({ table }) => tables.get(table) === null)
  if (missing !== undefined) return fresh(`waits for ${missing.table}, which is not there yet`)
  const began = performance.now()
  const session = await parts.database.session(parts.storage)
  try {
    const before = tables.get(name)
    const next = await nextState(parts, model, full ? null : before?.state ?? null)
    let found: FoundDirty = full
      ? { dirty: { kind: 'all' }, reason: 'asked for' }
      : await findDirty({ model, session, tables, own: before, state: before?.state ?? null, watermark: next.watermark, from, timeOf: parts.timeOf })
    if (found.dirty.kind === 'none') return dryRun ? fresh(found.reason) : await recordProgress(parts, model, before!, next, found.reason)
    // Made or grown first: what cannot be written is not computed.
    const own = dryRun ? before : await ownTable(parts, model, before, full)
    if (before === null && own !== null) found = { ...found, reason: found.reason + earlierFiles(own.table) }
    await computeRows(parts.engine, session, tables, model, found.dirty, next.watermark)
    if (own === null) return await planFirst(session, found)
    const known = !full && own.state?.digest === model.digest
    const rewrite = await planRewrite(session, parts.storage, tables, model, own, found.dirty, known)
    const unchanged = `${found.reason}: every row is as it was`
    if (dryRun) return rewrite === null ? fresh(unchanged) : written(rewrite, found, null, rewrite.parts.length)
    if (rewrite === null) return await recordProgress(parts, model, own, next, unchanged)
    return await commitRewrite(parts, session, model, own, rewrite, next, found, began)
  } finally {
    await session.close()
  }
}

/** The sources as they are pinned now. A watermark never goes back but with --full. */
async function nextState ({ tables }: RunParts, model: Model, state: ModelState | null): Promise<Omit<ModelState, 'own' | 'last'>> {
  const sources = new Map<string, SourceState | null>()
  let watermark: Date | null = null
  for (const { table } of model.reads) {
    const pinned = tables.get(table)!
    const then = state?.sources.get(table) ?? null
    // Another process has seen more than this one: going on from here would go back.
    if (then !== null && then.uuid === pinned.table.metadata['table-uuid'] && then.sequence > pinned.table.metadata['last-sequence-number']) throw fail('MODEL_CONFLICT', { model: model.name, reason: `it knows a newer snapshot of ${table}` })
    const at = await tables.watermark(table, pinned)
    sources.set(table, pinned.record === null ? null : { ...pinned.record, watermark: at })
    if (at !== null && (watermark === null || at < watermark)) watermark = at
  }
  const recorded = state?.watermark ?? null
  if (recorded !== null && (watermark === null || watermark < recorded)) watermark = recorded
  return { digest: model.digest, sources, watermark }
}

async function ownTable (parts: RunParts, model: Model, before: PinnedTable | null, full: boolean): Promise<PinnedTable> {
  const name = tableNameOf(model)
  let table: LoadedTable
  try {
    table = await openModelTable(parts.catalog, parts.storage, model, before?.table ?? null)
  } catch (error) {
    if (!full || (error as { code?: string }).code !== 'MODEL_TABLE_UNFIT') throw error
    await dropModelTable(parts.catalog, model)
    table = await openModelTable(parts.catalog, parts.storage, model, null)
  }
  if (table !== before?.table) parts.tables.put(name, table)
  return parts.tables.get(name)!
}

/** A model can be computed anew from its sources, so a lost one is; that it was there before is said. */
function earlierFiles ({ metadata: { location } }: LoadedTable): string {
  const plain = location.replace(/-[0-9a-f]{8}$/, '')
  return plain === location ? '' : `; an earlier table of this name is no longer in the catalog, its files are left in ${plain}`
}

async function commitRewrite (parts: RunParts, session: Session, model: Model, own: PinnedTable, rewrite: Rewrite, next: Omit<ModelState, 'own' | 'last'>, found: FoundDirty, began: number): Promise<RunResult> {
  const { catalog, storage, tables } = parts
  const { removed, parts: newParts } = rewrite
  const live = await tables.files(own)
  const [bytes, count] = live.reduce(([bytes, count], file) => [bytes + file.fileSizeBytes, count + file.recordCount], [0n, 0n])
  const added: DataFile[] = await writeFiles(session, storage, model, own.table, newParts, count > 1000n ? bytes / count : undefined)
  if (added.length === 0 && removed.length === 0) return await recordProgress(parts, model, own, next, found.reason, true)
  const snapshotId = createSnapshotId(own.table.metadata)
  const result = written(rewrite, found, snapshotId, added.length)
  const state: ModelState = { ...next, own: snapshotId, last: { at: new Date(parts.clock()).toISOString(), ms: Math.round(performance.now() - began), rows: result.rows, units: result.dirtyUnits, reason: result.reason } }
  const outcome = await commitSnapshot({ catalog, storage, table: own.table, clock: parts.clock }, snapshotId, async base => {
    const differs = differsFrom(own.table, base, model)
    if (differs !== null) return { kind: 'abandon', reason: differs }
    return await stageOverwrite({ storage, clock: parts.clock }, base, {
    snapshotId,
    added,
    removed,
    plannedOn: mainSnapshotId(own.table.metadata),
    properties: { [stateProperty]: printState(state) },
    expire: { keepAllMs, keepIds: parts.namedBy(tableNameOf(model)), metadataBytesMax }
    })
  })
  if (outcome.kind === 'landed') {
    tables.put(tableNameOf(model), outcome.table)
    if (rewrite.isDifference) await tables.rememberDifference(session, tableNameOf(model), mainSnapshotId(own.table.metadata), snapshotId)
    return result
  }
  tables.forget(tableNameOf(model))
  await discardFiles(storage, outcome, added)
  if (outcome.kind === 'abandoned') throw fail('MODEL_CONFLICT', { model: model.name, reason: outcome.reason })
  throw outcome.error
}

function fresh (reason: string): RunResult {
  return { outcome: 'fresh', rows: 0, dirtyUnits: 0, reason, snapshotId: null }
}

function written ({ removed, rows, units }: Rewrite, { dirty, reason }: FoundDirty, snapshotId: bigint | null, added: number): RunResult {
  return { outcome: 'written', rows, dirtyUnits: unitsOf(dirty, units), reason, snapshotId, files: { removed: removed.length, added } }
}

/** Of a dry run over a table that is not there yet. */
async function planFirst (session: Session, { reason }: FoundDirty): Promise<RunResult> {
  const [[rows]] = await session.rows('select count(*) from new_rows') as [[bigint]]
  return { outcome: 'written', rows: Number(rows), dirtyUnits: 1, reason, snapshotId: null }
}

function unitsOf (dirty: Dirty, otherwise: number): number {
  return dirty.kind === 'time' || dirty.kind === 'keys' ? dirty.units : otherwise
}

/** Only time has passed: what does not ask for it need not be written for that. */
function isLaterAlone (recorded: ModelState | null, state: ModelState): boolean {
  return recorded !== null && printState(atNoTime(recorded)) === printState(atNoTime(state))
}

function atNoTime (state: ModelState): ModelState {
  const sources = new Map([...state.sources].map(([name, source]) => [name, source === null ? null : { ...source, watermark: null }]))
  return { ...state, sources, watermark: null }
}

/** The rows are as they were: only where the sources are is new, and that is remembered and written down now and then. */
async function recordProgress (parts: RunParts, model: Model, own: PinnedTable, next: Omit<ModelState, 'own' | 'last'>, reason: string, now = false): Promise<RunResult> {
  const { tables, catalog, clock, progressMs } = parts
  const name = tableNameOf(model)
  const { metadata } = own.table
  const main = mainSnapshotId(metadata)
  const result = fresh(reason)
  const state: ModelState = { ...next, own: main, last: own.state?.last ?? null }
  const text = printState(state)
  // What the table says, not what is remembered: on a quiet line nothing new would ever write down what was put off.
  const recorded = readState(own.table)
  if (recorded !== null && printState(recorded) === text) return result
  const isSoon = clock() - metadata['last-updated-ms'] < progressMs || (!usesWatermark(model) && isLaterAlone(recorded, state))
  if (!now && own.state?.digest === model.digest && isSoon) {
    tables.put(name, own.table, state)
    return result
  }
  const reply = await catalog.commitTable(identifierOf(model), {
    requirements: [{ 'type': 'assert-table-uuid', 'uuid': metadata['table-uuid'] }, { 'type': 'assert-ref-snapshot-id', 'ref': 'main', 'snapshot-id': main }],
    updates: [{ 'action': 'set-properties', 'updates': { [stateProperty]: text } }]
  })
  if (reply.kind === 'landed') tables.put(name, reply.table)
  else {
    tables.forget(name)
    if (reply.kind === 'refused') throw reply.error
    if (reply.kind === 'conflict') throw fail('MODEL_CONFLICT', { model: model.name, reason: reply.reason })
  }
  return result
}
