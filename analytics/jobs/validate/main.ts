// `npm run daily:validate -- --date D`: are the models' tables what their files say, do they have rows for the day, and do the
// sums agree (checks/*.sql: each row of an answer is a fault)? Prints a line for each model and check; ends with 1 and every
// fault when there is one.

import { globSync, readFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { currentSchema, isCatalogError, openLake, type Catalog } from '../../../catalog/index.ts'
import { complain, exitWhenPrinted, sentenceOf, show } from '../../../runtime/index.ts'
import { readModels } from '../../models/catalogue.ts'
import type { Model, SourceRead } from '../../models/model-file.ts'
import type { QueryEngine } from '../../query/engine.ts'
import { openQueryEngine } from '../../query/open.ts'
import { dayOf, readValidateConfig } from '../config.ts'
import { fillDay, rowsOf } from '../day-statement.ts'
import { isOpen } from '../wait/day.ts'
import { countSources, findFaults, type Column, type SourceCounts, type TableFacts } from './findings.ts'

const rowsShownMax = 3
const checksDir = join(import.meta.dirname, '../checks')

try {
  const faults = await main()
  if (faults.length > 0) complain([`daily:validate: ${faults.length} ${faults.length === 1 ? 'thing is' : 'things are'} wrong:`, ...faults.map(fault => `  ${fault}`)])
  process.exitCode = faults.length > 0 ? 1 : 0
} catch (error) {
  complain(`daily:validate: ${sentenceOf(error)}`)
  process.exitCode = 1
}
await exitWhenPrinted()

async function main (): Promise<string[]> {
  const config = readValidateConfig()
  const date = dayOf(config.date, new Date())
  const lake = openLake(config, { dataDir: resolve(config.FIRN_DATA_DIR) })
  const engine = await openQueryEngine(config, () => ({ ...lake, catalogUrl: config.FIRN_CATALOG_URL }))
  const faults: string[] = []
  const countOf = await openCounts(lake.catalog, engine, date)
  for (const model of await readModels()) {
    const facts = { ...await factsOf(model, date, lake.catalog, engine), ...countSources(model, countOf) }
    countOf.known.set(`analytics.${model.name}`, { rows: facts.rows, dayRows: facts.dayRows ?? facts.rows })
    const found = findFaults(model, date, facts, model.kind === 'rule' || config.mayBeEmpty.includes(model.name))
    say(model.name, found, `${facts.rows} rows${facts.dayRows === null ? '' : `, ${facts.dayRows} of the day`}`)
    faults.push(...found)
  }
  // While events of the day still come in, two models are rarely at the same point: their sums are compared once it is over.
  if (isOpen(date, new Date())) show(`${date} is not over: sums are not compared yet`)
  else for (const file of globSync('*.sql', { cwd: checksDir }).sort()) {
    const found = await runCheck(basename(file, '.sql'), readFileSync(join(checksDir, file), 'utf8'), date, engine)
    say(file, found, 'agrees')
    faults.push(...found)
  }
  return faults
}

/** Counts of sources: of the events by their types, of models as they were validated before those that read them. */
async function openCounts (catalog: Catalog, engine: QueryEngine, date: string): Promise<((read: SourceRead) => SourceCounts) & { known: Map<string, SourceCounts> }> {
  const known = new Map<string, SourceCounts>()
  const types = new Map<string, SourceCounts>()
  const isThere = await columnsOf(catalog, 'events', 'firn') !== null
  const sql = 'select e.event_type, count(*) as n, count(*) filter (where e.event_time >= {{from}} and e.event_time < {{to}}) as of_day from firn.events e group by e.event_type'
  if (isThere) for (const [type, rows, dayRows] of await rowsOf(await engine.query(fillDay(sql, date)))) types.set(String(type), { rows: Number(rows), dayRows: Number(dayRows) })
  const sum = (counts: readonly SourceCounts[]): SourceCounts => ({
    rows: counts.reduce((total, { rows }) => total + rows!, 0),
    dayRows: counts.reduce((total, { dayRows }) => total + dayRows!, 0)
  })
  const countOf = ({ table, eventTypes }: SourceRead): SourceCounts => table === 'firn.events'
    ? sum([...types].filter(([type]) => eventTypes === null || eventTypes.includes(type)).map(([, counts]) => counts))
    : known.get(table) ?? { rows: null, dayRows: null }
  return Object.assign(countOf, { known })
}

type OwnFacts = Omit<TableFacts, 'sourceRows' | 'sourceDayRows'>

async function factsOf (model: Model, date: string, catalog: Catalog, engine: QueryEngine): Promise<OwnFacts> {
  const columns = await columnsOf(catalog, model.name)
  if (columns === null || model.key.some(column => columns.every(({ name }) => name !== column))) return { columns, rows: 0, dayRows: null, keysTwice: 0, keysEmpty: 0 }
  const inDay = model.time === null ? null : timeInDay(model, model.time)
  const ask = async (sql: string): Promise<number[]> => (await rowsOf(await engine.query(fillDay(sql, date))))[0]!.map(Number)
  const from = `from analytics.${model.name} m`
  const [rows, dayRows] = await ask(`select count(*) as n, ${inDay === null ? '0' : `count(*) filter (where ${inDay})`} as of_day ${from}`) as [number, number]
  // Keys of hours and days need looking at within the day alone; all others stand once in the whole table.
  const within = inDay !== null && (model.unit.kind === 'hour' || model.unit.kind === 'day') ? `where ${inDay}` : ''
  const [keysEmpty] = await ask(`select count(*) filter (where ${model.key.map(column => `m.${column} is null`).join(' or ')}) as n ${from} ${within}`) as [number]
  const [keysTwice] = await ask(`select count(*) as n from (select 1 as one ${from} ${within} group by ${model.key.map(column => `m.${column}`).join(', ')} having count(*) > 1) k`) as [number]
  return { columns, rows, dayRows: inDay === null ? null : dayRows, keysTwice, keysEmpty }
}

function timeInDay (model: Model, time: string): string {
  const isDate = model.columns.some(({ name, type }) => name === time && type === 'date')
  return isDate ? `m.${time} = {{date}}` : `m.${time} >= {{from}} and m.${time} < {{to}}`
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

async function runCheck (name: string, sql: string, date: string, engine: QueryEngine): Promise<string[]> {
  const answer = await engine.query(fillDay(sql, date))
  const rows = await rowsOf(answer)
  if (rows.length === 0) return []
  const shown = rows.slice(0, rowsShownMax).map(row => row.map((value, i) => `${answer.names[i]} ${String(value)}`).join(', '))
  return [`${name}: ${shown.join(' · ')}${rows.length > rowsShownMax ? ` and ${rows.length - rowsShownMax} more` : ''}`]
}

function say (what: string, faults: readonly string[], fine: string): void {
  show(`${faults.length === 0 ? 'ok  ' : 'FAIL'} ${what}: ${faults.length === 0 ? fine : faults.join('; ')}`)
}
