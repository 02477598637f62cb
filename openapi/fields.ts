// Every field that an event can have, each written once. A name has one kind across all event types.
// To add a field: add a line (optional, with `since` one above the lock file's version), name it in
// `event-types.ts`, run `npm run contract`. A field is never removed, renamed, narrowed or re-typed.
import { currency, double, identity, integer, money, object, oneOf, struct, text, time } from './kinds.ts'

export const fields = {
  // base: on every event
  event_id: identity('Your own id of this event, the idempotency key: sending the same id again lands once.', { charsMin: 1, charsMax: 128, examples: ['0f9a1c52-7f0e-4c57-9d0b-2b1f1c6f8a11'] }),
  event_type: text('What happened. Types that are not listed here are accepted with the base fields.', { pattern: '^[a-z][a-z0-9_]{0,63}$', examples: ['page_view'] }),
  timestamp: time('When it happened: RFC 3339 with offset, 1–9 fraction digits, cut to microseconds. The column is called event_time.', { column: 'event_time' }),
  session_id: identity('The visit. Events of one session keep their order.'),
  user_id: identity('The visitor. Orders the events that carry no session_id.'),
  location: struct('Where it happened.', {
    country: text('Country, best as ISO 3166 code.'),
    region: text('Region or state.'),
    city: text('City.'),
    latitude: double('Degrees north.'),
    longitude: double('Degrees east.')
  }, 'region'),
  device: struct('What it happened on.', {
    type: text('Such as mobile, desktop, tablet.'),
    os: text('Operating system.'),
    browser: text('Browser.')
  }, 'type'),

  // orders
  order_id: identity('The order.'),
  customer_id: identity('The customer.'),
  product_id: identity('The product.'),
  product_name: text('The name of the product as shown.'),
  category: text('The category of the product.'),
  quantity: integer('How many pieces.'),
  unit_price: money('The price of one piece.'),
  amount: money('The amount of money. On orders it defaults to quantity × unit_price.'),
  currency: currency('ISO 4217 code; case and blanks around it do not matter. On orders it defaults to USD; a payment without one has its order\'s.', { examples: ['USD'] }),
  order_status: oneOf('The state of the order.', ['NEW', 'CANCELLED', 'RETURNED', 'COMPLETED', 'REFUNDED']),
  region: text('The sales region of the order.'),

  // payments
  payment_id: identity('The payment.'),
  payment_method: text('Such as card, paypal, invoice.'),
  card_fingerprint: identity('A stable token of the card. Never the card number.'),

  // marketing
  utm_source: text('Campaign source.'),
  utm_medium: text('Campaign medium.'),
  utm_campaign: text('Campaign name.'),

  // page
  url: text('Address of the page.'),
  referrer: text('Address that the visitor came from.'),
  title: text('Title of the page.'),

  // since version 2
  sent_at: time('When the client sent the request, by the same clock as `timestamp`: set anew for each attempt. Where it is more than a minute from the time of receipt the clock is wrong, and event_time is corrected by the difference; `timestamp` as sent stays in `properties.$extra`.', { since: 2 }),

  properties: object('Anything else, as a JSON object; the column holds it as JSON text. `$extra` and `$type` are reserved inside it.', { reserved: ['$extra', '$type'] })
} as const

export type FieldName = keyof typeof fields

export const baseFields = ['event_id', 'event_type', 'timestamp', 'session_id', 'user_id', 'location', 'device', 'sent_at', 'properties'] as const satisfies readonly FieldName[]
export const baseRequired = ['event_id', 'event_type', 'timestamp'] as const satisfies readonly FieldName[]

/** Names that the gateway adds as record headers and that a client must not send. */
export const reservedFields = ['received_at', 'ip', 'user_agent'] as const
