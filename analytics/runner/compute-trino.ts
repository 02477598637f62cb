// The same rows from Trino: every source pinned at the snapshot that the cycle sees and cut down to the dirty units by
// literals, unless there are too many of them; then Trino reads all, and the units are cut here. Rows stream as text into the
// session's table `new_rows`, where they get their types, so that both engines' values are the same to the last digit.

import { quoteIdentifier, quoteText } from '../../catalog/index.ts'
import type { Model, SourceRead } from '../models/model-file.ts'
import { renderModel, sqlType } from '../models/render.ts'
import type { QueryEngine } from '../query/engine.ts'
import type { Session } from './database.ts'
import { inUnits, typeOf, unitColumn } from './dirty-condition.ts'
import type { Dirty } from './find-dirty.ts'
import type { PinnedTable, PinnedTables } from './pinned-tables.ts'
import { fieldOf, typesSql } from './source-columns.ts'
import { trinoSource } from './trino-source.ts'
import { countUnits, rangesSql, unitUs, widenBack } from './time-ranges.ts'

const keysInSqlMax = 2000

export async function computeOnTrino (engine: QueryEngine, session: Session, tables: PinnedTables, model: Model, dirty: Dirty, watermark: Date | null): Promise<void> {
  const keys = dirty.kind === 'keys' && dirty.units <= keysInSqlMax ? (await session.rows('select cast(key as varchar) from dirty_keys')).map(([key]) => key as string) : null
  const sql = renderModel(model, 'trino', watermark, read => sourceOf(model, read, tables.get(read.table)!, dirty, keys))
  const columns = model.columns.map(({ name }) => quoteIdentifier(name))
  await session.run(`create or replace temp table trino_rows (${columns.map(name => `${name} varchar`).join(', ')})`)
  const { chunks } = await engine.query(sql)
  const appender = await session.connection.createAppender('trino_rows')
  try {
    for await (const chunk of chunks) {
      for (const row of chunk) {
        for (const value of row) {
          if (value === null) appender.appendNull()
          else appender.appendVarchar(String(value))
        }
        appender.endRow()
      }
      appender.flushSync()
    }
  } finally {
    appender.closeSync()
  }
  const typed = model.columns.map(({ name, type }) => `cast(${quoteIdentifier(name)} as ${sqlType(type, 'duckdb')}) as ${quoteIdentifier(name)}`).join(', ')
  await session.run(`create or replace temp table new_rows as select * from (select ${typed} from trino_rows) where ${inUnits(model, dirty)}; drop table trino_rows`)
}

function sourceOf (model: Model, read: SourceRead, { table }: PinnedTable, dirty: Dirty, keys: readonly string[] | null): string {
  return `(select * from ${trinoSource(table)} where ${conditionOf(model, read, table, dirty, keys)})`
}

function conditionOf (model: Model, read: SourceRead, table: PinnedTable['table'], dirty: Dirty, keys: readonly string[] | null): string {
  const types = typesSql(read)
  if (read.by === null || model.unit.kind === 'full') return types
  const column = quoteIdentifier(read.by)
  const field = fieldOf(model, table, read.by)
  if (dirty.kind === 'keys' && keys !== null) {
    const key = field.type === 'string' && typeOf(model, unitColumn(model)) === 'string' ? column : `cast(${column} as varchar)`
    return `${types} and ${key} in (${keys.map(quoteText).join(', ')})`
  }
  if (dirty.kind === 'time') {
    const unit = unitUs[model.unit.kind as 'hour' | 'day']
    const ranges = widenBack(dirty.ranges, BigInt(read.beforeMs) * 1000n)
    const span = [{ fromUs: ranges[0]!.fromUs, toUs: ranges.at(-1)!.toUs }]
    return `${types} and ${rangesSql(column, field.type === 'date', countUnits(ranges, unit) <= BigInt(keysInSqlMax) || ranges.length <= 48 ? ranges : span, unit, 'trino')}`
  }
  return `${types} and ${column} is not null`
}
