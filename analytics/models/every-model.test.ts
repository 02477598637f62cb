// An hour of a small shop, with its fraud and its dead letters, in two commits: every model and rule has rows, and what is
// counted in one table is what is counted in the next.

import t from 'tap'
import { duckdbScan, scanFiles } from '../../catalog/index.ts'
import { loadReferences } from '../reference/load.ts'
import { openRunner } from '../runner/index.ts'
import { openTestLake, type EventRow, type TestLake } from '../runner/test-lake.ts'
import { readModels, tableOf } from './catalogue.ts'

const began = Date.parse('2026-03-01T10:00:00Z')
const products = ['P-0001', 'P-0002', 'P-0003', 'P-0004']
const cities = ['{country: DE, region: europe, city: Berlin, latitude: 52.5, longitude: 13.4}', '{country: JP, region: asia, city: Tokyo, latitude: 35.7, longitude: 139.7}']

/** 40 visits, most of which buy; of every kind of fraud one. */
function inventHour (): EventRow[] {
  const events: EventRow[] = []
  let seed = 11
  const random = (below: number): number => { seed = seed * 48271 % 2147483647; return seed % below }
  const say = (minute: number, event_type: string, fields: EventRow): void => {
    const event_time = new Date(began + minute * 60_000 + events.length * 10).toISOString()
    events.push({ event_id: `e${events.length}`, event_type, event_time, received_at: event_time, log_offset: events.length, ...fields })
  }
  const order = (minute: number, id: string, base: EventRow, price: string, charged = price): void => {
    const total = (money: string): string => (Number(money) + 2).toFixed(2)
    const money = { amount: total(price), currency: 'EUR' }
    say(minute, 'order_created', { ...base, ...money, order_id: id, product_id: products[random(4)]!, category: 'home', quantity: 1, unit_price: price, region: 'europe', order_status: 'NEW' })
    say(minute, 'order_item_added', { ...base, order_id: id, product_id: products[random(4)]!, category: 'toys', quantity: 2, unit_price: '1.00', currency: 'EUR' })
    for (const type of ['payment_authorized', 'payment_captured']) say(minute, type, { ...base, ...money, amount: total(charged), order_id: id, payment_id: `p-${id}`, payment_method: 'card', card_fingerprint: `card-${base['customer_id']}` })
    say(minute, 'purchase', base)
  }
  for (let i = 0; i < 40; i++) {
    const base = { session_id: `s${i}`, user_id: `u${i % 30}`, customer_id: `u${i % 30}`, ip: `10.0.0.${i}`, device: '{type: mobile, os: iOS, browser: Safari}', location: cities[0]!, ...i % 3 === 0 ? { utm_source: 'google', utm_medium: 'cpc', utm_campaign: 'spring' } : {} }
    const minute = i * 0.7
    if (i < 30) say(minute, 'customer_created', base)
    say(minute, 'page_view', { ...base, url: '/' })
    say(minute, 'product_view', { ...base, url: '/p', product_id: products[i % 4]! })
    if (i % 5 === 4) continue
    say(minute, 'add_to_cart', { ...base, product_id: products[i % 4]! })
    say(minute, 'checkout_started', base)
    order(minute + 1, `o${i}`, base, `${10 + random(90)}.50`)
    if (i % 10 === 1) say(minute + 2, 'order_cancelled', { ...base, order_id: `o${i}` })
    if (i % 10 === 2) say(minute + 20, 'order_returned', { ...base, order_id: `o${i}`, product_id: products[0]!, quantity: 1 })
  }
  const thief = { session_id: 'thief', customer_id: 'u0', user_id: 'u0', ip: '6.6.6.6', location: cities[1]! }
  order(32, 'dear', { ...thief, session_id: 'dear', location: cities[0]! }, '5500.00')
  order(33, 'far', thief, '900.00')
  order(34, 'wrong', thief, '60.00', '6.00')
  for (let i = 0; i < 6; i++) say(35, 'payment_failed', { ...thief, order_id: 'far', payment_id: `f${i}`, amount: '900.00', currency: 'EUR', card_fingerprint: `stolen-${i}` })
  for (let i = 0; i < 6; i++) order(40 + i, `many${i}`, { session_id: `many${i}`, customer_id: 'u7', user_id: 'u7', ip: '7.7.7.7', location: cities[0]! }, '20.00')
  return events
}

async function tableRows (lake: TestLake, name: string, columns: string): Promise<Record<string, string>[]> {
  const [namespace, table] = name.split('.') as [string, string]
  const loaded = await lake.catalog.loadTable({ namespace: [namespace], name: table })
  const { files } = await scanFiles(lake.storage, loaded)
  return await lake.rows(`select ${columns} from ${duckdbScan(loaded, files, lake.storage)}`) as Record<string, string>[]
}

t.test('an hour of events: every model and rule has rows, and the tables agree', { timeout: 60_000 }, async t => {
  const lake = await openTestLake(t)
  await loadReferences(lake)
  const models = await readModels()
  const runner = openRunner({ ...lake, engine: null, models })
  t.teardown(() => runner.close())
  const events = inventHour()
  // What is received last comes first, so that the second commit is late.
  const halves = [events.filter((_, i) => i % 3 !== 0), events.filter((_, i) => i % 3 === 0)]
  for (const [i, half] of halves.entries()) {
    const at = new Date(began + 3_600_000).toISOString()
    await lake.appendLetters([{ reason: 'not_json', payload: '{"event_type":"search"', received_at: at, committed_at: at, log_topic: 't', log_partition: 1, log_offset: i }])
    await lake.append(half)
    t.strictSame((await runner.cycle({ minute: true })).filter(({ outcome }) => outcome === 'failed'), [], `commit ${i + 1}: no model fails`)
  }
  for (const model of models) {
    const [row] = await tableRows(lake, tableOf(model), 'count(*)::int as n')
    t.ok(Number(row!['n']) > 0, `${model.name}: ${row!['n']} rows`)
  }

  const one = async (name: string, sql: string): Promise<string> => String((await tableRows(lake, `analytics.${name}`, `cast(${sql} as varchar) as n`))[0]!['n'])
  const agree = async (what: string, expected: string | number, ...places: [name: string, sql: string][]): Promise<void> => {
    for (const [name, sql] of places) t.equal(await one(name, sql), String(expected), `${what}: ${name}`)
  }
  const created = events.filter(({ event_type: type }) => type === 'order_created')
  const sessions = new Set(events.map(({ session_id: id }) => id)).size
  const cents = created.reduce((sum, { amount }) => sum + Math.round(Number(amount) * 100), 0)
  await agree('events', events.length, ['session_timeline', 'count(*)'], ['sessions', 'sum(events)'], ['data_quality', "sum(rows) filter (where event_type = '(all)')"], ['data_quality', "sum(rows) filter (where event_type <> '(all)')"], ['completeness', "sum(rows) filter (where event_type = '(all)')"])
  await agree('sessions', sessions, ['sessions', 'count(*)'], ['funnel_daily', 'sum(sessions)'], ['campaign_performance', 'sum(sessions)'])
  await agree('sessions that bought', new Set(created.map(({ session_id: id }) => id)).size, ['sessions', 'count(*) filter (where converted)'], ['funnel_daily', 'sum(purchased)'], ['campaign_performance', 'sum(converted)'])
  await agree('orders', created.length, ['orders', 'count(*)'], ['hourly_sales', 'sum(total_orders) + sum(cancelled_orders)'], ['validated_orders', 'count(*)'], ['reconciliation', 'count(*)'], ['order_status_by_category', 'sum(total_orders)'], ['regional_revenue', 'sum(orders) + sum(cancelled_orders)'], ['customer_features', 'sum(frequency) + sum(cancelled_orders)'])
  const kept = created.length - events.filter(({ event_type: type }) => type === 'order_cancelled').length
  await agree('orders that are not cancelled', kept, ['customer_totals', 'count(*)'], ['hourly_sales', 'sum(total_orders)'], ['revenue_per_minute', 'sum(orders)'], ['sessions', 'sum(orders)'], ['campaign_performance', 'sum(orders)'], ['product_pairs', 'max(day_orders)'])
  await agree('money', (cents / 100).toFixed(2), ['orders', 'sum(amount)'], ['order_items', 'sum(amount)'], ['hourly_sales', 'sum(total_revenue) + sum(cancelled_revenue)'], ['validated_orders', 'sum(order_amount)'])
  const earned = await one('orders', "sum(amount) filter (where order_status <> 'CANCELLED')")
  await agree('revenue', earned, ['hourly_sales', 'sum(total_revenue)'], ['revenue_per_minute', 'sum(revenue)'], ['regional_revenue', 'sum(revenue)'], ['product_revenue', 'sum(revenue)'])
  await agree('orders whose positions are not what they cost', 0, ['reconciliation', "count(*) filter (where positions_say <> 'equal')"])
  await agree('pieces', await one('product_revenue', 'sum(quantity)'), ['product_demand', 'sum(demand)'], ['category_totals', 'sum(quantity)'])
  await agree('dead letters', 2, ['data_quality', "sum(dead_letters) filter (where event_type = 'search')"], ['completeness', "sum(dead_letters) filter (where event_type = '(all)')"])
  await agree('orders paid wrong', 1, ['validated_orders', "count(*) filter (where status = 'amount_mismatch')"], ['fraud_payment_mismatch', 'count(*)'])
  for (const suspect of ['dear', 'far', 'wrong', 'many5']) t.equal(await one('fraud_alerts', `count(*) filter (where order_id = '${suspect}')`), '1', `an alert for ${suspect}`)
})
