// One example event per type, put together from the contract: what /docs shows and what the tests post.
// Every declared field is in it once; the time is the caller's, so that an example can be sent as it stands.
import type { Contract, EventType } from './contract.ts'

const values: Readonly<Record<string, unknown>> = {
  event_id: '0f9a1c52-7f0e-4c57-9d0b-2b1f1c6f8a11',
  session_id: 'session-7f3a',
  user_id: 'user-42',
  location: { country: 'DE', region: 'Bavaria', city: 'Munich', latitude: 48.137, longitude: 11.575 },
  device: { type: 'mobile', os: 'iOS', browser: 'Safari' },
  order_id: 'order-1001',
  customer_id: 'customer-17',
  product_id: 'product-9',
  product_name: 'Trail shoe',
  category: 'shoes',
  quantity: 2,
  unit_price: 49.95,
  amount: 99.9,
  currency: 'EUR',
  order_status: 'NEW',
  region: 'south',
  payment_id: 'payment-5',
  payment_method: 'card',
  card_fingerprint: 'f2c1a7',
  utm_source: 'newsletter',
  utm_medium: 'email',
  utm_campaign: 'spring',
  url: 'https://shop.example/shoes/9',
  referrer: 'https://shop.example/',
  title: 'Trail shoe',
  properties: { experiment: 'b', scroll_depth: 0.8 }
}

const statusOf: Readonly<Record<string, string>> = { order_cancelled: 'CANCELLED', order_returned: 'RETURNED' }

export function exampleEvent (contract: Contract, type: EventType, timestamp: string): Record<string, unknown> {
  const event: Record<string, unknown> = {}
  for (const wire of [...contract.baseFields.filter(name => name !== 'properties'), ...type.fields, 'properties']) {
    if (wire === 'event_type') event[wire] = type.name
    else if (wire === 'timestamp' || wire === 'sent_at') event[wire] = timestamp
    else if (wire in values) event[wire] = values[wire]
  }
  if (type.name in statusOf) event['order_status'] = statusOf[type.name]
  return event
}
