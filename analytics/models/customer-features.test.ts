import t from 'tap'
import { testModel, type Row } from './model-test.ts'

const order = (order_id: string, customer_id: string | null, ordered_at: string, amount: string | null, fields: Row = {}): Row => ({ order_id, customer_id, ordered_at, amount, currency: 'USD', order_status: 'NEW', is_created: true, ...fields })
const item = (customer_id: string | null, category: string | null, quantity: number | null, order_status: string | null = 'NEW'): Row => ({ order_id: 'o', position: 1, customer_id, category, quantity, order_status })
const rates = [{ currency: 'EUR', usd_rate: '1.085' }, { currency: 'USD', usd_rate: '1' }]

t.test('recency, frequency and money of each customer, and what they like', async t => {
  await testModel(t, 'customer_features', {
    'analytics.orders': [
      order('o1', 'c1', '2026-03-01T23:59:59Z', '10.00'), order('o2', 'c1', '2026-02-01T00:00:00Z', '100.00', { currency: 'EUR', order_status: 'RETURNED' }), order('o3', 'c1', '2026-03-09T00:00:00Z', '999.00', { order_status: 'CANCELLED' }),
      order('o4', 'c1', '2026-02-02T00:00:00Z', '5.00', { currency: 'XBT' }), order('o5', 'c1', '2026-02-03T00:00:00Z', null, { order_status: 'REFUNDED' }),
      order('o6', 'c2', '2026-03-11T00:00:00Z', '1.00'), order('o7', 'c3', '2026-03-01T00:00:00Z', '3.00', { order_status: 'CANCELLED' }), order('o8', null, '2026-03-01T00:00:00Z', '3.00'), order('o9', 'c4', '2026-03-01T00:00:00Z', '3.00', { is_created: false })
    ],
    'analytics.order_items': [item('c1', 'toys', 2), item('c1', 'home', 1), item('c1', 'home', 1), item('c1', 'books', 50, 'CANCELLED'), item('c1', null, 9), item('c2', 'garden', null), item('c2', 'tools', 1), item(null, 'home', 1)],
    'analytics.ref_rates': rates,
    'analytics.current_day': [{ day: '2026-03-10' }]
  }, [
    { customer_id: 'c1', first_order_at: '2026-02-01T00:00:00Z', last_order_at: '2026-03-01T23:59:59Z', recency_days: 9, frequency: 4, money_usd: '118.50', average_usd: '59.25', cancelled_orders: 1, returned_orders: 2, favourite_category: 'home' },
    // Ordered with a clock that is ahead.
    { customer_id: 'c2', first_order_at: '2026-03-11T00:00:00Z', last_order_at: '2026-03-11T00:00:00Z', recency_days: 0, frequency: 1, money_usd: '1', average_usd: '1', cancelled_orders: 0, returned_orders: 0, favourite_category: 'tools' },
    { customer_id: 'c3', first_order_at: '2026-03-01T00:00:00Z', last_order_at: null, recency_days: null, frequency: 0, money_usd: '0', average_usd: null, cancelled_orders: 1, returned_orders: 0 }
  ])
})

t.test('the day is that of the watermark, and one row', async t => {
  const days = [{ day: '2026-03-01', event_type: '(all)' }, { day: '2026-02-01', event_type: '(all)' }]
  await testModel(t, 'current_day', { 'analytics.completeness': days }, [{ day: '2026-03-10' }], { watermark: '2026-03-10T23:59:59.999Z' })
  await testModel(t, 'current_day', { 'analytics.completeness': [] }, [], { watermark: '2026-03-10T00:00:00Z' })
})

t.test('recency is counted in days of the calendar; more money than fits and pieces that nobody can order stop no model', async t => {
  const late = order('o1', 'c1', '2026-03-09T23:59:59.999999Z', '9999999999999999.99', { currency: 'BIG' })
  const most = '9223372036854775807'
  await testModel(t, 'customer_features', {
    'analytics.orders': [late, { ...late, order_id: 'o2' }],
    'analytics.order_items': [item('c1', 'toys', 1), ...[1, 2].map(() => ({ ...item('c1', 'home', 1), quantity: most }))],
    'analytics.ref_rates': [{ currency: 'BIG', usd_rate: '9999999999.99999999' }],
    'analytics.current_day': [{ day: '2026-03-10' }]
  }, [{ customer_id: 'c1', recency_days: 1, frequency: 2, money_usd: '199999999999999999600000000.00', average_usd: null, favourite_category: 'home' }])
})
