// A model that is empty though its sources have rows for it is a fault, whichever it is.

import t from 'tap'
import { models, openShop, order, product, say } from './validated-shop.fixture.ts'

t.test('an emptied model is a fault, each of them', { timeout: 80_000 }, async t => {
  const base = { customer_id: 'c1', user_id: 'c1', session_id: 's1', ip: '10.0.0.1' }
  const { lake, faults } = await openShop(t, [
    say('2026-03-01T10:00:00Z', 'page_view', { ...base, utm_source: 'google', utm_medium: 'cpc', utm_campaign: 'spring' }), say('2026-03-01T10:00:00Z', 'customer_created', base),
    say('2026-03-01T10:00:01Z', 'order_created', order('o1', { ...base, ...product('P-1') })), say('2026-03-01T10:00:02Z', 'order_item_added', order('o1', { ...base, ...product('P-2') })),
    say('2026-03-01T10:00:03Z', 'payment_captured', { ...base, order_id: 'o1', payment_id: 'p1', amount: '40.00', currency: 'EUR' })
  ])
  // Those that read it first: what a model needs has to be there still.
  for (const model of models.toReversed()) {
    await lake.deleteRows({ namespace: ['analytics'], name: model.name }, 'true')
    t.match(await faults('2026-03-01', [model]), [/has no rows, though its sources have \d+ for it/], model.name)
  }
})
