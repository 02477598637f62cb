// Orders and positions as the words on top of the data dictionary define them, told event by event: what an order's events
// say is done to it in turn. The models do the same by windows over all of them at once.

import { groupBy, inOrder, type Told } from './told.ts'

export interface Order {
  readonly orderId: string
  readonly customerId: string | null
  readonly sessionId: string | null
  readonly region: string | null
  readonly orderedMs: number
  readonly status: string
  readonly productId: string | null
  readonly quantity: bigint | null
  readonly price: bigint | null
  readonly amount: bigint | null
  readonly currency: string | null
  readonly isCreated: boolean
  readonly refunded: bigint
}

export interface Position { readonly orderId: string, readonly position: number, readonly productId: string, readonly quantity: bigint | null, readonly price: bigint | null, readonly amount: bigint | null, readonly currency: string | null }

interface Line { productId: string, quantity: bigint | null, price: bigint | null, currency: string | null, listedWorth: bigint | null }
/** What an amount was said of. */
interface Named { amount: bigint, own: bigint | null, firstWorth: bigint | null, linesWorth: bigint, currency: string | null }

export function ordersOf (told: readonly Told[], inCurrency: (cents: bigint, from: string, to: string) => bigint | null): { orders: Map<string, Order>, positions: Position[] } {
  const orders = new Map<string, Order>()
  const positions: Position[] = []
  for (const [orderId, events] of groupBy(told.filter(({ type }) => type.startsWith('order_') || type === 'payment_refunded'), ({ orderId }) => orderId)) {
    const story = new Story(orderId)
    for (const event of inOrder(withPagesInPlace(events), lifeOf)) story.hear(event)
    const order = story.order(inCurrency)
    if (order !== null) orders.set(orderId, order)
    positions.push(...story.positions(order))
  }
  return { orders, positions }
}

function statusOf ({ type, status }: Told): string | null {
  if (type === 'order_item_added' || type === 'payment_refunded') return null
  return status ?? ({ order_created: 'NEW', order_cancelled: 'CANCELLED', order_returned: 'RETURNED' } as Record<string, string>)[type] ?? null
}

function lifeOf (event: Told): number {
  if (event.type === 'payment_refunded') return 6
  const ranks: Record<string, number> = { RETURNED: 5, REFUNDED: 5, CANCELLED: 4, COMPLETED: 3 }
  return ranks[statusOf(event) ?? ''] ?? ({ order_created: 0, order_item_added: 1 } as Record<string, number>)[event.type] ?? 2
}

/** A confirmation page that is loaded again says what was said when it was loaded first. */
function withPagesInPlace (events: readonly Told[]): Told[] {
  const [first] = inOrder(events.filter(({ type }) => type === 'order_created'), () => 0)
  return events.map(event => event.type === 'order_created' ? { ...event, atMs: first!.atMs, request: first!.request } : event)
}

class Story {
  readonly #orderId: string
  readonly #lines: Line[] = []
  readonly #refunds: Told[] = []
  #first: { productId: string, quantity: bigint | null, price: bigint | null } | null = null
  /** What was said when it was over: believed when nothing else ever said it. */
  #lastWords: Told | null = null
  #named: Named | null = null
  #created: Told | null = null
  #begun: Told | null = null
  #status: string | null = null
  #customerId: string | null = null
  #region: string | null = null
  #isPriced = false

  constructor (orderId: string) {
    this.#orderId = orderId
  }

  hear (event: Told): void {
    if (event.type === 'payment_refunded') this.#refunds.push(event)
    else if (event.type === 'order_item_added') this.#add(event)
    else this.#change(event)
  }

  #add ({ productId, quantity, price, currency }: Told): void {
    if (productId !== null) this.#lines.push({ productId, quantity, price, currency, listedWorth: worthOf({ quantity, price }) })
  }

  #change (event: Told): void {
    this.#begun ??= event
    if (event.type === 'order_created') this.#created ??= event
    this.#status = statusOf(event) ?? this.#status
    this.#customerId = event.customerId ?? this.#customerId
    this.#region = event.region ?? this.#region
    this.#isPriced ||= event.type === 'order_created' || event.amount !== null
    if (event.type === 'order_cancelled' || event.type === 'order_returned') {
      this.#lastWords = event
      return
    }
    const line = event.type === 'order_updated' ? this.#lines.find(({ productId }) => productId === event.productId) : undefined
    if (line !== undefined) this.#changeLine(line, event)
    else this.#changeFirst(event)
  }

  #changeLine (line: Line, event: Told): void {
    line.quantity = event.quantity ?? line.quantity
    line.price = event.price ?? line.price
    if (event.amount !== null && event.amount !== worthOf(event)) this.#name(event)
  }

  #changeFirst (event: Told): void {
    if (event.productId !== null && event.productId !== this.#first?.productId) this.#first = { productId: event.productId, quantity: null, price: null }
    if (this.#first !== null) {
      this.#first.quantity = event.quantity ?? this.#first.quantity
      this.#first.price = event.price ?? this.#first.price
    }
    if (event.amount !== null) this.#name(event)
  }

  #name (event: Told): void {
    this.#named = { amount: event.amount!, own: worthOf(event), firstWorth: worthOf(this.#first), linesWorth: this.#linesChanged(), currency: event.currency }
  }

  /** By how much edits of added positions changed what these cost. */
  #linesChanged (): bigint {
    return this.#lines.reduce((sum, line) => sum + (worthOf(line) ?? 0n) - (line.listedWorth ?? 0n), 0n)
  }

  #amount (): bigint | null {
    if (this.#named === null) return null
    const { amount, own, firstWorth, linesWorth } = this.#named
    const now = worthOf(this.#first)
    // Just the first position's: the others come on top. Otherwise the whole order's, and only edits since then change it.
    if (amount === own) return (now ?? amount) + this.#lines.reduce((sum, line) => sum + (worthOf(line) ?? 0n), 0n)
    return amount + (now !== null && firstWorth !== null ? now - firstWorth : 0n) + this.#linesChanged() - linesWorth
  }

  order (inCurrency: (cents: bigint, from: string, to: string) => bigint | null): Order | null {
    if (this.#begun === null) return null
    if (this.#lastWords !== null && this.#first === null && this.#lastWords.productId !== null) {
      const { productId, quantity, price } = this.#lastWords
      this.#first = { productId: productId!, quantity, price }
    }
    if (this.#lastWords !== null && this.#named === null && this.#lastWords.amount !== null) this.#name(this.#lastWords)
    const origin = this.#created ?? this.#begun
    const amount = this.#amount()
    const named = this.#named?.currency ?? null
    const currency = (named === 'USD' ? null : named) ?? this.#created?.currency ?? named
    const back = this.#refunds.map(refund => refund.amount === null ? 0n : refund.currency === null || refund.currency === currency ? refund.amount : currency === null ? 0n : inCurrency(refund.amount, refund.currency, currency) ?? 0n)
    const status = this.#status ?? 'NEW'
    return {
      orderId: this.#orderId, customerId: this.#customerId ?? origin.userId, sessionId: origin.sessionId, region: this.#region, orderedMs: origin.atMs, status,
      productId: this.#first?.productId ?? null, quantity: this.#first?.quantity ?? null, price: this.#first?.price ?? null, amount, currency, isCreated: this.#isPriced,
      refunded: back.length > 0 ? back.reduce((sum, cents) => sum + cents, 0n) : status === 'REFUNDED' ? amount ?? 0n : 0n
    }
  }

  positions (order: Order | null): Position[] {
    const own = this.#first === null ? [] : [{ ...this.#first, currency: order?.currency ?? null, amount: worthOf(this.#first) ?? (this.#lines.length === 0 ? order?.amount ?? null : null) }]
    const added = this.#lines.map(line => ({ ...line, currency: (line.currency === 'USD' ? null : line.currency) ?? order?.currency ?? line.currency, amount: worthOf(line) }))
    return [...own, ...added].map(({ productId, quantity, price, amount, currency }, i) => ({ orderId: this.#orderId, position: i + 1, productId, quantity, price, amount, currency }))
  }
}

function worthOf (line: { quantity: bigint | null, price: bigint | null } | null): bigint | null {
  return line === null || line.quantity === null || line.price === null ? null : line.quantity * line.price
}
