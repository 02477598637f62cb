// The events of the load: one session of a shopper is exactly ten events, from the page view to the order, its payment and
// sometimes its return. Pure and without randomness of its own: the same run, seed, stream and iteration give the same ids and
// the same money, in k6 and in Node alike, so whoever knows an accepted event_id can make its event again.

export const eventsPerSession = 10
const daysLateMax = 2
/** Share of sessions that a client sends a day or two later. */
const lateShare = 0.04
const dayMs = 86_400_000

export interface SessionKey {
  /** Names the run in every event_id: letters, digits and underscores. */
  readonly run: string
  readonly seed: number
  readonly stream: number
  readonly iteration: number
}

export interface ShopEvent extends Readonly<Record<string, unknown>> {
  readonly event_id: string
  readonly event_type: string
  readonly timestamp: string
  /** Exact: at most nine digits, two of them decimals. */
  readonly amount?: number
}

export interface Session {
  readonly ip: string
  readonly userAgent: string
  readonly events: readonly ShopEvent[]
}

interface Product { readonly id: string, readonly name: string, readonly category: string, readonly cents: number }

const categories = ['electronics', 'fashion', 'home', 'beauty', 'sports', 'books', 'toys', 'groceries']
const products: readonly Product[] = Array.from({ length: 64 }, (_, i) => {
  const category = categories[i % categories.length] as string
  return { id: `K-${String(i + 1).padStart(3, '0')}`, name: `${category} no. ${i + 1}`, category, cents: 199 + (i * 7919) % 45_000 }
})
const places = [['DE', 'Berlin', 'Berlin'], ['DE', 'Bavaria', 'Munich'], ['US', 'California', 'San Diego'], ['US', 'Texas', 'Austin'], ['IN', 'Karnataka', 'Bengaluru'], ['BR', 'Bahia', 'Salvador']] as const
const devices = [['mobile', 'Android', 'Chrome'], ['mobile', 'iOS', 'Safari'], ['desktop', 'Windows', 'Edge'], ['desktop', 'macOS', 'Safari'], ['tablet', 'iPadOS', 'Safari']] as const
const campaigns = [null, null, { utm_source: 'newsletter', utm_medium: 'email', utm_campaign: 'spring' }, { utm_source: 'search', utm_medium: 'cpc', utm_campaign: 'brand' }] as const

type Fields = Record<string, unknown> & { event_type: string }

export function makeSession (key: SessionKey, nowMs: number): Session {
  const draw = randomOf(`${key.seed}/${key.stream}/${key.iteration}`)
  const pick = <T>(list: readonly T[]): T => list[Math.floor(draw() * list.length)] as T
  const name = `${key.run}-${key.stream}-${key.iteration}`
  const [country, region, city] = pick(places)
  const [type, os, browser] = pick(devices)
  const base = { session_id: `s-${name}`, user_id: `u-${key.stream}-${key.iteration % 500}`, device: { type, os, browser }, location: { country, region, city } }
  const startedMs = nowMs - (draw() < lateShare ? Math.ceil(draw() * daysLateMax) * dayMs : 0)
  const product = pick(products)
  const ending = endingOf(draw(), { name, region, product, quantity: 1 + Math.floor(draw() * 3), customer: base.user_id })
  const campaign = pick(campaigns)
  const browsing: Fields[] = [{ event_type: 'page_view', url: 'https://shop.example/', title: 'Welcome', ...campaign }]
  while (browsing.length + ending.length < eventsPerSession) {
    const seen = pick(products)
    browsing.push(draw() < 0.2
      ? { event_type: 'search', url: 'https://shop.example/search', properties: { query: seen.category, results: Math.floor(draw() * 80) } }
      : { event_type: 'product_view', url: `https://shop.example/p/${seen.id}`, product_id: seen.id, product_name: seen.name, category: seen.category, unit_price: seen.cents / 100, currency: 'USD' })
  }
  return {
    ip: `10.${key.iteration % 256}.${Math.floor(draw() * 256)}.${1 + Math.floor(draw() * 254)}`,
    userAgent: `firn-k6 (${os}; ${browser})`,
    events: [...browsing, ...ending].map((fields, n): ShopEvent => ({ event_id: `${name}-${n}`, timestamp: new Date(startedMs + n).toISOString(), ...base, ...fields }))
  }
}

/** The money of an event that makeSession made, in cents: what the table's column `amount` must hold. */
export function centsOf ({ amount }: ShopEvent): number {
  return amount === undefined ? 0 : Math.round(amount * 100)
}

/** Which session and which of its events an id belongs to; null when it is not of this load. */
export function placeOf (eventId: string): { readonly run: string, readonly stream: number, readonly iteration: number, readonly n: number } | null {
  const [, run, stream, iteration, n] = /^(\w+)-(\d+)-(\d+)-(\d)$/.exec(eventId) ?? []
  return run === undefined ? null : { run, stream: Number(stream), iteration: Number(iteration), n: Number(n) }
}

/** How the session ends: half of them buy nothing, a few come back for their money. */
function endingOf (fate: number, { name, region, product, quantity, customer }: { name: string, region: string, product: Product, quantity: number, customer: string }): Fields[] {
  const line = { product_id: product.id, product_name: product.name, category: product.category, quantity, unit_price: product.cents / 100, currency: 'USD' }
  const amount = product.cents * quantity / 100
  const order = { order_id: `o-${name}`, customer_id: customer, region, amount, ...line }
  const payment = { payment_id: `pay-${name}`, order_id: `o-${name}`, amount, currency: 'USD', payment_method: fate < 0.8 ? 'card' : 'paypal', card_fingerprint: `card-${customer}` }
  const cart = [{ event_type: 'add_to_cart', ...line }, { event_type: 'checkout_started', order_id: `o-${name}`, amount, currency: 'USD' }]
  const created = { event_type: 'order_created', order_status: 'NEW', ...order }
  if (fate < 0.3) return []
  if (fate < 0.55) return cart
  if (fate < 0.6) return [...cart, created, { event_type: 'payment_failed', ...payment }, { event_type: 'order_cancelled', ...order, order_status: 'CANCELLED' }]
  const bought = [...cart, created, { event_type: 'payment_authorized', ...payment }, { event_type: 'payment_captured', ...payment }]
  if (fate < 0.65) return [...bought, { event_type: 'order_returned', ...order, order_status: 'RETURNED' }, { event_type: 'payment_refunded', ...payment }]
  return [...bought, { event_type: 'purchase', order_id: `o-${name}`, customer_id: customer, amount, currency: 'USD' }]
}

/** mulberry32 over an FNV-1a hash of the text: small, and the same wherever JavaScript runs. */
function randomOf (text: string): () => number {
  let state = 2166136261
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 16777619)
  return () => {
    state = (state + 0x6D2B79F5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}
