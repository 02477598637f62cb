// Payments, and whether orders were paid, as the data dictionary says: what was taken, what is still pending, which orders,
// positions and payments do not agree and by which word.

import type { Order, Position } from './orders.ts'
import { groupBy, inOrder, type Told } from './told.ts'

export interface Payment { readonly paymentId: string, readonly orderId: string | null, readonly status: string, readonly amount: bigint | null, readonly currency: string | null, readonly refunded: bigint, readonly failures: number, readonly atMs: number }
export interface Validated { readonly orderId: string, readonly status: string, readonly difference: bigint | null, readonly payments: number, readonly failed: number, readonly isLate: boolean | null }
export interface Reconciled { readonly orderId: string, readonly positionsSay: string, readonly paymentsSay: string, readonly isExplained: boolean }

/** Hundred-millionths of a dollar that one unit of a currency is worth. */
export type Rates = ReadonlyMap<string, bigint>

const latenessMs = 600_000
const steps = ['payment_authorized', 'payment_failed', 'payment_captured', 'payment_refunded']

export function paymentsOf (told: readonly Told[]): Payment[] {
  return [...groupBy(told.filter(({ type }) => type.startsWith('payment_')), ({ paymentId }) => paymentId)].map(([paymentId, events]) => {
    const story = inOrder(events, ({ type }) => steps.indexOf(type))
    const of = (type: string): Told[] => story.filter(event => event.type === `payment_${type}`)
    // One capture, told twice: of one instant and amount.
    const captures = [...new Map(of('captured').map(event => [`${event.atMs} ${event.amount}`, event.amount!])).values()]
    const taken = sum(captures)
    const authorized = of('authorized').reduce<bigint | null>((most, { amount }) => most === null || amount! > most ? amount : most, null)
    const asked = story.findLast(({ type }) => type !== 'payment_refunded') ?? story.at(-1)!
    const amount = captures.length === 0 ? asked.amount : authorized === null || taken <= authorized ? taken : [...captures, authorized].reduce((a, b) => a > b ? a : b)
    return {
      paymentId, orderId: story.findLast(({ orderId }) => orderId !== null)?.orderId ?? null, status: story.at(-1)!.type.slice('payment_'.length), amount, currency: asked.currency,
      refunded: sum(of('refunded').map(({ amount }) => amount!)), failures: of('failed').length, atMs: story[0]!.atMs
    }
  })
}

/** `watermarkMs`: what has happened until then may still be completed by what comes. */
export function validate (orders: ReadonlyMap<string, Order>, payments: readonly Payment[], rates: Rates, watermarkMs: number): Validated[] {
  const byOrder = groupBy(payments, ({ orderId }) => orderId)
  return [...new Set([...orders.keys(), ...byOrder.keys()])].map(orderId => {
    const order = orders.get(orderId)
    const all = byOrder.get(orderId) ?? []
    const good = all.filter(({ status }) => status !== 'failed')
    const happenedMs = order?.orderedMs ?? Math.min(...all.map(({ atMs }) => atMs))
    const { difference, tolerance } = compare(order, good, rates)
    const isOpen = happenedMs + latenessMs > watermarkMs
    const isOrdered = order?.isCreated === true
    const isEven = difference !== null && (difference < 0n ? -difference : difference) <= tolerance
    const status = isOrdered && good.length > 0 && isEven
      ? 'matched'
      : isOrdered && difference !== null && difference < 0n && isOpen
        ? 'pending'
        : isOrdered && good.length > 0
          ? 'amount_mismatch'
          : isOpen ? 'pending' : isOrdered ? 'payment_missing' : 'order_missing'
    const paidMs = good.length === 0 ? null : Math.min(...good.map(({ atMs }) => atMs))
    return { orderId, status, difference, payments: good.length, failed: all.length - good.length, isLate: paidMs === null || order === undefined ? null : paidMs > order.orderedMs + latenessMs }
  })
}

/** Paid less ordered: in the order's currency where all is in that, else in dollars, where a rounded rate may move a cent. */
function compare (order: Order | undefined, good: readonly Payment[], rates: Rates): { difference: bigint | null, tolerance: bigint } {
  const ordered = order?.amount ?? null
  const own = order?.currency ?? null
  if (good.length === 0 || good.some(({ amount }) => amount === null) || ordered === null) return { difference: null, tolerance: 0n }
  const currencies = new Set(good.map(({ currency }) => currency ?? own ?? 'USD'))
  if (currencies.size === 1 && own !== null && currencies.has(own)) return { difference: sum(good.map(({ amount }) => amount!)) - ordered, tolerance: 0n }
  if (own === null || !rates.has(own) || [...currencies].some(currency => !rates.has(currency))) return { difference: null, tolerance: 1n }
  const paid = rounded(sum(good.map(({ amount, currency }) => amount! * rates.get(currency ?? own)!)))
  return { difference: paid - rounded(ordered * rates.get(own)!), tolerance: 1n }
}

export function reconcile (orders: ReadonlyMap<string, Order>, positions: readonly Position[], validated: readonly Validated[]): Reconciled[] {
  const byOrder = groupBy(positions, ({ orderId }) => orderId)
  const judged = new Map(validated.map(one => [one.orderId, one]))
  return [...new Set([...orders.keys(), ...byOrder.keys(), ...judged.keys()])].map(orderId => {
    const order = orders.get(orderId)
    const positionsSay = wordOfPositions(order, byOrder.get(orderId) ?? [])
    const paymentsSay = wordOfPayments(order, judged.get(orderId))
    return { orderId, positionsSay, paymentsSay, isExplained: positionsSay !== 'no_order' && ['equal', 'pending', 'not_due'].includes(paymentsSay) }
  })
}

function wordOfPositions (order: Order | undefined, positions: readonly Position[]): string {
  if (order?.isCreated !== true) return 'no_order'
  if (positions.length === 0) return 'no_positions'
  if (order.amount === null) return 'no_amount'
  if (positions.some(({ amount }) => amount === null)) return 'not_priced'
  if (order.currency === null || positions.some(({ currency }) => currency !== order.currency)) return 'two_currencies'
  const difference = order.amount - sum(positions.map(({ amount }) => amount!))
  return difference === 0n ? 'equal' : difference > 0n ? 'fee' : 'discount'
}

function wordOfPayments (order: Order | undefined, judged: Validated | undefined): string {
  if (order?.isCreated !== true) return judged?.status === 'pending' ? 'pending' : 'no_order'
  const { status, payments, difference } = judged!
  if (status === 'matched') return 'equal'
  if (status === 'pending') return 'pending'
  if (payments === 0) return order.status === 'CANCELLED' || order.amount === 0n ? 'not_due' : 'unpaid'
  return difference === null ? 'not_comparable' : difference < 0n ? 'underpaid' : 'overpaid'
}

export function sum (values: readonly bigint[]): bigint {
  return values.reduce((a, b) => a + b, 0n)
}

/** Of hundred-millionths, half away from zero. */
function rounded (value: bigint): bigint {
  return (value + (value < 0n ? -50_000_000n : 50_000_000n)) / 100_000_000n
}
