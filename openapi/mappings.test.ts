import t from 'tap'
import fc from 'fast-check'
import { checkEvent, mapRecord, topicMappings, type MappingName } from './index.ts'

const options = { receivedAtMs: Date.parse('2026-03-01T12:00:00Z'), futureMinutesMax: 60, ageDaysMax: 7, eventBytesMax: 65_536 }
const order = { order_id: 'o-1', customer_id: 'c-1', product_id: 'p-1', product_name: 'Lamp', category: 'home', quantity: 2, unit_price: 19.9, order_status: 'NEW', region: 'EU', timestamp: '2026-03-01T11:59:00Z' }

function mapped (mapping: MappingName, record: unknown): Record<string, unknown> {
  return JSON.parse(Buffer.from(mapRecord(mapping, Buffer.from(JSON.stringify(record)))!.event).toString()) as Record<string, unknown>
}

t.test('an order becomes the event that its state stands for, and the contract accepts it', async t => {
  for (const [state, type] of Object.entries({ NEW: 'order_created', CANCELLED: 'order_cancelled', RETURNED: 'order_returned', cancelled: 'order_cancelled', COMPLETED: 'order_updated' })) {
    const bytes = mapRecord('orders', Buffer.from(JSON.stringify({ ...order, order_status: state })))!.event
    t.match(checkEvent(bytes, options), { ok: true, eventType: type }, state)
  }
  t.match(mapped('order_updates', { order_id: 'o-1', order_status: 'NEW', timestamp: order.timestamp }), { event_type: 'order_updated' })
  t.match(mapped('order_updates', { order_id: 'o-1', status: 'canceled', timestamp: order.timestamp }), { event_type: 'order_cancelled', order_status: 'CANCELLED' })
})

t.test('a payment becomes the event of its status', async t => {
  const payment = { payment_id: 'pay-1', order_id: 'o-1', amount: 39.8, timestamp: order.timestamp }
  t.match(checkEvent(mapRecord('payments', Buffer.from(JSON.stringify(payment)))!.event, options), { ok: true, eventType: 'payment_captured' })
  t.match(mapped('payments', { ...payment, status: 'declined' }), { event_type: 'payment_failed' })
  t.match(mapped('payments', { ...payment, status: 'on hold' }), { event_type: 'payment_authorized' }, 'a state that is not known makes no money')
})

t.test('the same record has the same id, one that differs in anything another one; an id that was sent stays', async t => {
  const id = (record: object): unknown => mapped('orders', record).event_id
  t.equal(id(order), id({ ...order }))
  t.equal(id(order), id(Object.fromEntries(Object.entries(order).reverse())), 'the order of members says nothing')
  const spelled = Buffer.from(JSON.stringify(order, null, 1).replace('"order_id"', '"\\u006frder_id"').replace('"Lamp"', '"L\\u0061mp"'))
  t.equal(id(order), (JSON.parse(Buffer.from(mapRecord('orders', spelled)!.event).toString()) as { event_id: string }).event_id, 'nor does their spelling')
  for (const other of [{ product_id: 'p-2' }, { quantity: 3 }, { region: null }, { line: 2 }, { gift: { wrapped: true } }]) t.not(id(order), id({ ...order, ...other }), `a position of its own: ${JSON.stringify(other)}`)
  t.not(id({ ...order, parts: [1, 2] }), id({ ...order, parts: [2, 1] }))
  t.not(id(order), mapped('order_updates', order).event_id, 'another event')
  t.not(mapped('payments', { payment_id: 'p', order_id: 'o', amount: 1, timestamp: order.timestamp }).event_id, mapped('payments', { payment_id: 'p', order_id: 'o', amount: 2, timestamp: order.timestamp }).event_id)
  t.not(id(order), id({ ...order, order_status: 'RETURNED' }))
  t.not(id(order), id({ ...order, timestamp: '2026-03-01T11:59:01Z' }))
  t.equal(id({ ...order, event_id: 'mine' }), 'mine')
  const isDerived = (record: object): unknown => mapRecord('orders', Buffer.from(JSON.stringify(record)))!.isIdDerived
  t.strictSame([order, { ...order, event_id: null }, { ...order, event_id: ' undefined ' }, { ...order, event_id: 'mine' }, { ...order, event_id: 7 }].map(isDerived), [true, true, true, false, false])
})

t.test('numeric ids and the times that producers write are understood', async t => {
  t.match(mapped('orders', { ...order, order_id: 12345678901234567890n.toString(), product_id: 7 }), { product_id: '7' })
  for (const [sent, instant] of [['2026-03-01 11:59:00', '2026-03-01T11:59:00Z'], ['2026-03-01T11:59:00.123456', '2026-03-01T11:59:00.123456Z'], ['2026-03-01T11:59:00+0200', '2026-03-01T11:59:00+02:00'], ['2026-03-01t11:59:00.5z', '2026-03-01T11:59:00.5Z'], ['2026-03-01t11:59:00', '2026-03-01T11:59:00Z'], [1772366340, '2026-03-01T11:59:00.000Z'], [1772366340000, '2026-03-01T11:59:00.000Z']]) {
    t.equal(mapped('orders', { ...order, timestamp: sent }).timestamp, instant, String(sent))
  }
})

t.test('a time that no calendar has stays what it was, and the contract refuses it', async t => {
  for (const sent of ['2026-03-01t24:00:00z', '2026-03-01 11:59:60', '2026-02-29T00:00:00z', '2026-13-01 00:00:00']) {
    t.match(checkEvent(mapRecord('orders', Buffer.from(JSON.stringify({ ...order, timestamp: sent })))!.event, options), { ok: false, code: 'EVENT_TIMESTAMP_INVALID' }, sent)
  }
})

t.test('money keeps its text', async t => {
  const bytes = mapRecord('orders', Buffer.from('{"order_id":1,"unit_price":1234567890123.10,"timestamp":"2026-03-01T11:59:00Z"}'))!.event
  t.match(Buffer.from(bytes).toString(), /"unit_price":1234567890123\.10,/)
})

t.test('an event passes unchanged, and what is no object is not mapped', async t => {
  for (const text of ['{"order_id":"a","order_id":"b"}', '{"order_id":"a","\\u006frder_id":"b"}', '{"x":{"é":1,"\\u00e9":2}}', '{"x":[1e999]}', '{"x":"\\ud800"}']) {
    t.equal(mapRecord('orders', Buffer.from(text)), null, text)
    t.match(checkEvent(Buffer.from(text), options), { ok: false, code: /DUPLICATE_KEY|NUMBER_RANGE|STRING_INVALID/ }, 'the contract says why')
  }
  const event = Buffer.from('{"event_type":"order_created", "event_id":"e", "order_id":"o","timestamp":"2026-03-01T11:59:00Z"}')
  t.same(mapRecord('orders', event), { event, isIdDerived: false })
  for (const bytes of ['', '[1]', '7', 'null', '{"a":', '"x"']) t.equal(mapRecord('orders', Buffer.from(bytes)), null, bytes)
})

t.test('whatever a record holds, nothing of it is lost on the way to the contract', async () => {
  fc.assert(fc.property(fc.dictionary(fc.string().filter(name => name !== '__proto__'), fc.jsonValue()), fc.constantFrom(...Object.values(topicMappings)), (record, mapping) => {
    const bytes = Buffer.from(JSON.stringify(record))
    if (mapRecord(mapping, bytes) === null) return !checkEvent(bytes, options).ok
    const event = mapped(mapping, record)
    const before = JSON.parse(JSON.stringify(record)) as Record<string, unknown>
    for (const [name, value] of Object.entries(before)) {
      if (['timestamp', 'status', 'order_status', 'event_id', 'order_id', 'customer_id', 'product_id', 'payment_id', 'session_id', 'user_id', 'event_type'].includes(name)) continue
      if (JSON.stringify(event[name]) !== JSON.stringify(value)) return false
    }
    return true
  }))
})
