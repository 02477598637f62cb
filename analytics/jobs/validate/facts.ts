// What is asked of the engine to judge a model's table: its columns, its rows, its keys, and whether its sources have rows from
// which rows of it should have come (`Needs:` in its header). Of a model by keys these are the keys that the day's rows name:
// the time of its own rows may be another day's, as that of a customer who has been there for long.

import { currentSchema, isCatalogError, type Catalog } from '../../../catalog/index.ts'
import type { Model, Need } from '../../models/model-file.ts'
import type { QueryEngine } from '../../query/engine.ts'
import { fillDay, rowsOf } from '../day-statement.ts'
import type { Column, TableFacts } from './findings.ts'

export interface FactsParts {
  readonly catalog: Catalog
  readonly engine: QueryEngine
  readonly date: string
  readonly models: readonly Model[]
}

type Sources = Pick<TableFacts, 'sourceRows' | 'sourceDayRows' | 'dayKeys'>

export async function factsOf (parts: FactsParts, model: Model): Promise<TableFacts> {
  const columns = await columnsOf(parts.catalog, model.name)
  if (columns === null || model.key.some(column => columns.every(({ name }) => name !== column))) {
    return { columns, rows: 0, dayRows: null, keysTwice: 0, keysEmpty: 0, sourceRows: null, sourceDayRows: null, dayKeys: null }
  }
  const inDay = model.time === null ? null : timeInDay(model, model.time, 'm')
  // Keys of hours and days need looking at within the day alone; all others stand once in the whole table.
  const within = inDay !== null && (model.unit.kind === 'hour' || model.unit.kind === 'day') ? inDay : 'true'
  const from = `from analytics.${model.name} m`
  const [rows, dayRows, keysEmpty, keysTwice] = await ask(parts, `select a.n, a.of_day, a.empty_keys, k.twice
    from (select count(*) as n, ${inDay === null ? '0' : `count(*) filter (where ${inDay})`} as of_day, count(*) filter (where (${within}) and (${model.key.map(column => `m.${column} is null`).join(' or ')})) as empty_keys ${from}) a
    cross join (select count(*) as twice from (select 1 as one ${from} where ${within} group by ${model.key.map(column => `m.${column}`).join(', ')} having count(*) > 1) g) k`)
  return { columns, rows: rows!, dayRows: inDay === null ? null : dayRows!, keysTwice: keysTwice!, keysEmpty: keysEmpty!, ...await sourcesOf(parts, model) }
}

/** Of all that the model needs together. */
async function sourcesOf (parts: FactsParts, model: Model): Promise<Sources> {
  const total = { sourceRows: 0, sourceDayRows: 0, dayKeys: model.unit.kind === 'key' ? 0 : null as number | null }
  for (const need of model.needs) {
    const [namespace, name] = need.table.split('.') as [string, string]
    if (await columnsOf(parts.catalog, name, namespace) === null) {
      // Without events nothing is needed; a model that is missing is a fault of its own, and nobody knows what it would have had.
      if (namespace === 'firn') continue
      return { sourceRows: null, sourceDayRows: null, dayKeys: null }
    }
    const [rows, ofDay, there] = await ask(parts, needSql(model, need, parts.models))
    total.sourceRows += rows!
    total.sourceDayRows += ofDay!
    if (total.dayKeys !== null) total.dayKeys += there!
  }
  return total
}

/** Rows that it has, and of the day: rows, or keys and how many of them the model has. */
function needSql (model: Model, { table, eventTypes, where }: Need, models: readonly Model[]): string {
  const source = models.find(({ name }) => `analytics.${name}` === table)
  const inDay = source === undefined
    ? timesInDay(`s.${table === 'firn.events' ? 'event_time' : 'received_at'}`)
    : source.time === null ? 'true' : timeInDay(source, source.time, 's')
  const conditions = [...eventTypes === null ? [] : [`s.event_type in (${eventTypes.map(type => `'${type}'`).join(', ')})`], ...where === null ? [] : [`(${where})`]]
  const filter = conditions.length === 0 ? '' : `where ${conditions.join(' and ')}`
  const by = model.reads.find(read => read.table === table)?.by ?? null
  if (model.unit.kind !== 'key' || by === null) return `select count(*) as n, count(*) filter (where ${inDay}) as of_day, 0 as there from ${table} s ${filter}`
  // A name that no source has: the condition names its columns without a table.
  return `select count(*) as n, count(distinct case when ${inDay} then s.${by} end) as of_day, count(distinct case when ${inDay} then m.key_of_model end) as there
    from ${table} s left join (select distinct x.${model.unit.column} as key_of_model from analytics.${model.name} x) m on m.key_of_model = s.${by} ${filter}`
}

async function ask ({ engine, date }: FactsParts, sql: string): Promise<number[]> {
  return (await rowsOf(await engine.query(fillDay(sql, date))))[0]!.map(Number)
}

function timeInDay (model: Model, time: string, alias: string): string {
  const isDate = model.columns.some(({ name, type }) => name === time && type === 'date')
  return isDate ? `${alias}.${time} = {{date}}` : timesInDay(`${alias}.${time}`)
}

function timesInDay (column: string): string {
  return `${column} >= {{from}} and ${column} < {{to}}`
}

async function columnsOf (catalog: Catalog, name: string, namespace = 'analytics'): Promise<Column[] | null> {
  try {
    const { metadata } = await catalog.loadTable({ namespace: [namespace], name })
    return currentSchema(metadata).fields.map(({ name, type }) => ({ name, type: typeof type === 'string' ? type : type.type }))
  } catch (error) {
    if (isCatalogError(error, 'CATALOG_NO_SUCH_TABLE') || isCatalogError(error, 'CATALOG_NO_SUCH_NAMESPACE')) return null
    throw error
  }
}
