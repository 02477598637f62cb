// A rule over history as one SELECT: the tables of models that it reads become their own SELECTs, reference tables the rows
// of their files, firn.events is cut to the time asked for. So a rule can be tried that is not installed, on tables that no
// runner has filled, by either engine. Pure but for the reference files, which are read before.

import { readFile } from 'node:fs/promises'
import { parse } from 'csv-parse/sync'
import { quoteText } from '../../../catalog/index.ts'
import { fail } from '../../errors.ts'
import { tableOf } from '../../models/catalogue.ts'
import type { Model, SourceRead } from '../../models/model-file.ts'
import { renderModel, sqlType, timeLiteral, type Dialect } from '../../models/render.ts'
import { readReferences } from '../../reference/declaration.ts'

export interface History {
  readonly dialect: Dialect
  /** Null: from the first event on. */
  readonly from: Date | null
  /** Without this time itself; null: to the last event. */
  readonly to: Date | null
  readonly watermark: Date
  /** What may be read beside firn.events: models by table. */
  readonly models: ReadonlyMap<string, Model>
  /** Table → its rows as SQL. */
  readonly references: ReadonlyMap<string, string>
}

const depthMax = 10

/** All rows of the model over the history. Throws MODEL_INVALID for what neither a model nor a file makes. */
export function historySql (model: Model, history: History, depth = 0): string {
  if (depth > depthMax) throw fail('MODEL_CYCLE', { cycle: model.name })
  return renderModel(model, history.dialect, history.watermark, read => sourceSql(model, read, history, depth))
}

function sourceSql (model: Model, read: SourceRead, history: History, depth: number): string {
  if (read.table.startsWith('firn.')) return eventsSql(model, read, history)
  const reference = history.references.get(read.table)
  if (reference !== undefined) return reference
  const source = history.models.get(read.table)
  if (source === undefined) throw fail('MODEL_INVALID', { model: model.name, reason: `it reads ${read.table}, which no model and no reference file makes` })
  return `(${historySql(source, history, depth + 1)})`
}

/** A model of hours or days needs only these and what it looks back at; one of keys all that led to them. */
function eventsSql ({ unit }: Model, { table, eventTypes, by, beforeMs }: SourceRead, { from, to, references }: History): string {
  const time = table === 'firn.events' ? 'event_time' : by ?? 'received_at'
  const conditions = [
    ...eventTypes === null ? [] : [`event_type in (${eventTypes.map(type => `'${type}'`).join(', ')})`],
    ...to === null ? [] : [`${time} < ${timeLiteral(to)}`],
    ...from === null || (unit.kind !== 'hour' && unit.kind !== 'day') ? [] : [`${time} >= ${timeLiteral(new Date(from.getTime() - beforeMs))}`]
  ]
  return `(select * from ${references.get(table) ?? table} h${conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`})`
}

export function modelsByTable (models: readonly Model[]): Map<string, Model> {
  return new Map(models.map(model => [tableOf(model), model]))
}

/** The reference files as rows in SQL. */
export async function referenceSql (dialect: Dialect): Promise<Map<string, string>> {
  const tables = new Map<string, string>()
  for (const { table, file, columns } of await readReferences()) {
    const rows = parse(await readFile(file), { bom: true, from_line: 2, skip_empty_lines: true, relax_column_count: true }) as string[][]
    const value = (text: string | undefined, type: string): string => `cast(${text === undefined || text.trim() === '' ? 'null' : quoteText(text.trim())} as ${sqlType(type, dialect)})`
    const all = rows.length === 0 ? [[]] : rows
    const values = all.map(row => `(${columns.map(({ type }, i) => value(row[i], type)).join(', ')})`)
    tables.set(table, `(select * from (values ${values.join(', ')}) r(${columns.map(({ name }) => name).join(', ')})${rows.length === 0 ? ' where false' : ''})`)
  }
  return tables
}
