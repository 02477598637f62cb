// A model's SELECT over its dirty units, into the session's table `new_rows`: each source is cut down to the rows that these
// units can see, and the result to the dirty units. Rows without a unit (its time or key is null) are in none, whole or not.

import { quoteIdentifier, type LiveFile } from '../../catalog/index.ts'
import type { Model, SourceRead } from '../models/model-file.ts'
import { renderModel, sqlType } from '../models/render.ts'
import type { QueryEngine } from '../query/engine.ts'
import { computeOnTrino } from './compute-trino.ts'
import type { Session } from './database.ts'
import { inUnits, pruneFiles, typeOf, unitColumn } from './dirty-condition.ts'
import type { Dirty } from './find-dirty.ts'
import type { PinnedTable, PinnedTables } from './pinned-tables.ts'
import { columnsRead, fieldOf, filesOfTypes, typesSql } from './source-columns.ts'
import { rangesSql, unitUs, widenBack } from './time-ranges.ts'

/** Source rows that one pass over everything takes: window functions keep a pass in memory, whatever may spill. */
const passRowsMax = 1_500_000
const passesMax = 256

/** One of `of` passes over units that do not know of each other. */
interface Pass { readonly at: number, readonly of: number }

export async function computeRows (engine: QueryEngine | null, session: Session, tables: PinnedTables, model: Model, dirty: Dirty, watermark: Date | null): Promise<void> {
  if (engine !== null) return await computeOnTrino(engine, session, tables, model, dirty, watermark)
  const passes = await passesOver(tables, model, dirty)
  for (let at = 0; at < passes; at++) {
    const sources = new Map<string, string>()
    for (const [i, read] of model.reads.entries()) {
      const pinned = tables.get(read.table)!
      const columns = columnsRead(model, read, pinned.table)
      const files = await filesFor(session, tables, model, read, pinned, dirty)
      const rows = `select ${columns === null ? '*' : columns.map(quoteIdentifier).join(', ')} from ${await session.scan(pinned.table, files, columns ?? undefined)} where ${conditionOf(model, read, pinned, dirty)}${passSql(model, read, { at, of: passes })}`
      if (dirty.kind === 'all' || read.by === null) sources.set(read.table, `(${rows})`)
      else {
        await session.run(`create or replace temp table source_${i} as ${rows}`)
        sources.set(read.table, `source_${i}`)
      }
    }
    const sql = renderModel(model, 'duckdb', watermark, read => sources.get(read.table)!)
    await session.run(`${at === 0 ? 'create or replace temp table new_rows as' : 'insert into new_rows'} select * from (${sql}) where ${inUnits(model, dirty)}`)
  }
}

/** More than one only where everything is computed and no unit looks at another. */
async function passesOver (tables: PinnedTables, model: Model, dirty: Dirty): Promise<number> {
  if (dirty.kind !== 'all' || model.unit.kind === 'full' || model.reads.some(({ beforeMs }) => beforeMs > 0)) return 1
  let rows = 0n
  for (const read of model.reads) {
    if (read.by !== null) for (const file of filesOfTypes(read, tables.get(read.table)!.table, await tables.files(tables.get(read.table)!))) rows += file.recordCount
  }
  return Math.max(1, Math.min(passesMax, Math.ceil(Number(rows) / passRowsMax)))
}

function passSql (model: Model, { by }: SourceRead, { at, of }: Pass): string {
  if (of === 1 || by === null) return ''
  const unit = model.unit.kind === 'key'
    ? `cast(${quoteIdentifier(by)} as ${sqlType(typeOf(model, unitColumn(model)), 'duckdb')})`
    : `cast(date_trunc('${model.unit.kind}', ${quoteIdentifier(by)}) as timestamp with time zone)`
  return ` and hash(${unit}) % ${of} = ${at}`
}

async function filesFor (session: Session, tables: PinnedTables, model: Model, read: SourceRead, pinned: PinnedTable, dirty: Dirty): Promise<LiveFile[]> {
  const files = filesOfTypes(read, pinned.table, await tables.files(pinned))
  return read.by === null ? files : await pruneFiles(session, model, pinned, read.by, files, dirty, BigInt(read.beforeMs) * 1000n)
}

function conditionOf (model: Model, read: SourceRead, { table }: PinnedTable, dirty: Dirty): string {
  const types = typesSql(read)
  if (read.by === null || model.unit.kind === 'full') return types
  const field = fieldOf(model, table, read.by)
  const column = quoteIdentifier(read.by)
  if (dirty.kind === 'keys') return `${types} and cast(${column} as ${sqlType(typeOf(model, unitColumn(model)), 'duckdb')}) in (select key from dirty_keys)`
  if (dirty.kind === 'time') return `${types} and ${rangesSql(column, field.type === 'date', widenBack(dirty.ranges, BigInt(read.beforeMs) * 1000n), unitUs[model.unit.kind as 'hour' | 'day'])}`
  return `${types} and ${column} is not null`
}
