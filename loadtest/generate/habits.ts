// What ordinary shops do to an order, each as a script of events: they change it, take the money in parts, give some of it
// back, sell to guests, spell currencies their own way, let a whole life happen in one second, or send one record for all of it.
// Each has one right answer, by the words on top of the data dictionary. Pure, as the visits of session.ts are.

import type { Product } from './products.ts'
import { openSession, type Stage, type Step } from './session.ts'
import { perDollar, type Shopper } from './shopper.ts'

type Fields = Record<string, unknown>
interface Line { readonly product: Product, readonly quantity: number }

/** One order as its shop tells it. Money is in cents of the shopper's currency. */
interface Tale {
  readonly draw: Stage['faker']
  readonly currency: string
  /** What is bought: different products. */
  readonly lines: readonly [Line, Line, Line]
  costs (...lines: readonly Line[]): number
  say (event_type: string, ...fields: readonly Fields[]): Step
  created (...fields: readonly Fields[]): Step
  pay (step: 'authorized' | 'captured' | 'failed' | 'refunded', cents: number, ...fields: readonly Fields[]): Step
  /** By somebody of the shop, who has no visit. */
  byStaff (step: Step): Step
  another (prefix: string): string
}

type Script = (tale: Tale) => Iterable<Step>

const meaningless = ['', ' ', 'undefined', 'null', 'NaN', 'guest', '00000000-0000-0000-0000-000000000000']

/** Orders about which order, positions and payments agree in the end, or a word says why not. */
const honest: Record<string, Script> = {
  * 'pieces edited' ({ draw, lines: [line], costs, created, say, pay }) {
    const quantity = line.quantity + draw.number.int({ min: 1, max: 3 })
    const last = draw.helpers.arrayElement([1, quantity + 1])
    yield created(lineOf(line), draw.helpers.arrayElement([{}, amount(costs(line))]))
    yield say('order_updated', { quantity })
    yield say('order_updated', { quantity: last })
    yield * paid(pay, costs({ ...line, quantity: last }))
    yield say('order_updated', { order_status: 'COMPLETED' })
  },
  * 'shipping added, then pieces edited' ({ lines: [line], costs, created, say, pay }) {
    yield created(lineOf(line), amount(costs(line)))
    yield say('order_updated', amount(costs(line) + 490))
    yield say('order_updated', { quantity: line.quantity + 2 })
    yield * paid(pay, costs({ ...line, quantity: line.quantity + 2 }) + 490)
  },
  * 'product edited' ({ draw, lines: [line, other], costs, created, say, pay }) {
    yield created(lineOf(line), amount(costs(line)))
    yield say('order_updated', lineOf(other), draw.helpers.arrayElement([{}, amount(costs(other))]))
    yield * paid(pay, costs(other))
  },
  * 'positions added and edited' ({ draw, lines: [line, other, third], costs, created, say, pay }) {
    yield created(lineOf(line))
    yield say('order_item_added', lineOf(other))
    yield say('order_item_added', lineOf(third))
    const more = draw.helpers.arrayElement([other, { ...other, quantity: other.quantity + 3 }])
    yield say('order_updated', { product_id: other.product.id, quantity: more.quantity })
    yield * paid(pay, costs(line, more, third))
  },
  * 'two tenders' ({ draw, lines: [line], costs, created, pay, another }) {
    const gift = Math.ceil(costs(line) * draw.number.float({ min: 0.1, max: 0.9 }))
    yield created(lineOf(line), amount(costs(line)))
    yield pay('captured', gift, { payment_method: 'gift_card', payment_id: another('gift'), card_fingerprint: undefined })
    yield * paid(pay, costs(line) - gift)
  },
  * 'captured in parts' ({ lines: [line, other], costs, created, say, pay }) {
    yield created(lineOf(line))
    yield say('order_item_added', lineOf(other))
    yield pay('authorized', costs(line, other))
    yield pay('captured', costs(line))
    yield pay('captured', costs(other))
  },
  * 'refunded in parts' ({ draw, lines: [line], costs, created, say, pay }) {
    const part = Math.floor(costs(line) / 4)
    yield created(lineOf(line), amount(costs(line)))
    yield * paid(pay, costs(line))
    yield pay('refunded', part)
    yield pay('refunded', part + 1, draw.helpers.arrayElement([{}, { currency: undefined }]))
    if (draw.datatype.boolean()) {
      yield pay('refunded', costs(line) - 2 * part - 1)
      yield say('order_updated', { order_status: 'REFUNDED' })
    }
  },
  * 'of a guest' ({ draw, lines: [line], costs, created, say, pay }) {
    const nobody = (): unknown => draw.helpers.arrayElement([undefined, ...meaningless])
    const guest = { customer_id: nobody(), user_id: nobody() }
    const visit = draw.helpers.arrayElement([{}, { session_id: nobody() }])
    yield created(lineOf(line), amount(costs(line)), guest, visit)
    for (const step of paid(pay, costs(line), { user_id: nobody() }, visit)) yield step
    yield say('order_updated', { order_status: 'COMPLETED' }, guest, visit)
  },
  * 'its page loaded again' ({ draw, lines: [line], costs, created, say, pay }) {
    const page = created(lineOf(line), amount(costs(line)))
    const again = function * (): Generator<Step> { for (let loads = draw.number.int({ min: 1, max: 3 }); loads > 0; loads--) yield page }
    yield page
    yield * again()
    const isCancelled = draw.datatype.boolean()
    const quantity = line.quantity + 1
    if (isCancelled) yield say('order_cancelled')
    else yield say('order_updated', { quantity })
    yield * again()
    if (isCancelled) return
    yield * paid(pay, costs({ ...line, quantity }))
    yield say('order_updated', { order_status: 'COMPLETED' })
    yield * again()
  },
  * 'in a currency oddly spelled' ({ draw, currency, lines: [line], costs, created, pay }) {
    const spelled = (): Fields => ({ currency: draw.helpers.arrayElement([currency.toLowerCase(), ` ${currency}`, `${currency} `, `${currency[0]}${currency.slice(1).toLowerCase()}`, currency]) })
    yield created(lineOf(line), amount(costs(line)), spelled())
    yield pay('authorized', costs(line), spelled())
    yield pay('captured', costs(line), draw.helpers.arrayElement([spelled(), { currency: undefined }, { currency: null }]))
  },
  * 'in a currency without rate' ({ lines: [line], costs, created, pay }) {
    yield created(lineOf(line), amount(costs(line)), { currency: 'SEK' })
    yield * paid(pay, costs(line), { currency: 'sek' })
  },
  * 'created and cancelled at once' ({ draw, lines: [line], costs, created, say }) {
    yield at(...draw.helpers.shuffle([created(lineOf(line), amount(costs(line))), say('order_cancelled', draw.helpers.arrayElement([{}, { order_status: 'CANCELLED' }]))]))
  },
  * 'a whole life at once' ({ draw, lines: [line, other], costs, created, say, pay }) {
    const cents = costs(line, other)
    const end = draw.helpers.arrayElement([[say('order_updated', { order_status: 'COMPLETED' })], [say('order_returned', { order_status: 'RETURNED' }), pay('refunded', cents)]])
    yield at(...draw.helpers.shuffle([created(lineOf(line)), say('order_item_added', lineOf(other)), pay('authorized', cents), pay('captured', cents), ...end]))
  },
  * 'failed and captured at once' ({ draw, lines: [line], costs, created, pay }) {
    yield created(lineOf(line), amount(costs(line)))
    yield at(...draw.helpers.shuffle([pay('failed', costs(line)), pay('captured', costs(line))]))
  },
  * 'handled by staff' ({ draw, lines: [line], costs, created, say, pay, byStaff }) {
    yield created(lineOf(line), amount(costs(line)))
    yield byStaff(say('order_updated', { quantity: line.quantity + 1 }))
    yield * paid(pay, costs({ ...line, quantity: line.quantity + 1 }))
    if (draw.datatype.boolean()) {
      yield byStaff(say('order_cancelled'))
      yield byStaff(pay('refunded', costs({ ...line, quantity: line.quantity + 1 })))
    } else {
      yield byStaff(say('order_updated', { order_status: 'COMPLETED' }))
    }
  },
  * 'one record for all' ({ draw, lines: [line], costs, say, pay, byStaff }) {
    const [event_type, order_status] = draw.helpers.arrayElement([['order_updated', 'COMPLETED'], ['order_cancelled', 'CANCELLED'], ['order_returned', 'RETURNED'], ['order_updated', 'REFUNDED']] as const)
    yield byStaff(say(event_type, lineOf(line), draw.helpers.arrayElement([{}, amount(costs(line))]), { order_status }))
    if (order_status !== 'CANCELLED') yield byStaff(pay('captured', costs(line)))
  },
  * 'with shipping or a voucher' ({ draw, lines: [line, other], costs, created, say, pay }) {
    const total = costs(line, other) + draw.helpers.arrayElement([490, -100])
    yield created(lineOf(line), amount(total))
    yield say('order_item_added', lineOf(other))
    yield * paid(pay, total)
  }
}

/** Orders that are wrong, and have to be called so. */
const wrong: Record<string, Script> = {
  * 'paid wrong' ({ draw, lines: [line], costs, created, pay }) {
    yield created(lineOf(line), amount(costs(line)))
    yield * paid(pay, costs(line) + draw.helpers.arrayElement([-50, 70]))
  },
  * 'never paid' ({ draw, lines: [line], costs, created, pay }) {
    yield created(lineOf(line), amount(costs(line)))
    if (draw.datatype.boolean()) yield pay('failed', costs(line))
  },
  * 'paid without an order' ({ lines: [line], costs, pay }) {
    yield * paid(pay, costs(line))
  },
  * 'positions without an order' ({ lines: [line], say }) {
    yield say('order_item_added', lineOf(line))
  },
  * 'in no currency' ({ draw, lines: [line], costs, created, pay }) {
    yield created(lineOf(line), amount(costs(line)), { currency: draw.helpers.arrayElement(['', 'Euro', '€']) })
    yield * paid(pay, costs(line))
  }
}

const wrongShare = 0.1
export const habitNames: readonly string[] = Object.keys(honest)
export const wrongNames: readonly string[] = Object.keys(wrong)

/** A visit of somebody new, with one order. */
export function * habitVisit (stage: Stage, shopper: Shopper): Generator<Step> {
  const { faker } = stage
  const scripts = faker.number.float() < wrongShare ? wrong : honest
  const name = faker.helpers.arrayElement(Object.keys(scripts))
  const steps = [...scripts[name]!(openTale(stage, shopper))]
  for (const [i, step] of steps.entries()) yield { ...step, habit: { name, isLast: i === steps.length - 1 } }
}

function openTale (stage: Stage, shopper: Shopper): Tale {
  const { faker, newId } = stage
  const { currency } = shopper
  const base = openSession(stage, shopper)
  const [orderId, paymentId] = [newId('o'), newId('pay')]
  const rate = perDollar[currency]!
  // Two pieces at least: an edit may leave one.
  const [first, second, third] = faker.helpers.arrayElements(stage.products, 3).map(product => ({ product: { ...product, priceCents: Math.round(product.priceCents * rate) }, quantity: faker.number.int({ min: 2, max: 4 }) }))
  const say: Tale['say'] = (event_type, ...fields) => ({ shopper, fields: Object.assign({ ...base, event_type, order_id: orderId, customer_id: shopper.userId, currency, region: shopper.location.region }, ...fields) })
  return {
    draw: faker,
    currency,
    lines: [first!, second!, third!],
    costs: (...lines) => lines.reduce((sum, { product, quantity }) => sum + product.priceCents * quantity, 0),
    say,
    created: (...fields) => say('order_created', { order_status: 'NEW' }, ...fields),
    pay: (step, cents, ...fields) => say(`payment_${step}`, { customer_id: undefined, region: undefined, payment_id: paymentId, payment_method: 'card', card_fingerprint: shopper.card, ...amount(cents) }, ...fields),
    byStaff: step => ({ ...step, fields: { ...step.fields, session_id: undefined, user_id: undefined, device: undefined, location: undefined } }),
    another: newId
  }
}

function * paid (pay: Tale['pay'], cents: number, ...fields: readonly Fields[]): Generator<Step> {
  yield pay('authorized', cents, ...fields)
  yield pay('captured', cents, ...fields)
}

/** All of it in one instant and one request. */
function at (...[first, ...then]: readonly Step[]): Step {
  return { ...first!, then }
}

function lineOf ({ product, quantity }: Line): Fields {
  return { product_id: product.id, product_name: product.name, category: product.category, quantity, unit_price: product.priceCents / 100 }
}

function amount (cents: number): Fields {
  return { amount: cents / 100 }
}
