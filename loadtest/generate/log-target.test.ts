import t from 'tap'
import { asSource } from './log-target.ts'
import { openShop, type ShopEvent } from './shop.ts'

t.test('orders, status changes and payments leave in the form of a shop, each for its topic, all else as an event', async t => {
  const seen = new Map<string, Record<string, unknown>[]>()
  const shop = openShop({ seed: 3, run: 'r', shoppers: 20, fraud: 0.1, late: 0, duplicates: 0, malformed: 0.02, now: () => Date.parse('2026-03-01T12:00:00Z') })
  for (let i = 0; i < 2000; i++) {
    const event = shop.next().value as ShopEvent
    const { record, eventId, broken } = asSource(event, 'ecommerce_events')
    if (event.kind === 'malformed') {
      t.equal(broken, true, 'a broken event is not counted as accepted')
      continue
    }
    const value = JSON.parse(Buffer.from(record.value).toString()) as Record<string, unknown>
    seen.set(record.topic, [...seen.get(record.topic) ?? [], value])
    if (record.topic !== 'ecommerce_events') t.match(eventId, /^[0-9a-f]{32}$/, 'named as the mapping names it')
  }
  t.strictSame([...seen.keys()].sort(), ['ecommerce_events', 'ecommerce_orders', 'order_updates', 'payments'])
  t.strictSame(Object.keys(seen.get('ecommerce_orders')![0]!).sort(), ['category', 'customer_id', 'order_id', 'order_status', 'product_id', 'product_name', 'quantity', 'region', 'timestamp', 'unit_price'])
  t.ok(seen.get('payments')!.every(({ payment_id: id, order_id: order, amount, event_type: type }) => typeof id === 'string' && typeof order === 'string' && typeof amount === 'number' && type === undefined))
  t.ok(seen.get('ecommerce_events')!.every(({ event_type: type }) => !/^payment_|^order_(created|updated|cancelled|returned)$/.test(String(type))))
})
