// Sums of a shop as the data dictionary defines them, over orders, positions and payments that were told anew: revenue and
// net revenue by hour, minute and region, what products earn, what customers have ordered so far, and runs of orders.

import type { Order, Position } from './orders.ts'
import { sum } from './payments.ts'
import { groupBy, type Told } from './told.ts'

export interface Sums { readonly orders: number, readonly revenue: bigint, readonly net: bigint, readonly cancelled: number, readonly cancelledRevenue: bigint }

export const hourMs = 3_600_000
const runMs = 600_000

/** Revenue is what orders cost that are not cancelled; net revenue less what was given back of the same orders. */
export function salesBy (orders: Iterable<Order>, keyOf: (order: Order) => string): Map<string, Sums> {
  const sales = new Map<string, Sums>()
  for (const [key, group] of groupBy([...orders].filter(({ isCreated }) => isCreated), keyOf)) {
    const sold = group.filter(({ status }) => status !== 'CANCELLED')
    const cancelled = group.filter(({ status }) => status === 'CANCELLED')
    const revenue = sum(sold.map(({ amount }) => amount ?? 0n))
    sales.set(key, { orders: sold.length, revenue, net: revenue - sum(sold.map(({ refunded }) => refunded)), cancelled: cancelled.length, cancelledRevenue: sum(cancelled.map(({ amount }) => amount ?? 0n)) })
  }
  return sales
}

/** What each product earns a day and currency, of orders that are known and not cancelled. */
export function productsBy (positions: readonly Position[], orders: ReadonlyMap<string, Order>): Map<string, { orders: number, pieces: bigint, revenue: bigint }> {
  const sold = positions.flatMap(position => {
    const order = orders.get(position.orderId)
    return order === undefined || order.status === 'CANCELLED' ? [] : [{ ...position, day: dayOf(order.orderedMs) }]
  })
  return new Map([...groupBy(sold, ({ day, productId, currency }) => `${day} ${productId} ${currency ?? 'XXX'}`)].map(([key, group]) => [key, {
    orders: new Set(group.map(({ orderId }) => orderId)).size, pieces: sum(group.map(({ quantity }) => quantity ?? 0n)), revenue: sum(group.map(({ amount }) => amount ?? 0n))
  }]))
}

/** Of each order that is not cancelled: how many its customer had ordered by then in its currency, and for how much. */
export function totalsOf (orders: Iterable<Order>): Map<string, { orders: number, revenue: bigint }> {
  const totals = new Map<string, { orders: number, revenue: bigint }>()
  const counted = [...orders].filter(({ isCreated, status, customerId }) => isCreated && status !== 'CANCELLED' && customerId !== null)
  for (const group of groupBy(counted, ({ customerId, currency }) => `${customerId} ${currency}`).values()) {
    let revenue = 0n
    for (const [i, order] of group.toSorted((a, b) => a.orderedMs - b.orderedMs || (a.orderId < b.orderId ? -1 : 1)).entries()) totals.set(order.orderId, { orders: i + 1, revenue: revenue += order.amount ?? 0n })
  }
  return totals
}

/** Orders of which ten minutes hold five or more different ones of one origin → the score. An order that is sent again within ten minutes is no further one. */
export function runsOf (told: readonly Told[], originOf: (event: Told) => string | null): Map<string, number> {
  const scores = new Map<string, number>()
  for (const sent of groupBy(told.filter(({ type, orderId }) => type === 'order_created' && orderId !== null), originOf).values()) {
    const times = [...groupBy(sent, ({ orderId }) => orderId)].flatMap(([orderId, events]) => {
      const sorted = events.map(({ atMs }) => atMs).sort((a, b) => a - b)
      return sorted.filter((atMs, i) => i === 0 || sorted[i - 1]! < atMs - runMs).map(atMs => ({ orderId, atMs }))
    })
    for (const { atMs: end } of times) {
      const within = times.filter(({ atMs }) => atMs >= end - runMs && atMs <= end)
      const count = new Set(within.map(({ orderId }) => orderId)).size
      if (count >= 5) for (const { orderId } of within) scores.set(orderId, Math.max(scores.get(orderId) ?? 0, count >= 10 ? 4 : 3))
    }
  }
  return scores
}

export function dayOf (ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
