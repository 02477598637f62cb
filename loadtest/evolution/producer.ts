// A producer of orders and payments that knows one contract. It sends on whatever happens to the line, notes every answer, and
// remembers what it sent, so that each row can be compared with it.

import { openLedger } from '../generate/ledger.ts'
import { createPacer } from '../generate/pacer.ts'
import { createSender, type SenderCounts } from '../generate/sender.ts'

const underWayMax = 16
const giveUpMs = 60_000
const payEvery = 5
const wideEvery = 10

export interface SentOrder {
  readonly amount: string
  readonly points: string
  readonly pieces: number
  readonly coupon: string | null
}

/** What the new producer does beyond the old one, switched while it runs. */
export interface Habits { coupons: boolean, wide: boolean, withoutPaymentId: boolean }

export interface Producer {
  readonly orders: ReadonlyMap<string, SentOrder>
  readonly counts: SenderCounts
  readonly habits: Habits
  stop(): Promise<void>
}

export function startProducer (options: { name: string, url: string, ledgerFile: string, ordersPerSecond: number, habits: Habits }): Producer {
  const { name, habits } = options
  const ledger = openLedger(options.ledgerFile)
  const sender = createSender({ url: options.url, ledger, connections: underWayMax, giveUpMs })
  const pacer = createPacer(options.ordersPerSecond)
  const orders = new Map<string, SentOrder>()
  const underWay = new Set<Promise<void>>()
  const stopping = new AbortController()
  const send = async (eventId: string, event: object): Promise<void> => {
    while (underWay.size >= underWayMax) await Promise.race(underWay)
    const json = JSON.stringify({ event_id: eventId, timestamp: new Date().toISOString(), session_id: `${name}-session`, ...event })
    const sending = sender.send({ events: [{ eventId, json }], ip: '10.0.0.1', userAgent: name }).finally(() => underWay.delete(sending))
    underWay.add(sending)
  }
  const running = (async () => {
    for (let n = 1; ; n++) {
      await pacer.next(stopping.signal)
      if (stopping.signal.aborted) break
      const orderId = `${name}-${n}`
      const wide = habits.wide && n % wideEvery === 0
      const order: SentOrder = {
        amount: wide ? `${10n ** 17n + BigInt(n)}.25` : `${n}.50`,
        points: wide ? String(2 ** 40 + n) : String(n),
        pieces: n % 7 + 1,
        coupon: habits.coupons ? `C${n % 5}` : null
      }
      orders.set(orderId, order)
      await send(`${orderId}-created`, {
        event_type: 'order_created', order_id: orderId, product_id: 'p-1', quantity: order.pieces, unit_price: '1.00', currency: 'USD',
        amount: order.amount, points: Number(order.points), ...order.coupon === null ? {} : { coupon_code: order.coupon }
      })
      if (n % payEvery !== 0) continue
      const paymentId = habits.withoutPaymentId && n % (2 * payEvery) === 0 ? {} : { payment_id: `${orderId}-paid` }
      await send(`${orderId}-paid`, { event_type: 'payment_captured', ...paymentId, order_id: orderId, amount: order.amount, currency: 'USD' })
    }
    await Promise.all(underWay)
    await sender.close()
    ledger.close()
  })()
  running.catch(() => {})
  return {
    orders, habits, counts: sender.counts,
    stop: async () => {
      stopping.abort()
      await running
    }
  }
}
