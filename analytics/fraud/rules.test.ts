import t from 'tap'
import { testModel, type Row } from '../models/model-test.ts'

const rates: Row[] = [{ currency: 'USD', usd_rate: '1' }, { currency: 'EUR', usd_rate: '1.085' }, { currency: 'JPY', usd_rate: '0.0066' }]
let offset = 0
const event = (event_type: string, time: string, more: Row): Row => ({
  event_type, event_id: `e-${++offset}`, event_time: `2026-01-31T${time}Z`, received_at: `2026-01-31T${time}Z`, log_topic: 't', log_partition: 0, log_offset: offset, currency: 'USD', ...more
})
const order = (order_id: string, time: string, more: Row = {}): Row => event('order_created', time, { order_id, customer_id: 'c-1', ip: '192.0.2.1', ...more })
const payment = (order_id: string, time: string, card_fingerprint: string, more: Row = {}): Row => event('payment_failed', time, { order_id, payment_id: 'p', session_id: 's-1', user_id: 'c-1', card_fingerprint, ...more })
const at = (time: string): string => `2026-01-31T${time}Z`

t.test('an amount counts in dollars, above each threshold and not on it', async t => {
  await testModel(t, 'fraud_amount', {
    'firn.events': [
      order('o-2000', '10:00:00', { amount: '2000.00' }), order('o-2001', '10:00:01', { amount: '2000.01' }), order('o-3001', '10:00:02', { amount: '3000.01' }), order('o-6200', '10:00:03', { amount: '6200.00' }),
      order('o-eur', '10:00:04', { amount: '5000.00', currency: 'eur' }), order('o-jpy', '10:00:05', { amount: '6200.00', currency: 'JPY' }), order('o-xyz', '10:00:06', { amount: '9999.00', currency: 'XYZ' }),
      order('o-max', '10:00:07', { amount: '9999999999999999.99' }), order('o-none', '10:00:08'),
      event('order_updated', '11:00:00', { order_id: 'o-2000', user_id: 'u-1', amount: '1234567.89' }), event('payment_captured', '11:00:00', { order_id: 'o-2000', amount: '9000.00' })
    ],
    'analytics.ref_rates': rates
  }, [
    { order_id: 'o-2001', customer_id: 'c-1', event_time: at('10:00:01'), score: 2, evidence: 'amount 2,000.01 USD is over 2,000' },
    { order_id: 'o-3001', customer_id: 'c-1', event_time: at('10:00:02'), score: 3, evidence: 'amount 3,000.01 USD is over 3,000' },
    { order_id: 'o-6200', customer_id: 'c-1', event_time: at('10:00:03'), score: 4, evidence: 'amount 6,200.00 USD is over 5,000' },
    { order_id: 'o-eur', customer_id: 'c-1', event_time: at('10:00:04'), score: 4, evidence: 'amount 5,425.00 USD is over 5,000 (5000.00 EUR)' },
    { order_id: 'o-xyz', customer_id: 'c-1', event_time: at('10:00:06'), score: 3, evidence: 'amount 9999.00 XYZ is in a currency without a rate' },
    { order_id: 'o-max', customer_id: 'c-1', event_time: at('10:00:07'), score: 4, evidence: 'amount 9999999,999,999,999.99 USD is over 5,000' },
    { order_id: 'o-2000', customer_id: 'u-1', event_time: at('11:00:00'), score: 4, evidence: 'amount 1,234,567.89 USD is over 5,000' }
  ])
})

t.test('cancelled and refunded orders are listed once an hour; a return alone is neither', async t => {
  await testModel(t, 'fraud_cancelled', {
    'firn.events': [
      order('o-1', '10:00:00'), event('order_cancelled', '10:05:00', { order_id: 'o-1', customer_id: 'c-1' }), event('payment_refunded', '10:06:00', { order_id: 'o-1', user_id: 'u-1' }),
      event('order_updated', '10:07:00', { order_id: 'o-2', order_status: 'REFUNDED' }), event('order_updated', '10:08:00', { order_id: 'o-3', order_status: 'COMPLETED' }), event('order_returned', '10:09:00', { order_id: 'o-4' })
    ]
  }, [
    { order_id: 'o-1', customer_id: 'c-1', event_time: at('10:05:00'), score: 1, evidence: 'it was cancelled' },
    { order_id: 'o-2', customer_id: null, event_time: at('10:07:00'), score: 1, evidence: 'it was refunded' }
  ])
})

const run = (count: number, from: number, more: (i: number) => Row = () => ({})): Row[] =>
  Array.from({ length: count }, (_, i) => order(`o-${i + 1}`, `10:${String(from + i).padStart(2, '0')}:00`, { customer_id: `c-${i}`, ...more(i) }))

t.test('orders from one address within ten minutes: the fifth shows the first as well', async t => {
  await testModel(t, 'fraud_orders_per_ip', { 'firn.events': [...run(4, 0), order('o-late', '10:20:00')] }, [])
  await testModel(t, 'fraud_orders_per_ip', { 'firn.events': [...run(5, 0), order('o-other', '10:03:00', { ip: '192.0.2.2' }), order('o-nowhere', '10:03:00', { ip: null }), order('o-late', '10:20:00')] }, [
    ...[0, 1, 2, 3, 4].map(i => ({ order_id: `o-${i + 1}`, event_time: at(`10:0${i}:00`), found_at: at('10:00:00'), score: 3, customer_id: `c-${i}`, received_at: at('10:04:00'), evidence: '5 orders from the address 192.0.2.1 within 10 minutes' }))
  ])
})

t.test('a run of orders over the full hour is found whole, with those before it', async t => {
  const times = ['10:55:00', '10:56:00', '10:58:00', '10:59:59', '11:00:00', '11:05:01']
  const orders = times.map((time, i) => order(`o-${i + 1}`, time))
  const found = times.map((time, i) => ({ order_id: `o-${i + 1}`, event_time: at(time), found_at: at('11:00:00'), score: 3 }))
  await testModel(t, 'fraud_orders_per_ip', { 'firn.events': orders }, found)
  await testModel(t, 'fraud_orders_per_customer', { 'firn.events': orders }, found)
  // Three before and three behind are no run of five for either side alone, and none at all when they are too far apart.
  await testModel(t, 'fraud_orders_per_ip', { 'firn.events': ['10:48:00', '10:49:00', '10:50:00', '11:00:01', '11:01:00'].map((time, i) => order(`o-${i}`, time)) }, [])
  // A run that ended before the full hour is not found again behind it.
  await testModel(t, 'fraud_orders_per_ip', { 'firn.events': ['10:55:00', '10:55:10', '10:55:20', '10:55:30', '10:55:40', '11:04:00'].map((time, i) => order(`o-${i + 1}`, time)) }, [
    ...[1, 2, 3, 4, 5].map(i => ({ order_id: `o-${i}`, found_at: at('10:00:00'), evidence: '5 orders from the address 192.0.2.1 within 10 minutes' })),
    ...[1, 2, 3, 4, 5, 6].map(i => ({ order_id: `o-${i}`, found_at: at('11:00:00'), evidence: '6 orders from the address 192.0.2.1 within 10 minutes' }))
  ])
})

t.test('a confirmation page that is loaded again is no further order', async t => {
  const again = ['10:00:00', '10:01:00', '10:02:00', '10:03:00', '10:12:59', '10:13:00'].map(time => order('o-1', time))
  const three = ['10:00:30', '10:01:30', '10:02:30'].map((time, i) => order(`o-${i + 2}`, time))
  for (const rule of ['fraud_orders_per_ip', 'fraud_orders_per_customer']) {
    await testModel(t, rule, { 'firn.events': again }, [])
    await testModel(t, rule, { 'firn.events': [...again, ...three] }, [])
    await testModel(t, rule, { 'firn.events': [...again, ...three, order('o-5', '10:03:30')] }, [1, 2, 3, 4, 5].map(i => ({ order_id: `o-${i}`, found_at: at('10:00:00'), score: 3 })))
  }
  // Also over the full hour.
  await testModel(t, 'fraud_orders_per_ip', { 'firn.events': ['10:45:00', '10:54:00', '10:59:00', '11:03:00', '11:08:00'].map(time => order('o-1', time)) }, [])
})

t.test('orders of one customer count whatever address they come from, and ten are worse', async t => {
  const orders = run(10, 0, i => ({ customer_id: i % 2 === 0 ? 'c-1' : null, user_id: 'c-1', ip: `192.0.2.${i}` }))
  await testModel(t, 'fraud_orders_per_customer', { 'firn.events': orders }, orders.map(row => ({ order_id: row.order_id, event_time: row.event_time, found_at: at('10:00:00'), score: 4 })))
})

t.test('many cards in one visit, also from before the full hour', async t => {
  await testModel(t, 'fraud_cards_per_session', {
    'firn.events': [
      payment('o-1', '10:49:59', 'a'), payment('o-2', '10:52:00', 'b'), payment('o-3', '10:53:00', 'c'), payment('o-3b', '10:54:00', 'c'), payment('o-4', '11:01:00', 'd'), event('payment_captured', '11:02:00', { order_id: 'o-4', session_id: 's-1', card_fingerprint: 'd' }),
      payment('o-5', '11:05:00', 'e'), payment('o-6', '11:06:00', 'a', { session_id: 's-2' }), payment('o-6', '11:07:00', 'b', { session_id: 's-2' })
    ]
  }, [
    ...[['o-1', '10:49:59'], ['o-2', '10:52:00'], ['o-3', '10:53:00'], ['o-3b', '10:54:00']].map(([order_id, time]) => ({ order_id, event_time: at(time!), found_at: at('10:00:00'), score: 2, evidence: '3 cards in the visit s-1' })),
    // With the cards that the same visit showed behind the full hour.
    ...[['o-2', '10:52:00'], ['o-3', '10:53:00'], ['o-3b', '10:54:00'], ['o-4', '11:01:00'], ['o-5', '11:05:00']].map(([order_id, time]) => ({ order_id, event_time: at(time!), found_at: at('11:00:00'), score: 3, evidence: '4 cards in the visit s-1' }))
  ])
})

const places = { newYork: { city: 'New York', latitude: 40.71, longitude: -74.01 }, tokyo: { city: '東京', latitude: 35.68, longitude: 139.69 }, newark: { city: 'Newark', latitude: 40.73, longitude: -74.17 } }

t.test('a customer cannot be in Tokyo half an hour after New York, but in Newark, or the day after', async t => {
  await testModel(t, 'fraud_travel', {
    'firn.events': [
      order('o-1', '10:00:00', { location: places.newYork }), order('o-2', '10:10:00', { location: places.newark }), order('o-3', '10:40:00', { location: places.tokyo }),
      payment('o-3', '10:41:00', 'a', { location: places.tokyo }), order('o-4', '12:00:00', { location: places.newYork }), order('o-5', '12:01:00', { location: null }),
      order('o-6', '12:02:00', { location: { city: 'Nowhere', latitude: 999, longitude: 0 } }), order('o-7', '12:03:00', { customer_id: 'c-2', location: places.tokyo })
    ]
  }, [{ order_id: 'o-3', event_time: at('10:40:00'), score: 3, evidence: '東京 is 10842 km from Newark, where the customer was 30 min before' }])
})

t.test('travel over the full hour', async t => {
  await testModel(t, 'fraud_travel', { 'firn.events': [order('o-1', '10:30:00', { location: places.newYork }), order('o-2', '11:20:00', { location: places.tokyo })] }, [{ order_id: 'o-2', event_time: at('11:20:00') }])
})

t.test('an outlier is large beside the earlier orders of its own customer', async t => {
  const of = (customer_id: string, amounts: readonly string[], currency = 'USD'): Row[] =>
    amounts.map((amount, i) => ({ order_id: `${customer_id}-${i}`, customer_id, ordered_at: `2026-01-0${i + 1}T10:00:00Z`, amount, currency, is_created: true }))
  await testModel(t, 'fraud_amount_outlier', {
    'analytics.orders': [
      ...of('steady', ['100.00', '120.00', '80.00', '1200.00', '1500.00']), ...of('new', ['100.00', '5000.00']), ...of('small', ['10.00', '10.00', '700.00']), ...of('rising', ['100.00', '100.00', '1000.00', '1900.00']),
      ...of('yen', ['20000.00', '20000.00', '200000.00'], 'JPY')
    ],
    'analytics.ref_rates': rates
  }, [
    { order_id: 'steady-3', customer_id: 'steady', event_time: '2026-01-04T10:00:00Z', score: 3, evidence: "amount 1200.00 USD is 12 times the average of the customer's 3 earlier orders, the largest of which was 120.00 USD" },
    { order_id: 'rising-2', customer_id: 'rising', event_time: '2026-01-03T10:00:00Z', score: 2, evidence: "amount 1000.00 USD is 10 times the average of the customer's 2 earlier orders, the largest of which was 100.00 USD" },
    { order_id: 'yen-2', customer_id: 'yen', event_time: '2026-01-03T10:00:00Z', score: 2, evidence: "amount 1320.00 USD is 10 times the average of the customer's 2 earlier orders, the largest of which was 132.00 USD" }
  ])
})

t.test('an order paid with another amount', async t => {
  await testModel(t, 'fraud_payment_mismatch', {
    'analytics.validated_orders': [
      { order_id: 'o-1', customer_id: 'c-1', happened_at: at('10:00:00'), status: 'amount_mismatch', order_amount: '100.00', order_currency: 'EUR', paid_amount: '12.50', paid_currency: 'USD' },
      { order_id: 'o-2', happened_at: at('10:00:00'), status: 'matched', order_amount: '100.00', order_currency: 'EUR', paid_amount: '100.00', paid_currency: 'EUR' },
      { order_id: 'o-3', happened_at: at('10:00:00'), status: 'amount_mismatch', order_currency: 'EUR', paid_currency: 'USD' }
    ]
  }, [
    { order_id: 'o-1', customer_id: 'c-1', event_time: at('10:00:00'), score: 3, evidence: '12.50 USD was paid for an order of 100.00 EUR' },
    { order_id: 'o-3', event_time: at('10:00:00'), score: 3, evidence: 'an unknown amount was paid for an order of an unknown amount' }
  ])
})
