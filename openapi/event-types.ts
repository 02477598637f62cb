// Every declared event type: which fields it has beside the base fields, which of them it requires, and the values
// that the writer puts where the client sent none. A type that is not listed is accepted with the base fields only.
import type { Static } from 'typebox'
import type { baseFields, baseRequired, fields } from './fields.ts'
import type { FieldName } from './fields.ts'

export type Family = 'clickstream' | 'order' | 'payment' | 'customer'

/** `product` multiplies an integer with money; `constant` is a text; `withdrawnSince` the version from which absent means absent again. Applied by the writer, never written into the value. */
export type Default =
  | { field: FieldName, constant: string }
  | { field: FieldName, product: readonly [FieldName, FieldName] }
  | { field: FieldName, withdrawnSince: number }

const page = ['url', 'referrer', 'title', 'utm_source', 'utm_medium', 'utm_campaign'] as const
const product = ['product_id', 'product_name', 'category', 'quantity', 'unit_price', 'currency'] as const
const order = ['order_id', 'customer_id', 'product_id', 'product_name', 'category', 'quantity', 'unit_price', 'amount', 'currency', 'order_status', 'region'] as const
const payment = ['payment_id', 'order_id', 'amount', 'currency', 'payment_method', 'card_fingerprint'] as const

export const definitions = {
  page_view: clickstream('A page was shown.', page),
  product_view: clickstream('A product was looked at.', [...page, ...product]),
  search: clickstream('Something was searched for.', page),
  add_to_cart: clickstream('A product was put into the cart.', [...page, ...product]),
  remove_from_cart: clickstream('A product was taken out of the cart.', [...page, ...product]),
  checkout_started: clickstream('The checkout was opened.', [...page, 'order_id', 'amount', 'currency']),
  purchase: clickstream('The checkout was completed.', [...page, ...product, 'order_id', 'customer_id', 'amount']),
  order_created: orders('An order came in.'),
  order_updated: orders('An order changed.'),
  order_cancelled: orders('An order was cancelled.'),
  order_returned: orders('An order came back.'),
  order_item_added: orders('A position was added to an order.'),
  payment_authorized: payments('A payment was authorized.'),
  payment_captured: payments('A payment was captured.'),
  payment_failed: payments('A payment failed.'),
  payment_refunded: payments('A payment was given back.'),
  customer_created: customers('A customer registered.'),
  customer_updated: customers('A customer changed.')
} as const

export type EventTypeName = keyof typeof definitions

const currencyDefault = { field: 'currency', constant: 'USD' } as const
const amountDefault = { field: 'amount', product: ['quantity', 'unit_price'] } as const

export const familyDefaults: Readonly<Record<Family, readonly Default[]>> = {
  clickstream: [],
  order: [currencyDefault, amountDefault],
  // A payment without a currency was one in USD: 40 EUR of an order were 40 USD of its payment.
  payment: [{ field: 'currency', withdrawnSince: 2 }],
  customer: []
}

type Value<F extends FieldName> = Static<(typeof fields)[F]['schema']>
type RequiredOf<T extends EventTypeName> = typeof baseRequired[number] | (typeof definitions)[T]['required'][number]
type DeclaredOf<T extends EventTypeName> = typeof baseFields[number] | (typeof definitions)[T]['fields'][number]

/** The TypeScript type of an event of type `T`, as sent. */
export type EventOf<T extends EventTypeName> =
  { event_type: T }
  & { [F in Exclude<RequiredOf<T>, 'event_type'>]: Value<F> }
  & { [F in Exclude<DeclaredOf<T>, RequiredOf<T>>]?: Value<F> | null }

function clickstream<const F extends readonly FieldName[]> (doc: string, fields: F) {
  return { family: 'clickstream', doc, fields, required: [] } as const
}

function orders (doc: string) {
  return { family: 'order', doc, fields: order, required: ['order_id'] } as const
}

function payments (doc: string) {
  return { family: 'payment', doc, fields: payment, required: ['payment_id', 'order_id', 'amount'] } as const
}

function customers (doc: string) {
  return { family: 'customer', doc, fields: ['customer_id', 'region'], required: [] } as const
}
