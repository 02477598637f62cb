// Each table beside what was told anew from the ledger, row by row: by its key, as text. What is not the same is a fault of a
// model, or of the page that defines its words.

import type { Order, Position } from './orders.ts'
import type { Payment, Reconciled, Validated } from './payments.ts'
import { dayOf, hourMs, productsBy, runsOf, salesBy, totalsOf } from './sales.ts'
import type { Told } from './told.ts'

export interface Answers {
  readonly told: readonly Told[]
  readonly orders: ReadonlyMap<string, Order>
  readonly positions: readonly Position[]
  readonly payments: readonly Payment[]
  readonly validated: readonly Validated[]
  readonly reconciled: readonly Reconciled[]
}

type Value = string | number | bigint | boolean | null
type Row = readonly Value[]

export interface Judged {
  readonly table: string
  /** What of it is compared, in words. */
  readonly what: string
  /** The key first; money in cents. */
  readonly columns: readonly string[]
  readonly groupBy?: string
  readonly rows: (answers: Answers) => ReadonlyMap<string, Row>
}

const cents = (column: string): string => `cast(${column} * 100 as decimal(38,0))`
const ms = (column: string): string => `epoch_ms(${column})`
const perKey = <T>(items: Iterable<T>, keyOf: (item: T) => string, rowOf: (item: T) => Row): Map<string, Row> => new Map([...items].map(item => [keyOf(item), rowOf(item)]))
const rowsOf = <T>(items: ReadonlyMap<string, T>, rowOf: (item: T) => Row): Map<string, Row> => new Map([...items].map(([key, item]) => [key, rowOf(item)]))

export const judgedTables: readonly Judged[] = [
  {
    table: 'orders', what: 'what each order is now',
    columns: ['order_id', 'customer_id', 'session_id', 'region', ms('ordered_at'), 'order_status', 'product_id', 'quantity', cents('unit_price'), cents('amount'), 'currency', 'is_created', cents('refunded_amount')],
    rows: ({ orders }) => rowsOf(orders, o => [o.customerId, o.sessionId, o.region, o.orderedMs, o.status, o.productId, o.quantity, o.price, o.amount, o.currency, o.isCreated, o.refunded])
  },
  {
    table: 'order_items', what: 'the positions of each order',
    columns: ["order_id || ' ' || cast(position as varchar)", 'product_id', 'quantity', cents('unit_price'), cents('amount'), 'currency'],
    rows: ({ positions }) => perKey(positions, p => `${p.orderId} ${p.position}`, p => [p.productId, p.quantity, p.price, p.amount, p.currency])
  },
  {
    table: 'payments', what: 'what became of each payment',
    columns: ['payment_id', 'order_id', 'status', cents('amount'), 'currency', cents('refunded_amount'), 'failures', ms('paid_at')],
    rows: ({ payments }) => perKey(payments, p => p.paymentId, p => [p.orderId, p.status, p.amount, p.currency, p.refunded, p.failures, p.atMs])
  },
  {
    table: 'validated_orders', what: 'paid, pending, mismatched or missing',
    columns: ['order_id', 'status', cents('difference'), 'payments', 'failed_payments', 'is_late'],
    rows: ({ validated }) => perKey(validated, v => v.orderId, v => [v.status, v.difference, v.payments, v.failed, v.isLate])
  },
  {
    table: 'reconciliation', what: 'the word for each difference',
    columns: ['order_id', 'positions_say', 'payments_say', 'is_explained'],
    rows: ({ reconciled }) => perKey(reconciled, r => r.orderId, r => [r.positionsSay, r.paymentsSay, r.isExplained])
  },
  {
    table: 'hourly_sales', what: 'revenue, net revenue and cancelled orders by hour',
    columns: [`cast(${ms('hour')} as varchar) || ' ' || currency`, 'total_orders', cents('total_revenue'), cents('net_revenue'), 'cancelled_orders', cents('cancelled_revenue')],
    rows: ({ orders }) => rowsOf(salesBy(orders.values(), o => `${o.orderedMs - o.orderedMs % hourMs} ${o.currency ?? 'XXX'}`), s => [s.orders, s.revenue, s.net, s.cancelled, s.cancelledRevenue])
  },
  {
    table: 'revenue_per_minute', what: 'the same revenue by minute',
    columns: [`cast(${ms('minute')} as varchar) || ' ' || currency`, 'orders', cents('revenue'), cents('net_revenue')],
    rows: ({ orders }) => rowsOf(salesBy([...orders.values()].filter(({ status }) => status !== 'CANCELLED'), o => `${o.orderedMs - o.orderedMs % 60_000} ${o.currency ?? 'XXX'}`), s => [s.orders, s.revenue, s.net])
  },
  {
    table: 'regional_revenue', what: 'the same revenue by region',
    columns: ["cast(day as varchar) || ' ' || region || ' ' || currency", 'orders', cents('revenue'), cents('net_revenue'), 'cancelled_orders'],
    rows: ({ orders }) => rowsOf(salesBy(orders.values(), o => `${dayOf(o.orderedMs)} ${o.region ?? 'none'} ${o.currency ?? 'XXX'}`), s => [s.orders, s.revenue, s.net, s.cancelled])
  },
  {
    table: 'product_revenue', what: 'what each product earns, by its positions',
    columns: ["cast(day as varchar) || ' ' || product_id || ' ' || currency", 'orders', 'quantity', cents('revenue')],
    rows: ({ positions, orders }) => rowsOf(productsBy(positions, orders), p => [p.orders, p.pieces, p.revenue])
  },
  {
    table: 'customer_totals', what: 'what each customer had ordered by each order',
    columns: ['order_id', 'running_orders', cents('running_amount')],
    rows: ({ orders }) => rowsOf(totalsOf(orders.values()), s => [s.orders, s.revenue])
  },
  {
    table: 'fraud_orders_per_customer', what: 'runs of different orders of one customer',
    columns: ['order_id', 'max(score)'], groupBy: 'order_id',
    rows: ({ told }) => rowsOf(runsOf(told, ({ customerId, userId }) => customerId ?? userId), score => [score])
  },
  {
    table: 'fraud_orders_per_ip', what: 'runs of different orders from one address',
    columns: ['order_id', 'max(score)'], groupBy: 'order_id',
    rows: ({ told }) => rowsOf(runsOf(told, ({ ip }) => ip), score => [score])
  }
]

/** One line for each row that one side has and the other does not, or has otherwise. */
export function compareRows (found: readonly (readonly unknown[])[], expected: ReadonlyMap<string, Row>): string[] {
  const faults: string[] = []
  const seen = new Set<string>()
  for (const [key, ...values] of found) {
    const name = String(key)
    const should = expected.get(name)
    const [is, wanted] = [values.map(String).join(' | '), should?.map(String).join(' | ')]
    if (seen.has(name)) faults.push(`${name} stands there twice`)
    else if (wanted === undefined) faults.push(`${name} should not be there: ${is}`)
    else if (is !== wanted) faults.push(`${name}: is ${is}, should be ${wanted}`)
    seen.add(name)
  }
  for (const [name, row] of expected) if (!seen.has(name)) faults.push(`${name} is missing: ${row.map(String).join(' | ')}`)
  return faults
}
