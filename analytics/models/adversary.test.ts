// What goes wrong with orders and payments on the way, model by model: late and out of order, one event twice, keys that are
// missing, and two currencies in one order.

import t from 'tap'
import { testModel, type Row } from './model-test.ts'

/** Of 1 March 2026 unless the time has a day; arrives as it happens unless told otherwise. */
const at = (time: string, event_type: string, fields: Row = {}): Row => {
  const event_time = time.length > 8 ? `${time}Z` : `2026-03-01T${time}Z`
  return { event_type, event_time, received_at: event_time, log_topic: 't', log_partition: 0, log_offset: 0, ...fields }
}
const late = { received_at: '2026-03-08T00:00:00Z' }

t.test('a cancelled order stays cancelled by what happened before, whenever it arrives, and by what says no state', async t => {
  const created = at('10:00:00', 'order_created', { order_id: 'o1', amount: '10.00', currency: 'EUR', order_status: 'NEW', region: 'asia' })
  const cancelled = at('11:00:00', 'order_cancelled', { order_id: 'o1', currency: 'USD' })
  const completed = at('10:30:00', 'order_updated', { order_id: 'o1', order_status: 'COMPLETED', amount: '12.00', currency: 'USD', ...late })
  const moved = at('12:00:00', 'order_updated', { order_id: 'o1', region: 'europe', currency: 'USD' })
  await testModel(t, 'orders', { 'firn.events': [cancelled, moved, completed, created] }, [{ order_id: 'o1', ordered_at: '2026-03-01T10:00:00Z', order_status: 'CANCELLED', region: 'europe', amount: '12.00', currency: 'EUR', updates: 3 }])
  // Somebody took it up again, on purpose.
  await testModel(t, 'orders', { 'firn.events': [cancelled, at('13:00:00', 'order_updated', { order_id: 'o1', order_status: 'NEW' }), completed, created] }, [{ order_id: 'o1', order_status: 'NEW' }])
  // The cancellation overtook the order, which is dated behind it.
  await testModel(t, 'orders', { 'firn.events': [at('09:00:00', 'order_cancelled', { order_id: 'o1' }), created] }, [{ order_id: 'o1', ordered_at: '2026-03-01T10:00:00Z', order_status: 'NEW', updates: 1 }])
})

t.test('one order sent under two sessions and ids is one order, of the session that was last', async t => {
  const order = at('10:00:00', 'order_created', { event_id: 'e1', order_id: 'o1', product_id: 'P-1', quantity: 1, unit_price: '5.00', amount: '5.00', currency: 'EUR', session_id: 's1' })
  const events = [order, { ...order, session_id: 's2', log_offset: 1 }, { ...order, event_id: 'e2', session_id: 's3', log_offset: 2 }]
  await testModel(t, 'orders', { 'firn.events': events }, [{ order_id: 'o1', session_id: 's3', amount: '5.00', updates: 0 }])
  await testModel(t, 'order_items', { 'analytics.orders': [{ order_id: 'o1', product_id: 'P-1', quantity: 1, unit_price: '5.00', amount: '5.00' }] }, [{ order_id: 'o1', position: 1, product_id: 'P-1', quantity: 1, amount: '5.00' }])
})

t.test('an event that was read from the log twice is one position, one refund and one failure; two events are two', async t => {
  const added = at('10:01:00', 'order_item_added', { event_id: 'e1', order_id: 'o1', product_id: 'P-1', quantity: 1, unit_price: '5.00', currency: 'EUR' })
  await testModel(t, 'order_items', { 'firn.events': [added, { ...added, ...late, session_id: 's2', log_offset: 7 }, { ...added, event_id: 'e2' }, { ...added, event_id: null }, { ...added, event_id: null }] }, [1, 2, 3, 4].map(position => ({ order_id: 'o1', position })))
  const paid = at('10:00:00', 'payment_captured', { event_id: 'p1', payment_id: 'p', order_id: 'o1', amount: '9.00', currency: 'EUR' })
  const refund = at('10:05:00', 'payment_refunded', { event_id: 'r1', payment_id: 'p', order_id: 'o1', amount: '2.00', currency: 'EUR' })
  const failure = at('09:00:00', 'payment_failed', { event_id: 'f1', payment_id: 'p', order_id: 'o1', amount: '9.00', currency: 'EUR' })
  await testModel(t, 'payments', { 'firn.events': [paid, refund, { ...refund, ...late }, { ...refund, event_id: 'r2' }, failure, { ...failure, session_id: 's2' }] }, [{ payment_id: 'p', amount: '9.00', refunded_amount: '4.00', failures: 1, status: 'refunded' }])
})

t.test('a currency that is named is kept beside its amount; USD may be what the writer put where none was', async t => {
  const created = at('10:00:00', 'order_created', { order_id: 'o1', product_id: 'P-1', quantity: 1, unit_price: '5.00', amount: '5.00', currency: 'EUR' })
  const update = (currency: string | null): Row => at('11:00:00', 'order_updated', { order_id: 'o1', amount: '7.00', currency })
  for (const [said, kept] of [['GBP', 'GBP'], ['USD', 'EUR'], [null, 'EUR'], ['EUR', 'EUR']] as const) await testModel(t, 'orders', { 'firn.events': [created, update(said)] }, [{ order_id: 'o1', amount: '7.00', currency: kept }])
  const added = (time: string, currency: string | null): Row => at(time, 'order_item_added', { order_id: 'o1', product_id: 'P-2', quantity: 2, unit_price: '3.00', currency })
  await testModel(t, 'order_items', { 'firn.events': [added('10:01:00', 'GBP'), added('10:02:00', 'USD'), added('10:03:00', null)], 'analytics.orders': [{ order_id: 'o1', ordered_at: '2026-03-01T10:00:00Z', product_id: 'P-1', quantity: 1, unit_price: '5.00', currency: 'EUR' }] }, [
    { order_id: 'o1', position: 1, amount: '5.00', currency: 'EUR' }, { order_id: 'o1', position: 2, amount: '6.00', currency: 'GBP' }, { order_id: 'o1', position: 3, amount: '6.00', currency: 'EUR' }, { order_id: 'o1', position: 4, amount: '6.00', currency: 'EUR' }
  ])
  // The two are never added.
  const item = (currency: string): Row => ({ order_id: 'o1', position: 1, product_id: 'P-1', quantity: 1, amount: '5.00', currency, order_status: 'NEW', ordered_at: '2026-03-01T10:00:00Z' })
  await testModel(t, 'product_revenue', { 'analytics.order_items': [item('EUR'), item('GBP')] }, [{ day: '2026-03-01', product_id: 'P-1', currency: 'EUR', orders: 1, revenue: '5' }, { day: '2026-03-01', product_id: 'P-1', currency: 'GBP', orders: 1, revenue: '5' }])
})

t.test('what has no key is in no table and harms none', async t => {
  const nobody = [at('10:00:00', 'order_created', { amount: '5.00' }), at('10:00:00', 'order_item_added', { product_id: 'P-1' }), at('10:00:00', 'payment_captured', { amount: '5.00' }), at('10:00:00', 'customer_created'), at('10:00:00', 'order_returned', { product_id: 'P-1' }), at('10:00:00', 'page_view')]
  for (const model of ['orders', 'order_items', 'payments', 'customers', 'sessions', 'session_timeline', 'product_demand']) await testModel(t, model, { 'firn.events': nobody }, [])
  await testModel(t, 'validated_orders', { 'analytics.orders': [], 'analytics.payments': [{ payment_id: 'p', status: 'captured', paid_at: '2026-03-01T10:00:00Z', amount: '5.00', currency: 'EUR', refunded_amount: '0' }] }, [], { watermark: '2026-03-02T00:00:00Z' })
})

t.test('an order that comes a week late counts for the day on which it was placed', async t => {
  const order = (order_id: string, fields: Row): Row => ({ order_id, ordered_at: '2026-03-01T10:00:00Z', amount: '5.00', currency: 'EUR', order_status: 'NEW', is_created: true, ...fields })
  await testModel(t, 'hourly_sales', { 'analytics.orders': [order('o1', {}), order('o2', late)] }, [{ hour: '2026-03-01T10:00:00Z', currency: 'EUR', total_orders: 2, total_revenue: '10' }])
})
