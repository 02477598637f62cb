// `npm run test:shop`: the demo's traffic and a shop with habits go through HTTP into tables, the models run once, and what
// they say is judged by the ledger alone: the words on top of the data dictionary are told anew, in TypeScript, from what was
// sent and accepted, and are equal to the tables row by row; each difference between orders, positions and payments has its
// reason. Ends with `N passed, N failed`.

import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { Type } from 'typebox'
import { readConfig, sentenceOf } from '../../runtime/index.ts'
import { ask as askSql } from '../evolution/rows.ts'
import { habitNames, wrongNames } from '../generate/habits.ts'
import type { SentEvent } from '../generate/sent.ts'
import { startLine } from '../line.ts'
import { createTally } from '../tally.ts'
import { ordersOf } from './orders.ts'
import { paymentsOf, reconcile, validate, type Rates } from './payments.ts'
import { playShop } from './play.ts'
import { dayOf } from './sales.ts'
import { compareRows, judgedTables, type Answers } from './tables.ts'
import { readTold } from './told.ts'

const schema = Type.Object({
  events: Type.Integer({ default: 6_000, minimum: 1_000, description: 'events of each of the two shops' }),
  seed: Type.Integer({ default: 1, minimum: 0, description: 'the same seed plays the same shops' }),
  keep: Type.Optional(Type.String({ description: 'a folder for the data, which then stays' }))
})

const modelsMsMax = 300_000
const examplesMax = 5
const root = resolve(import.meta.dirname, '../..')
const config = readConfig('test:shop', schema, { env: {} })
const tally = createTally()
const began = performance.now()
const dataDir = config.keep === undefined ? mkdtempSync(join(tmpdir(), 'firn-shop-')) : resolve(config.keep)
const line = await startLine({ dataDir })
const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_')))
const env = { ...clean, FIRN_DATA_DIR: dataDir, FIRN_CATALOG_URL: line.catalogUrl, FIRN_WAREHOUSE_URL: line.warehouseUrl }
try {
  await line.start('catalog')
  await line.start('gateway')
  // The shops' clock: two hours each, the last one until now, so that the latest orders may still be paid.
  const shop = { gatewayUrl: line.gatewayUrl, seed: config.seed, events: config.events, spanMs: 7_200_000 }
  const endMs = Date.now()
  const demo = await playShop({ ...shop, name: 'demo', endMs: endMs - shop.spanMs, fraud: 0.03, late: 0.02, habits: 0, ledgerFile: join(dataDir, 'ledger-demo.ndjson') })
  const habits = await playShop({ ...shop, name: 'habits', endMs, fraud: 0, late: 0, habits: 0.9, ledgerFile: join(dataDir, 'ledger-habits.ndjson') })
  tally.say(`${demo.accepted.size} and ${habits.accepted.size} events accepted after ${seconds()} s`)
  const played = new Set(habits.sent.flatMap(({ habit }) => habit === null ? [] : [habit.name]))
  tally.check('every habit was played', [...habitNames, ...wrongNames].every(name => played.has(name)), `${played.size} of them`)
  await line.kill('gateway')
  const code = await line.run('writer', ['--until-end'])
  tally.check('the writer took all of it', code === 0, code === 0 ? '' : line.printed('writer').split('\n').slice(-5).join('\n'))
  const failure = await runModels()
  tally.check('the models ran', failure === null, failure ?? `${seconds()} s after the start`)
  await judge([...demo.sent, ...habits.sent], new Set([...demo.accepted, ...habits.accepted]))
} catch (error) {
  tally.check('the run came to its end', false, sentenceOf(error))
} finally {
  await line.stop()
  if (config.keep === undefined) rmSync(dataDir, { recursive: true, force: true })
}
tally.say(`${seconds()} s`)
console.log(tally.end())
process.exit(tally.failed === 0 ? 0 : 1)

async function judge (sent: readonly SentEvent[], accepted: ReadonlySet<string>): Promise<void> {
  const [rows, watermarkMs] = (await ask('select count(*) as n, epoch_ms(max(received_at)) as last from firn.events'))[0]!.map(Number) as [number, number]
  tally.check('every accepted event is one row', rows === accepted.size, `${rows} of ${accepted.size}`)
  const answers = tellAnew(sent, accepted, watermarkMs)
  for (const { table, what, columns, rows, groupBy } of judgedTables) {
    const expected = rows(answers)
    const faults = compareRows(await ask(`select ${columns.map((column, i) => `${column} as c${i}`).join(', ')} from analytics.${table}${groupBy === undefined ? '' : ` group by ${groupBy}`}`), expected)
    tally.check(`${table}: ${what}`, faults.length === 0 && expected.size > 0, faults.length === 0 ? `${expected.size} rows` : `${faults.length} of ${expected.size}: ${faults.slice(0, examplesMax).join(' · ')}`)
  }
  await seeReasons(sent, answers)
}

function tellAnew (sent: readonly SentEvent[], accepted: ReadonlySet<string>, watermarkMs: number): Answers {
  const rates = readRates()
  const told = readTold(sent, id => accepted.has(id))
  const { orders, positions } = ordersOf(told, (cents, from, to) => {
    const [theirs, ours] = [rates.get(from), rates.get(to)]
    return theirs === undefined || ours === undefined ? null : (cents * theirs * 2n + ours) / (ours * 2n)
  })
  const payments = paymentsOf(told)
  const validated = validate(orders, payments, rates, watermarkMs)
  return { told, orders, positions, payments, validated, reconciled: reconcile(orders, positions, validated) }
}

/** The daily checks find nothing, and of the orders that were told to their end only those are not explained that were told wrong. */
async function seeReasons (sent: readonly SentEvent[], { orders, reconciled }: Answers): Promise<void> {
  const days = [...new Set([...orders.values()].map(({ orderedMs }) => dayOf(orderedMs)))].sort()
  for (const check of ['reconcile', 'hourly_sales_is_orders', 'product_revenue_is_order_items', 'orders_are_events']) {
    const sql = readFileSync(join(root, `analytics/jobs/checks/${check}.sql`), 'utf8')
    const faults: unknown[][] = []
    for (const day of days) faults.push(...await ask(ofDay(sql, day)))
    tally.check(`the daily check ${check} is clean on each of ${days.length} days`, faults.length === 0, faults.slice(0, examplesMax).map(String).join(' · '))
  }
  const told = new Set(sent.filter(({ habit }) => habit?.isLast === true && !wrongNames.includes(habit.name)).map(({ event }) => event.order_id))
  const open = (await ask('select order_id, positions_say, payments_say from analytics.reconciliation where not is_explained')).filter(([id]) => told.has(String(id)))
  tally.check(`all of ${told.size} orders that were told to their end are explained`, open.length === 0 && told.size > 0, open.slice(0, examplesMax).map(String).join(' · '))
  const wrong = new Map(sent.filter(({ habit }) => habit?.isLast === true && wrongNames.includes(habit.name)).map(({ event, habit }) => [event.order_id, habit!.name]))
  const explained = reconciled.filter(({ orderId, isExplained, paymentsSay }) => wrong.has(orderId) && isExplained && paymentsSay !== 'pending')
  tally.check(`none of ${wrong.size} that were told wrong passes for right`, explained.length === 0, explained.slice(0, examplesMax).map(({ orderId }) => `${orderId} ${wrong.get(orderId)}`).join(' · '))
}

async function ask (sql: string): Promise<unknown[][]> {
  return (await askSql(sql, env)).map(row => Object.values(row))
}

/** A daily check, whatever the hour: while the day goes on, the daily job does not compare. */
function ofDay (sql: string, day: string): string {
  const next = dayOf(Date.parse(day) + 86_400_000)
  return sql.replaceAll('{{date}}', `date '${day}'`).replaceAll('{{from}}', `timestamp '${day} 00:00:00 UTC'`).replaceAll('{{to}}', `timestamp '${next} 00:00:00 UTC'`)
}

function readRates (): Rates {
  const lines = readFileSync(join(root, 'analytics/reference/rates.csv'), 'utf8').trim().split('\n').slice(1)
  return new Map(lines.map(line => line.split(',') as [string, string]).map(([currency, rate]) => [currency, BigInt(rate.replace('.', ''))]))
}

/** The command that everybody uses; null, or what it said. */
async function runModels (): Promise<string | null> {
  return await new Promise(resolve => {
    execFile(process.execPath, [join(root, 'analytics/runner/main.ts'), '--run'], { env, timeout: modelsMsMax, maxBuffer: 16 * 1024 ** 2 }, (error, _, stderr) => { resolve(error === null ? null : stderr.slice(-1000)) })
  })
}

function seconds (): number {
  return Math.round((performance.now() - began) / 1000)
}
