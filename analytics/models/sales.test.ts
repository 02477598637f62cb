import t from 'tap'
import { testModel, type Row } from './model-test.ts'

const order = (order_id: string, ordered_at: string, amount: string | null, currency: string | null, order_status: string, fields: Row = {}): Row => ({ order_id, ordered_at, amount, currency, order_status, is_created: true, refunded_amount: '0', ...fields })

t.test('revenue of each minute, final once the watermark is 10 minutes behind its end; orders count, not events', async t => {
  const orders = [
    order('o1', '2026-03-01T10:00:00Z', '10.00', 'EUR', 'NEW'), order('o2', '2026-03-01T10:00:59.999999Z', '0.50', 'EUR', 'COMPLETED'), order('o3', '2026-03-01T10:01:00Z', '7.00', 'EUR', 'RETURNED', { refunded_amount: '6.00' }),
    order('o4', '2026-03-01T10:00:30Z', '100.00', 'JPY', 'NEW'), order('o6', '2026-03-01T10:05:00Z', null, null, 'NEW'), order('o7', '2026-03-01T10:00:10Z', '99.00', 'EUR', 'CANCELLED', { refunded_amount: '99.00' }),
    order('o8', '2026-03-01T10:00:10Z', null, 'EUR', 'NEW', { is_created: false })
  ]
  const row = (time: string, currency: string, orders: number, revenue: string, net_revenue: string, is_final: boolean): Row => ({ minute: `2026-03-01T${time}Z`, currency, orders, revenue, net_revenue, is_final })
  await testModel(t, 'revenue_per_minute', { 'analytics.orders': orders }, [
    row('10:00:00', 'EUR', 2, '10.50', '10.50', true), row('10:00:00', 'JPY', 1, '100', '100', true), row('10:01:00', 'EUR', 1, '7', '1', true), row('10:05:00', 'XXX', 1, '0', '0', true)
  ], { watermark: '2026-03-01T12:00:00Z' })
  await testModel(t, 'revenue_per_minute', { 'analytics.orders': orders.slice(0, 4) }, [row('10:00:00', 'EUR', 2, '10.50', '10.50', true), row('10:00:00', 'JPY', 1, '100', '100', true), row('10:01:00', 'EUR', 1, '7', '1', false)], { watermark: '2026-03-01T10:11:00Z' })
  await testModel(t, 'revenue_per_minute', { 'analytics.orders': orders.slice(0, 1) }, [row('10:00:00', 'EUR', 1, '10', '10', false)], { watermark: '2026-03-01T10:10:59.999Z' })
})

t.test('sales of each hour: orders, revenue and the average of those with an amount', async t => {
  await testModel(t, 'hourly_sales', {
    'analytics.orders': [
      order('o1', '2026-03-01T10:00:00Z', '10.00', 'EUR', 'NEW', { refunded_amount: '3.50' }), order('o2', '2026-03-01T10:59:59.999999Z', '0.01', 'EUR', 'CANCELLED', { refunded_amount: '0.01' }), order('o3', '2026-03-01T10:30:00Z', null, 'EUR', 'NEW'),
      order('o4', '2026-03-01T11:00:00Z', '5.00', 'EUR', 'RETURNED'), order('o5', '2026-03-01T10:00:00Z', '20.00', 'USD', 'COMPLETED'), order('o6', '2026-03-01T10:00:00Z', null, null, 'NEW'),
      order('o7', '2026-03-01T10:00:00Z', null, null, 'COMPLETED', { is_created: false })
    ]
  }, [
    { hour: '2026-03-01T10:00:00Z', currency: 'EUR', total_orders: 2, total_revenue: '10', net_revenue: '6.50', avg_order_value: '10', cancelled_orders: 1, cancelled_revenue: '0.01' },
    { hour: '2026-03-01T11:00:00Z', currency: 'EUR', total_orders: 1, total_revenue: '5', net_revenue: '5', avg_order_value: '5', cancelled_orders: 0, cancelled_revenue: '0' },
    { hour: '2026-03-01T10:00:00Z', currency: 'USD', total_orders: 1, total_revenue: '20', net_revenue: '20', avg_order_value: '20', cancelled_orders: 0, cancelled_revenue: '0' },
    { hour: '2026-03-01T10:00:00Z', currency: 'XXX', total_orders: 1, total_revenue: '0', net_revenue: '0', avg_order_value: null, cancelled_orders: 0, cancelled_revenue: '0' }
  ])
})

t.test('an average is rounded half up to the cent, on every engine', async t => {
  let seed = 5
  const random = (below: number): number => { seed = seed * 48271 % 2147483647; return seed % below }
  const [orders, expected]: Row[][] = [[], []]
  for (let i = 0; i < 120; i++) {
    const hour = new Date(Date.parse('2026-03-01T00:00:00Z') + i * 3_600_000).toISOString()
    const cents = Array.from({ length: 2 + random(3) }, () => random(i % 3 === 0 ? 10_000 : 5_000_000))
    const sum = cents.reduce((a, b) => a + b, 0)
    const average = Math.floor((2 * sum + cents.length) / (2 * cents.length))
    for (const [j, cent] of cents.entries()) orders!.push(order(`o${i}-${j}`, hour, (cent / 100).toFixed(2), 'EUR', 'NEW'))
    expected!.push({ hour, currency: 'EUR', total_orders: cents.length, avg_order_value: (average / 100).toFixed(2) })
  }
  await testModel(t, 'hourly_sales', { 'analytics.orders': orders! }, expected!)
})

t.test('more money than fits stops no model', async t => {
  const most = '9999999999999999.99'
  const orders = ['o1', 'o2', 'o3'].map(id => order(id, '2026-03-01T10:00:00Z', most, 'USD', 'NEW', { region: 'europe' }))
  await testModel(t, 'hourly_sales', { 'analytics.orders': orders }, [{ hour: '2026-03-01T10:00:00Z', currency: 'USD', total_revenue: '29999999999999999.97', avg_order_value: null }])
  await testModel(t, 'hourly_sales', { 'analytics.orders': orders.slice(1, 2) }, [{ hour: '2026-03-01T10:00:00Z', currency: 'USD', total_revenue: most, avg_order_value: null }])
  await testModel(t, 'hourly_sales', { 'analytics.orders': [{ ...orders[0], amount: '39999999999999.99' }] }, [{ hour: '2026-03-01T10:00:00Z', currency: 'USD', avg_order_value: '39999999999999.99' }])
  await testModel(t, 'regional_revenue', { 'analytics.orders': orders, 'analytics.ref_rates': [{ currency: 'USD', usd_rate: '9999999999.99999999' }] }, [{ day: '2026-03-01', region: 'europe', currency: 'USD', revenue: '29999999999999999.97', revenue_usd: '299999999999999999400000000.00' }])
  await testModel(t, 'top_products', { 'analytics.product_revenue': [{ product_id: 'P-1', currency: 'USD', quantity: 1, revenue: '29999999999999999.97' }], 'analytics.ref_rates': [{ currency: 'USD', usd_rate: '1' }] }, [{ rank: 1, revenue_usd: '29999999999999999.97' }])
  await testModel(t, 'order_items', { 'firn.events': [{ event_type: 'order_item_added', order_id: 'o1', product_id: 'P-1', event_time: '2026-03-01T10:00:00Z', quantity: '9007199254740991', unit_price: most }] }, [{ order_id: 'o1', position: 1, amount: '90071992547409909909928007452590.09' }])
  await testModel(t, 'validated_orders', { 'analytics.orders': [orders[0]!], 'analytics.payments': [1, 2].map(i => ({ order_id: 'o1', payment_id: `p${i}`, status: 'refunded', amount: most, currency: 'USD', refunded_amount: '29999999999999999.97', paid_at: '2026-03-01T10:00:00Z' })), 'analytics.ref_rates': [{ currency: 'USD', usd_rate: '9999999999.99999999' }] }, [{ order_id: 'o1', status: 'amount_mismatch', paid_amount: '19999999999999999.98', difference: most }])
})

t.test('revenue of a product leaves cancelled orders out and counts an order once', async t => {
  const item = (order_id: string, position: number, product_id: string, quantity: number, amount: string, order_status: string | null, day = 1, currency = 'EUR'): Row =>
    ({ order_id, position, product_id, product_name: `Name of ${product_id}`, category: 'home', quantity, amount, currency, order_status, ordered_at: `2026-03-0${day}T23:59:59Z` })
  await testModel(t, 'product_revenue', {
    'analytics.order_items': [item('o1', 1, 'P-1', 2, '20.00', 'NEW'), item('o1', 2, 'P-1', 1, '10.00', 'NEW'), item('o2', 1, 'P-1', 5, '50.00', 'CANCELLED'), item('o3', 1, 'P-1', 1, '10.00', 'RETURNED'), item('o4', 1, 'P-1', 1, '9.00', 'NEW', 1, 'USD'), item('o5', 1, 'P-1', 1, '10.00', 'COMPLETED', 2), item('o6', 1, 'P-2', 1, '1.00', null)]
  }, [
    { day: '2026-03-01', product_id: 'P-1', currency: 'EUR', product_name: 'Name of P-1', category: 'home', orders: 2, quantity: 4, revenue: '40' },
    { day: '2026-03-01', product_id: 'P-1', currency: 'USD', product_name: 'Name of P-1', category: 'home', orders: 1, quantity: 1, revenue: '9' },
    { day: '2026-03-02', product_id: 'P-1', currency: 'EUR', product_name: 'Name of P-1', category: 'home', orders: 1, quantity: 1, revenue: '10' }
  ])
})

t.test('the ten products with the most pieces, ties by id, money in USD', async t => {
  const sold = Array.from({ length: 12 }, (_, i): Row => ({ day: '2026-03-01', product_id: `P-${String(i + 1).padStart(2, '0')}`, product_name: 'n', category: 'home', currency: 'EUR', orders: 1, quantity: i < 2 ? 50 : 40 - i, revenue: '100.00' }))
  await testModel(t, 'top_products', {
    'analytics.product_revenue': [...sold, { day: '2026-03-02', product_id: 'P-12', product_name: 'n', category: 'home', currency: 'USD', orders: 2, quantity: 30, revenue: '3.33' }, { day: '2026-03-02', product_id: 'P-12', currency: 'XBT', orders: 1, quantity: 1, revenue: '7' }],
    'analytics.ref_rates': [{ currency: 'EUR', usd_rate: '1.085' }, { currency: 'USD', usd_rate: '1' }]
  }, [
    { rank: 1, product_id: 'P-12', quantity: 60, orders: 4, revenue_usd: '111.83' },
    ...['P-01', 'P-02', 'P-03', 'P-04', 'P-05', 'P-06', 'P-07', 'P-08', 'P-09'].map((product_id, i) => ({ rank: i + 2, product_id, quantity: i < 2 ? 50 : 40 - i, orders: 1, revenue_usd: '108.50' }))
  ])
})

t.test('revenue of regions: those that regions.csv does not know are kept and counted', async t => {
  await testModel(t, 'regional_revenue', {
    'analytics.orders': [
      order('o1', '2026-03-01T10:00:00Z', '10.00', 'EUR', 'NEW', { region: 'europe' }), order('o2', '2026-03-01T11:00:00Z', '20.00', 'EUR', 'CANCELLED', { region: 'europe' }), order('o3', '2026-03-01T11:00:00Z', '5.00', 'USD', 'NEW', { region: 'europe' }),
      order('o4', '2026-03-01T11:00:00Z', '1.00', 'USD', 'NEW', { region: 'atlantis' }), order('o5', '2026-03-01T11:00:00Z', '2.00', 'XBT', 'NEW'), order('o6', '2026-03-02T00:00:00Z', '3.00', 'EUR', 'RETURNED', { region: 'europe' })
    ],
    'analytics.ref_regions': [{ region: 'europe', name: 'Europe', manager: 'Jürgen Maier', currency: 'EUR' }, { region: 'asia', name: 'Asia' }],
    'analytics.ref_rates': [{ currency: 'EUR', usd_rate: '1.085' }, { currency: 'USD', usd_rate: '1' }]
  }, [
    { day: '2026-03-01', region: 'europe', currency: 'EUR', region_name: 'Europe', manager: 'Jürgen Maier', is_known_region: true, orders: 1, revenue: '10', revenue_usd: '10.85', cancelled_orders: 1 },
    { day: '2026-03-01', region: 'europe', currency: 'USD', region_name: 'Europe', manager: 'Jürgen Maier', is_known_region: true, orders: 1, revenue: '5', revenue_usd: '5', cancelled_orders: 0 },
    { day: '2026-03-01', region: 'atlantis', currency: 'USD', is_known_region: false, orders: 1, revenue: '1', revenue_usd: '1', cancelled_orders: 0 },
    { day: '2026-03-01', region: 'none', currency: 'XBT', is_known_region: false, orders: 1, revenue: '2', cancelled_orders: 0 },
    { day: '2026-03-02', region: 'europe', currency: 'EUR', region_name: 'Europe', manager: 'Jürgen Maier', is_known_region: true, orders: 1, revenue: '3', revenue_usd: '3.26', cancelled_orders: 0 }
  ])
})

t.test('states of orders by category, one row a category', async t => {
  const states = ['NEW', 'NEW', 'COMPLETED', 'CANCELLED', 'RETURNED', 'REFUNDED', 'REFUNDED']
  await testModel(t, 'order_status_by_category', { 'analytics.orders': [...states.map((state, i) => ({ order_id: `o${i}`, order_status: state, category: 'home' })), { order_id: 'x', order_status: 'NEW' }] }, [
    { category: 'home', new_orders: 2, completed_orders: 1, cancelled_orders: 1, returned_orders: 1, refunded_orders: 2, total_orders: 7 },
    { category: 'none', new_orders: 1, completed_orders: 0, cancelled_orders: 0, returned_orders: 0, refunded_orders: 0, total_orders: 1 }
  ])
})

t.test('running totals of customers, order by order and currency by currency', async t => {
  const of = (customer_id: string | null): Row => ({ customer_id })
  await testModel(t, 'customer_totals', {
    'analytics.orders': [
      order('o3', '2026-03-03T10:00:00Z', '5.00', 'EUR', 'NEW', of('c1')), order('o1', '2026-03-01T10:00:00Z', '10.00', 'EUR', 'NEW', of('c1')), order('o2', '2026-03-02T10:00:00Z', '99.00', 'EUR', 'CANCELLED', of('c1')),
      order('o5', '2026-03-03T10:00:00Z', '1.00', 'EUR', 'NEW', of('c1')), order('o4', '2026-03-02T10:00:00Z', null, 'EUR', 'NEW', of('c1')), order('o6', '2026-03-01T10:00:00Z', '7.00', 'USD', 'NEW', of('c1')), order('o7', '2026-03-01T10:00:00Z', '8.00', 'USD', 'NEW', of('c2')), order('o8', '2026-03-01T10:00:00Z', '8.00', 'USD', 'NEW', of(null))
    ]
  }, [
    { customer_id: 'c1', order_id: 'o1', currency: 'EUR', amount: '10', running_orders: 1, running_amount: '10' },
    { customer_id: 'c1', order_id: 'o4', currency: 'EUR', amount: null, running_orders: 2, running_amount: '10' },
    { customer_id: 'c1', order_id: 'o3', currency: 'EUR', amount: '5', running_orders: 3, running_amount: '15' },
    { customer_id: 'c1', order_id: 'o5', currency: 'EUR', amount: '1', running_orders: 4, running_amount: '16' },
    { customer_id: 'c1', order_id: 'o6', currency: 'USD', amount: '7', running_orders: 1, running_amount: '7' },
    { customer_id: 'c2', order_id: 'o7', currency: 'USD', amount: '8', running_orders: 1, running_amount: '8' }
  ])
})

t.test('running totals of categories, day by day', async t => {
  const sold = (day: number, category: string | null, currency: string, quantity: number, revenue: string, product_id = 'P-1'): Row => ({ day: `2026-03-0${day}`, category, currency, quantity, revenue, product_id })
  await testModel(t, 'category_totals', { 'analytics.product_revenue': [sold(3, 'home', 'EUR', 1, '5'), sold(1, 'home', 'EUR', 2, '10'), sold(1, 'home', 'EUR', 1, '1', 'P-2'), sold(2, 'home', 'USD', 1, '4'), sold(2, null, 'EUR', 1, '2')] }, [
    { day: '2026-03-01', category: 'home', currency: 'EUR', quantity: 3, revenue: '11', running_quantity: 3, running_revenue: '11' },
    { day: '2026-03-03', category: 'home', currency: 'EUR', quantity: 1, revenue: '5', running_quantity: 4, running_revenue: '16' },
    { day: '2026-03-02', category: 'home', currency: 'USD', quantity: 1, revenue: '4', running_quantity: 1, running_revenue: '4' },
    { day: '2026-03-02', category: 'none', currency: 'EUR', quantity: 1, revenue: '2', running_quantity: 1, running_revenue: '2' }
  ])
})
