// Orders and payments through the whole chain (events → orders, payments → validated_orders, run as the runner runs them, in
// two arrivals), each verdict compared with a reference in JavaScript: 1 % mismatched, 1 % missing, 1 % late, 1 % orphans.
// `VALIDATED_ORDERS=100000 node analytics/models/validated-at-scale.test.ts` for the large run; it prints the counts.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { applyTransform, commitSnapshot, copyToDataFile, createSnapshotId, currentSchema, dataFileLocation, duckdbScan, duckdbType, scanFiles, stageAppend, type DataFile } from '../../catalog/index.ts'
import { loadReferences } from '../reference/load.ts'
import { openRunner } from '../runner/index.ts'
import { eventsId, openTestLake, type TestLake } from '../runner/test-lake.ts'
import { orderModels, readModelFiles } from './catalogue.ts'

const ordersMax = Number(process.env['VALIDATED_ORDERS'] ?? 2_000)
const startMs = Date.parse('2026-03-01T00:00:00Z')
const spanMs = 6 * 3_600_000
const usdRates: Record<string, number> = { USD: 1, EUR: 1.085, GBP: 1.271 }

interface Event { event_id: string, event_type: string, order_id: string, payment_id?: string, amountCents: number, currency: string, atMs: number, receivedMs: number, log_offset: number }

/** Two arrivals: what came in time, and the payments that came hours later. Shuffled: nothing comes in the order in which it happened. */
function inventEvents (orders: number): { first: Event[], second: Event[] } {
  let seed = 20260301
  const random = (below: number): number => { seed = seed * 48271 % 2147483647; return seed % below }
  const [first, second]: Event[][] = [[], []]
  const say = (into: Event[], event_type: string, i: number, atMs: number, amountCents: number, currency: string, payment?: string): void => {
    into.push({ event_id: `e${first!.length}-${second!.length}`, event_type, order_id: `o-${i}`, ...payment === undefined ? {} : { payment_id: payment }, amountCents, currency, atMs, receivedMs: into === second ? startMs + 2 * spanMs + random(60_000) : atMs + random(30_000), log_offset: random(1e9) })
  }
  for (let i = 0; i < orders; i++) {
    const [fate, atMs, cents, currency] = [i % 100, startMs + random(spanMs), 100 + random(500_000), Object.keys(usdRates)[random(3)]!]
    const pay = (into: Event[], type: string, after: number, amount = cents, payment = `p-${i}`, of = currency): void => say(into, type, i, atMs + after, amount, of, payment)
    if (fate !== 3) say(first!, 'order_created', i, atMs, cents, currency)
    if (fate !== 3 && random(3) === 0) say(first!, random(4) === 0 ? 'order_cancelled' : 'order_updated', i, atMs + 60_000, 0, currency)
    if (random(20) === 0) pay(first!, 'payment_failed', 500, cents, random(2) === 0 ? `p-${i}` : `failed-${i}`)
    if (fate === 0) pay(first!, 'payment_captured', 2_000, cents + (random(2) === 0 ? 1 : -1) * (1 + random(90)))
    else if (fate === 2) pay(second!, 'payment_captured', 3_600_000)
    else if (fate === 4) { pay(first!, 'payment_captured', 1_000, 40); pay(first!, 'payment_captured', 2_000, cents - 40, `q-${i}`) }
    else if (fate === 5) pay(first!, 'payment_captured', 2_000, Math.round(cents * usdRates[currency]!), `p-${i}`, 'USD')
    else if (fate !== 1) { pay(first!, 'payment_authorized', 1_000); pay(first!, 'payment_captured', 2_000); if (random(30) === 0) pay(first!, 'payment_refunded', 90_000, 50) }
  }
  return { first: first!, second: second! }
}

/** The reference: order → verdict. */
function judge (events: readonly Event[]): Map<string, string> {
  const watermark = events.reduce((last, { receivedMs }) => Math.max(last, receivedMs), 0)
  const orders = new Map<string, Event>()
  const payments = new Map<string, { order: string, status: string, cents: number, currency: string, atMs: number }>()
  for (const event of events.toSorted((a, b) => a.atMs - b.atMs || a.receivedMs - b.receivedMs || a.log_offset - b.log_offset)) {
    if (event.event_type === 'order_created') orders.set(event.order_id, event)
    if (event.payment_id === undefined) continue
    const known = payments.get(event.payment_id)
    const asked = event.event_type === 'payment_refunded' && known !== undefined ? known : { cents: event.amountCents, currency: event.currency }
    payments.set(event.payment_id, { order: event.order_id, status: event.event_type, cents: asked.cents, currency: asked.currency, atMs: known?.atMs ?? event.atMs })
  }
  const byOrder = Map.groupBy(payments.values(), ({ order }) => order)
  const verdicts = new Map<string, string>()
  for (const id of new Set([...orders.keys(), ...byOrder.keys()])) {
    const [order, tried] = [orders.get(id), byOrder.get(id) ?? []]
    const paid = tried.filter(({ status }) => status !== 'payment_failed')
    const since = order?.atMs ?? Math.min(...tried.map(({ atMs }) => atMs))
    const inUsd = order !== undefined && paid.some(({ currency }) => currency !== order.currency)
    const worth = (cents: number, currency: string): number => inUsd ? cents * usdRates[currency]! : cents
    const off = order === undefined ? NaN : Math.abs(Math.round(paid.reduce((sum, { cents, currency }) => sum + worth(cents, currency), 0)) - Math.round(worth(order.amountCents, order.currency)))
    if (order !== undefined && paid.length > 0) verdicts.set(id, off <= (inUsd ? 1 : 0) ? 'matched' : 'amount_mismatch')
    else if (since + 600_000 > watermark) verdicts.set(id, 'pending')
    else verdicts.set(id, order === undefined ? 'order_missing' : 'payment_missing')
  }
  return verdicts
}

t.setTimeout(30_000 + ordersMax * 3)
t.test(`${ordersMax} orders and payments: every verdict is right, before and after the late payments came`, { timeout: 30_000 + ordersMax * 3 }, async t => {
  const lake = await openTestLake(t)
  await loadReferences(lake)
  const models = orderModels(await readModelFiles({}, name => ['orders', 'payments', 'validated_orders'].includes(name)), ['firn.events', ...['customers', 'products', 'rates'].map(name => `analytics.ref_${name}`)])
  const runner = openRunner({ ...lake, engine: null, models })
  t.teardown(() => runner.close())
  const { first, second } = inventEvents(ordersMax)
  const seen: Event[] = []
  for (const [which, arrived] of [['at first', first], ['with the late payments', second]] as const) {
    await appendEvents(lake, arrived)
    for (const event of arrived) seen.push(event)
    const began = performance.now()
    const runs = await runner.cycle({ minute: true })
    t.strictSame(runs.map(({ model, outcome }) => [model, outcome]), models.map(({ name }) => [name, which === 'at first' || name !== 'orders' ? 'written' : 'fresh']), `${which}: the models ran (${runs.map(({ model, dirtyUnits }) => `${model} ${dirtyUnits}`).join(', ')})`)
    const ms = Math.round(performance.now() - began)
    const wanted = judge(seen)
    const table = await lake.catalog.loadTable({ namespace: ['analytics'], name: 'validated_orders' })
    const { files } = await scanFiles(lake.storage, table)
    const found = await lake.rows(`select order_id, status from ${duckdbScan(table, files, lake.storage)}`) as { order_id: string, status: string }[]
    t.strictSame(found.filter(({ order_id: id, status }) => wanted.get(id) !== status).slice(0, 10).map(({ order_id: id, status }) => [id, status, wanted.get(id)]), [], `${which}: no verdict is wrong`)
    t.equal(found.length, wanted.size, `${which}: each order once`)
    const counts = Object.entries(Object.groupBy(found, ({ status }) => status)).map(([status, rows]) => `${status} ${rows!.length}`).sort()
    t.comment(`${which}: ${seen.length} events, ${found.length} orders: ${counts.join(', ')}; wrong ${found.filter(({ order_id: id, status }) => wanted.get(id) !== status).length}; ${ms} ms`)
    for (const status of ['matched', 'amount_mismatch', 'payment_missing', 'order_missing']) t.ok(counts.some(count => count.startsWith(status)), `${which}: some are ${status}`)
  }
})

/** One snapshot of many rows. */
async function appendEvents (lake: TestLake, events: readonly Event[]): Promise<void> {
  const table = await lake.catalog.loadTable(eventsId).catch(async () => { await lake.append([]); return await lake.catalog.loadTable(eventsId) })
  const schema = currentSchema(table.metadata)
  const files: DataFile[] = []
  const source = join(lake.dataDir, 'events.ndjson')
  for (const [type, group] of Map.groupBy(events, ({ event_type: type }) => type)) {
    const lines = group.map(({ atMs, receivedMs, amountCents, ...event }) => JSON.stringify({ ...event, event_time: new Date(atMs).toISOString(), received_at: new Date(receivedMs).toISOString(), committed_at: new Date(receivedMs).toISOString(), amount: (amountCents / 100).toFixed(2), log_topic: 't', log_partition: 0, ...event.payment_id === undefined ? { customer_id: 'c', region: 'europe', ...amountCents === 0 ? { amount: null } : {} } : {} }))
    writeFileSync(source, lines.join('\n'))
    const location = dataFileLocation(table.metadata, { event_type: type }, `${crypto.randomUUID()}.parquet`)
    const known = Object.keys(JSON.parse(lines[0]!) as object)
    const select = schema.fields.map(({ name, type }) => `cast(${known.includes(name) ? name : 'null'} as ${duckdbType(type)}) as ${name}`).join(', ')
    const partition = { event_type: type, event_date: applyTransform('day', 'timestamptz', BigInt(startMs) * 1000n) }
    files.push(await copyToDataFile(lake.connection, lake.storage, table, { select: `select ${select} from read_json('${source}', format = 'newline_delimited', columns = {${known.map(name => `${name}: 'VARCHAR'`).join(', ')}})`, partition, location }))
    await lake.storage.makeDurable([location])
  }
  const snapshotId = createSnapshotId(table.metadata)
  const outcome = await commitSnapshot({ ...lake, table }, snapshotId, async base => await stageAppend(lake, base, { snapshotId, files }))
  if (outcome.kind !== 'landed') throw new Error('the events did not land')
}
