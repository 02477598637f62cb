// The shop: many shoppers at once, each in a visit of their own, and the mischief that real traffic brings: late events,
// events sent twice, broken ones. An endless, seeded stream; the same seed, share and clock give the same stream.
// The truth about fraud leaves beside the event. A broken event never carries the id of a good one.

import { Faker, base, en } from '@faker-js/faker'
import { habitVisit } from './habits.ts'
import { breakEvent } from './malformed.ts'
import { stockProducts } from './products.ts'
import { inviteRegulars } from './regulars.ts'
import { fraudPatterns, fraudVisit, takeovers, visit, type FraudPattern, type Stage, type Step } from './session.ts'
import { inventElsewhere, inventShopper } from './shopper.ts'

const customersMax = 20_000
const recentMax = 500
const returningShare = 0.45
/** Of the frauds that can play with somebody else's account. */
const takeoverShare = 0.7
const abroadShare = 0.01
const sharedAddressShare = 0.05
const lateMsMin = 60_000
const lateMsMax = 3 * 86_400_000

export interface ShopOptions {
  readonly seed: number
  /** Part of every id, so that two runs of one seed do not repeat ids. */
  readonly run: string
  readonly shoppers: number
  readonly fraud: number
  readonly late: number
  readonly duplicates: number
  readonly malformed: number
  /** Share of the other visits that do to an order what ordinary shops do; none when left out. */
  readonly habits?: number
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

export type EventKind = 'fresh' | 'late' | 'duplicate' | 'malformed'

export interface ShopEvent {
  readonly kind: EventKind
  /** null for an event so broken that it has none. */
  readonly eventId: string | null
  readonly json: string
  /** Cannot share a request with others: it is not JSON. */
  readonly alone: boolean
  /** The next event of this address happened in the same instant, and has to be in the same request. */
  readonly goesOn?: boolean
  readonly habit?: { readonly name: string, readonly isLast: boolean }
  readonly ip: string
  readonly userAgent: string
  readonly fraud?: { readonly pattern: FraudPattern, readonly sessionId: string, readonly orderId: string | null }
}

export function * openShop (options: ShopOptions): Generator<ShopEvent, never> {
  const faker = new Faker({ locale: [en, base], seed: options.seed })
  const customers = inviteRegulars()
  const recent: ShopEvent[] = []
  let serial = 0
  const stage: Stage = { faker, products: stockProducts(), newId: prefix => `${prefix}-${options.run}-${(++serial).toString(36)}` }

  const enter = (): Generator<Step> => {
    if (faker.number.float() < options.fraud) {
      const pattern = faker.helpers.arrayElement(fraudPatterns)
      const victim = takeovers.includes(pattern) && customers.length > 0 && faker.number.float() < takeoverShare
      // Whoever came first has come most often: an account with a history is worth more.
      return fraudVisit(stage, victim ? faker.helpers.arrayElement(customers.slice(0, Math.max(20, Math.ceil(customers.length / 20)))) : inventShopper(faker), pattern)
    }
    if ((options.habits ?? 0) > 0 && faker.number.float() < options.habits!) return habitVisit(stage, inventShopper(faker))
    const returning = customers.length > 0 && faker.number.float() < returningShare
    const shopper = returning ? faker.helpers.arrayElement(customers) : inventShopper(faker)
    // Honest people are abroad, behind another address, or share one: what a rule must not take for fraud too easily.
    if (returning && faker.number.float() < abroadShare) return visit(stage, inventElsewhere(faker, shopper))
    if (!returning && customers.length > 0 && faker.number.float() < sharedAddressShare) return visit(stage, { ...shopper, ip: faker.helpers.arrayElement(customers).ip })
    if (!returning) customers[customers.length < customersMax ? customers.length : faker.number.int(customersMax - 1)] = shopper
    return visit(stage, shopper)
  }

  const stamp = (step: Step): ShopEvent[] => {
    const late = faker.number.float() < options.late
    const ageMs = late ? Math.round(lateMsMin * (lateMsMax / lateMsMin) ** faker.number.float()) : 0
    const steps = [step, ...step.then ?? []]
    const timestamp = new Date(options.now() - ageMs).toISOString()
    return steps.map((one, i) => ({ ...stampOne(one, timestamp, late), ...i < steps.length - 1 && { goesOn: true }, ...step.habit !== undefined && { habit: step.habit } }))
  }

  const stampOne = ({ shopper, fields, fraud }: Step, timestamp: string, late: boolean): ShopEvent => {
    const eventId = stage.newId('e')
    const event = { event_id: eventId, timestamp, ...fields }
    return {
      kind: late ? 'late' : 'fresh',
      eventId,
      json: JSON.stringify(event),
      alone: false,
      ip: shopper.ip,
      userAgent: shopper.userAgent,
      ...fraud !== undefined && { fraud: { pattern: fraud, sessionId: String(fields.session_id), orderId: fields.order_id === undefined ? null : String(fields.order_id) } }
    }
  }

  const visits = Array.from({ length: options.shoppers }, enter)
  for (;;) {
    const chance = faker.number.float()
    if (chance < options.malformed) {
      const [victim] = stamp({ shopper: inventShopper(faker), fields: { event_type: 'page_view', url: 'https://shop.example/broken' } }) as [ShopEvent]
      yield { ...victim, kind: 'malformed', ...breakEvent(faker, victim.json) }
      continue
    }
    if (chance < options.malformed + options.duplicates && recent.length > 0) {
      const { fraud: _, goesOn: __, ...again } = faker.helpers.arrayElement(recent)
      yield { ...again, kind: 'duplicate' }
      continue
    }
    const at = faker.number.int(visits.length - 1)
    const step = (visits[at] as Generator<Step>).next()
    if (step.done === true) {
      visits[at] = enter()
      continue
    }
    for (const event of stamp(step.value)) {
      recent[recent.length < recentMax ? recent.length : faker.number.int(recentMax - 1)] = event
      yield event
    }
  }
}
