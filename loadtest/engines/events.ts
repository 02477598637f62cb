// Events that are hard on readers: nulls in every optional field, decimals of every width and sign, nested and partly null
// structs, non-ASCII text up to U+10FFFF, strings longer than a bound, quotes, back-slashes and line breaks.
// Seeded: the same seed gives the same events, and every event_id is its own.

import { faker } from '@faker-js/faker'

const batchSize = 1000
const texts = ['Zürich', '東京タワー', 'Привет, мир', '🛒🛒 sale', 'a "quoted" \\ thing', 'two\nlines', '\u{10FFFF}\u{10FFFF}edge', 'x'.repeat(40), "o'neill", 'ＦＵＬＬ ｗｉｄｔｈ']
const types = ['page_view', 'product_view', 'search', 'add_to_cart', 'purchase', 'order_created', 'order_cancelled', 'payment_captured', 'payment_failed', 'customer_created']

/** Posts `count` events in batches and throws unless every one is accepted. */
export async function postShoppers (gatewayUrl: string, { seed, count }: { seed: number, count: number }): Promise<void> {
  faker.seed(seed)
  const now = Date.now()
  for (let sent = 0; sent < count; sent += batchSize) {
    const events = Array.from({ length: Math.min(batchSize, count - sent) }, (_, i) => hardEvent(`${seed}-${sent + i}`, sent + i, now))
    const response = await fetch(`${gatewayUrl}/v1/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(events),
      signal: AbortSignal.timeout(30_000)
    })
    const answer = await response.json() as { accepted?: number }
    if (response.status !== 202 || answer.accepted !== events.length) {
      throw new Error(`the gateway answered ${response.status} ${JSON.stringify(answer).slice(0, 500)}`)
    }
  }
}

function hardEvent (id: string, n: number, now: number): Record<string, unknown> {
  const type = types[n % types.length] as string
  const event: Record<string, unknown> = {
    event_id: `hard-${id}`,
    event_type: type,
    timestamp: new Date(now - n % 3 * 86_400_000 - faker.number.int({ max: 3_600_000 })).toISOString().replace('Z', `${faker.number.int({ min: 100, max: 999 })}Z`)
  }
  const maybe = (name: string, value: unknown): void => { if (faker.number.int(9) > 2) event[name] = value }
  const text = (): string => texts[faker.number.int(texts.length - 1)] as string
  maybe('session_id', `s-${faker.number.int(500)}`)
  maybe('user_id', text())
  maybe('location', faker.number.int(3) === 0 ? text() : { country: 'CH', city: text(), latitude: faker.location.latitude(), longitude: -0.000001 * faker.number.int(1e8) })
  maybe('device', faker.number.int(3) === 0 ? 'mobile' : { type: text(), os: 'ios' })
  maybe('properties', { note: text(), nested: { list: [1, null, 'ä'] } })
  if (type.startsWith('order_')) {
    event.order_id = `o-${n}`
    maybe('product_name', text())
    maybe('quantity', faker.number.int({ min: 1, max: 100 }))
    maybe('unit_price', faker.number.int({ min: 1, max: 99_999 }) / 100)
    maybe('amount', n % 50 === 5 ? '9999999999999999.99' : `${faker.number.int(1e6)}.${n % 10}`)
  }
  if (type.startsWith('payment_')) {
    Object.assign(event, { payment_id: `p-${n}`, order_id: `o-${n}`, amount: `${faker.number.int(5000)}.${10 + n % 90}` })
    maybe('payment_method', text())
  }
  return event
}
