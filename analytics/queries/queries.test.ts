import type { DuckDBConnection } from '@duckdb/node-api'
import { DuckDBInstance } from '../../catalog/index.ts'
import t, { type Test } from 'tap'
import { askSaved, readColumns, readQueries, statementOf } from './queries.fixture.ts'

let connection: DuckDBConnection
t.before(async () => {
  connection = await (await DuckDBInstance.create(':memory:')).connect()
  await connection.run("set TimeZone = 'UTC'")
})
t.teardown(() => { connection.closeSync() })

const ask = async (t: Test, name: string, values: Record<string, string>, rows: Parameters<typeof askSaved>[4]): Promise<unknown[]> =>
  await askSaved(t, connection, name, values, rows)

/** Of arrays t.match() lets more rows pass than are named. */
const matchRows = (t: Test, rows: readonly unknown[], expected: readonly unknown[]): void => {
  t.match(rows, expected)
  t.equal(rows.length, expected.length, 'no other rows')
}

t.test('every saved question can be asked of the models as they are, and says what it answers', async t => {
  const columns = await readColumns()
  const queries = await readQueries()
  t.ok(queries.length >= 10)
  for (const query of queries) {
    t.match(query, { question: /^[A-Z].*\?$/, result: /^(one|the) .*\.$/ }, `${query.name}: its header`)
    const result = await connection.runAndReadAll(statementOf(query, columns, 'duckdb'))
    t.equal(result.currentRowCount, 0, `${query.name}: no rows of empty tables`)
    const names = result.columnNames()
    t.strictSame([...new Set(names)], names, `${query.name}: no two columns of one name`)
  }
})

t.test('a session is replayed in order, with what it was', async t => {
  const step = (position: number, session_id = 's1'): Record<string, unknown> => ({ session_id, position, event_type: `e${position}` })
  matchRows(t, await ask(t, 'session_replay', { session_id: 's1' }, { 'analytics.session_timeline': [step(2), step(1), step(1, "s1' or true --")], 'analytics.sessions': [{ session_id: 's1', device: 'mobile', converted: true }] }), [
    { position: '1', event_type: 'e1', device: 'mobile', converted: true }, { position: '2', event_type: 'e2' }
  ])
  t.equal((await ask(t, 'session_replay', { session_id: "s1' or true --" }, { 'analytics.session_timeline': [step(1), step(2)] })).length, 0, 'a value is never SQL')
})

t.test('orders that were paid wrong are those of the day, the largest difference first', async t => {
  const order = (order_id: string, status: string, difference: string | null, happened_at = '2026-03-01T12:00:00Z'): Record<string, unknown> => ({ order_id, status, difference, happened_at })
  const rows = [order('a', 'matched', '0'), order('b', 'pending', null), order('c', 'payment_missing', null), order('d', 'amount_mismatch', '1.00'), order('e', 'amount_mismatch', '-5.00'), order('f', 'amount_mismatch', '9.00', '2026-03-02T00:00:00Z'), order('g', 'order_missing', null, '2026-02-28T23:59:59Z')]
  t.strictSame((await ask(t, 'orders_paid_wrong', { day: '2026-03-01' }, { 'analytics.validated_orders': rows }) as { order_id: string }[]).map(({ order_id: id }) => id), ['e', 'd', 'c'])
})

t.test('the funnel adds days up and shares are of the sums', async t => {
  const day = (day: string, sessions: number, viewed: number, carted: number): Record<string, unknown> => ({ day, campaign: 'spring', sessions, viewed, carted, checked_out: 0, purchased: 0 })
  matchRows(t, await ask(t, 'funnel_by_campaign', { from_day: '2026-03-01', to_day: '2026-03-02' }, { 'analytics.funnel_daily': [day('2026-03-01', 10, 8, 1), day('2026-03-02', 10, 4, 2), day('2026-03-03', 99, 99, 99)], 'analytics.campaign_performance': [{ day: '2026-03-01', campaign: 'spring', source: 'a', orders: 1, revenue_usd: '5.00' }, { day: '2026-03-01', campaign: 'spring', source: 'b', orders: 2, revenue_usd: '6.00' }] }), [
    { campaign: 'spring', sessions: '20', viewed: '12', carted: '3', cart_rate: '0.2500', checkout_rate: '0.0000', purchase_rate: null, orders: '3', revenue_usd: '11.00' }
  ])
})

t.test('a day\'s quality is added up by type, with what its worst hour lacked and whether the day is sealed', async t => {
  const hour = (hour: string, missing: number, missing_fields: string | null): Record<string, unknown> => ({ hour, event_type: 'search', rows: 10, missing, missing_fields, duplicates: 1, late: 0, outliers: 0, dead_letters: 2 })
  matchRows(t, await ask(t, 'data_quality_of_a_day', { day: '2026-03-01' }, { 'analytics.data_quality': [hour('2026-03-01T00:00:00Z', 1, 'url 1'), hour('2026-03-01T23:00:00Z', 3, 'session_id 3'), hour('2026-03-02T00:00:00Z', 9, 'url 9')], 'analytics.completeness': [{ day: '2026-03-01', event_type: 'search', is_sealed: true }, { day: '2026-03-02', event_type: 'search', is_sealed: false }] }), [
    { event_type: 'search', rows: '20', missing: '4', missing_fields: 'session_id 3', duplicates: '2', dead_letters: '4', is_sealed: true }
  ])
})

t.test('stock is told by the newest day, customers to win back are those who ordered often and long ago', async t => {
  const day = (product_id: string, day: string, days_of_stock: string, stock_signal: string): Record<string, unknown> => ({ product_id, day, days_of_stock, stock_signal })
  matchRows(t, await ask(t, 'stock_outs', {}, { 'analytics.product_demand': [day('P-1', '2026-03-01', '1', 'soon_out'), day('P-1', '2026-03-02', '30', 'ok'), day('P-2', '2026-03-01', '9', 'reorder'), day('P-3', '2026-03-01', '2', 'soon_out')] }), [{ product_id: 'P-3' }, { product_id: 'P-2' }])
  const customer = (customer_id: string, recency_days: number | null, frequency: number): Record<string, unknown> => ({ customer_id, recency_days, frequency, money_usd: '1' })
  matchRows(t, await ask(t, 'customers_to_win_back', { days_since_last_order: '30', orders_min: '2' }, { 'analytics.customer_features': [customer('a', 30, 2), customer('b', 29, 2), customer('c', 99, 1), customer('d', null, 0)], 'analytics.ref_customers': [{ customer_id: 'a', name: 'Ann' }] }), [{ customer_id: 'a', name: 'Ann' }])
})

t.test('what is bought together is told from either side of a pair', async t => {
  const pair = (product_a: string, product_b: string, orders: number, lift: string): Record<string, unknown> => ({ product_a, product_b, name_a: `n${product_a}`, name_b: `n${product_b}`, orders, lift, confidence_a: '0.1', confidence_b: '0.2' })
  matchRows(t, await ask(t, 'bought_together', { product_id: 'B' }, { 'analytics.product_affinity': [pair('A', 'B', 2, '3'), pair('B', 'C', 2, '4'), pair('B', 'D', 1, '9'), pair('A', 'C', 5, '9')] }), [
    { product_id: 'C', product_name: 'nC', confidence: '0.1000', lift: '4.0000' }, { product_id: 'A', product_name: 'nA', confidence: '0.2000' }
  ])
})

t.test('a day is from its midnight to the next in UTC', async t => {
  const times = ['2026-02-28T23:59:59.999999Z', '2026-03-01T00:00:00Z', '2026-03-01T23:59:59.999999Z', '2026-03-02T00:00:00Z']
  const hours = times.map((hour, i) => ({ hour, currency: 'EUR', total_orders: i, total_revenue: '10.00', cancelled_revenue: '2.50' }))
  matchRows(t, await ask(t, 'revenue_by_hour', { day: '2026-03-01' }, { 'analytics.hourly_sales': hours }), [{ total_orders: '1', revenue_that_stays: '7.50' }, { total_orders: '2' }])
  const alerts = times.map((event_time, i) => ({ event_time, order_id: `o${i}`, score: i + 3 }))
  const rows = { 'analytics.fraud_alerts': alerts, 'analytics.orders': [{ order_id: 'o1', amount: '9.00' }], 'analytics.validated_orders': [{ order_id: 'o1', status: 'matched' }] }
  matchRows(t, await ask(t, 'fraud_alerts_of_a_day', { day: '2026-03-01' }, rows), [{ order_id: 'o2', score: 5, amount: null }, { order_id: 'o1', score: 4, amount: '9.00', payment_status: 'matched' }])
})

t.test('sums between two days have both days in them, and no money without its currency or rate', async t => {
  const days = ['2026-02-28', '2026-03-01', '2026-03-02', '2026-03-03']
  const between = { from_day: '2026-03-01', to_day: '2026-03-02' }
  const regions = days.map(day => ({ day, region: 'europe', currency: 'EUR', manager: 'Ann', orders: 2, cancelled_orders: 1, revenue_usd: '5.00' }))
  matchRows(t, await ask(t, 'regional_revenue', between, { 'analytics.regional_revenue': [...regions, { day: days[1], region: 'none', currency: 'XBT', orders: 3, revenue_usd: null }, { day: days[1], region: 'europe', currency: 'XBT', orders: 4, revenue_usd: null }] }), [
    { region: 'europe', manager: 'Ann', orders: '8', cancelled_orders: '2', revenue_usd: '10.00', orders_without_rate: '4' }, { region: 'none', orders: '3', revenue_usd: null, orders_without_rate: '3' }
  ])
  const sold = days.map(day => ({ day, product_id: 'P-1', product_name: 'Table', currency: 'EUR', quantity: 2, orders: 1, revenue: '3.00' }))
  matchRows(t, await ask(t, 'top_products', between, { 'analytics.product_revenue': [...sold, { day: days[1], product_id: 'P-1', currency: 'USD', quantity: 9, orders: 1, revenue: '1.00' }] }), [
    { product_id: 'P-1', currency: 'USD', quantity: '9', revenue: '1.00' }, { product_id: 'P-1', product_name: 'Table', currency: 'EUR', quantity: '4', orders: '2', revenue: '6.00' }
  ])
})
