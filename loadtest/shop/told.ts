// What was sent, as the contract reads it: ids that mean nothing are absent, a currency has one form, an order's amount is
// pieces times price where none was named. Written anew here, not taken from the line: it is what the line is judged by.

import type { SentEvent } from '../generate/sent.ts'

export interface Told {
  readonly type: string
  readonly atMs: number
  /** Of one instant: the later of two requests, then the later of two lives, then of two events. */
  readonly request: number
  readonly number: number
  readonly orderId: string | null
  readonly paymentId: string | null
  readonly customerId: string | null
  readonly userId: string | null
  readonly sessionId: string | null
  readonly region: string | null
  readonly productId: string | null
  readonly quantity: bigint | null
  /** In cents, as all money here. */
  readonly price: bigint | null
  readonly amount: bigint | null
  readonly currency: string | null
  readonly status: string | null
  readonly ip: string
}

const wordsForNothing = new Set(['', 'undefined', 'null', '(null)', 'nil', 'none', 'nan', 'n/a', 'guest', 'anonymous', 'unknown', '00000000-0000-0000-0000-000000000000'])

/** Each event once, however often it was sent; those of one instant, sent one after the other, are one request. */
export function readTold (sent: readonly SentEvent[], isAccepted: (eventId: string) => boolean): Told[] {
  const seen = new Set<unknown>()
  const told: Told[] = []
  let request = 0
  let previous: unknown = null
  for (const [number, { event, ip }] of sent.entries()) {
    if (event.timestamp !== previous) request++
    previous = event.timestamp
    if (seen.has(event.event_id) || !isAccepted(String(event.event_id))) continue
    seen.add(event.event_id)
    told.push(tell(event, ip, request, number))
  }
  return told
}

function tell (event: Readonly<Record<string, unknown>>, ip: string, request: number, number: number): Told {
  const type = String(event.event_type)
  const isOrder = type.startsWith('order_')
  const quantity = typeof event.quantity === 'number' ? BigInt(event.quantity) : null
  const price = centsOf(event.unit_price)
  const worth = isOrder && quantity !== null && price !== null ? quantity * price : null
  return {
    type, request, number, ip, quantity, price,
    atMs: Date.parse(String(event.timestamp)),
    orderId: idOf(event.order_id), paymentId: idOf(event.payment_id), customerId: idOf(event.customer_id), userId: idOf(event.user_id), sessionId: idOf(event.session_id), productId: idOf(event.product_id),
    region: typeof event.region === 'string' ? event.region : null,
    amount: centsOf(event.amount) ?? worth,
    currency: currencyOf(event.currency, isOrder ? 'USD' : null),
    status: typeof event.order_status === 'string' ? event.order_status : null
  }
}

function idOf (value: unknown): string | null {
  return typeof value !== 'string' || wordsForNothing.has(value.trim().toLowerCase()) ? null : value
}

function currencyOf (value: unknown, absent: string | null): string | null {
  if (value === undefined || value === null) return absent
  const code = String(value).trim().toUpperCase()
  return /^[A-Z]{3}$/.test(code) ? code : null
}

function centsOf (value: unknown): bigint | null {
  return typeof value === 'number' ? BigInt(Math.round(value * 100)) : null
}

/** In the order in which it happened; of one instant and request by the life of what it is about. */
export function inOrder (told: readonly Told[], lifeOf: (event: Told) => number): Told[] {
  return told.toSorted((a, b) => a.atMs - b.atMs || a.request - b.request || lifeOf(a) - lifeOf(b) || a.number - b.number)
}

export function groupBy<T> (items: Iterable<T>, keyOf: (item: T) => string | null): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const key = keyOf(item)
    if (key === null) continue
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return groups
}
