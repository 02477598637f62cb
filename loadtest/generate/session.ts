// One visit as a script of events: browsing, a cart, perhaps an order with its payment, sometimes a cancellation, a return
// or a refund. Fraud is a different script, and what is fraudulent about it is said beside the event, never inside it.
// Pure: randomness comes from the Faker handed in; time and ids are stamped by the shop when an event leaves.

import type { Faker } from '@faker-js/faker'
import type { Product } from './products.ts'
import { drawCampaign, inventCard, inventElsewhere, inventShopper, perDollar, type Shopper } from './shopper.ts'

export const fraudPatterns = ['many_orders_one_ip', 'many_orders_one_customer', 'amount_outlier', 'many_cards', 'payment_mismatch', 'impossible_travel'] as const
export type FraudPattern = typeof fraudPatterns[number]
/** Patterns that need somebody whom the shop has met before: a taken-over account. */
export const takeovers: readonly FraudPattern[] = ['amount_outlier', 'impossible_travel']
/** In cents of a dollar; the outlier of a stranger is large by itself, that of a known customer only beside what they bought before. */
const outlierCents = { stranger: { min: 310_000, max: 2_000_000 }, known: { min: 120_000, max: 2_000_000 } }
/** What costs more than this is bought once. */
const onceCents = 15_000

/** An event without event_id and timestamp. */
export interface Step {
  readonly shopper: Shopper
  readonly fields: Record<string, unknown> & { event_type: string }
  readonly fraud?: FraudPattern
  /** What happens in the same instant and leaves in the same request. */
  readonly then?: readonly Step[]
  /** Of a visit with a habit: which, and whether this ends what it tells of its order. */
  readonly habit?: { readonly name: string, readonly isLast: boolean }
}

export interface Stage {
  readonly faker: Faker
  readonly products: readonly Product[]
  /** A new id with this prefix, distinct over all runs. */
  newId(prefix: string): string
}

interface CartLine { product: Product, quantity: number }

/** A visit of an honest shopper. */
export function * visit (stage: Stage, shopper: Shopper): Generator<Step> {
  const { faker } = stage
  const base = openSession(stage, shopper)
  const campaign = drawCampaign(faker)
  const page = (fields: Step['fields']): Step => ({ shopper, fields: { ...base, ...fields, ...campaign } })
  if (!shopper.known) {
    shopper.known = true
    yield { shopper, fields: { ...base, event_type: 'customer_created', customer_id: shopper.userId, properties: { name: shopper.name, email: shopper.email } } }
  }
  yield page({ event_type: 'page_view', url: 'https://shop.example/', referrer: campaign === null ? 'https://www.google.com/' : `https://${campaign.utm_source}.example/`, title: 'Welcome' })
  const cart: CartLine[] = []
  for (let views = faker.number.int({ min: 1, max: 6 }); views > 0; views--) {
    const product = faker.helpers.arrayElement(stage.products)
    if (faker.number.float() < 0.3) yield page({ event_type: 'search', url: 'https://shop.example/search', properties: { query: product.name.split(' ').at(-1) ?? '', results: faker.number.int(80) } })
    const shown = { product_id: product.id, product_name: product.name, category: product.category, unit_price: price(shopper, product.priceCents), currency: shopper.currency }
    yield page({ event_type: 'product_view', url: `https://shop.example/p/${product.id}`, title: product.name, ...shown })
    if (faker.number.float() > 0.45) continue
    const line = { product, quantity: faker.number.int({ min: 1, max: product.priceCents > onceCents ? 1 : 3 }) }
    cart.push(line)
    yield page({ event_type: 'add_to_cart', ...shown, quantity: line.quantity })
    if (faker.number.float() < 0.12) {
      cart.pop()
      yield page({ event_type: 'remove_from_cart', ...shown, quantity: line.quantity })
    }
  }
  if (cart.length === 0 || faker.number.float() < 0.35) return
  yield page({ event_type: 'checkout_started', properties: { lines: cart.length } })
  if (faker.number.float() < 0.2) return
  yield * order(stage, shopper, base, cart)
}

/** A visit that a fraud desk wants to hear about. */
export function * fraudVisit (stage: Stage, shopper: Shopper, pattern: FraudPattern): Generator<Step> {
  const { faker } = stage
  const cartOf = (priceCents?: number): CartLine[] => {
    const product = faker.helpers.arrayElement(stage.products)
    return [{ product: priceCents === undefined ? product : { ...product, priceCents }, quantity: 1 }]
  }
  const isMet = shopper.known
  shopper.known = true
  switch (pattern) {
    case 'many_orders_one_ip':
      for (let orders = faker.number.int({ min: 8, max: 15 }); orders > 0; orders--) {
        const alias: Shopper = { ...inventShopper(faker), ip: shopper.ip, userAgent: shopper.userAgent, known: true }
        yield * order(stage, alias, openSession(stage, alias), cartOf(), pattern)
      }
      return
    // From address to address, so that no rule about one address sees it.
    case 'many_orders_one_customer':
      for (let orders = faker.number.int({ min: 7, max: 12 }); orders > 0; orders--) {
        const elsewhere: Shopper = { ...shopper, ip: inventShopper(faker).ip }
        yield * order(stage, elsewhere, openSession(stage, elsewhere), cartOf(), pattern)
      }
      return
    case 'amount_outlier':
      yield * order(stage, shopper, openSession(stage, shopper), cartOf(faker.number.int(isMet ? outlierCents.known : outlierCents.stranger)), pattern)
      return
    case 'many_cards': {
      const base = openSession(stage, shopper)
      const cart = cartOf()
      for (let cards = faker.number.int({ min: 4, max: 9 }); cards > 0; cards--) {
        yield { shopper, fraud: pattern, fields: { ...base, event_type: 'payment_failed', payment_id: stage.newId('pay'), order_id: stage.newId('o'), amount: price(shopper, totalCents(cart)), currency: shopper.currency, payment_method: 'card', card_fingerprint: inventCard(faker) } }
      }
      yield * order(stage, { ...shopper, card: inventCard(faker) }, base, cart, pattern)
      return
    }
    // The customer's own order first, which is honest; then the same account from the other end of the world.
    case 'impossible_travel': {
      yield * order(stage, shopper, openSession(stage, shopper), cartOf())
      const thief = inventElsewhere(faker, shopper)
      yield * order(stage, thief, openSession(stage, thief), cartOf(), pattern)
      return
    }
    case 'payment_mismatch':
      yield * order(stage, shopper, openSession(stage, shopper), cartOf(), pattern)
  }
}

function * order (stage: Stage, shopper: Shopper, base: Record<string, unknown>, cart: CartLine[], fraud?: FraudPattern): Generator<Step> {
  const { faker } = stage
  const orderId = stage.newId('o')
  const paymentId = stage.newId('pay')
  const mark = fraud === undefined ? {} : { fraud }
  const total = totalCents(cart)
  const charged = fraud === 'payment_mismatch' ? Math.max(100, Math.round(total * faker.number.float({ min: 0.05, max: 0.5 }))) : total
  const head = { order_id: orderId, customer_id: shopper.userId, currency: shopper.currency, region: shopper.location.region }
  let payment = { payment_id: paymentId, order_id: orderId, amount: price(shopper, charged), currency: shopper.currency, payment_method: faker.helpers.arrayElement(['card', 'card', 'card', 'paypal', 'invoice']), card_fingerprint: shopper.card }
  const say = (fields: Step['fields']): Step => ({ shopper, ...mark, fields: { ...base, ...fields } })
  const [first, ...others] = cart as [CartLine, ...CartLine[]]
  yield say({ event_type: 'order_created', ...head, ...lineOf(shopper, first), amount: price(shopper, total), order_status: 'NEW' })
  for (const line of others) yield say({ event_type: 'order_item_added', ...head, ...lineOf(shopper, line) })
  if (fraud === undefined && faker.number.float() < 0.06) {
    yield say({ event_type: 'payment_failed', ...payment })
    if (faker.number.float() < 0.5) {
      yield say({ event_type: 'order_cancelled', ...head, amount: price(shopper, total), order_status: 'CANCELLED' })
      return
    }
    if (faker.number.float() < 0.4) payment = { ...payment, card_fingerprint: inventCard(faker) }
  }
  yield say({ event_type: 'payment_authorized', ...payment })
  yield say({ event_type: 'payment_captured', ...payment })
  yield say({ event_type: 'purchase', properties: { order_id: orderId, total: price(shopper, total), lines: cart.length } })
  const fate = faker.number.float()
  if (fate < 0.05) {
    yield say({ event_type: 'order_returned', ...head, ...lineOf(shopper, first), order_status: 'RETURNED' })
    yield say({ event_type: 'payment_refunded', ...payment })
  } else if (fate < 0.7) {
    yield say({ event_type: 'order_updated', ...head, order_status: 'COMPLETED' })
  }
}

export function openSession (stage: Stage, shopper: Shopper): Record<string, unknown> {
  return { session_id: stage.newId('s'), user_id: shopper.userId, device: shopper.device, location: shopper.location }
}

function lineOf (shopper: Shopper, { product, quantity }: CartLine): Record<string, unknown> {
  return { product_id: product.id, product_name: product.name, category: product.category, quantity, unit_price: price(shopper, product.priceCents) }
}

function totalCents (cart: readonly CartLine[]): number {
  return cart.reduce((sum, { product, quantity }) => sum + product.priceCents * quantity, 0)
}

/** Cents of a dollar in the shopper's currency, two decimals, as a number: few enough digits that a double prints them back. */
function price ({ currency }: Shopper, cents: number): number {
  return Math.round(cents * perDollar[currency]!) / 100
}
