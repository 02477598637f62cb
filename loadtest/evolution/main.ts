// `npm run test:evolution`: the schema changes while the line runs. Catalog, gateway and writer of one contract are replaced, one
// by one and back, by those of the next; old and new producers send all the time and old and new models run all the time; the
// table is also changed by an operator's hand. Then every changed thing that would break somebody is refused with its reason.
// At the end each acknowledged order is one row with the values that were sent. Ends with `N passed, N failed`.

import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { currentSchema, evolveSchema, isCatalogError, openLake, type WantedColumn } from '../../catalog/index.ts'
import { openLogFrom } from '../../log/index.ts'
import { sentenceOf } from '../../runtime/index.ts'
import { untilDrained } from '../drained.ts'
import { startLine, type ServiceName } from '../line.ts'
import { createTally } from '../tally.ts'
import { readVerifyConfig } from '../verify/config.ts'
import { findLedgers, readLedgers } from '../verify/ledgers.ts'
import { progressProperty, readProgressRecord } from '../verify/progress-record.ts'
import { verify } from '../verify/verify.ts'
import { editCheckout, makeCheckout, setModels, type Checkout } from './checkout.ts'
import { readEvolutionConfig } from './config.ts'
import { breaking, tomorrow, yesterday } from './contracts.ts'
import { loopModels, runModels } from './models-loop.ts'
import { startProducer, type Producer } from './producer.ts'
import { ask, compareRows, examplesOf } from './rows.ts'

const config = readEvolutionConfig()
const phaseMs = config.short ? 2000 : 10_000
/** What was under way when a producer changed its habits is answered by then. */
const answerMs = 1000
const takenMsMax = 30_000
const topic = 'ecommerce_events'
/** A writer is ready before it has opened its tables. */
const evolveMsMax = 30_000
const tally = createTally()
const began = performance.now()
const folder = mkdtempSync(join(tmpdir(), 'firn-evolution-'))
const dataDir = join(folder, 'data')

const old = makeCheckout(join(folder, 'yesterday'), yesterday)
const next = makeCheckout(join(folder, 'tomorrow'), tomorrow)
setModels(old, { orders_seen: 'orders_seen.sql' })
setModels(next, { coupon_use: 'coupon_use.sql' })

/** Which release a service is started from. */
const release: Partial<Record<ServiceName, Checkout>> = {}
const line = await startLine({ dataDir, checkoutOf: name => (release[name] ?? old).dir, settings: { writer: { FIRN_WRITER_COMMIT_INTERVAL_MS: '500' } } })
const { dataDir: FIRN_DATA_DIR, catalogUrl: FIRN_CATALOG_URL, warehouseUrl: FIRN_WAREHOUSE_URL, logUrl: FIRN_LOG_URL } = line
const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_')))
const env = { ...clean, FIRN_DATA_DIR, FIRN_CATALOG_URL, FIRN_WAREHOUSE_URL }
const lake = openLake({ FIRN_CATALOG_URL, FIRN_WAREHOUSE_URL } as never, { dataDir })
const loadEvents = async () => await lake.catalog.loadTable({ namespace: ['firn'], name: 'events' })
const columnOf = async (name: string) => currentSchema((await loadEvents()).metadata).fields.find(field => field.name === name)

const producers: Producer[] = []
let loop: ReturnType<typeof loopModels> | undefined
try {
  const contracts = judgeContracts()
  await line.start('catalog')
  await line.start('gateway')
  await line.start('writer')
  await Promise.all([runLine(), contracts])
} catch (error) {
  tally.check('the run came to its end', false, sentenceOf(error))
} finally {
  await Promise.all(producers.map(async producer => { await producer.stop().catch(() => {}) }))
  await loop?.stop()
  await line.stop()
}
if (tally.failed === 0 && !config.keep) rmSync(folder, { recursive: true, force: true })
else tally.say(`data and what the services said: ${folder}`)
tally.say(`${Math.round((performance.now() - began) / 1000)} s`)
console.log(tally.end())
process.exit(tally.failed === 0 ? 0 : 1)

async function runLine (): Promise<void> {
  let looping = [old.dir]
  loop = loopModels(() => looping, env)
  const start = (name: string, coupons: boolean): Producer => {
    const producer = startProducer({ name, url: line.gatewayUrl, ledgerFile: join(dataDir, 'loadtest', `ledger-${name}.ndjson`), ordersPerSecond: config.rate, habits: { coupons, wide: false, withoutPaymentId: false } })
    producers.push(producer)
    return producer
  }
  start('old', false)
  const early = start('new', true)
  await sleep(phaseMs)
  tally.check('the gateway of yesterday refuses a payment without payment_id', Math.floor(await payWithoutId('probe-1') / 100) === 4)

  tally.say('an operator adds a column to the table, widens one and relaxes one, while the writer of yesterday writes')
  const wanted: WantedColumn[] = [{ name: 'operator_note', type: 'string' }, { name: 'log_partition', type: 'long', required: true }, { name: 'log_topic', type: 'string' }]
  await evolveSchema({ catalog: lake.catalog, storage: lake.storage, table: await loadEvents() }, wanted)
  await sleep(phaseMs)
  tally.check('the operator\'s columns stand', (await columnOf('operator_note')) !== undefined && (await columnOf('log_partition'))?.type === 'long' && (await columnOf('log_topic'))?.required === false)

  tally.say('the writer of tomorrow comes, the gateway stays')
  await replace('writer', next)
  const evolved = async (): Promise<boolean> => (await columnOf('coupon_code'))?.type === 'string' && (await columnOf('points'))?.type === 'long' && (await columnOf('amount'))?.type === 'decimal(20, 2)'
  for (const until = performance.now() + evolveMsMax; performance.now() < until && !await evolved();) await sleep(100)
  tally.check('the table has tomorrow\'s columns: one added, two widened', await evolved())
  looping = [old.dir, next.dir]
  await sleep(phaseMs)

  tally.say('the gateway of tomorrow comes: wider values, payments without payment_id')
  await replace('gateway', next)
  early.habits.wide = early.habits.withoutPaymentId = true
  tally.check('the gateway of tomorrow takes a payment without payment_id', await payWithoutId('probe-2') === 202)
  await sleep(phaseMs)

  tally.say('the writer goes back to yesterday while the gateway stays: what it does not know must not be lost')
  early.habits.wide = early.habits.withoutPaymentId = false
  await sleep(answerMs)
  await untilTaken()
  await replace('writer', old)
  await sleep(phaseMs)
  tally.check('the table keeps its columns under an older writer', (await columnOf('coupon_code')) !== undefined && (await columnOf('points'))?.type === 'long')
  await replace('writer', next)

  tally.say('the model of yesterday gets a column more and a wider one')
  looping = [next.dir]
  setModels(next, { coupon_use: 'coupon_use.sql', orders_seen: 'orders_seen.next.sql' })
  early.habits.wide = early.habits.withoutPaymentId = true
  await sleep(phaseMs)

  for (const producer of producers) await producer.stop()
  await drain()
  await loop.stop()
  await judgeEnd()
  await judgeRefusals()
}

async function judgeEnd (): Promise<void> {
  const failed = loop!.runs.filter(({ ok }) => !ok)
  tally.check('every run of old and new models went through', failed.length === 0, `${loop!.runs.length} runs${failed.length === 0 ? '' : `, ${failed.length} failed: ${failed[0]!.printed.slice(-800)}`}`)
  const last = await runModels(next.dir, env)
  tally.check('the models come up to date', last.ok, last.ok ? '' : last.printed.slice(-800))

  const options = { FIRN_DATA_DIR, FIRN_CATALOG_URL, FIRN_WAREHOUSE_URL, FIRN_LOG_URL, FIRN_LOG_TOPICS: [topic], FIRN_EVENT_AGE_DAYS_MAX: 7 }
  const verdict = await verify({ ...options, ledger: [], drained: true })
  tally.verdict('after all changes', verdict)
  tally.check('no event that the gateway took became a dead letter', verdict.letters.size === 0, [...verdict.letters].map(([reason, count]) => `${count} ${reason}`).join(', '))
  const { acked } = await readLedgers(findLedgers(dataDir))
  const sent = new Map(producers.flatMap(({ orders }) => [...orders]))
  const { wrong, inColumn, inExtra } = await compareRows(sent, new Set(acked.keys()), env)
  tally.check('each acknowledged order is one row with the values that were sent', wrong.length === 0, examplesOf(wrong) || `${sent.size} orders; ${inColumn} coupons in their column, ${inExtra} under $extra from when the writer did not know them`)
  tally.check('coupons came both ways', inColumn > 0 && inExtra > 0)
  await sameRows('orders_seen', 'select m.order_id, cast(m.amount as varchar) a, m.pieces, m.points, m.coupon_code from analytics.orders_seen m', 'select e.order_id, cast(e.amount as varchar) a, e.quantity pieces, e.points, e.coupon_code from firn.events e where e.event_type = \'order_created\'')
  await sameRows('coupon_use', 'select m.coupon_code, m.orders from analytics.coupon_use m', 'select e.coupon_code, count(distinct e.order_id) as orders from firn.events e where e.event_type = \'order_created\' and e.coupon_code is not null group by e.coupon_code')
}

async function judgeRefusals (): Promise<void> {
  const cases: Array<[string, WantedColumn, RegExp]> = [
    ['a narrower type', { name: 'quantity', type: 'int' }, /^$/],
    ['another type', { name: 'order_id', type: 'long' }, /type string cannot become long/],
    ['another scale', { name: 'amount', type: 'decimal(20, 4)' }, /cannot become decimal\(20, 4\)/],
    ['a new required column', { name: 'must', type: 'string', required: true }, /a required column cannot be added/],
    ['a name that differs in case alone', { name: 'Order_Id', type: 'string' }, /differs only in case/]
  ]
  for (const [what, column, reason] of cases) {
    const before = (await loadEvents()).metadata['current-schema-id']
    const said = await evolveSchema({ catalog: lake.catalog, storage: lake.storage, table: await loadEvents() }, [column]).then(() => '', (error: unknown) => isCatalogError(error, 'CATALOG_SCHEMA_CHANGE_REFUSED') ? error.message : `? ${sentenceOf(error)}`)
    // A narrower type is an older release's wish: nothing is narrowed, and nobody is stopped.
    tally.check(said === '' ? `the catalog leaves the column as it is: ${what}` : `the catalog refuses ${what}`, reason.test(said) && (await loadEvents()).metadata['current-schema-id'] === before, said)
  }
  const misfits: Array<[string, string, string, RegExp]> = [
    ['of another type', 'points       long ', 'points       string ', /column points.*type long cannot become string/],
    ['partitioned otherwise', 'bucket(4, order_id)', 'bucket(8, order_id)', /partitioned by bucket\[4\] of order_id and the header says bucket\[8\]/]
  ]
  for (const [what, from, to, reason] of misfits) {
    setModels(next, { orders_seen: 'orders_seen.next.sql' })
    editCheckout(next.dir, [['analytics/models/orders_seen.sql', from, to], ...to.includes('string') ? [['analytics/models/orders_seen.sql', 'max(e.points) as points', 'cast(max(e.points) as varchar) as points'] as const] : []])
    const before = await ask('select count(*) n from analytics.orders_seen', env)
    const run = await runModels(next.dir, env)
    const said = run.printed.replaceAll(/\s+/g, ' ')
    tally.check(`the runner refuses a model whose table is ${what}`, !run.ok && reason.test(said) && JSON.stringify(before) === JSON.stringify(await ask('select count(*) n from analytics.orders_seen', env)), run.ok ? 'it ran' : reason.exec(said)?.[0] ?? said.slice(-400))
  }
}

/** Tomorrow's contract is taken over yesterday's lock; then each breaking change is refused over tomorrow's. */
async function judgeContracts (): Promise<void> {
  await contract(old)
  cpSync(join(old.dir, 'openapi/contract.lock.json'), join(next.dir, 'openapi/contract.lock.json'))
  const taken = await contract(next)
  tally.check('npm run contract takes a field added, widened and relaxed', taken.code === 0, taken.code === 0 ? '' : taken.said)
  for (const { what, edits, reason } of breaking) {
    const dir = join(folder, 'broken')
    cpSync(next.dir, dir, { recursive: true, filter: path => resolve(path) === resolve(next.dir) || /[/\\](openapi|runtime|node_modules|package\.json)/.test(path.slice(next.dir.length)) })
    editCheckout(dir, edits)
    const broken = await contract({ dir })
    tally.check(`npm run contract refuses ${what}`, broken.code === 1 && reason.test(broken.said), broken.said.split('\n').find(sentence => reason.test(sentence))?.trim() ?? broken.said)
    rmSync(dir, { recursive: true })
  }
}

async function contract ({ dir }: Pick<Checkout, 'dir'>): Promise<{ code: number, said: string }> {
  return await new Promise(resolve => {
    execFile(process.execPath, [join(dir, 'openapi/main.ts')], { encoding: 'utf8' }, (error, stdout, stderr) => { resolve({ code: error === null ? 0 : 1, said: `${stdout}${stderr}` }) })
  })
}

async function replace (service: 'gateway' | 'writer', by: Checkout): Promise<void> {
  await line.kill(service)
  release[service] = by
  await line.start(service)
}

/** All that the log holds by now is rows. An older writer would take neither wider values nor payments without an id. */
async function untilTaken (): Promise<void> {
  const log = await openLogFrom(FIRN_LOG_URL, readVerifyConfig([], {}))
  const { end } = await log.ranges(topic).finally(() => log.close())
  for (const until = performance.now() + takenMsMax; performance.now() < until; await sleep(100)) {
    const { partitions } = readProgressRecord('firn.events', (await loadEvents()).metadata.properties[progressProperty]!)
    if (partitions.every(({ partition, next }) => next >= (end.get(partition) ?? 0n))) return
  }
  throw new Error(`the writer had not taken what the log held after ${takenMsMax} ms`)
}

/** Everything is a row; nobody sends any more. */
async function drain (): Promise<void> {
  const log = await openLogFrom(FIRN_LOG_URL, readVerifyConfig([], {}))
  await untilDrained({ catalog: lake.catalog, log, topics: [topic], stillSecondsMax: 20 }).finally(() => log.close())
}

async function payWithoutId (id: string): Promise<number> {
  const { status } = await fetch(`${line.gatewayUrl}/v1/events`, {
    method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ event_id: id, event_type: 'payment_captured', timestamp: new Date().toISOString(), session_id: id, order_id: 'o', amount: '1.00' })
  })
  return status
}

async function sameRows (model: string, has: string, should: string): Promise<void> {
  const [difference] = await ask(`select count(*) as n from ((${has} except ${should}) union all (${should} except ${has})) d`, env)
  const [count] = await ask(`select count(*) as n from (${has}) h`, env)
  tally.check(`the model ${model} holds what its sources say`, Number(difference!.n) === 0 && Number(count!.n) > 0, `${String(count!.n)} rows, ${String(difference!.n)} differ`)
}
