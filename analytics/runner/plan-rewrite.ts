// What of the model's table must be written for the new rows: the units whose rows really changed, the files that hold them,
// and with these the small files of the same partitions, so that files do not grow in number. Rows of other units in those
// files are kept. Leaves in the session the table `out_rows` and gives the files that go.

import { partitionColumns, type LiveFile, type Partition, type Storage } from '../../catalog/index.ts'
import type { Model } from '../models/model-file.ts'
import { inUnits, pruneFiles, unitColumn } from './dirty-condition.ts'
import { quoteName, type Session } from './database.ts'
import type { Dirty } from './find-dirty.ts'
import type { PinnedTable, PinnedTables } from './pinned-tables.ts'
import { placeRows, type PlacedRows } from './place-rows.ts'
import { unitSql, unitUs } from './time-ranges.ts'

/** Files below this are folded into the next rewrite of their partition. */
const foldBytesMax = 4n * 1_048_576n

export interface Rewrite { readonly removed: readonly LiveFile[], readonly placed: PlacedRows, /** Units whose rows changed. */ readonly units: number }

/** null: every row is as it was. */
export async function planRewrite (session: Session, storage: Storage, tables: PinnedTables, model: Model, own: PinnedTable, dirty: Dirty, known: boolean): Promise<Rewrite | null> {
  const live = await tables.files(own)
  const columns = model.columns.map(({ name }) => quoteName(name)).join(', ')
  const differ = `((select ${columns} from new_rows except all select ${columns} from old_rows) union all (select ${columns} from old_rows except all select ${columns} from new_rows))`
  if (dirty.kind === 'all' || dirty.kind === 'none') {
    // Only where it costs little, and where the rows that stand there are known to be ours.
    if (known && model.unit.kind === 'full') {
      await session.run(`create or replace temp table old_rows as select ${columns} from ${await session.scan(own.table, live)}`)
      if ((await session.rows(`select 1 from ${differ} limit 1`)).length === 0) return null
    }
    return { removed: live, placed: await placeRows(session, own.table, 'new_rows'), units: 1 }
  }
  const candidates = await pruneFiles(session, model, own, unitColumn(model), live, dirty)
  await session.run(`create or replace temp table old_rows as select ${columns}, ${candidates.length === 0 ? "''" : 'filename'} as _file from ${await session.scan(own.table, candidates)} where ${inUnits(model, dirty)}`)
  const unit = model.unit.kind === 'hour' || model.unit.kind === 'day' ? unitSql(quoteName(unitColumn(model)), unitUs[model.unit.kind]) : quoteName(unitColumn(model))
  await session.run(`create or replace temp table changed as select distinct ${unit} as unit from ${differ}`)
  const [[units]] = await session.rows('select count(*) from changed') as [[bigint]]
  if (units === 0n) return null
  await session.run(`create or replace temp table fresh_rows as select ${columns} from new_rows where ${unit} in (select unit from changed)`)
  const holding = new Set((await session.rows(`select distinct _file from old_rows where ${unit} in (select unit from changed)`)).map(([path]) => path as string))
  const spec = own.table.metadata['partition-specs'].find(({ 'spec-id': id }) => id === own.table.metadata['default-spec-id'])!
  const keyOf = (partition: Partition): string => partitionColumns(spec, own.table.metadata.schemas).map(({ name }) => String(partition[name] ?? null)).join('\0')
  const held = live.filter(file => holding.has(storage.toEnginePath(file.location)))
  const fresh = await placeRows(session, own.table, 'fresh_rows')
  const touched = new Set([...held, ...fresh.parts].map(({ partition }) => keyOf(partition)))
  const removed = live.filter(file => held.includes(file) || (file.fileSizeBytes < foldBytesMax && touched.has(keyOf(file.partition))))
  if (removed.length === 0) return { removed, placed: fresh, units: Number(units) }
  await session.run(`create or replace temp table out_rows as select ${columns} from ${await session.scan(own.table, removed)} where not coalesce(${unit} in (select unit from changed), false) union all by name select ${columns} from fresh_rows`)
  return { removed, placed: await placeRows(session, own.table, 'out_rows'), units: Number(units) }
}
