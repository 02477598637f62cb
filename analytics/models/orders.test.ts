import t from 'tap'
import { testModel, type Row } from './model-test.ts'

/** An event at a time of 1 March 2026, that arrived a second later unless it says otherwise. */
const at = (time: string, event_type: string, fields: Row): Row => ({
  event_type, event_time: `2026-03-01T${time}Z`, received_at: `2026-03-01T${time.slice(0, 6)}59Z`, log_topic: 'ecommerce_events', log_partition: 0, log_offset: 0, ...fields
})

t.test('an order is what its latest event by event time says of each field, whatever came in when', async t => {
  await testModel(t, 'orders', {
    'firn.events': [
      at('10:00:00', 'order_created', { order_id: 'o1', customer_id: 'c1', product_id: 'P-1', product_name: 'Lamp', category: 'home', quantity: 2, unit_price: '10.50', amount: '31.00', currency: 'EUR', order_status: 'NEW', region: 'europe', session_id: 's1', ip: '10.0.0.1' }),
      // Says what it is told to change; the USD is the writer's default and not the order's currency.
      at('11:00:00', 'order_updated', { order_id: 'o1', order_status: 'COMPLETED', region: 'asia', currency: 'USD' }),
      // Came in later, happened earlier: its region does not win, its amount does since no later event has one.
      at('10:30:00', 'order_updated', { order_id: 'o1', region: 'africa', amount: '21.00', currency: 'USD', received_at: '2026-03-02T09:00:00Z' }),
      // Of the same instant: the log's place decides.
      at('12:00:00', 'order_created', { order_id: 'o2', user_id: 'u2', order_status: 'NEW', amount: '5.00', currency: 'CHF', log_offset: 7 }),
      at('12:00:00', 'order_cancelled', { order_id: 'o2', amount: '99.00', currency: 'USD', log_offset: 8 }),
      at('13:00:00', 'order_returned', { order_id: 'o3', customer_id: 'c3', product_id: 'P-9', amount: '7.00' }),
      at('13:00:00', 'order_cancelled', { order_id: null }),
      at('14:00:00', 'order_updated', { order_id: 'o4', order_status: 'COMPLETED' })
    ],
    'analytics.ref_customers': [{ customer_id: 'c1', name: 'Ann', segment: 'loyal' }, { customer_id: 'c9', name: 'Nobody' }],
    'analytics.ref_products': [{ product_id: 'P-1', product_name: 'Lamp of the list', supplier: 'Hearthline' }]
  }, [
    { order_id: 'o1', customer_id: 'c1', ordered_at: '2026-03-01T10:00:00Z', updated_at: '2026-03-01T11:00:00Z', received_at: '2026-03-02T09:00:00Z', product_id: 'P-1', product_name: 'Lamp', category: 'home', quantity: 2, unit_price: '10.50', amount: '21.00', currency: 'EUR', order_status: 'COMPLETED', region: 'asia', session_id: 's1', ip: '10.0.0.1', updates: 2, is_created: true, customer_name: 'Ann', customer_segment: 'loyal', supplier: 'Hearthline' },
    { order_id: 'o2', customer_id: 'u2', ordered_at: '2026-03-01T12:00:00Z', updated_at: '2026-03-01T12:00:00Z', received_at: '2026-03-01T12:00:59Z', amount: '5.00', currency: 'CHF', order_status: 'CANCELLED', updates: 1, is_created: true },
    // One record says all that there is to know of it.
    { order_id: 'o3', customer_id: 'c3', ordered_at: '2026-03-01T13:00:00Z', updated_at: '2026-03-01T13:00:00Z', received_at: '2026-03-01T13:00:59Z', product_id: 'P-9', amount: '7.00', order_status: 'RETURNED', updates: 1, is_created: true },
    // An update without its order is kept, and says so.
    { order_id: 'o4', ordered_at: '2026-03-01T14:00:00Z', updated_at: '2026-03-01T14:00:00Z', received_at: '2026-03-01T14:00:59Z', order_status: 'COMPLETED', updates: 1, is_created: false }
  ])
})

t.test('positions: the order\'s own product first, then what was added, in the order in which that happened', async t => {
  await testModel(t, 'order_items', {
    'firn.events': [
      at('10:00:02', 'order_item_added', { order_id: 'o1', product_id: 'P-3', quantity: 3, unit_price: '1.10', currency: 'USD' }),
      at('10:00:01', 'order_item_added', { order_id: 'o1', product_id: 'P-2', product_name: 'Cup', category: 'home', quantity: 1, unit_price: '4.00', currency: 'USD', received_at: '2026-03-03T00:00:00Z' }),
      at('10:09:00', 'order_item_added', { order_id: 'o2', product_id: 'P-1', quantity: 1, unit_price: '10.50', currency: 'GBP' }),
      at('10:09:00', 'order_item_added', { order_id: 'o2', quantity: 1 })
    ],
    'analytics.orders': [{ order_id: 'o1', ordered_at: '2026-03-01T10:00:00Z', product_id: 'P-1', quantity: 1, unit_price: '10.50', amount: '17.80', currency: 'EUR', order_status: 'NEW', customer_id: 'c1', region: 'asia' }],
    'analytics.ref_products': [{ product_id: 'P-3', product_name: 'Spoon', category: 'kitchen', supplier: 'Casa Verde' }]
  }, [
    { order_id: 'o1', position: 1, ordered_at: '2026-03-01T10:00:00Z', product_id: 'P-1', quantity: 1, unit_price: '10.50', amount: '10.50', currency: 'EUR', order_status: 'NEW', customer_id: 'c1', region: 'asia' },
    { order_id: 'o1', position: 2, ordered_at: '2026-03-01T10:00:00Z', product_id: 'P-2', product_name: 'Cup', category: 'home', quantity: 1, unit_price: '4.00', amount: '4.00', currency: 'EUR', order_status: 'NEW', customer_id: 'c1', region: 'asia' },
    { order_id: 'o1', position: 3, ordered_at: '2026-03-01T10:00:00Z', product_id: 'P-3', product_name: 'Spoon', category: 'kitchen', quantity: 3, unit_price: '1.10', amount: '3.30', currency: 'EUR', order_status: 'NEW', customer_id: 'c1', region: 'asia', supplier: 'Casa Verde' },
    { order_id: 'o2', position: 1, ordered_at: '2026-03-01T10:09:00Z', product_id: 'P-1', quantity: 1, unit_price: '10.50', amount: '10.50', currency: 'GBP' }
  ])
})

t.test('a customer is what was said last; the CRM fills what was not said', async t => {
  await testModel(t, 'customers', {
    'firn.events': [
      at('10:00:00', 'customer_created', { customer_id: 'c1', properties: '{"name":"Ann \\"A\\" Lee","email":"ann@example.org"}', location: { country: 'DE', region: 'europe', city: 'München' } }),
      at('11:00:00', 'customer_updated', { customer_id: 'c1', properties: '{ "email" : "ann@new.example.org", "age": 7}', location: { country: 'FR' } }),
      at('10:30:00', 'customer_updated', { customer_id: 'c1', region: 'asia', properties: '{"name":"Ann Lee"}', received_at: '2026-03-04T00:00:00Z' }),
      at('12:00:00', 'customer_updated', { customer_id: 'c2', properties: 'null' }),
      at('12:00:00', 'customer_created', { user_id: 'u1' })
    ],
    'analytics.ref_customers': [{ customer_id: 'c2', name: 'Ben', email: 'ben@example.org', segment: 'business', region: 'oceania', since: '2024-05-01' }]
  }, [
    { customer_id: 'c1', name: 'Ann Lee', email: 'ann@new.example.org', region: 'asia', country: 'FR', is_in_crm: false, created_at: '2026-03-01T10:00:00Z', updated_at: '2026-03-01T11:00:00Z', updates: 2 },
    { customer_id: 'c2', name: 'Ben', email: 'ben@example.org', region: 'oceania', segment: 'business', since: '2024-05-01', is_in_crm: true, created_at: '2026-03-01T12:00:00Z', updated_at: '2026-03-01T12:00:00Z', updates: 1 }
  ])
  await testModel(t, 'customers', { 'firn.events': [at('10:00:00', 'customer_created', { customer_id: 'c1', properties: '{"name":"Ann \\"A\\" Lee","email":"ann@example.org"}', location: { region: 'europe', city: 'München' } })] }, [{ customer_id: 'c1', name: 'Ann "A" Lee', region: 'europe', city: 'München' }])
})

t.test('a payment is in the state of its latest event, keeps what was asked for and counts what was given back', async t => {
  await testModel(t, 'payments', {
    'firn.events': [
      at('10:00:00', 'payment_failed', { payment_id: 'p1', order_id: 'o1', amount: '20.00', currency: 'EUR', payment_method: 'card', card_fingerprint: 'card_1', session_id: 's1' }),
      at('10:00:10', 'payment_authorized', { payment_id: 'p1', order_id: 'o1', amount: '20.00', currency: 'EUR', payment_method: 'card', card_fingerprint: 'card_2', session_id: 's2' }),
      at('10:00:20', 'payment_captured', { payment_id: 'p1', order_id: 'o1', amount: '19.50', currency: 'EUR', log_offset: 5 }),
      at('10:30:00', 'payment_refunded', { payment_id: 'p2', order_id: 'o2', amount: '3.00', currency: 'USD' }),
      at('10:31:00', 'payment_refunded', { payment_id: 'p2', order_id: 'o2', amount: '1.00', currency: 'USD' }),
      // Overtaken by its refunds.
      at('10:20:00', 'payment_captured', { payment_id: 'p2', order_id: 'o2', amount: '40.00', currency: 'USD', received_at: '2026-03-02T00:00:00Z' }),
      at('10:00:00', 'payment_failed', { payment_id: 'p3', order_id: 'o3', amount: '1.00', currency: 'USD' })
    ]
  }, [
    { payment_id: 'p1', order_id: 'o1', status: 'captured', amount: '19.50', currency: 'EUR', refunded_amount: '0', payment_method: 'card', card_fingerprint: 'card_2', session_id: 's1', paid_at: '2026-03-01T10:00:00Z', updated_at: '2026-03-01T10:00:20Z', failures: 1 },
    { payment_id: 'p2', order_id: 'o2', status: 'refunded', amount: '40.00', currency: 'USD', refunded_amount: '4.00', paid_at: '2026-03-01T10:20:00Z', updated_at: '2026-03-01T10:31:00Z', failures: 0 },
    { payment_id: 'p3', order_id: 'o3', status: 'failed', amount: '1.00', currency: 'USD', refunded_amount: '0', paid_at: '2026-03-01T10:00:00Z', updated_at: '2026-03-01T10:00:00Z', failures: 1 }
  ])
})
