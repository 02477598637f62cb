// A model's SELECT over its dirty units, into the session's table `new_rows`: each source is cut down to the rows that these
// units can see, and the result to the dirty units. Rows without a unit (its time or key is null) are in none, whole or not.

import { mayHold, type LiveFile, type SingleValue } from '../../catalog/index.ts'
import type { Model, SourceRead } from '../models/model-file.ts'
import { renderModel, sqlType } from '../models/render.ts'
import { quoteName, type Session } from './database.ts'
import type { Dirty } from './find-dirty.ts'
import type { PinnedTable, PinnedTables } from './pinned-tables.ts'
import { columnsRead, fieldOf, filesOfTypes, typesSql } from './source-columns.ts'
import { rangesSql, unitUs, widenBack } from './time-ranges.ts'

export async function computeRows (session: Session, tables: PinnedTables, model: Model, dirty: Dirty, watermark: Date | null): Promise<void> {
  const sources = new Map<string, string>()
  for (const [i, read] of model.reads.entries()) {
    const pinned = tables.get(read.table)!
    const columns = columnsRead(model, read, pinned.table)
    const files = await filesFor(session, tables, model, read, pinned, dirty)
    const rows = `select ${columns === null ? '*' : columns.map(quoteName).join(', ')} from ${await session.scan(pinned.table, files, columns ?? undefined)} where ${conditionOf(model, read, pinned, dirty)}`
    if (dirty.kind === 'all' || read.by === null) sources.set(read.table, `(${rows})`)
    else {
      await session.run(`create or replace temp table source_${i} as ${rows}`)
      sources.set(read.table, `source_${i}`)
    }
  }
  const sql = renderModel(model, 'duckdb', watermark, read => sources.get(read.table)!)
  await session.run(`create or replace temp table new_rows as select * from (${sql}) where ${inUnits(model, dirty)}`)
}

/** Of the model's own columns: whether a row lies in a dirty unit. */
export function inUnits (model: Model, dirty: Dirty): string {
  if (model.unit.kind === 'full') return 'true'
  const column = unitColumn(model)
  if (dirty.kind === 'keys') return `${quoteName(column)} in (select key from dirty_keys)`
  if (dirty.kind === 'time') return rangesSql(quoteName(column), isDate(model, column), dirty.ranges, unitUs[model.unit.kind as 'hour' | 'day'])
  return `${quoteName(column)} is not null`
}

export function unitColumn (model: Model): string {
  return model.unit.kind === 'key' ? model.unit.column : model.time!
}

/** Files that can hold rows of the units. `own`: the column is the model's. */
export async function pruneFiles (session: Session, model: Model, pinned: PinnedTable, column: string, files: readonly LiveFile[], dirty: Dirty, beforeUs = 0n): Promise<LiveFile[]> {
  const field = fieldOf(model, pinned.table, column)
  if (dirty.kind === 'time' && field.type === 'timestamptz') {
    const ranges = widenBack(dirty.ranges, beforeUs)
    return files.filter(file => ranges.some(({ fromUs, toUs }) => mayHold(file, field, fromUs, toUs - 1n)))
  }
  if (dirty.kind === 'keys' && ['string', 'long', 'int'].includes(String(field.type)) && field.type === model.columns.find(({ name }) => name === unitColumn(model))!.type) {
    const [row] = await session.rows('select min(key), max(key) from dirty_keys')
    const bound = (value: unknown): SingleValue | null => value === null || value === undefined ? null : field.type === 'int' ? Number(value) : field.type === 'long' ? BigInt(value as bigint) : String(value)
    return files.filter(file => mayHold(file, field, bound(row?.[0]), bound(row?.[1])))
  }
  return [...files]
}

async function filesFor (session: Session, tables: PinnedTables, model: Model, read: SourceRead, pinned: PinnedTable, dirty: Dirty): Promise<LiveFile[]> {
  const files = filesOfTypes(read, await tables.files(pinned))
  return read.by === null ? files : await pruneFiles(session, model, pinned, read.by, files, dirty, BigInt(read.beforeMs) * 1000n)
}

function conditionOf (model: Model, read: SourceRead, { table }: PinnedTable, dirty: Dirty): string {
  const types = typesSql(read)
  if (read.by === null || model.unit.kind === 'full') return types
  const field = fieldOf(model, table, read.by)
  const column = quoteName(read.by)
  if (dirty.kind === 'keys') return `${types} and cast(${column} as ${sqlType(model.columns.find(({ name }) => name === unitColumn(model))!.type, 'duckdb')}) in (select key from dirty_keys)`
  if (dirty.kind === 'time') return `${types} and ${rangesSql(column, field.type === 'date', widenBack(dirty.ranges, BigInt(read.beforeMs) * 1000n), unitUs[model.unit.kind as 'hour' | 'day'])}`
  return `${types} and ${column} is not null`
}

function isDate (model: Model, column: string): boolean {
  return model.columns.find(({ name }) => name === column)?.type === 'date'
}

