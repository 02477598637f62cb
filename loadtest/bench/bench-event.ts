// Events of about 330 bytes over 12 types and 3 days (each type on each day), as a shop sends them. Ids are dense, so that each is its own.

const types = ['page_view', 'product_view', 'search', 'add_to_cart', 'remove_from_cart', 'checkout_started', 'purchase', 'order_created', 'order_updated', 'payment_authorized', 'payment_captured', 'customer_created'] as const
const dayMs = 86_400_000

/** Event number n as JSON; `now` is the latest time that it may carry, ms since the epoch. */
export function benchEvent (n: number, prefix: string, now: number): string {
  const type = types[n % 12] as string
  const time = new Date(now - Math.floor(n / 12) % 3 * dayMs - n * 7919 % 3_600_000).toISOString()
  const head = `{"event_id":"${benchEventId(n, prefix)}","event_type":"${type}","timestamp":"${time}","session_id":"s-${n * 31 % 50_000}","user_id":"u-${n * 17 % 20_000}"`
  if (type.startsWith('order_')) return `${head},"order_id":"o-${n}","customer_id":"c-${n % 20_000}","product_id":"p-${n % 500}","product_name":"Merino sweater, blue","category":"clothing","quantity":${n % 4 + 1},"unit_price":${n % 900 + 9}.99,"currency":"EUR","order_status":"NEW","region":"eu-central"}`
  if (type.startsWith('payment_')) return `${head},"payment_id":"pay-${n}","order_id":"o-${n}","amount":${n % 900 + 9}.99,"currency":"EUR","payment_method":"card","card_fingerprint":"f-${n * 13 % 30_000}","device":{"type":"mobile","os":"ios"}}`
  if (type.startsWith('customer_')) return `${head},"customer_id":"c-${n % 20_000}","location":{"country":"CH","region":"ZH","city":"Zurich"},"device":{"type":"mobile","os":"ios","browser":"safari"},"utm_source":"newsletter"}`
  return `${head},"device":{"type":"mobile","os":"ios","browser":"safari"},"url":"https://shop.example/p/${n % 500}","referrer":"https://search.example/","title":"Merino sweater","utm_source":"search","utm_campaign":"autumn-${n % 7}"}`
}

export function benchEventId (n: number, prefix: string): string {
  return `${prefix}-${String(n).padStart(12, '0')}-4c1f-9e0a`
}
