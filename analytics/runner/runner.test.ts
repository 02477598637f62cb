import t from 'tap'
import { readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { scanFiles } from '../../catalog/index.ts'
import { parseModel, type Model } from '../models/model-file.ts'
import { adversaryBefore } from './adversary.ts'
import { readStatus } from './model-status.ts'
import { identifierOf } from './model-table.ts'
import { openRunner, rulesFirst, type CycleOptions } from './runner.ts'
import { eventsId, openTestLake } from './test-lake.ts'

// A lake for each: seconds on a free machine, many on a busy one.
t.setTimeout(180_000)

const salesFile = `-- Question:  How much was sold in each hour?
-- Reads:     firn.events(order_created) by event_time
-- Unit:      hour
-- Time:      hour
-- Key:       hour, currency
-- Partition: day(hour)
-- Owner:     test
-- Columns:
--   hour      timestamptz    The hour.
--   currency  string         The currency.
--   orders    long           Orders.
--   revenue   decimal(38,2)  Money.
select date_trunc('hour', e.event_time) as hour, e.currency, count(*) as orders, sum(e.amount) as revenue from firn.events e group by 1, 2
`
const sales = parseModel('sales', salesFile)

const orders = parseModel('orders', `-- Question:  What is the state of each order?
-- Reads:     firn.events(order_created, order_updated) by order_id
-- Unit:      key order_id
-- Time:      ordered_at
-- Key:       order_id
-- Partition: bucket(4, order_id)
-- Lateness:  10 minutes
-- Owner:     test
-- Columns:
--   order_id    string         The order.
--   ordered_at  timestamptz    When.
--   status      string         Its last status.
--   final       boolean        Whether it is old enough.
select e.order_id, min(e.event_time) as ordered_at, max(e.order_status) as status, min(e.event_time) + interval '10' minute <= {{watermark}} as final from firn.events e group by e.order_id
`)

const order = (id: string, at: string, more: Record<string, string> = {}) => ({ event_id: id + at, event_type: 'order_created', event_time: at, order_id: id, amount: '10.00', currency: 'USD', order_status: 'NEW', ...more })

t.test('models are computed, and then only what is new', async t => {
  const lake = await openTestLake(t)
  const runner = openRunner({ ...lake, engine: null, models: [sales, orders] })
  t.teardown(() => runner.close())
  t.match(await runner.cycle(), [{ outcome: 'fresh', reason: /waits for firn.events/ }, { outcome: 'fresh' }])
  await lake.append([order('a', '2026-01-01T10:00:00Z'), order('b', '2026-01-01T11:30:00Z', { order_status: null as never })])
  t.match(await runner.cycle({ minute: true }), [{ model: 'sales', outcome: 'written', rows: 2 }, { model: 'orders', outcome: 'written', rows: 2 }])
  t.match(await runner.cycle({ minute: true }), [{ outcome: 'fresh', reason: 'nothing new' }, { outcome: 'fresh', reason: 'nothing new' }])
  await lake.append([order('b', '2026-01-01T11:35:00Z', { event_type: 'order_updated', order_status: 'COMPLETED' }), order('c', '2026-01-02T09:00:00Z', { amount: '2.50' })])
  t.match(await runner.cycle({ minute: true }), [{ outcome: 'written', rows: 1, dirtyUnits: 1 }, { outcome: 'written', dirtyUnits: 2 }])
  for (const model of [sales, orders]) {
    const { stands, should } = await lake.compare(model)
    t.same(stands, should, model.name)
    t.equal(stands.length, 3)
  }
})

t.test('a header that grew adds its columns and computes anew; one that no longer fits is refused until it is asked for whole', async t => {
  const lake = await openTestLake(t)
  await lake.append([order('a', '2026-01-01T10:00:00Z')])
  const run = async (model: Model, options: CycleOptions = {}) => {
    const runner = openRunner({ ...lake, engine: null, models: [model] })
    const [result] = await runner.cycle(options)
    await runner.close()
    return result
  }
  t.match(await run(sales), { outcome: 'written', reason: 'it was never computed' })
  t.match(await run(sales), { outcome: 'fresh', reason: 'nothing new' }, 'whoever comes next goes on where the last one stopped')
  const grown = parseModel('sales', salesFile.replace('--   revenue', '--   buyers long Who bought.\n--   revenue').replace('sum(e.amount) as', 'count(distinct e.customer_id) as buyers, sum(e.amount) as'))
  t.match(await run(grown), { outcome: 'written', reason: 'its file changed' })
  const { stands, should } = await lake.compare(grown)
  t.same(stands, should)
  t.match(stands, [/"buyers":"0"/])
  const parted = parseModel('sales', salesFile.replace('day(hour)', 'month(hour)'))
  t.match(await run(parted), { outcome: 'failed', error: /analytics.sales no longer fits its model: it is partitioned by day of hour and the header says month of hour; .* --full/ })
  const typed = parseModel('sales', salesFile.replace('orders    long', 'orders    string'))
  t.match(await run(typed), { outcome: 'failed', error: /orders.*long cannot become string/ })
  t.match(await run(parted, { full: ['sales'] }), { outcome: 'written', reason: 'asked for' })
  t.match(await run(parted), { outcome: 'fresh' })
})

t.test('a source file that was damaged is named with its way back, whichever way the engine fails on it', async t => {
  const ways: Record<string, (path: string) => void> = {
    removed: path => { rmSync(path) },
    cut: path => { truncateSync(path, 500) },
    flipped: path => { writeFileSync(path, readFileSync(path).map((byte, i) => i > 3 && i < 400 ? byte ^ 0xff : byte)) }
  }
  for (const [what, happen] of Object.entries(ways)) {
    const lake = await openTestLake(t)
    await lake.append([order('a', '2026-01-01T10:00:00Z')])
    const runner = openRunner({ ...lake, engine: null, models: [sales] })
    t.teardown(() => runner.close())
    const [file] = (await scanFiles(lake.storage, await lake.catalog.loadTable(eventsId))).files
    happen(lake.storage.toEnginePath(file!.location))
    const [result] = await runner.cycle()
    t.match(result, { outcome: 'failed', error: /\.parquet cannot be read as a data file .*npm run repair -- --without/ }, what)
  }
})

t.test('a model that fails stops no other, waits before it is tried again, and a dry run writes nothing', async t => {
  const lake = await openTestLake(t)
  await lake.append([order('a', '2026-01-01T10:00:00Z')])
  let now = Date.parse('2026-01-02T00:00:00Z')
  const broken = parseModel('broken', salesFile.replace('e.currency, count', 'cast(e.order_id as bigint) as currency, count'))
  const runner = openRunner({ ...lake, engine: null, models: [broken, sales], clock: () => now })
  t.teardown(() => runner.close())
  t.match(await runner.cycle({ dryRun: true }), [{ outcome: 'failed', error: /Could not convert string 'a'/ }, { outcome: 'written', rows: 1 }])
  await t.rejects(lake.compare(sales), { code: 'CATALOG_NO_SUCH_TABLE' })
  now += 60_000
  t.match(await runner.cycle(), [{ model: 'broken', outcome: 'failed' }, { model: 'sales', outcome: 'written' }])
  t.match(await runner.cycle(), [{ model: 'sales', outcome: 'fresh' }])
  t.match(await runner.cycle({ only: ['broken'] }), [{ outcome: 'failed' }])
  await t.rejects(runner.cycle({ only: ['nothing'] }), { code: 'MODEL_UNKNOWN' })
  t.match(await readStatus(lake.catalog, [sales, broken, orders], now), [{ state: 'current', rows: 1n, snapshotsBehind: 0 }, { state: 'never computed' }, { state: 'never computed', rows: null, rowsBehind: 1n }])
  await lake.append([order('b', '2026-01-01T11:00:00Z'), order('c', '2026-01-01T11:00:00Z')])
  t.match(await readStatus(lake.catalog, [sales], Date.parse('2026-01-01T10:00:05Z')), [{ state: 'behind', snapshotsBehind: 1, rowsBehind: 2n, ageMs: 5000, last: { rows: 1 } }])
})

t.test('on a quiet line time passes all the same: what the writer noted moves the watermark, and never back', async t => {
  const lake = await openTestLake(t)
  let now = Date.parse('2026-01-01T10:00:30Z')
  const runner = openRunner({ ...lake, engine: null, models: [orders, sales], clock: () => now })
  t.teardown(() => runner.close())
  const note = async (time: string): Promise<void> => {
    await lake.catalog.commitTable(eventsId, { requirements: [], updates: [{ 'action': 'set-properties', 'updates': { 'firn.idle-until': time } }] })
  }
  const finals = async (): Promise<unknown[]> => {
    const { stands, should } = await lake.compare(orders)
    t.same(stands, should)
    return stands.map(row => (JSON.parse(row) as { final: unknown }).final)
  }
  await lake.append([order('a', '2026-01-01T10:00:00Z')])
  await runner.cycle({ minute: true })
  t.same(await finals(), [false])
  await note('2026-01-01T10:09:00Z')
  now += 9 * 60_000
  t.match(await runner.cycle({ minute: true }), [{ outcome: 'fresh' }, { outcome: 'fresh' }])
  t.same(await finals(), [false])
  await note('2026-01-01T10:11:00Z')
  now += 2 * 60_000
  const salesBefore = (await lake.catalog.loadTable(identifierOf(sales))).metadata['last-updated-ms']
  t.match(await runner.cycle({ minute: true }), [{ model: 'orders', outcome: 'written', reason: /watermark moved/ }, { model: 'sales', outcome: 'fresh' }])
  t.same(await finals(), [true])
  t.equal((await lake.catalog.loadTable(identifierOf(sales))).metadata['last-updated-ms'], salesBefore, 'what does not ask for time writes nothing')
  for (const text of ['2026-01-01T08:00:00Z', 'soon']) {
    await note(text)
    now += 2 * 60_000
    t.match(await runner.cycle({ minute: true }), [{ outcome: 'fresh' }, { outcome: 'fresh' }])
    t.same(await finals(), [true])
  }
})

t.test('on a quiet line no model stays behind: progress that was put off is written down, and a compaction is no news', async t => {
  const lake = await openTestLake(t)
  let now = Date.now()
  const runner = openRunner({ ...lake, engine: null, models: [sales], clock: () => now })
  t.teardown(() => runner.close())
  await lake.append([order('a', '2026-01-01T10:00:00Z')])
  await runner.cycle()
  await lake.append([order('a', '2026-01-01T10:00:00Z', { event_type: 'order_cancelled' })])
  t.match(await readStatus(lake.catalog, [sales], now), [{ state: 'behind' }])
  t.match(await runner.cycle(), [{ outcome: 'fresh' }])
  t.match(await readStatus(lake.catalog, [sales], now), [{ state: 'behind' }], 'not at once: each line of progress is a commit')
  now = Date.now() + 600_000
  t.match(await runner.cycle(), [{ outcome: 'fresh' }])
  t.match(await readStatus(lake.catalog, [sales], now), [{ state: 'current', snapshotsBehind: 0, rowsBehind: 0n }])
  await lake.compact(eventsId)
  t.match(await readStatus(lake.catalog, [sales], now), [{ state: 'current', snapshotsBehind: 0 }])
  await lake.append([order('b', '2026-01-01T10:00:00Z')])
  t.match(await readStatus(lake.catalog, [sales], now), [{ state: 'behind', snapshotsBehind: 2 }])
})

t.test('rules come first, after what they read', async t => {
  const named = (name: string, kind: 'rule' | 'model', reads: string) => parseModel(name, `-- Question: ?\n-- Owner: t\n-- Reads: ${reads}\n-- Unit: full\n-- Key: a\n-- Columns:\n--   a long A.\nselect x.a from ${reads} x`, kind)
  const ordered = rulesFirst([named('m', 'model', 'firn.events'), named('r', 'rule', 'firn.events'), named('of_m', 'rule', 'analytics.m'), named('of_r', 'rule', 'analytics.r')])
  t.same(ordered.map(({ name }) => name), ['r', 'of_r', 'm', 'of_m'])
})

t.test('a cycle that always gives way after the first slow model comes to each of them in turn', async t => {
  const lake = await openTestLake(t)
  await lake.append([order('a', '2026-01-01T10:00:00Z')])
  const slow = (name: string) => parseModel(name, `-- Question: ?\n-- Owner: t\n-- Reads: firn.events\n-- Unit: full\n-- Key: n\n-- Columns:\n--   n long N.\nselect count(*) as n from firn.events e`)
  let now = Date.parse('2026-01-02T00:00:00Z')
  const runner = openRunner({ ...lake, engine: null, models: ['a', 'b', 'c'].map(slow), clock: () => now++ })
  t.teardown(() => runner.close())
  const ran: string[] = []
  for (let i = 0; i < 6; i++) ran.push(...(await runner.cycle({ minute: true, giveWay: async () => true })).map(({ model }) => model))
  t.same(ran, ['a', 'b', 'c', 'a', 'b', 'c'])
})

t.test('of slow models that give way the one that is oldest by its own goal is next, and none is left out', async t => {
  const lake = await openTestLake(t)
  await lake.append([order('a', '2026-01-01T10:00:00Z')])
  const slow = (name: string, goal: string) => parseModel(name, `-- Question: ?\n-- Owner: t\n-- Reads: firn.events\n-- Unit: full\n-- Key: n\n-- Freshness: ${goal}\n-- Columns:\n--   n long N.\nselect count(*) as n from firn.events e`)
  let now = Date.parse('2026-01-02T00:00:00Z')
  const runner = openRunner({ ...lake, engine: null, models: [slow('a', '10 minutes'), slow('b', '2 minutes'), slow('c', '10 minutes')], clock: () => now })
  t.teardown(() => runner.close())
  const ran: string[] = []
  for (let i = 0; i < 10; i++) {
    ran.push(...(await runner.cycle({ minute: true, giveWay: async () => true })).map(({ model }) => model))
    now += 60_000
  }
  t.same(ran, ['a', 'b', 'c', 'b', 'b', 'a', 'b', 'b', 'c', 'b'])
})

t.test('a model is as stale as the oldest change that it, or what it reads, does not know of', async t => {
  const lake = await openTestLake(t)
  const totals = parseModel('totals', '-- Question: ?\n-- Owner: t\n-- Reads: analytics.sales\n-- Unit: full\n-- Key: n\n-- Freshness: 3 minutes\n-- Columns:\n--   n long N.\nselect count(*) as n from analytics.sales s')
  let later = 0
  const runner = openRunner({ ...lake, engine: null, models: [sales, totals], clock: () => Date.now() + later })
  t.teardown(() => runner.close())
  const stale = async (): Promise<(number | null)[]> => (await runner.status()).map(({ staleMs }) => staleMs === null ? null : Math.floor(staleMs / 60_000))
  t.match(await runner.status(), [{ model: 'sales', staleMs: null, goalMs: 60_000 }, { model: 'totals', staleMs: null, goalMs: 180_000 }], 'there is nothing to read')
  await lake.append([order('a', '2026-01-01T10:00:00Z')])
  later = 600_000
  t.same(await stale(), [10, null], 'never computed')
  await runner.cycle({ minute: true })
  t.same(await stale(), [0, 0])
  later = 1_200_000
  t.same(await stale(), [0, 0], 'a quiet line is not stale')
  await lake.append([order('b', '2026-01-01T11:00:00Z')])
  await lake.append([order('c', '2026-01-01T12:00:00Z')])
  later = 1_800_000
  t.same(await stale(), [30, 30], 'since the first of them, and what it reads is as old')
  t.match((await readStatus(lake.catalog, [sales, totals], Date.now() + later)).map(({ staleMs }) => Math.floor(staleMs! / 60_000)), [30, 30], 'another process sees the same')
  await runner.cycle({ only: ['sales'] })
  t.same(await stale(), [0, 0], 'the rows that it has not seen were made just now')
  await runner.cycle({ minute: true })
  await lake.compact(eventsId)
  t.same(await stale(), [0, 0], 'a compaction is no news')
})

t.test('what somebody else did to the table between the look and the commit is not overlooked', async t => {
  const lake = await openTestLake(t)
  const adversary = adversaryBefore(lake.catalog)
  const runner = openRunner({ ...lake, catalog: adversary, engine: null, models: [sales] })
  t.teardown(() => runner.close())
  await lake.append([order('a', '2026-01-01T10:00:00Z')])
  await runner.cycle()
  await lake.append([order('b', '2026-01-02T10:00:00Z')])
  adversary.strike('sales', 'rival', () => lake.deleteRows(identifierOf(sales), 'orders = 1'))
  t.match(await runner.cycle(), [{ outcome: 'written', reason: 'its table was changed by somebody else' }])
  const { stands, should } = await lake.compare(sales)
  t.same(stands, should)
  t.equal(stands.length, 2)
})
