import t from 'tap'
import { parseModel } from '../models/model-file.ts'
import { openRunner } from './runner.ts'
import { openTestLake } from './test-lake.ts'

const sales = parseModel('sales', `-- Question:  How much was sold in each hour?
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
`)

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
