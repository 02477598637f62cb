import t from 'tap'
import { openShop, type ShopEvent, type ShopOptions } from './shop.ts'

const noon = Date.parse('2026-01-31T12:00:00Z')
const play = (count: number, more: Partial<ShopOptions> = {}): ShopEvent[] => {
  const shop = openShop({ seed: 7, run: 'r', shoppers: 20, fraud: 0.1, late: 0.05, duplicates: 0.05, malformed: 0.05, now: () => noon, ...more })
  return Array.from({ length: count }, () => shop.next().value)
}
const isJson = (text: string): boolean => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
const fieldsOf = (event: ShopEvent): Record<string, unknown> => JSON.parse(event.json) as Record<string, unknown>

t.test('the same seed plays the same shoppers', async t => {
  t.strictSame(play(500), play(500))
  t.notSame(play(500, { seed: 8 }).map(e => e.ip), play(500).map(e => e.ip))
})

t.test('two runs of one seed share no event_id', async t => {
  const first = new Set(play(500).map(e => e.eventId))
  t.notOk(play(500, { run: 'q' }).some(e => e.eventId !== null && first.has(e.eventId)))
})

t.test('an event sent again has the bytes and the address of its first time', async t => {
  const events = play(3000)
  const again = events.filter(e => e.kind === 'duplicate')
  t.ok(again.length > 50)
  t.strictSame(again.filter(event => {
    const first = events.find(e => e.eventId === event.eventId)
    return first === undefined || first.kind === 'duplicate' || first.json !== event.json || first.ip !== event.ip || event.fraud !== undefined
  }), [])
})

t.test('late events lie behind by minutes to three days, the others are of now', async t => {
  const ages = (kind: string): number[] => play(3000).filter(e => e.kind === kind).map(e => noon - Date.parse(String(fieldsOf(e).timestamp)))
  t.ok(ages('late').length > 50 && ages('late').every(ms => ms >= 60_000 && ms <= 3 * 86_400_000))
  t.ok(ages('fresh').every(ms => ms === 0))
})

t.test('a broken event never has the id of a good one, and only what is no JSON travels alone', async t => {
  const events = play(3000)
  const good = new Set(events.filter(e => e.kind !== 'malformed').map(e => e.eventId))
  const broken = events.filter(e => e.kind === 'malformed')
  t.ok(broken.length > 50)
  t.notOk(broken.some(e => good.has(e.eventId)))
  t.ok(broken.some(e => e.alone))
  t.strictSame(broken.filter(e => e.alone === isJson(e.json)), [])
})

t.test('every fraud pattern is played, its truth beside the event and no word of it inside', async t => {
  const events = play(20_000).filter(e => e.fraud !== undefined)
  t.strictSame([...new Set(events.map(e => e.fraud?.pattern))].sort(), ['amount_outlier', 'impossible_travel', 'many_cards', 'many_orders_one_customer', 'many_orders_one_ip', 'payment_mismatch'])
  t.notOk(events.some(e => /fraud|outlier|mismatch|many_|travel/.test(e.json)))
  const orders = new Map(events.map(fieldsOf).filter(e => e.event_type === 'order_created').map(e => [e.order_id, e.amount]))
  const mismatches = events.filter(e => e.fraud?.pattern === 'payment_mismatch').map(fieldsOf).filter(e => e.event_type === 'payment_captured' && orders.has(e.order_id))
  t.ok(mismatches.length > 0 && mismatches.every(e => e.amount !== orders.get(e.order_id)))
})

t.test('customers come back under the same id in another session', async t => {
  const sessions = new Map<unknown, Set<unknown>>()
  for (const event of play(10_000)) {
    if (event.kind === 'malformed') continue
    const { user_id: user, session_id: session } = fieldsOf(event)
    sessions.set(user, (sessions.get(user) ?? new Set()).add(session))
  }
  t.ok([...sessions.values()].some(of => of.size > 1))
})

t.test('amounts have at most two decimals', async t => {
  const texts = play(5000).filter(e => e.kind !== 'malformed').flatMap(e => [...e.json.matchAll(/"(?:amount|unit_price)":([\d.]+)/g)].map(match => match[1] ?? ''))
  t.ok(texts.length > 1000)
  t.strictSame(texts.filter(text => !/^\d+(\.\d{1,2})?$/.test(text)), [])
})

t.test('an account is taken over from far away, after an honest order of its owner', async t => {
  const events = play(30_000).filter(e => e.kind === 'fresh')
  const places = new Map<unknown, Set<unknown>>()
  for (const event of events) {
    const { customer_id: customer, location } = fieldsOf(event) as { customer_id?: string, location: { city: string } }
    if (customer !== undefined) places.set(customer, (places.get(customer) ?? new Set()).add(location.city))
  }
  const thefts = events.filter(e => e.fraud?.pattern === 'impossible_travel').map(fieldsOf).filter(e => e.event_type === 'order_created')
  t.ok(thefts.length > 5)
  t.ok(thefts.filter(e => (places.get(e.customer_id)?.size ?? 0) > 1).length > thefts.length * 0.8)
})

t.test('prices are those of the catalogue in the currency of the shopper', async t => {
  const events = play(5000).filter(e => e.kind === 'fresh').map(fieldsOf).filter(e => e.event_type === 'product_view')
  const of = (currency: string): number[] => events.filter(e => e.currency === currency).map(e => Number(e.unit_price))
  const mean = (values: number[]): number => values.reduce((a, b) => a + b, 0) / values.length
  t.ok(mean(of('JPY')) > 50 * mean(of('USD')))
})
