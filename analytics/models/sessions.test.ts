import t from 'tap'
import { testModel, type Row } from './model-test.ts'

/** An event of 1 March 2026, or of another day when the time says so. Arrives as it happens. */
const at = (time: string, event_type: string, fields: Row = {}): Row => {
  const event_time = time.length > 15 ? `${time}Z` : `2026-03-01T${time}Z`
  return { event_type, event_time, received_at: event_time, log_topic: 't', log_partition: 0, log_offset: 0, ...fields }
}
const of = (session_id: string | null, ...events: Row[]): Row[] => events.map(event => ({ session_id, ...event }))

t.test('a session is replayed by event time, whatever arrived when', async t => {
  await testModel(t, 'session_timeline', {
    'firn.events': [
      ...of('s1', at('10:00:02.0005', 'product_view', { url: '/p/1', product_id: 'P-1' }), at('10:00:00', 'page_view', { url: '/', received_at: '2026-03-03T00:00:00Z' }),
        // Of one instant: arrival decides, then the place in the log.
        at('10:01:00', 'payment_captured', { order_id: 'o1', log_offset: 9 }), at('10:01:00', 'order_created', { order_id: 'o1', log_offset: 8 }), at('10:01:00', 'add_to_cart', { received_at: '2026-03-01T10:00:59Z', log_offset: 10 }),
        at('2026-03-02T00:00:00', 'page_view', { url: '/end' })),
      ...of('s2', at('10:00:00', 'search')),
      ...of(null, at('10:00:00', 'page_view'))
    ]
  }, [
    { session_id: 's1', position: 1, event_time: '2026-03-01T10:00:00Z', event_type: 'page_view', url: '/', seconds_since_previous: null },
    { session_id: 's1', position: 2, event_time: '2026-03-01T10:00:02.000Z', event_type: 'product_view', url: '/p/1', product_id: 'P-1', seconds_since_previous: '2.000' },
    { session_id: 's1', position: 3, event_time: '2026-03-01T10:01:00Z', event_type: 'add_to_cart', seconds_since_previous: '58.000' },
    { session_id: 's1', position: 4, event_time: '2026-03-01T10:01:00Z', event_type: 'order_created', order_id: 'o1', seconds_since_previous: '0' },
    { session_id: 's1', position: 5, event_time: '2026-03-01T10:01:00Z', event_type: 'payment_captured', order_id: 'o1', seconds_since_previous: '0' },
    { session_id: 's1', position: 6, event_time: '2026-03-02T00:00:00Z', event_type: 'page_view', url: '/end', seconds_since_previous: '50340' },
    { session_id: 's2', position: 1, event_time: '2026-03-01T10:00:00Z', event_type: 'search', seconds_since_previous: null }
  ])
})

t.test('events of one instant have the order of the log', async t => {
  const offsets = [7, 3, 9, 1, 5, 8, 2, 6, 4]
  await testModel(t, 'session_timeline', { 'firn.events': of('s1', ...offsets.map(log_offset => at('10:00:00', 'search', { url: `/${log_offset}`, log_offset })), at('10:00:00', 'search', { url: '/10', log_partition: 1 }), at('10:00:00', 'search', { url: '/11', log_topic: 'u' })) },
    Array.from({ length: 11 }, (_, i) => ({ session_id: 's1', position: i + 1, url: `/${i + 1}` })))
})

t.test('a session has its first visitor, device, campaign and page, its last event, its farthest step', async t => {
  await testModel(t, 'sessions', {
    'firn.events': [
      ...of('s1', at('10:00:00.250', 'page_view', { url: '/', referrer: 'https://search.example/', location: { country: 'DE' }, received_at: '2026-03-05T00:00:00Z' }),
        at('10:00:05', 'product_view', { url: '/p/1', user_id: 'u1', device: { type: 'mobile', os: 'iOS', browser: 'Safari' }, utm_source: 'google', utm_medium: 'cpc', utm_campaign: 'spring', location: { country: 'FR' } }),
        at('10:00:06', 'add_to_cart', { utm_source: 'mail', utm_campaign: 'weekly', user_id: 'u2', device: { type: 'desktop', browser: 'Firefox' } }),
        at('10:02:00.5', 'order_created', { order_id: 'o1' }), at('10:00:30', 'checkout_started', { received_at: '2026-03-05T00:00:00Z' })),
      ...of('s2', at('23:59:59', 'search', { utm_campaign: 'spring' }), at('2026-03-02T00:00:01', 'search')),
      ...of('s3', at('12:00:00', 'payment_failed', { order_id: 'o9' })), ...of('s4', at('12:00:00', 'checkout_started'), at('12:00:00', 'add_to_cart')), ...of('s5', at('12:00:00', 'purchase')),
      ...of(null, at('10:00:00', 'page_view'))
    ],
    'analytics.orders': [
      { order_id: 'o1', session_id: 's1', amount: '100.00', currency: 'EUR', order_status: 'NEW', is_created: true }, { order_id: 'o2', session_id: 's1', amount: '50.00', currency: 'USD', order_status: 'COMPLETED', is_created: true },
      { order_id: 'o3', session_id: 's1', amount: '9.00', currency: 'XBT', order_status: 'NEW', is_created: true }, { order_id: 'o4', session_id: 's1', amount: null, currency: 'USD', order_status: 'NEW', is_created: true },
      { order_id: 'o5', session_id: 's1', amount: '7.00', currency: 'USD', order_status: 'CANCELLED', is_created: true }, { order_id: 'o6', session_id: null, amount: '7.00', currency: 'USD', order_status: 'NEW', is_created: true },
      { order_id: 'o7', session_id: 's2', amount: '7.00', currency: 'USD', order_status: 'NEW', is_created: false }
    ],
    'analytics.ref_rates': [{ currency: 'EUR', usd_rate: '1.085' }, { currency: 'USD', usd_rate: '1' }]
  }, [
    { session_id: 's1', started_at: '2026-03-01T10:00:00.250Z', ended_at: '2026-03-01T10:02:00.500Z', seconds: '120.250', events: 5, pages: 2, product_views: 1, carts: 1, checkouts: 1, step: 4, converted: true, orders: 4, revenue_usd: '158.50', unrated_orders: 2, user_id: 'u1', device: 'mobile', os: 'iOS', browser: 'Safari', country: 'DE', source: 'google', medium: 'cpc', campaign: 'spring', landing_url: '/', referrer: 'https://search.example/' },
    { session_id: 's2', started_at: '2026-03-01T23:59:59Z', ended_at: '2026-03-02T00:00:01Z', seconds: '2', events: 2, pages: 2, product_views: 0, carts: 0, checkouts: 0, step: 0, converted: false, orders: 0, revenue_usd: '0', unrated_orders: 0, campaign: 'spring' },
    { session_id: 's3', started_at: '2026-03-01T12:00:00Z', ended_at: '2026-03-01T12:00:00Z', seconds: '0', events: 1, pages: 0, product_views: 0, carts: 0, checkouts: 0, step: 0, converted: false, orders: 0, revenue_usd: '0', unrated_orders: 0 },
    { session_id: 's4', started_at: '2026-03-01T12:00:00Z', ended_at: '2026-03-01T12:00:00Z', seconds: '0', events: 2, pages: 0, product_views: 0, carts: 1, checkouts: 1, step: 3, converted: false, orders: 0, revenue_usd: '0', unrated_orders: 0 },
    { session_id: 's5', started_at: '2026-03-01T12:00:00Z', ended_at: '2026-03-01T12:00:00Z', seconds: '0', events: 1, pages: 0, product_views: 0, carts: 0, checkouts: 0, step: 4, converted: true, orders: 0, revenue_usd: '0', unrated_orders: 0 }
  ])
})

t.test('one event_id in two sessions is an event of each', async t => {
  const twice = at('10:00:00', 'page_view', { event_id: 'same', url: '/' })
  await testModel(t, 'sessions', { 'firn.events': [...of('s1', twice), ...of('s2', twice)] }, [{ session_id: 's1', events: 1 }, { session_id: 's2', events: 1 }])
  await testModel(t, 'session_timeline', { 'firn.events': [...of('s1', twice), ...of('s2', twice)] }, [{ session_id: 's1', position: 1 }, { session_id: 's2', position: 1 }])
})

const session = (session_id: string, step: number, fields: Row = {}): Row => ({ session_id, started_at: '2026-03-01T23:59:59Z', ended_at: '2026-03-02T01:00:00Z', step, converted: step === 4, pages: 3, orders: 0, revenue_usd: '0', unrated_orders: 0, ...fields })

t.test('the funnel of each day and campaign; who reached a step reached those before it', async t => {
  await testModel(t, 'funnel_daily', {
    'analytics.sessions': [
      ...[0, 1, 1, 2, 3, 4].map((step, i) => session(`a${i}`, step, { campaign: 'spring' })), session('b', 0), session('c', 4, { campaign: 'spring', started_at: '2026-03-02T00:00:00Z' })
    ]
  }, [
    { day: '2026-03-01', campaign: 'spring', sessions: 6, viewed: 5, carted: 3, checked_out: 2, purchased: 1, cart_rate: '0.6', checkout_rate: '0.6667', purchase_rate: '0.5', conversion: '0.1667' },
    { day: '2026-03-01', campaign: 'none', sessions: 1, viewed: 0, carted: 0, checked_out: 0, purchased: 0, conversion: '0' },
    { day: '2026-03-02', campaign: 'spring', sessions: 1, viewed: 1, carted: 1, checked_out: 1, purchased: 1, cart_rate: '1', checkout_rate: '1', purchase_rate: '1', conversion: '1' }
  ])
})

t.test('what a campaign brings counts for the day on which its sessions began', async t => {
  const spring = { source: 'google', medium: 'cpc', campaign: 'spring' }
  await testModel(t, 'campaign_performance', {
    'analytics.sessions': [
      session('a', 4, { ...spring, user_id: 'u1', orders: 2, revenue_usd: '100.01', unrated_orders: 1 }), session('b', 1, { ...spring, user_id: 'u1', pages: 1 }), session('c', 4, { ...spring, pages: 0, orders: 1, revenue_usd: '0.00', unrated_orders: 1 }),
      session('d', 0, { ...spring, source: 'bing', user_id: 'u2', pages: 1 }), session('e', 0, { pages: 2 }), session('f', 0, { ...spring, started_at: '2026-03-02T00:00:00Z' }),
      session('g', 4, { campaign: 'huge', orders: 1, revenue_usd: '9999999999999999999999999999.99' })
    ]
  }, [
    { day: '2026-03-01', ...spring, sessions: 3, visitors: 1, bounces: 1, pages: 4, converted: 2, conversion: '0.6667', orders: 3, revenue_usd: '100.01', unrated_orders: 2, revenue_usd_per_session: '33.3367' },
    { day: '2026-03-01', ...spring, source: 'bing', sessions: 1, visitors: 1, bounces: 1, pages: 1, converted: 0, conversion: '0', orders: 0, revenue_usd: '0', unrated_orders: 0, revenue_usd_per_session: '0' },
    { day: '2026-03-01', source: 'none', medium: 'none', campaign: 'none', sessions: 1, visitors: 0, bounces: 0, pages: 2, converted: 0, conversion: '0', orders: 0, revenue_usd: '0', unrated_orders: 0, revenue_usd_per_session: '0' },
    { day: '2026-03-02', ...spring, sessions: 1, visitors: 0, bounces: 0, pages: 3, converted: 0, conversion: '0', orders: 0, revenue_usd: '0', unrated_orders: 0, revenue_usd_per_session: '0' },
    { day: '2026-03-01', source: 'none', medium: 'none', campaign: 'huge', sessions: 1, visitors: 0, bounces: 0, pages: 3, converted: 1, conversion: '1', orders: 1, revenue_usd: '9999999999999999999999999999.99', unrated_orders: 0, revenue_usd_per_session: null }
  ])
})
