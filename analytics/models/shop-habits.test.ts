// What ordinary shops do to an order: everything in one second, changes, lists of positions, one record for a whole life,
// payments in parts. Each has one answer, and orders, positions and payments give the same.

import t from 'tap'
import { duckdbScan, scanFiles } from '../../catalog/index.ts'
import { loadReferences } from '../reference/load.ts'
import { openRunner } from '../runner/index.ts'
import { openTestLake, type EventRow } from '../runner/test-lake.ts'
import { readModels } from './catalogue.ts'
import { testModel, type Row } from './model-test.ts'

const at = (time: string, event_type: string, order_id: string, fields: Row = {}): Row => ({
  event_type, order_id, event_time: `2026-03-01T${time}Z`, received_at: `2026-03-01T${time}Z`, log_topic: 't', log_partition: 0, log_offset: 0, ...fields
})

t.test('of one instant and one request the later step of an order\'s life wins, wherever the events lie in the log', async t => {
  const life: [type: string, order_status: string | null, state: string][] = [
    ['order_created', null, 'NEW'], ['order_updated', 'COMPLETED', 'COMPLETED'], ['order_cancelled', null, 'CANCELLED'], ['order_updated', 'REFUNDED', 'REFUNDED']
  ]
  const events: Row[] = []
  const expected: Row[] = []
  for (const [i, [earlier, earlierState]] of life.entries()) {
    for (const [later, laterState, state] of life.slice(i + 1)) {
      for (const [place, partitions] of [[0, 1], [1, 0]].entries()) {
        const id = `${i}-${state}-${place}`
        events.push(at('10:00:00', earlier, id, { order_status: earlierState, log_partition: partitions[0] }), at('10:00:00', later, id, { order_status: laterState, log_partition: partitions[1] }))
        expected.push({ order_id: id, order_status: state })
      }
    }
  }
  await testModel(t, 'orders', { 'firn.events': events }, expected)
  // A return is behind a completion; what arrived later is later still.
  await testModel(t, 'orders', { 'firn.events': [at('10:00:00', 'order_returned', 'o1', { log_offset: 1 }), at('10:00:00', 'order_updated', 'o1', { order_status: 'COMPLETED', log_offset: 2 })] }, [{ order_id: 'o1', order_status: 'RETURNED' }])
  await testModel(t, 'orders', { 'firn.events': [at('10:00:00', 'order_cancelled', 'o1'), at('10:00:00', 'order_updated', 'o1', { order_status: 'NEW', received_at: '2026-03-01T11:00:00Z' })] }, [{ order_id: 'o1', order_status: 'NEW' }])
})

t.test('a confirmation page that is loaded again says again what was ordered: no later step is taken back, and the visit stays the first one', async t => {
  const page = (time: string, order_id: string, session_id: string, fields: Row = {}): Row => at(time, 'order_created', order_id, { session_id, ip: `10.0.0.${session_id}`, order_status: 'NEW', amount: '5.00', region: 'europe', ...fields })
  const later: [type: string, fields: Row, state: string, amount: string, region: string][] = [
    ['order_cancelled', {}, 'CANCELLED', '5.00', 'europe'], ['order_returned', {}, 'RETURNED', '5.00', 'europe'], ['order_updated', { order_status: 'COMPLETED' }, 'COMPLETED', '5.00', 'europe'],
    ['order_updated', { order_status: 'REFUNDED' }, 'REFUNDED', '5.00', 'europe'], ['order_updated', { amount: '7.00' }, 'NEW', '7.00', 'europe'], ['order_updated', { region: 'asia' }, 'NEW', '5.00', 'asia']
  ]
  await testModel(t, 'orders', {
    'firn.events': later.flatMap(([type, fields], i) => [page('10:00:00', `o${i}`, '1'), at('10:05:00', type, `o${i}`, fields), page('10:10:00', `o${i}`, '2'), page('11:10:00', `o${i}`, '3')])
  }, later.map(([,, order_status, amount, region], i) => ({ order_id: `o${i}`, order_status, amount, region, ordered_at: '2026-03-01T10:00:00Z', updated_at: '2026-03-01T10:05:00Z', session_id: '1', ip: '10.0.0.1' })))
  // Where the page says something else, the last one counts; it came first by an hour all the same.
  await testModel(t, 'orders', { 'firn.events': [page('10:10:00', 'o1', '2', { amount: '6.00', received_at: '2026-03-01T10:10:00Z' }), page('10:00:00', 'o1', '1', { received_at: '2026-03-01T12:00:00Z' })] }, [{ order_id: 'o1', amount: '6.00', session_id: '1' }])
})

t.test('of one instant a payment that failed and was then captured is captured, and a refund comes last', async t => {
  const steps = ['payment_authorized', 'payment_failed', 'payment_captured', 'payment_refunded']
  const events: Row[] = []
  const expected: Row[] = []
  for (const [i, earlier] of steps.entries()) {
    for (const later of steps.slice(i + 1)) {
      const payment_id = `${earlier} ${later}`
      events.push(at('10:00:00', later, 'o1', { payment_id, amount: '5.00', log_offset: 1 }), at('10:00:00', earlier, 'o1', { payment_id, amount: '5.00', log_offset: 2 }))
      expected.push({ payment_id, status: later.slice(8) })
    }
  }
  await testModel(t, 'payments', { 'firn.events': events }, expected)
})

t.test('captures in parts add up to what was authorized; one that is told again does not', async t => {
  const pay = (payment_id: string, steps: readonly (readonly [step: string, minute: number, amount: string])[]): Row[] =>
    steps.map(([step, minute, amount], i) => at(`10:${String(minute).padStart(2, '0')}:00`, `payment_${step}`, 'o1', { payment_id, event_id: `${payment_id}-${i}`, amount }))
  await testModel(t, 'payments', {
    'firn.events': [
      ...pay('parts', [['authorized', 0, '50.00'], ['captured', 1, '20.00'], ['captured', 2, '30.00']]), ...pay('first', [['authorized', 0, '50.00'], ['captured', 1, '20.00']]),
      ...pay('again', [['authorized', 0, '50.00'], ['captured', 1, '50.00'], ['captured', 9, '50.00']]), ...pay('same', [['captured', 1, '50.00'], ['captured', 1, '50.00']]),
      ...pay('tip', [['authorized', 0, '50.00'], ['captured', 1, '55.00']]), ...pay('open', [['captured', 1, '20.00'], ['captured', 2, '30.00']]), ...pay('asked', [['authorized', 0, '50.00']])
    ]
  }, Object.entries({ parts: '50.00', first: '20.00', again: '50.00', same: '50.00', tip: '55.00', open: '50.00', asked: '50.00' }).map(([payment_id, amount]) => ({ payment_id, amount })))
})

t.test('refunds are in the order\'s currency; a cancelled order keeps its own, an order that says REFUNDED gave back all', async t => {
  const refund = (order_id: string, event_id: string, amount: string, currency: string | null): Row => at('11:00:00', 'payment_refunded', order_id, { payment_id: 'p', event_id, amount, currency })
  const order = (order_id: string, fields: Row = {}): Row => at('10:00:00', 'order_created', order_id, { amount: '108.50', currency: 'EUR', ...fields })
  await testModel(t, 'orders', {
    'firn.events': [
      order('part'), refund('part', 'r1', '3.00', 'EUR'), refund('part', 'r1', '3.00', 'EUR'), refund('part', 'r2', '4.00', null), order('dollars'), refund('dollars', 'r1', '10.85', 'USD'),
      order('says', { order_status: 'REFUNDED' }), order('none'), order('unrated'), refund('unrated', 'r1', '1.00', 'XTS'), refund('no order', 'r1', '1.00', 'EUR')
    ],
    'analytics.ref_rates': [{ currency: 'USD', usd_rate: '1' }, { currency: 'EUR', usd_rate: '1.085' }]
  }, Object.entries({ part: '7.00', dollars: '10.00', says: '108.50', none: '0.00', unrated: '0.00' }).map(([order_id, refunded_amount]) => ({ order_id, refunded_amount })))
})

t.test('where an order, its positions and its payments differ, a word says why', async t => {
  const order = (order_id: string, fields: Row = {}): Row => ({ order_id, ordered_at: '2026-03-01T10:00:00Z', currency: 'EUR', amount: '20.00', order_status: 'NEW', is_created: true, refunded_amount: '0.00', ...fields })
  const item = (order_id: string, amount: string | null, fields: Row = {}): Row => ({ order_id, position: 1, ordered_at: '2026-03-01T10:00:00Z', currency: 'EUR', amount, ...fields })
  const judged = (order_id: string, status: string, fields: Row = {}): Row => ({ order_id, happened_at: '2026-03-01T10:00:00Z', status, payments: 1, ...fields })
  await testModel(t, 'reconciliation', {
    'analytics.orders': [order('equal'), order('fee'), order('discount'), order('free price'), order('bare'), order('two'), order('cancelled', { order_status: 'CANCELLED' }), order('late')],
    'analytics.order_items': [item('equal', '20.00'), item('fee', '15.00'), item('discount', '25.00'), item('free price', null), item('two', '20.00', { currency: 'USD' }), item('cancelled', '20.00'), item('late', '20.00'), item('lost', '3.00')],
    'analytics.validated_orders': [
      judged('equal', 'matched', { difference: '0.00' }), judged('fee', 'amount_mismatch', { difference: '-1.00' }), judged('discount', 'amount_mismatch', { difference: '1.00' }), judged('free price', 'amount_mismatch'),
      judged('bare', 'payment_missing', { payments: 0 }), judged('two', 'matched'), judged('cancelled', 'payment_missing', { payments: 0 }), judged('late', 'pending', { payments: 0 }), judged('orphan', 'order_missing')
    ]
  }, ([
    ['equal', 'equal', 'equal', true], ['fee', 'fee', 'underpaid', false], ['discount', 'discount', 'overpaid', false], ['free price', 'not_priced', 'not_comparable', false], ['bare', 'no_positions', 'unpaid', false],
    ['two', 'two_currencies', 'equal', true], ['cancelled', 'equal', 'not_due', true], ['late', 'equal', 'pending', true], ['lost', 'no_order', 'no_order', false], ['orphan', 'no_order', 'no_order', false]
  ] as const).map(([order_id, positions_say, payments_say, is_explained]) => ({ order_id, positions_say, payments_say, is_explained })), { watermark: '2026-03-02T00:00:00Z' })
})

/** An order's events in the order in which they happen, a minute apart. */
const story = (order_id: string, ...events: (readonly [type: string, fields: EventRow])[]): EventRow[] =>
  events.map(([event_type, fields], i) => ({ event_id: `${order_id}-${i}`, event_type, order_id, event_time: `2026-03-01T10:0${i}:00Z`, received_at: `2026-03-01T10:0${i}:00Z`, log_offset: i, currency: 'EUR', ...event_type.startsWith('payment_') ? { payment_id: order_id } : {}, ...fields }))
const lamp = (quantity: number): EventRow => ({ product_id: 'P-1', quantity, unit_price: '10.00' })
const cup = (quantity: number): EventRow => ({ product_id: 'P-2', quantity, unit_price: '4.00' })
const money = (amount: string): EventRow => ({ amount })
const paid = (amount: string): [string, EventRow] => ['payment_captured', { amount }]

/** What each order, its positions and its payments come to. The amount of an event that names none is what the writer puts there. */
const habits: Readonly<Record<string, { events: EventRow[], order: string, pieces: string, says: string }>> = {
  plain: { events: story('plain', ['order_created', { ...lamp(2), ...money('20.00') }], paid('20.00')), order: '20.00', pieces: 'P-1 2', says: 'equal equal' },
  'more pieces': { events: story('more pieces', ['order_created', { ...lamp(2), ...money('20.00') }], ['order_updated', { quantity: 3 }], paid('30.00')), order: '30.00', pieces: 'P-1 3', says: 'equal equal' },
  'shipping, then pieces': { events: story('shipping, then pieces', ['order_created', { ...lamp(2), ...money('20.00') }], ['order_updated', money('24.90')], ['order_updated', { quantity: 3 }], paid('34.90')), order: '34.90', pieces: 'P-1 3', says: 'fee equal' },
  'pieces with an amount, then pieces': { events: story('pieces with an amount, then pieces', ['order_created', { ...lamp(2), ...money('20.00') }], ['order_updated', { quantity: 3, ...money('35.00') }], ['order_updated', { quantity: 1 }], paid('15.00')), order: '15.00', pieces: 'P-1 1', says: 'fee equal' },
  'price with an amount, then price': { events: story('price with an amount, then price', ['order_created', { ...lamp(2), ...money('20.00') }], ['order_updated', { unit_price: '9.00', ...money('20.00') }], ['order_updated', { unit_price: '8.00' }], paid('18.00')), order: '18.00', pieces: 'P-1 2', says: 'fee equal' },
  'page loaded again after a change': { events: story('page loaded again after a change', ['order_created', { ...lamp(2), ...money('20.00') }], ['order_updated', { quantity: 3 }], ['order_created', { ...lamp(2), ...money('20.00') }], paid('30.00')), order: '30.00', pieces: 'P-1 3', says: 'equal equal' },
  'page loaded again after an other product': { events: story('page loaded again after an other product', ['order_created', { ...lamp(2), ...money('20.00') }], ['order_updated', { ...cup(1), ...money('4.00') }], ['order_created', { ...lamp(2), ...money('20.00') }], paid('4.00')), order: '4.00', pieces: 'P-2 1', says: 'equal equal' },
  'page loaded again after it was cancelled': { events: story('page loaded again after it was cancelled', ['order_created', { ...lamp(2), ...money('20.00') }], ['order_cancelled', {}], ['order_created', { ...lamp(2), ...money('20.00') }]), order: '20.00', pieces: 'P-1 2', says: 'equal not_due' },
  'other product': { events: story('other product', ['order_created', { ...lamp(2), ...money('20.00') }], ['order_updated', { ...cup(5), ...money('20.00') }], paid('20.00')), order: '20.00', pieces: 'P-2 5', says: 'equal equal' },
  'added, none named an amount': { events: story('added, none named an amount', ['order_created', { ...lamp(1), ...money('10.00') }], ['order_item_added', { ...cup(2), ...money('8.00') }], paid('18.00')), order: '18.00', pieces: 'P-1 1, P-2 2', says: 'equal equal' },
  'listed once more': { events: story('listed once more', ['order_created', { ...lamp(1), ...money('10.00') }], ['order_item_added', { ...lamp(1), ...money('10.00') }], ['order_item_added', { ...cup(1), ...money('4.00') }], paid('14.00')), order: '14.00', pieces: 'P-1 1, P-2 1', says: 'equal equal' },
  'twice on purpose': { events: story('twice on purpose', ['order_created', { ...lamp(1), ...money('20.00') }], ['order_item_added', { ...lamp(1), ...money('10.00') }], paid('20.00')), order: '20.00', pieces: 'P-1 1, P-1 1', says: 'equal equal' },
  'an added one changed': { events: story('an added one changed', ['order_created', { ...lamp(1), ...money('14.00') }], ['order_item_added', { ...cup(1), ...money('4.00') }], ['order_updated', { ...cup(3), ...money('12.00') }], paid('22.00')), order: '22.00', pieces: 'P-1 1, P-2 3', says: 'equal equal' },
  'with shipping': { events: story('with shipping', ['order_created', { ...lamp(2), ...money('24.90') }], ['order_updated', { quantity: 1, unit_price: '10.00', ...money('14.90') }], paid('14.90')), order: '14.90', pieces: 'P-1 1', says: 'fee equal' },
  'with a voucher': { events: story('with a voucher', ['order_created', { ...lamp(2), ...money('15.00') }], paid('15.00')), order: '15.00', pieces: 'P-1 2', says: 'discount equal' },
  'one record, returned': { events: story('one record, returned', ['order_returned', { ...lamp(2), ...money('20.00'), order_status: 'RETURNED' }], paid('20.00')), order: '20.00', pieces: 'P-1 2', says: 'equal equal' },
  'one record, completed': { events: story('one record, completed', ['order_updated', { ...lamp(2), ...money('20.00'), order_status: 'COMPLETED' }], paid('20.00')), order: '20.00', pieces: 'P-1 2', says: 'equal equal' },
  'one record, cancelled': { events: story('one record, cancelled', ['order_cancelled', { ...lamp(2), ...money('20.00'), order_status: 'CANCELLED' }]), order: '20.00', pieces: 'P-1 2', says: 'equal not_due' },
  'amount alone': { events: story('amount alone', ['order_created', { product_id: 'P-1', ...money('7.00') }], paid('7.00')), order: '7.00', pieces: 'P-1 null', says: 'equal equal' },
  'paid wrong': { events: story('paid wrong', ['order_created', { ...lamp(2), ...money('20.00') }], paid('2.00')), order: '20.00', pieces: 'P-1 2', says: 'equal underpaid' }
}

t.test('however a shop tells an order, the order, its positions and its payments are one', { timeout: 80_000 }, async t => {
  const lake = await openTestLake(t)
  await loadReferences(lake)
  const wanted = ['orders', 'order_items', 'payments', 'validated_orders', 'reconciliation']
  const runner = openRunner({ ...lake, engine: null, models: (await readModels()).filter(({ name }) => wanted.includes(name)) })
  t.teardown(() => runner.close())
  const night: EventRow = { event_type: 'page_view', event_time: '2026-03-02T00:00:00Z', received_at: '2026-03-02T00:00:00Z', log_offset: 99 }
  await lake.append([...Object.values(habits).flatMap(({ events }) => events), night])
  t.strictSame((await runner.cycle({ minute: true })).filter(({ outcome }) => outcome === 'failed'), [])
  const rows = async (name: string, columns: string): Promise<Record<string, string>[]> => {
    const table = await lake.catalog.loadTable({ namespace: ['analytics'], name })
    return await lake.rows(`select ${columns} from ${duckdbScan(table, (await scanFiles(lake.storage, table)).files, lake.storage)}`) as Record<string, string>[]
  }
  const orders = await rows('orders', 'order_id, amount')
  const positions = await rows('order_items', 'order_id, position, product_id, quantity')
  const reconciled = await rows('reconciliation', "order_id, positions_say || ' ' || payments_say as says")
  for (const [id, { order, pieces, says }] of Object.entries(habits)) {
    const items = positions.filter(row => row['order_id'] === id).sort((a, b) => Number(a['position']) - Number(b['position']))
    t.strictSame({
      order: orders.find(row => row['order_id'] === id)?.['amount'],
      pieces: items.map(row => `${row['product_id']} ${row['quantity']}`).join(', '),
      says: reconciled.find(row => row['order_id'] === id)?.['says']
    }, { order, pieces, says }, id)
  }
})
