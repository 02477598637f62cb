import t from 'tap'
import fc from 'fast-check'
import { checkEvent, mapRecord, topicMappings, type MappingName } from './index.ts'

const options = { receivedAtMs: Date.parse('2026-03-01T12:00:00Z'), futureMinutesMax: 60, ageDaysMax: 7, eventBytesMax: 65_536 }
const order = { order_id: 'o-1', customer_id: 'c-1', product_id: 'p-1', product_name: 'Lamp', category: 'home', quantity: 2, unit_price: 19.9, order_status: 'NEW', region: 'EU', timestamp: '2026-03-01T11:59:00Z' }

function mapped (mapping: MappingName, record: unknown): Record<string, unknown> {
  return JSON.parse(Buffer.from(mapRecord(mapping, Buffer.from(JSON.stringify(record)))!).toString()) as Record<string, unknown>
}

t.test('an order becomes the event that its state stands for, and the contract accepts it', async t => {
  for (const [state, type] of Object.entries({ NEW: 'order_created', CANCELLED: 'order_cancelled', RETURNED: 'order_returned', cancelled: 'order_cancelled', COMPLETED: 'order_updated' })) {
    const bytes = mapRecord('orders', Buffer.from(JSON.stringify({ ...order, order_status: state })))!
    t.match(checkEvent(bytes, options), { ok: true, eventType: type }, state)
  }
  t.match(mapped('order_updates', { order_id: 'o-1', order_status: 'NEW', timestamp: order.timestamp }), { event_type: 'order_updated' })
  t.match(mapped('order_updates', { order_id: 'o-1', status: 'canceled', timestamp: order.timestamp }), { event_type: 'order_cancelled', order_status: 'CANCELLED' })
})

t.test('a payment becomes the event of its status', async t => {
  const payment = { payment_id: 'pay-1', order_id: 'o-1', amount: 39.8, timestamp: order.timestamp }
  t.match(checkEvent(mapRecord('payments', Buffer.from(JSON.stringify(payment)))!, options), { ok: true, eventType: 'payment_captured' })
  t.match(mapped('payments', { ...payment, status: 'declined' }), { event_type: 'payment_failed' })
  t.match(mapped('payments', { ...payment, status: 'on hold' }), { event_type: 'payment_authorized' }, 'a state that is not known makes no money')
})

t.test('the same record has the same id, another state or time another one; an id that was sent stays', async t => {
  const id = (record: object): unknown => mapped('orders', record).event_id
  t.equal(id(order), id({ ...order, region: 'US' }))
  t.not(id(order), id({ ...order, order_status: 'RETURNED' }))
  t.not(id(order), id({ ...order, timestamp: '2026-03-01T11:59:01Z' }))
  t.equal(id({ ...order, event_id: 'mine' }), 'mine')
})

t.test('numeric ids and the times that producers write are understood', async t => {
  t.match(mapped('orders', { ...order, order_id: 12345678901234567890n.toString(), product_id: 7 }), { product_id: '7' })
  for (const [sent, instant] of [['2026-03-01 11:59:00', '2026-03-01T11:59:00Z'], ['2026-03-01T11:59:00.123456', '2026-03-01T11:59:00.123456Z'], ['2026-03-01T11:59:00+0200', '2026-03-01T11:59:00+02:00'], [1772366340, '2026-03-01T11:59:00.000Z'], [1772366340000, '2026-03-01T11:59:00.000Z']]) {
    t.equal(mapped('orders', { ...order, timestamp: sent }).timestamp, instant, String(sent))
  }
})

t.test('money keeps its text', async t => {
  const bytes = mapRecord('orders', Buffer.from('{"order_id":1,"unit_price":1234567890123.10,"timestamp":"2026-03-01T11:59:00Z"}'))!
  t.match(Buffer.from(bytes).toString(), /"unit_price":1234567890123\.10,/)
})

t.test('an event passes unchanged, and what is no object is not mapped', async t => {
  const event = Buffer.from('{"event_type":"order_created", "event_id":"e", "order_id":"o","timestamp":"2026-03-01T11:59:00Z"}')
  t.equal(mapRecord('orders', event), event)
  for (const bytes of ['', '[1]', '7', 'null', '{"a":', '"x"']) t.equal(mapRecord('orders', Buffer.from(bytes)), null, bytes)
})

t.test('whatever a record holds, nothing of it is lost on the way to the contract', async () => {
  fc.assert(fc.property(fc.dictionary(fc.string().filter(name => name !== '__proto__'), fc.jsonValue()), fc.constantFrom(...Object.values(topicMappings)), (record, mapping) => {
    const event = mapped(mapping, record)
    const before = JSON.parse(JSON.stringify(record)) as Record<string, unknown>
    for (const [name, value] of Object.entries(before)) {
      if (['timestamp', 'status', 'order_status', 'event_id', 'order_id', 'customer_id', 'product_id', 'payment_id', 'session_id', 'user_id', 'event_type'].includes(name)) continue
      if (JSON.stringify(event[name]) !== JSON.stringify(value)) return false
    }
    return true
  }))
})
