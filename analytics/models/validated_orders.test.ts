import t from 'tap'
import { testModel, type Row } from './model-test.ts'

const noon = '2026-03-01T12:00:00Z'
const order = (order_id: string, amount: string | null, currency: string | null, fields: Row = {}): Row => ({ order_id, amount, currency, ordered_at: noon, order_status: 'NEW', is_created: true, customer_id: 'c', ...fields })
const payment = (order_id: string, payment_id: string, amount: string | null, currency: string | null, fields: Row = {}): Row => ({ order_id, payment_id, amount, currency, status: 'captured', refunded_amount: '0', paid_at: '2026-03-01T12:01:00Z', ...fields })
const rates = [{ currency: 'USD', usd_rate: '1' }, { currency: 'EUR', usd_rate: '1.085' }, { currency: 'JPY', usd_rate: '0.0066' }]
const late = '2026-03-02T00:00:00Z'

const judge = async (t: Parameters<typeof testModel>[0], orders: Row[], payments: Row[], expected: Row[], watermark = late): Promise<void> =>
  await testModel(t, 'validated_orders', { 'analytics.orders': orders, 'analytics.payments': payments, 'analytics.ref_rates': rates }, expected, { watermark })

t.test('paid as ordered, otherwise, not at all, or without an order', async t => {
  await judge(t, [order('exact', '20.00', 'EUR'), order('less', '20.00', 'EUR'), order('more', '20.00', 'EUR'), order('unpaid', '20.00', 'EUR', { order_status: 'CANCELLED' }), order('failed', '1.00', 'USD')], [
    payment('exact', 'p1', '20.00', 'EUR'), payment('less', 'p2', '19.99', 'EUR'), payment('more', 'p3', '25.00', 'EUR'), payment('failed', 'p4', '1.00', 'USD', { status: 'failed' }), payment('orphan', 'p5', '3.00', 'USD')
  ], [
    { order_id: 'exact', happened_at: noon, status: 'matched', reason: null, order_amount: '20', order_currency: 'EUR', paid_amount: '20', paid_currency: 'EUR', difference: '0', payments: 1, failed_payments: 0, first_payment_id: 'p1', paid_at: '2026-03-01T12:01:00Z', is_late: false },
    { order_id: 'less', happened_at: noon, status: 'amount_mismatch', reason: 'paid less than ordered', order_amount: '20', order_currency: 'EUR', paid_amount: '19.99', paid_currency: 'EUR', difference: '-0.01', payments: 1, failed_payments: 0, first_payment_id: 'p2', paid_at: '2026-03-01T12:01:00Z', is_late: false },
    { order_id: 'more', happened_at: noon, status: 'amount_mismatch', reason: 'paid more than ordered', order_amount: '20', order_currency: 'EUR', paid_amount: '25', paid_currency: 'EUR', difference: '5', payments: 1, failed_payments: 0, first_payment_id: 'p3', paid_at: '2026-03-01T12:01:00Z', is_late: false },
    { order_id: 'unpaid', happened_at: noon, status: 'payment_missing', reason: 'no payment came', order_amount: '20', order_currency: 'EUR', payments: 0, failed_payments: 0 },
    { order_id: 'failed', happened_at: noon, status: 'payment_missing', reason: 'every payment failed', order_amount: '1', order_currency: 'USD', payments: 0, failed_payments: 1 },
    { order_id: 'orphan', happened_at: '2026-03-01T12:01:00Z', status: 'order_missing', reason: 'no order came that says what it costs', paid_amount: '3', paid_currency: 'USD', payments: 1, failed_payments: 0, first_payment_id: 'p5', paid_at: '2026-03-01T12:01:00Z' }
  ])
})

t.test('what is missing is pending until the watermark is 10 minutes on; a payment that comes later corrects it', async t => {
  const orders = [order('o1', '20.00', 'EUR')]
  const orphan = payment('o2', 'p9', '1', 'USD')
  await judge(t, orders, [orphan], [{ order_id: 'o1', status: 'pending' }, { order_id: 'o2', status: 'pending' }], '2026-03-01T12:09:59.999Z')
  await judge(t, orders, [orphan], [{ order_id: 'o1', status: 'payment_missing' }, { order_id: 'o2', status: 'pending' }], '2026-03-01T12:10:00Z')
  await judge(t, orders, [payment('o1', 'p1', '20', 'EUR', { paid_at: '2026-03-01T15:00:00Z' })], [{ order_id: 'o1', status: 'matched', is_late: true }])
  await judge(t, [...orders, order('o2', '1', 'USD', { ordered_at: '2026-03-01T11:00:00Z' })], [orphan], [{ order_id: 'o1', status: 'payment_missing', happened_at: noon }, { order_id: 'o2', status: 'matched', is_late: true, happened_at: '2026-03-01T11:00:00Z' }])
  // Too much is judged at once, the rest of too little may come.
  await judge(t, orders, [payment('o1', 'p1', '22', 'EUR')], [{ order_id: 'o1', status: 'amount_mismatch' }], noon)
  await judge(t, orders, [payment('o1', 'p1', '2', 'EUR')], [{ order_id: 'o1', status: 'pending', difference: '-18' }], '2026-03-01T12:09:59.999Z')
  await judge(t, orders, [payment('o1', 'p1', '2', 'EUR')], [{ order_id: 'o1', status: 'amount_mismatch' }], '2026-03-01T12:10:00Z')
  await judge(t, orders, [payment('o1', 'p1', '2', 'EUR'), payment('o1', 'p2', '18', 'EUR')], [{ order_id: 'o1', status: 'matched' }], noon)
})

t.test('several payments add up, failed ones do not, refunds are shown and change nothing', async t => {
  await judge(t, [order('split', '30.00', 'EUR'), order('refunded', '9.00', 'USD', { order_status: 'RETURNED' })], [
    payment('split', 'p2', '10.00', 'EUR', { paid_at: '2026-03-01T12:02:00Z', status: 'authorized' }), payment('split', 'p1', '20.00', 'EUR'), payment('split', 'p0', '30.00', 'EUR', { status: 'failed', paid_at: '2026-03-01T12:00:30Z' }),
    payment('refunded', 'p3', '9.00', 'USD', { status: 'refunded', refunded_amount: '4.50' })
  ], [
    { order_id: 'split', status: 'matched', paid_amount: '30', refunded_amount: '0', payments: 2, failed_payments: 1, first_payment_id: 'p1', paid_at: '2026-03-01T12:01:00Z' },
    { order_id: 'refunded', status: 'matched', paid_amount: '9', refunded_amount: '4.50', payments: 1, failed_payments: 0, first_payment_id: 'p3', paid_at: '2026-03-01T12:01:00Z' }
  ])
})

t.test('amounts in other currencies are compared in USD; what cannot be compared is no match', async t => {
  await judge(t, [order('euro', '100.00', 'EUR'), order('off', '100.00', 'EUR'), order('both', '100.00', 'EUR'), order('coin', '1.00', 'XBT'), order('same_coin', '1.00', 'XBT'), order('free', null, 'USD'), order('blank', '5.00', 'USD')], [
    payment('euro', 'p1', '108.50', 'USD'), payment('off', 'p2', '108.00', 'USD'), payment('both', 'p3', '50.00', 'EUR'), payment('both', 'p4', '54.25', 'USD'),
    payment('coin', 'p5', '1.00', 'USD'), payment('same_coin', 'p6', '1.00', 'XBT'), payment('free', 'p7', '5.00', 'USD'), payment('blank', 'p8', null, 'USD')
  ], [
    { order_id: 'euro', status: 'matched', paid_amount: '108.50', paid_currency: 'USD', difference: '0', reason: null },
    { order_id: 'off', status: 'amount_mismatch', paid_amount: '108', paid_currency: 'USD', difference: '-0.50', reason: 'paid less than ordered' },
    { order_id: 'both', status: 'matched', paid_amount: '108.50', paid_currency: 'USD', difference: '0', reason: null },
    { order_id: 'coin', status: 'amount_mismatch', paid_amount: '1', paid_currency: 'USD', difference: null, reason: 'the amounts cannot be compared: one of them or a rate is missing' },
    { order_id: 'same_coin', status: 'matched', paid_amount: '1', paid_currency: 'XBT', difference: '0', reason: null },
    { order_id: 'free', status: 'amount_mismatch', paid_amount: '5', paid_currency: 'USD', difference: null, reason: 'the amounts cannot be compared: one of them or a rate is missing' },
    { order_id: 'blank', status: 'amount_mismatch', paid_amount: null, paid_currency: 'USD', difference: null, reason: 'the amounts cannot be compared: one of them or a rate is missing' }
  ])
})

t.test('an order of which only an update was seen is missing as well', async t => {
  await judge(t, [order('o1', null, null, { is_created: false, order_status: 'COMPLETED' })], [payment('o1', 'p1', '5', 'USD')], [{ order_id: 'o1', status: 'order_missing', reason: 'no order came that says what it costs' }])
})

t.test('a payment that names no currency is in that of its order', async t => {
  await judge(t, [order('o1', '20.00', 'EUR'), order('o2', '20.00', 'JPY')], [payment('o1', 'p1', '20.00', null), payment('o2', 'p2', '20.00', 'JPY'), payment('o3', 'p3', '1.00', null)], [
    { order_id: 'o1', status: 'matched', paid_currency: 'EUR' }, { order_id: 'o2', status: 'matched', paid_currency: 'JPY' }, { order_id: 'o3', status: 'order_missing', paid_currency: 'USD' }
  ])
})
