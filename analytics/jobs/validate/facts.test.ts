// A shop may be of a kind that leaves models empty, and a day may have nothing for them: no fault.

import t from 'tap'
import { openShop, order, product, say } from './validated-shop.fixture.ts'

t.test('a shop of views without visits, customers without an id, orders that were made elsewhere and payments of others has no fault', { timeout: 80_000 }, async t => {
  const { faults } = await openShop(t, [
    say('2026-03-01T10:00:00Z', 'page_view'), say('2026-03-01T10:00:00Z', 'customer_created', { user_id: 'u1' }), say('2026-03-01T10:00:00Z', 'order_updated', { order_id: 'o1', order_status: 'COMPLETED' }),
    say('2026-03-01T10:00:00Z', 'payment_captured', { order_id: 'o2', payment_id: 'p1', amount: '20.00', currency: 'EUR' })
  ])
  t.strictSame(await faults('2026-03-01'), [])
})

t.test('days of cancelled orders, of guests, or that only go on with what was there have no fault', { timeout: 80_000 }, async t => {
  const base = { customer_id: 'c1', user_id: 'c1', session_id: 's1', ip: '10.0.0.1' }
  const { faults } = await openShop(t, [
    say('2026-03-01T10:00:00Z', 'page_view', { ...base, utm_source: 'google', utm_medium: 'cpc', utm_campaign: 'spring' }), say('2026-03-01T10:00:00Z', 'customer_created', base),
    say('2026-03-01T10:00:01Z', 'order_created', order('o1', { ...base, ...product('P-1') })), say('2026-03-01T10:00:02Z', 'order_item_added', order('o1', { ...base, ...product('P-2') })),
    say('2026-03-01T10:00:03Z', 'payment_captured', { ...base, order_id: 'o1', payment_id: 'p1', amount: '40.00', currency: 'EUR' }),
    say('2026-03-02T10:00:00Z', 'customer_updated', base), say('2026-03-02T10:00:01Z', 'order_updated', { ...base, order_id: 'o1', order_status: 'COMPLETED' }),
    say('2026-03-02T10:00:02Z', 'payment_refunded', { ...base, order_id: 'o1', payment_id: 'p1', amount: '1.00', currency: 'EUR' }), say('2026-03-02T10:00:03Z', 'page_view', base),
    say('2026-03-04T10:00:00Z', 'order_created', order('o4', { ...base, ...product('P-1') })), say('2026-03-04T10:01:00Z', 'order_cancelled', { order_id: 'o4' }),
    say('2026-03-05T10:00:00Z', 'order_created', order('o5', product('P-1')))
  ])
  const days = { '2026-03-01': 'everything', '2026-03-02': 'only what goes on', '2026-03-04': 'only cancelled', '2026-03-05': 'only a guest without a visit' }
  for (const [day, has] of Object.entries(days)) t.strictSame(await faults(day), [], `${day}: ${has}`)
})
