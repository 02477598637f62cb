// What of the model's table must be written for the new rows: the units whose rows really changed, the files that hold them,
// and small files of the same partitions, so that files do not grow in number. Rows of other units in those files are kept,
// in the partition that they lie in. The rows that changed stay in the session's table `diff_rows`, before and after.

import { partitionColumns, partitionKey, quoteIdentifier, type LiveFile, type Partition, type Storage } from '../../catalog/index.ts'
import type { Model } from '../models/model-file.ts'
import type { Session } from './database.ts'
import { inUnits, pruneFiles, unitColumn } from './dirty-condition.ts'
import type { Dirty } from './find-dirty.ts'
import { chooseFolded } from './fold-files.ts'
import type { PinnedTable, PinnedTables } from './pinned-tables.ts'
import { placeRows } from './place-rows.ts'
import { unitSql, unitUs } from './time-ranges.ts'

/** The new content of a partition, as far as it is written. `rows` may count too many. */
export interface NewPart { readonly partition: Partition, readonly rows: bigint, readonly select: string }

export interface Rewrite {
  readonly removed: readonly LiveFile[]
  readonly parts: readonly NewPart[]
  /** How many rows the parts have together. */
  readonly rows: number
  /** Units whose rows changed. */
  readonly units: number
  /** Whether `diff_rows` has all that changed. */
  readonly isDifference: boolean
}

/** null: every row is as it was. `known`: the rows that stand there are ours, of this digest. */
export async function planRewrite (session: Session, storage: Storage, tables: PinnedTables, model: Model, own: PinnedTable, dirty: Dirty, known: boolean): Promise<Rewrite | null> {
  const columns = model.columns.map(({ name }) => quoteIdentifier(name)).join(', ')
  return dirty.kind === 'time' || dirty.kind === 'keys'
    ? await rewriteUnits(session, storage, tables, model, own, dirty, columns)
    : await rewriteAll(session, tables, model, own, known, columns)
}

async function rewriteAll (session: Session, tables: PinnedTables, model: Model, own: PinnedTable, known: boolean, columns: string): Promise<Rewrite | null> {
  const live = await tables.files(own)
  // Compared only where that costs little: results of `full` are small.
  const isDifference = known && model.unit.kind === 'full'
  if (isDifference) {
    await session.run(`create or replace temp table old_rows as select ${columns} from ${await session.scan(own.table, live)}; create or replace temp table diff_rows as ${differenceSql(columns)}`)
    if (await countRows(session, 'diff_rows') === 0n) return null
  }
  const placed = await placeRows(session, own.table, 'new_rows', model)
  const parts = placed.parts.map(({ partition, rows, where }) => ({ partition, rows, select: `select ${columns} from ${placed.table} where ${where}` }))
  return { removed: live, parts, rows: Number(parts.reduce((sum, { rows }) => sum + rows, 0n)), units: 1, isDifference }
}

async function rewriteUnits (session: Session, storage: Storage, tables: PinnedTables, model: Model, own: PinnedTable, dirty: Dirty, columns: string): Promise<Rewrite | null> {
  const live = await tables.files(own)
  const candidates = await pruneFiles(session, model, own, unitColumn(model), live, dirty)
  const unit = model.unit.kind === 'hour' || model.unit.kind === 'day' ? unitSql(quoteIdentifier(unitColumn(model)), unitUs[model.unit.kind]) : quoteIdentifier(unitColumn(model))
  await session.run(`create or replace temp table old_rows as select ${columns}, ${candidates.length === 0 ? "''" : 'filename'} as _file from ${await session.scan(own.table, candidates)} where ${inUnits(model, dirty)}`)
  await session.run(`create or replace temp table diff_rows as ${differenceSql(columns)}; create or replace temp table changed as select distinct ${unit} as unit from diff_rows`)
  const units = await countRows(session, 'changed')
  if (units === 0n) return null
  await session.run(`create or replace temp table fresh_rows as select ${columns} from new_rows where ${unit} in (select unit from changed)`)
  const gone = await session.rows(`select _file, count(*) from old_rows where ${unit} in (select unit from changed) group by _file`) as [string, bigint][]
  const holding = new Set(gone.map(([path]) => path))
  const held = live.filter(file => holding.has(storage.toEnginePath(file.location)))
  const fresh = await placeRows(session, own.table, 'fresh_rows', model)

  const keyOf = keyOfPartition(own)
  const parts: NewPart[] = []
  const removed: LiveFile[] = []
  const [filesOf, heldOf, freshOf] = [Map.groupBy(live, file => keyOf(file.partition)), Map.groupBy(held, file => keyOf(file.partition)), new Map(fresh.parts.map(part => [keyOf(part.partition), part]))]
  const bytesPerRow = Number(live.reduce((sum, file) => sum + file.fileSizeBytes, 0n)) / Math.max(1, Number(live.reduce((sum, file) => sum + file.recordCount, 0n)))
  for (const key of new Set([...heldOf.keys(), ...freshOf.keys()])) {
    const [here, add] = [heldOf.get(key) ?? [], freshOf.get(key)]
    const going = [...here, ...chooseFolded((filesOf.get(key) ?? []).filter(file => !here.includes(file)), here.reduce((sum, file) => sum + Number(file.fileSizeBytes), 0) + Number(add?.rows ?? 0n) * bytesPerRow)]
    removed.push(...going)
    const selects: string[] = []
    if (going.length > 0) selects.push(`select ${columns} from ${await session.scan(own.table, going)} where not coalesce(${unit} in (select unit from changed), false)`)
    if (add !== undefined) selects.push(`select ${columns} from ${fresh.table} where ${add.where}`)
    parts.push({ partition: add?.partition ?? here[0]!.partition, rows: going.reduce((sum, file) => sum + file.recordCount, add?.rows ?? 0n), select: selects.join(' union all ') })
  }
  const rows = parts.reduce((sum, part) => sum + part.rows, 0n) - gone.reduce((sum, [, count]) => sum + count, 0n)
  return { removed, parts, rows: Number(rows), units: Number(units), isDifference: true }
}

function differenceSql (columns: string): string {
  return `(select ${columns} from new_rows except all select ${columns} from old_rows) union all (select ${columns} from old_rows except all select ${columns} from new_rows)`
}

async function countRows (session: Session, table: string): Promise<bigint> {
  return (await session.rows(`select count(*) from ${table}`))[0]![0] as bigint
}

function keyOfPartition ({ table: { metadata } }: PinnedTable): (partition: Partition) => string {
  const spec = metadata['partition-specs'].find(({ 'spec-id': id }) => id === metadata['default-spec-id'])!
  const columns = partitionColumns(spec, metadata.schemas)
  return partition => partitionKey(columns, partition)
}
