// `npm run daily:validate -- --date D`: are the models' tables what their files say, do they have rows for the day, and do the
// sums agree (checks/*.sql: each row of an answer is a fault)? Prints a line for each model and check; ends with 1 and every
// fault when there is one.

import { globSync, readFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { openLake } from '../../../catalog/index.ts'
import { complain, exitWhenPrinted, sentenceOf, show } from '../../../runtime/index.ts'
import { readModels } from '../../models/catalogue.ts'
import type { QueryEngine } from '../../query/engine.ts'
import { openQueryEngine } from '../../query/open.ts'
import { dayOf, readValidateConfig } from '../config.ts'
import { fillDay, rowsOf } from '../day-statement.ts'
import { isOpen } from '../wait/day.ts'
import { factsOf } from './facts.ts'
import { findFaults } from './findings.ts'

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
  const models = await readModels()
  for (const model of models) {
    const facts = await factsOf({ catalog: lake.catalog, engine, date, models }, model)
    const found = findFaults(model, date, facts, model.kind === 'rule' || config.mayBeEmpty.includes(model.name))
    say(model.name, found, `${facts.rows} rows${facts.dayRows === null ? '' : `, ${facts.dayRows} of the day`}`)
    faults.push(...found)
  }
  if (faults.length === 0) await sayUnknown(date, engine)
  // While events of the day still come in, two models are rarely at the same point: their sums are compared once it is over.
  if (isOpen(date, new Date())) show(`${date} is not over: sums are not compared yet`)
  else for (const file of globSync('*.sql', { cwd: checksDir }).sort()) {
    const found = await runCheck(basename(file, '.sql'), readFileSync(join(checksDir, file), 'utf8'), date, engine)
    say(file, found, 'agrees')
    faults.push(...found)
  }
  return faults
}

/** No fault of the tables: the references are the shop's own files, and may be another shop's. */
async function sayUnknown (date: string, engine: QueryEngine): Promise<void> {
  const sql = 'select e.model, e.field, e.reference, e.rows, e.unknown, e.example from analytics.enrichment e where e.day = {{date}} and e.unknown > 0 order by e.model, e.field, e.reference'
  for (const [model, field, reference, rows, unknown, example] of await rowsOf(await engine.query(fillDay(sql, date)))) {
    show(`note ${model}: ${unknown} of ${rows} rows name a ${field} that analytics/reference/${reference}.csv does not know, such as ${example}: what it would tell stays empty`)
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
