import t from 'tap'
import { testModel, type Row } from './model-test.ts'

const item = (day: string, order_id: string, product_id: string, quantity: number | string | null = 1, fields: Row = {}): Row => ({ order_id, position: 1, product_id, quantity, ordered_at: `2026-03-${day}T12:00:00Z`, order_status: 'NEW', ...fields })
const returned = (day: string, order_id: string | null, product_id: string | null, quantity: number | null, fields: Row = {}): Row => ({ event_type: 'order_returned', order_id, product_id, quantity, event_time: `2026-03-${day}T08:00:00Z`, received_at: `2026-03-${day}T08:00:00Z`, log_topic: 't', log_partition: 0, log_offset: 0, ...fields })

t.test('demand and returns of a day, the average of seven days, and for how long the stock lasts', async t => {
  await testModel(t, 'product_demand', {
    'analytics.order_items': [
      item('01', 'o1', 'P-1', 7), item('01', 'o1', 'P-1', 7, { position: 2 }), item('01', 'o2', 'P-1', 100, { order_status: 'CANCELLED' }), item('01', 'o3', 'P-1', 100, { order_status: null }),
      item('07', 'o4', 'P-1', 1), item('08', 'o5', 'P-1', 6), item('01', 'o6', 'P-2', 70), item('01', 'o7', 'P-3', 2), item('01', 'o8', 'P-4', null), item('01', 'o9', 'P-5', 3)
    ],
    'firn.events': [
      returned('02', 'o1', 'P-1', 2), returned('02', 'o1', 'P-1', 3, { log_offset: 1 }), returned('02', 'o3', 'P-1', null), returned('08', 'o4', 'P-1', 1, { received_at: '2026-03-20T00:00:00Z' }),
      returned('02', 'o1', null, 5), returned('02', null, 'P-1', 5)
    ],
    'analytics.ref_stock': [{ product_id: 'P-1', stock: 14, reorder_point: 3 }, { product_id: 'P-2', stock: 69, reorder_point: 10 }, { product_id: 'P-3', stock: 10, reorder_point: 10 }, { product_id: 'P-4', stock: 0, reorder_point: 1 }, { product_id: 'P-9', stock: 1, reorder_point: 1 }]
  }, [
    // 14 in seven days are 2 a day: 14 pieces last for 7 days.
    { day: '2026-03-01', product_id: 'P-1', demand: 14, orders: 1, returns: 0, average_demand: '2', stock: 14, reorder_point: 3, days_of_stock: '7', stock_signal: 'ok' },
    { day: '2026-03-02', product_id: 'P-1', demand: 0, orders: 0, returns: 4, average_demand: '2', stock: 14, reorder_point: 3, days_of_stock: '7', stock_signal: 'ok' },
    { day: '2026-03-07', product_id: 'P-1', demand: 1, orders: 1, returns: 0, average_demand: '2.1429', stock: 14, reorder_point: 3, days_of_stock: '6.5', stock_signal: 'soon_out' },
    // The first of March is no longer among the seven days.
    { day: '2026-03-08', product_id: 'P-1', demand: 6, orders: 1, returns: 1, average_demand: '1', stock: 14, reorder_point: 3, days_of_stock: '14', stock_signal: 'ok' },
    { day: '2026-03-01', product_id: 'P-2', demand: 70, orders: 1, returns: 0, average_demand: '10', stock: 69, reorder_point: 10, days_of_stock: '6.9', stock_signal: 'soon_out' },
    { day: '2026-03-01', product_id: 'P-3', demand: 2, orders: 1, returns: 0, average_demand: '0.2857', stock: 10, reorder_point: 10, days_of_stock: '35', stock_signal: 'reorder' },
    { day: '2026-03-01', product_id: 'P-4', demand: 0, orders: 1, returns: 0, average_demand: '0', stock: 0, reorder_point: 1, days_of_stock: null, stock_signal: 'out' },
    { day: '2026-03-01', product_id: 'P-5', demand: 3, orders: 1, returns: 0, average_demand: '0.4286', stock: null, stock_signal: null }
  ])
})

t.test('quantities that nobody can order stop no model', async t => {
  const most = '9223372036854775807'
  const items = ['o1', 'o2'].map(order => item('01', order, 'P-1', most))
  await testModel(t, 'product_demand', { 'analytics.order_items': items, 'analytics.ref_stock': [{ product_id: 'P-1', stock: most, reorder_point: 1 }] }, [
    { day: '2026-03-01', product_id: 'P-1', demand: null, orders: 2, average_demand: null, stock: most, stock_signal: 'soon_out' }
  ])
  await testModel(t, 'product_revenue', { 'analytics.order_items': items }, [{ day: '2026-03-01', product_id: 'P-1', currency: 'XXX', orders: 2, quantity: null }])
  const days = ['2026-03-01', '2026-03-02'].map((day): Row => ({ day, product_id: 'P-1', category: 'home', currency: 'EUR', quantity: most, orders: 1, revenue: '1.00' }))
  await testModel(t, 'top_products', { 'analytics.product_revenue': [...days, { product_id: 'P-2', quantity: 1, orders: 1, revenue: '1.00' }, { product_id: 'P-3', quantity: null, orders: 1, revenue: '1.00' }] }, [{ rank: 1, product_id: 'P-1', quantity: null }, { rank: 2, product_id: 'P-2', quantity: 1 }, { rank: 3, product_id: 'P-3', quantity: null }])
  await testModel(t, 'category_totals', { 'analytics.product_revenue': days }, days.map(({ day }, i) => ({ day, category: 'home', currency: 'EUR', quantity: most, running_quantity: i === 0 ? most : null })))
})

t.test('pairs of a day: each order once, whatever its quantities; an order of more than 50 products makes none', async t => {
  const list = Array.from({ length: 51 }, (_, i) => item('02', 'list', `L-${i}`))
  await testModel(t, 'product_pairs', {
    'analytics.order_items': [
      item('01', 'o1', 'P-2'), item('01', 'o1', 'P-1', 5), item('01', 'o1', 'P-1', 1, { position: 3 }), item('01', 'o2', 'P-1'), item('01', 'o3', 'P-1', 1, { order_status: 'CANCELLED' }), item('01', 'o3', 'P-3', 1, { order_status: 'CANCELLED' }),
      item('02', 'o4', 'P-1'), item('02', 'o4', 'P-2'), ...list
    ]
  }, [
    { day: '2026-03-01', product_a: 'P-1', product_b: 'P-1', orders: 2, day_orders: 2 }, { day: '2026-03-01', product_a: 'P-1', product_b: 'P-2', orders: 1, day_orders: 2 }, { day: '2026-03-01', product_a: 'P-2', product_b: 'P-2', orders: 1, day_orders: 2 },
    { day: '2026-03-02', product_a: 'P-1', product_b: 'P-1', orders: 1, day_orders: 1 }, { day: '2026-03-02', product_a: 'P-1', product_b: 'P-2', orders: 1, day_orders: 1 }, { day: '2026-03-02', product_a: 'P-2', product_b: 'P-2', orders: 1, day_orders: 1 }
  ])
})

t.test('products bought together: support, confidence either way, and lift beside chance', async t => {
  const pair = (day: number, product_a: string, product_b: string, orders: number, day_orders: number): Row => ({ day: `2026-03-0${day}`, product_a, product_b, orders, day_orders })
  await testModel(t, 'product_affinity', {
    'analytics.product_pairs': [pair(1, 'P-1', 'P-1', 3, 6), pair(1, 'P-2', 'P-2', 2, 6), pair(1, 'P-1', 'P-2', 2, 6), pair(1, 'P-3', 'P-3', 1, 6), pair(2, 'P-1', 'P-1', 1, 4), pair(2, 'P-2', 'P-2', 3, 4), pair(2, 'P-1', 'P-2', 1, 4)],
    'analytics.ref_products': [{ product_id: 'P-1', product_name: 'Lamp' }]
  }, [
    // 3 of 10 orders have both; 4 have the one and 5 the other, so that chance alone would be 2.
    { product_a: 'P-1', product_b: 'P-2', name_a: 'Lamp', name_b: null, orders: 3, orders_a: 4, orders_b: 5, support: '0.3', confidence_a: '0.75', confidence_b: '0.6', lift: '1.5' }
  ])
})
