// For tests: a model over rows written by hand. Its SQL runs in DuckDB on tables that hold these rows and nothing else; what
// comes out is compared with the rows expected, as text, in any order. Beside that, three laws are checked on the same rows:
// no two rows have one key; asked unit by unit, as the runner asks, the model gives what it gives as a whole; and DuckDB's
// optimizers change nothing.

import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import type { Test } from 'tap'
import { DuckDBInstance, quoteText } from '../../catalog/index.ts'
import type { IcebergType } from '../../openapi/index.ts'
import { unoptimized } from '../query/optimizers.fixture.ts'
import { jsonOf } from '../sql/print.ts'
import { readModelFiles, tableOf } from './catalogue.ts'
import type { Model, SourceRead } from './model-file.ts'
import { renderModel, sqlType, timeLiteral, type Dialect } from './render.ts'
import { sourceColumns, type SourceColumn } from './source-columns.ts'

export type Row = Readonly<Record<string, unknown>>

/** One model over its rows, told to whoever wants to ask another engine the same. `rows` are DuckDB's, sorted, each as JSON. */
export interface AskedModel { readonly t: Test, readonly model: Model, readonly rows: readonly string[], readonly sql: (dialect: Dialect) => string }
type Listener = (asked: AskedModel) => Promise<void>
let listener: Listener | undefined

/** From now on called with every model that is tested in this process. */
export function onModelAsked (listen: Listener): void {
  listener = listen
}

/**
 * `sources`: rows per table; a column that a row does not have is null. `expected`: only columns that some row names are
 * compared, so a wide model can be tested by what matters; values are read as the column's declared type.
 * `watermark`: by default the latest received_at of the events.
 */
export async function testModel (t: Test, name: string, sources: Readonly<Record<string, readonly Row[]>>, expected: readonly Row[], options: { watermark?: string | Date } = {}): Promise<void> {
  const [model] = await readModelFiles({}, file => file === name)
  if (model === undefined) throw new Error(`there is no model ${name}`)
  for (const table of Object.keys(sources)) if (!model.reads.some(read => read.table === table)) throw new Error(`${name} does not read ${table}`)
  const connection = await connect()
  t.teardown(() => connection.closeSync())
  const columns = await sourceColumns(await readModelFiles({}, file => model.reads.some(({ table }) => table === tableOf({ name: file }))))
  for (const { table } of model.reads) await connection.run(createTable(table, columns.get(table)!, sources[table] ?? []))
  const watermark = new Date(options.watermark ?? (sources['firn.events'] ?? []).reduce((latest, { received_at: at }) => Math.max(latest, at === undefined ? 0 : Number(new Date(at as string))), 0))
  const sql = renderModel(model, 'duckdb', watermark, read => sourceOf(read))
  const result = await rowsOf(connection, sql)

  const compared = model.columns.filter(({ name }) => model.key.includes(name) || expected.some(row => name in row))
  for (const row of expected) for (const name of Object.keys(row)) if (!model.columns.some(column => column.name === name)) throw new Error(`${model.name} has no column ${name}`)
  const wanted = expected.length === 0 ? [] : await rowsOf(connection, expected.map(row => `select ${compared.map(({ name, type }) => `${literal(row[name], type, 'duckdb')} as ${name}`).join(', ')}`).join(' union all '))
  t.strictSame(sorted(result.map(row => Object.fromEntries(compared.map(({ name }) => [name, row[name]])))), sorted(wanted), `${name}: its rows`)

  const keys = result.map(row => JSON.stringify(model.key.map(name => row[name])))
  t.strictSame(keys.filter((key, i) => keys.indexOf(key) !== i), [], `${name}: no two rows have one key`)
  t.strictSame(sorted(await unitByUnit(connection, model, watermark)), sorted(result), `${name}: unit by unit the same rows`)
  const exactly = async (): Promise<string[]> => printRows((await connection.runAndReadAll(sql)).getRows())
  const rows = await exactly()
  t.strictSame(await unoptimized(connection, exactly), rows, `${name}: the same rows without optimizers`)
  await listener?.({
    t,
    model,
    rows,
    sql: dialect => renderModel(model, dialect, watermark, read => inlineSource(read, columns.get(read.table)!, sources[read.table] ?? [], dialect))
  })
}

/** Sorted, each row as JSON that keeps every digit. */
export function printRows (rows: readonly (readonly DuckDBValue[])[]): string[] {
  return printInOrder(rows).sort()
}

export function printInOrder (rows: readonly (readonly DuckDBValue[])[]): string[] {
  return rows.map(row => `[${row.map(value => jsonOf(value)).join(', ')}]`)
}

async function connect (): Promise<DuckDBConnection> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  await connection.run("set TimeZone = 'UTC'; create schema firn; create schema analytics")
  return connection
}

/** Every unit by itself, over only those rows that the header says belong to it. */
async function unitByUnit (connection: DuckDBConnection, model: Model, watermark: Date): Promise<Row[]> {
  const { unit } = model
  if (unit.kind === 'full') return await rowsOf(connection, renderModel(model, 'duckdb', watermark, read => sourceOf(read)))
  const unitOf = (column: string): string => unit.kind === 'key' ? `cast(${column} as varchar)` : `cast(date_trunc('${unit.kind}', cast(${column} as timestamptz)) as varchar)`
  const keyed = model.reads.filter(read => read.by !== null)
  const whole = model.reads.filter(read => read.by === null)
  const units = await rowsOf(connection, keyed.map(read => `select ${unitOf(read.by!)} as u from ${sourceOf(read)} s where ${read.by!} is not null`).join(' union '))
  // A table that is read whole may have units that no other source has.
  const all = whole.length === 0 ? [] : await rowsOf(connection, `select distinct ${unitOf(unit.kind === 'key' ? unit.column : model.time!)} as u from (${renderModel(model, 'duckdb', watermark, read => sourceOf(read))}) r`)
  const rows: Row[] = []
  for (const u of new Set([...units, ...all].map(row => row.u))) {
    if (u === null) continue
    const sql = renderModel(model, 'duckdb', watermark, read => {
      if (read.by === null) return sourceOf(read)
      if (unit.kind === 'key') return sourceOf(read, `${unitOf(read.by)} = ${quoteText(u!)}`)
      return sourceOf(read, `${read.by} >= cast('${u}' as timestamptz) - interval '${read.beforeMs / 1000}' second and ${read.by} < cast('${u}' as timestamptz) + interval '1' ${unit.kind}`)
    })
    rows.push(...(await rowsOf(connection, sql, `${unitOf(unit.kind === 'key' ? unit.column : model.time!)} = ${quoteText(u!)}`)))
  }
  return rows
}

function sourceOf ({ table, eventTypes }: SourceRead, condition = 'true'): string {
  const types = eventTypes === null ? '' : ` and event_type in (${eventTypes.map(type => `'${type}'`).join(', ')})`
  return `(select * from ${table} where ${condition}${types})`
}

/** Rows with every value as text. */
async function rowsOf (connection: DuckDBConnection, sql: string, only?: string): Promise<Record<string, string | null>[]> {
  const reader = await connection.runAndReadAll(`select columns(*)::varchar from (${sql}) as result${only === undefined ? '' : ` where ${only}`}`)
  return reader.getRowObjectsJson() as Record<string, string | null>[]
}

function sorted (rows: readonly Row[]): Row[] {
  return rows.map(row => JSON.stringify(row)).sort().map(text => JSON.parse(text) as Row)
}

export function createTable (table: string, columns: readonly SourceColumn[], rows: readonly Row[]): string {
  for (const row of rows) for (const name of Object.keys(row)) if (!columns.some(column => column.name === name)) throw new Error(`${table} has no column ${name}`)
  return `create table ${table} as select * from ${valuesOf(columns, rows, 'duckdb')}`
}

/** Rows as a table in the statement itself. */
function inlineSource ({ eventTypes }: SourceRead, columns: readonly SourceColumn[], rows: readonly Row[], dialect: Dialect): string {
  return `(select * from ${valuesOf(columns, rows, dialect)}${eventTypes === null ? '' : ` where event_type in (${eventTypes.map(type => `'${type}'`).join(', ')})`})`
}

export function valuesOf (columns: readonly SourceColumn[], rows: readonly Row[], dialect: Dialect): string {
  const all = rows.length === 0 ? [{}] : rows
  const values = all.map(row => `(${columns.map(({ name, type }) => literal((row as Row)[name], type, dialect)).join(', ')})`).join(', ')
  return `(select * from (values ${values}) v(${columns.map(({ name }) => name).join(', ')})${rows.length === 0 ? ' where false' : ''}) w`
}

/** A value of JavaScript as SQL of the column's type. Money and times are given as text. */
function literal (value: unknown, type: IcebergType, dialect: Dialect): string {
  const name = engineType(type, dialect)
  if (value === null || value === undefined) return `cast(null as ${name})`
  if (typeof type === 'object') {
    const fields = type.fields.map(field => literal((value as Row)[field.name], field.type, dialect))
    return dialect === 'trino' ? `cast(row(${fields.join(', ')}) as ${name})` : `{${type.fields.map((field, i) => `'${field.name}': ${fields[i]}`).join(', ')}}`
  }
  if (type === 'timestamptz') return `cast(${timeLiteral(new Date(value as string))} as ${name})`
  return `cast(${quoteText(String(value))} as ${name})`
}

function engineType (type: IcebergType, dialect: Dialect): string {
  if (typeof type === 'string') return type === 'binary' ? (dialect === 'trino' ? 'varbinary' : 'blob') : sqlType(type, dialect)
  const fields = type.fields.map(field => `${field.name} ${engineType(field.type, dialect)}`).join(', ')
  return dialect === 'trino' ? `row(${fields})` : `struct(${fields})`
}
