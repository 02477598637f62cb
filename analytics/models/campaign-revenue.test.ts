import t from 'tap'
import { testModel, type Row } from './model-test.ts'

const spring = { source: 'google', medium: 'cpc', campaign: 'spring' }
const began = '2026-03-01T23:59:59.999Z'
const order = (order_id: string, session_id: string | null, currency: string | null, amount: string | null, order_status = 'NEW', is_created = true): Row => ({ order_id, session_id, currency, amount, order_status, is_created })

t.test('each session has what was ordered in it, one row a currency', async t => {
  await testModel(t, 'session_revenue', {
    'analytics.sessions': [{ session_id: 's1', started_at: began, ...spring }, { session_id: 's2', started_at: '2026-03-02T00:00:00Z' }, { session_id: 'looked only', started_at: began, ...spring }],
    'analytics.orders': [
      order('o1', 's1', 'EUR', '10.00'), order('o2', 's1', 'EUR', '0.01', 'RETURNED'), order('o3', 's1', 'USD', '7.00'), order('o4', 's1', 'USD', '99.00', 'CANCELLED'), order('o5', 's1', null, null),
      order('o6', 's2', 'USD', '9999999999999999.99'), order('o7', 's2', 'USD', '9999999999999999.99'), order('o8', 's2', 'EUR', '5.00', 'NEW', false), order('o9', null, 'EUR', '5.00'), order('o10', 'no session of ours', 'EUR', '5.00')
    ]
  }, [
    { session_id: 's1', currency: 'EUR', started_at: began, ...spring, orders: 2, revenue: '10.01' },
    { session_id: 's1', currency: 'USD', started_at: began, ...spring, orders: 1, revenue: '7' },
    { session_id: 's1', currency: 'XXX', started_at: began, ...spring, orders: 1, revenue: '0' },
    { session_id: 's2', currency: 'USD', started_at: '2026-03-02T00:00:00Z', orders: 2, revenue: '19999999999999999.98' }
  ])
})

t.test('revenue of each campaign on the day on which its sessions began, one row a currency', async t => {
  const sold = (session_id: string, currency: string, orders: number, revenue: string, fields: Row = {}): Row => ({ session_id, currency, started_at: began, ...spring, orders, revenue, ...fields })
  await testModel(t, 'campaign_revenue', {
    'analytics.session_revenue': [sold('s1', 'EUR', 2, '10.01'), sold('s1', 'USD', 1, '7.00'), sold('s2', 'EUR', 1, '5.00'), sold('s3', 'EUR', 1, '1.00', { source: 'mail' }), sold('s4', 'EUR', 1, '2.00', { source: null, medium: null, campaign: null }), sold('s5', 'EUR', 1, '3.00', { started_at: '2026-03-02T00:00:00Z' })]
  }, [
    { day: '2026-03-01', ...spring, currency: 'EUR', sessions: 2, orders: 3, revenue: '15.01' },
    { day: '2026-03-01', ...spring, currency: 'USD', sessions: 1, orders: 1, revenue: '7' },
    { day: '2026-03-01', ...spring, source: 'mail', currency: 'EUR', sessions: 1, orders: 1, revenue: '1' },
    { day: '2026-03-01', source: 'none', medium: 'none', campaign: 'none', currency: 'EUR', sessions: 1, orders: 1, revenue: '2' },
    { day: '2026-03-02', ...spring, currency: 'EUR', sessions: 1, orders: 1, revenue: '3' }
  ])
})
