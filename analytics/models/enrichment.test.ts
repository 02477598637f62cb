// Columns that stay empty since a reference table is another shop's are said, model by model.

import t from 'tap'
import { testModel, type Row } from './model-test.ts'

const order = (order_id: string, fields: Row): Row => ({ order_id, ordered_at: '2026-03-01T10:00:00Z', ...fields })

t.test('of the ids that rows name, those that the references do not know are counted, with a rate and an example', async t => {
  await testModel(t, 'enrichment', {
    'analytics.orders': [
      order('o1', { customer_id: 'c1', product_id: 'P-1', region: 'europe', currency: 'EUR' }), order('o2', { customer_id: 'shopify-2', product_id: 'P-1', region: 'Antarctica', currency: 'SEK' }),
      order('o3', { customer_id: 'shopify-2', product_id: 'P-1', currency: 'EUR' }), order('o4', { customer_id: 'shopify-1' }), order('o5', {}), order('o6', { customer_id: 'c1', ordered_at: '2026-03-02T00:00:00Z' })
    ],
    'analytics.order_items': [order('o1', { position: 1, product_id: 'P-1' }), order('o1', { position: 2, product_id: 'P-9' })],
    'analytics.customers': [{ customer_id: 'shopify-1', created_at: '2026-03-02T23:59:59Z' }],
    'analytics.ref_customers': [{ customer_id: 'c1' }, { customer_id: 'c9' }],
    'analytics.ref_products': [{ product_id: 'P-1' }],
    'analytics.ref_regions': [{ region: 'europe' }],
    'analytics.ref_rates': [{ currency: 'EUR', usd_rate: '1.085' }],
    'analytics.ref_stock': [{ product_id: 'P-9', stock: 1 }]
  }, ([
    ['2026-03-01', 'orders', 'customer_id', 'customers', 4, 3, '0.7500', 2, 'shopify-1'], ['2026-03-01', 'orders', 'product_id', 'products', 3, 0, '0.0000', 0, null],
    ['2026-03-01', 'orders', 'currency', 'rates', 3, 1, '0.3333', 1, 'SEK'], ['2026-03-01', 'regional_revenue', 'region', 'regions', 2, 1, '0.5000', 1, 'Antarctica'],
    ['2026-03-01', 'order_items', 'product_id', 'products', 2, 1, '0.5000', 1, 'P-9'], ['2026-03-01', 'product_demand', 'product_id', 'stock', 2, 1, '0.5000', 1, 'P-1'],
    ['2026-03-02', 'orders', 'customer_id', 'customers', 1, 0, '0.0000', 0, null], ['2026-03-02', 'customers', 'customer_id', 'customers', 1, 1, '1.0000', 1, 'shopify-1']
  ] as const).map(([day, model, field, reference, rows, unknown, unknown_rate, unknown_ids, example]) => ({ day, model, field, reference, rows, unknown, unknown_rate, unknown_ids, example })))
})

t.test('without references everything is unknown, and without rows there is nothing to know', async t => {
  await testModel(t, 'enrichment', { 'analytics.orders': [order('o1', { customer_id: 'c1', currency: 'EUR' })] }, [
    { day: '2026-03-01', model: 'orders', field: 'customer_id', reference: 'customers', rows: 1, unknown: 1, unknown_rate: '1.0000' }, { day: '2026-03-01', model: 'orders', field: 'currency', reference: 'rates', rows: 1, unknown: 1, unknown_rate: '1.0000' }
  ])
  await testModel(t, 'enrichment', {}, [])
})
