// The judge is judged by hand: a shop small enough to be reckoned on paper.

import t from 'tap'
import { ordersOf } from './orders.ts'
import { paymentsOf, reconcile, validate } from './payments.ts'
import { runsOf, salesBy } from './sales.ts'
import { compareRows } from './tables.ts'
import { readTold, type Told } from './told.ts'

let serial = 0
const noonMs = Date.parse('2026-03-01T12:00:00Z')
const tell = (...events: readonly (readonly [minute: number, type: string, fields: Record<string, unknown>])[]): Told[] =>
  readTold(events.map(([minute, event_type, fields]) => ({ event: { event_id: `e${++serial}`, timestamp: new Date(noonMs + minute * 60_000).toISOString(), event_type, order_id: 'o1', ...fields }, ip: '1', habit: null, fraud: null })), () => true)
const lamp = { product_id: 'P-1', quantity: 2, unit_price: 10, currency: 'EUR' }
const orderOf = (told: Told[]) => ordersOf(told, () => null).orders.get('o1')!
const judge = (told: Told[], watermarkMinute: number) => {
  const { orders, positions } = ordersOf(told, () => null)
  const validated = validate(orders, paymentsOf(told), new Map([['EUR', 108_500_000n]]), noonMs + watermarkMinute * 60_000)
  return { status: validated[0]!.status, ...reconcile(orders, positions, validated)[0]! }
}

t.test('an order is told event by event', async t => {
  t.match(orderOf(tell([0, 'order_created', lamp], [1, 'order_updated', { quantity: 3 }])), { amount: 3000n, quantity: 3n, status: 'NEW', currency: 'EUR', isCreated: true })
  t.match(orderOf(tell([0, 'order_created', lamp], [1, 'order_updated', { amount: 24.9 }], [2, 'order_updated', { quantity: 3 }])), { amount: 3490n })
  t.match(orderOf(tell([0, 'order_created', lamp], [1, 'order_cancelled', {}], [2, 'order_created', lamp])), { status: 'CANCELLED', orderedMs: noonMs })
  t.match(orderOf(tell([0, 'order_cancelled', {}], [0, 'order_created', lamp])), { status: 'CANCELLED' }, 'of one instant')
  t.match(orderOf(tell([0, 'order_created', { ...lamp, currency: ' eur', customer_id: 'Guest', user_id: '' }])), { currency: 'EUR', customerId: null })
})

t.test('what is not yet paid is pending for ten minutes, and then has a word', async t => {
  const part = [[0, 'order_created', lamp], [1, 'payment_captured', { payment_id: 'p1', amount: 5 }]] as const
  t.match(judge(tell(...part), 9.9), { status: 'pending', paymentsSay: 'pending', isExplained: true }, 'the tenth minute is not over')
  t.match(judge(tell(...part), 10), { status: 'amount_mismatch', paymentsSay: 'underpaid', isExplained: false })
  t.match(judge(tell(...part, [2, 'payment_captured', { payment_id: 'p2', amount: 15, currency: 'eur' }]), 60), { status: 'matched', positionsSay: 'equal', paymentsSay: 'equal' })
  t.match(judge(tell([0, 'order_created', { ...lamp, amount: 24.9 }], [1, 'payment_failed', { payment_id: 'p1', amount: 24.9 }]), 60), { status: 'payment_missing', positionsSay: 'fee', paymentsSay: 'unpaid' })
  t.match(judge(tell([1, 'payment_captured', { payment_id: 'p1', amount: 5 }]), 60), { status: 'order_missing', positionsSay: 'no_order', paymentsSay: 'no_order' })
})

t.test('revenue is without cancelled orders, net revenue without what was given back, a run is of different orders', async t => {
  const shop = tell([0, 'order_created', lamp], [1, 'payment_refunded', { payment_id: 'p1', amount: 4, currency: 'EUR' }], [0, 'order_created', { ...lamp, order_id: 'o2' }], [1, 'order_cancelled', { order_id: 'o2' }])
  t.strictSame(salesBy(ordersOf(shop, () => null).orders.values(), () => 'all').get('all'), { orders: 1, revenue: 2000n, net: 1600n, cancelled: 1, cancelledRevenue: 2000n })
  const run = [0, 1, 2, 3].map(i => [i, 'order_created', { order_id: `o${i}` }] as const)
  t.equal(runsOf(tell(...run, [4, 'order_created', { order_id: 'o3' }]), () => 'c').size, 0, 'a page loaded again')
  t.equal(runsOf(tell(...run, [4, 'order_created', { order_id: 'o4' }]), () => 'c').size, 5)
})

t.test('a row that is wrong, missing, twice or too many is named', async t => {
  const expected = new Map([['a', [1n, null]], ['b', [2n, 'x']], ['c', [3n, true]]])
  t.strictSame(compareRows([['a', 1, null], ['b', '2', 'x'], ['c', 3n, true]], expected), [])
  t.strictSame(compareRows([['a', 1, ''], ['b', 2, 'x'], ['b', 2, 'x'], ['d', 4, 'y']], expected), ['a: is 1 | , should be 1 | null', 'b stands there twice', 'd should not be there: 4 | y', 'c is missing: 3 | true'])
})
