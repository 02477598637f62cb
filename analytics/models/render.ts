// A model's SELECT with its sources put in: each `schema.table alias` becomes `(source) alias`, the watermark a literal, and
// every column is cast to what the header declares, so that both engines give the same types. Pure.

import { tablesRead, tokensOf } from '../query/sql-tokens.ts'
import { watermarkHole, type Model, type SourceRead } from './model-file.ts'

export type Dialect = 'duckdb' | 'trino'

/** `source` gives a query in parentheses, or a table's name, for what is read. */
export function renderModel (model: Model, dialect: Dialect, watermark: Date | null, source: (read: SourceRead) => string): string {
  const columns = model.columns.map(({ name, type }) => `cast(${name} as ${sqlType(type, dialect)}) as ${name}`).join(', ')
  return `select ${columns} from (\n${renderSources(model, source).replaceAll(watermarkHole, timeLiteral(watermark ?? new Date(0)))}\n) as result`
}

function renderSources ({ sql, reads }: Model, source: (read: SourceRead) => string): string {
  let [text, end] = ['', 0]
  for (const table of tablesRead(tokensOf(sql))) {
    const name = table.parts.join('.').toLowerCase()
    text += sql.slice(end, table.start) + source(reads.find(read => read.table === name)!)
    end = table.end
  }
  return text + sql.slice(end)
}

/** Of a column, in both engines' words. */
export function sqlType (type: string, dialect: Dialect): string {
  const time = dialect === 'trino' ? 'timestamp(6) with time zone' : 'timestamp with time zone'
  return ({ string: 'varchar', long: 'bigint', int: 'integer', timestamptz: time } as Record<string, string>)[type] ?? type
}

/** A time as both engines read it. */
export function timeLiteral (time: Date): string {
  return `timestamp '${time.toISOString().replace('T', ' ').replace('Z', ' UTC')}'`
}
