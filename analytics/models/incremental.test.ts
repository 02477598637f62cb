// Every model and rule file, run as the runner runs it while events arrive late, twice and out of order: after each arrival its
// table equals the full recompute. MODEL_SEEDS=20 MODEL_ARRIVALS=5 for more and longer histories, MODEL_SEED=7 for a certain one.

import t from 'tap'
import { loadReferences } from '../reference/load.ts'
import { openRunner } from '../runner/index.ts'
import { openTestLake, type EventRow } from '../runner/test-lake.ts'
import { readModels } from './catalogue.ts'

const seeds = Array.from({ length: Number(process.env['MODEL_SEEDS'] ?? 1) }, (_, i) => Number(process.env['MODEL_SEED'] ?? 1) + i)
const arrivals = Number(process.env['MODEL_ARRIVALS'] ?? 2)
const eventsAtOnce = 40
const began = Date.parse('2026-03-01T21:00:00Z')

const types = ['order_created', 'order_created', 'order_created', 'order_updated', 'order_cancelled', 'order_returned', 'order_item_added', 'payment_authorized', 'payment_captured', 'payment_captured', 'payment_failed', 'payment_refunded', 'customer_created', 'customer_updated', 'page_view', 'product_view', 'search', 'add_to_cart', 'remove_from_cart', 'checkout_started', 'purchase']

/** Few orders, customers and sessions, so that everything meets everything. */
function inventEvents (random: (below: number) => number, arrival: number): EventRow[] {
  const pick = <T> (...values: T[]): T => values[random(values.length)]!
  const receivedMs = receivedAtOf(arrival)
  return Array.from({ length: eventsAtOnce }, (_, i) => {
    const type = types[random(types.length)]!
    const order = `o-${random(9)}`
    const lateMs = pick(0, 0, 0, 1, 20, 600, 3000) * random(60_000)
    const isOrder = type.startsWith('order_')
    const isPayment = type.startsWith('payment_')
    return {
      event_id: `e-${arrival}-${i}`, event_type: type, event_time: new Date(receivedMs - lateMs).toISOString(), received_at: new Date(receivedMs + random(2) * i).toISOString(),
      log_topic: 't', log_partition: random(3), log_offset: arrival * 1000 + i, session_id: `s-${random(6)}`, user_id: `u-${random(5)}`, ip: `10.0.0.${random(3)}`,
      ...isOrder || isPayment || type === 'purchase' ? { order_id: random(15) === 0 ? null : order } : {},
      ...isOrder || type.startsWith('customer_') ? { customer_id: pick<string | null>('u-1', 'u-2', 'u-3', null), region: pick<string | null>('europe', 'asia', 'atlantis', null) } : {},
      ...isOrder || /product|cart/.test(type) ? { product_id: pick<string | null>('P-0001', 'P-0002', 'P-x', null), category: pick<string | null>('home', 'toys', null), quantity: 1 + random(3), unit_price: pick('9.90', '120.00', '2500.00') } : {},
      ...isOrder || isPayment ? { amount: pick<string | null>('9.90', '9.90', '3100.00', '5100.00', null), currency: pick<string | null>('EUR', 'EUR', 'USD', 'XBT', null) } : {},
      ...isOrder ? { order_status: pick<string | null>('NEW', 'COMPLETED', 'CANCELLED', 'REFUNDED', null) } : {},
      ...isPayment ? { payment_id: `p-${random(9)}`, payment_method: 'card', card_fingerprint: `card-${random(4)}` } : {},
      ...random(2) === 0 ? { utm_source: 'google', utm_medium: 'cpc', utm_campaign: pick('spring', 'weekly') } : {},
      ...type.startsWith('customer_') ? { properties: pick('{"name":"Ann"}', '{"email":"a@example.org"}', 'null') } : {}
    }
  })
}

/** With every second arrival a night passes, and days are sealed. */
function receivedAtOf (arrival: number): number {
  return began + arrival * 47 * 60_000 + (arrival + 1 >> 1) * 6 * 3_600_000
}

/** Of this hour and of those before it; a duplicate names an event of any arrival so far. */
function inventLetters (random: (below: number) => number, arrival: number): EventRow[] {
  return Array.from({ length: 6 }, (_, i) => {
    const received_at = new Date(receivedAtOf(arrival) - random(3) * random(90) * 60_000).toISOString()
    const isDuplicate = random(2) === 0
    return {
      ...isDuplicate ? { reason: 'duplicate', event_id: `e-${random(arrival + 1)}-${random(eventsAtOnce)}` } : { reason: 'not_json', payload: ['{"event_type":"search"', '{"event_type": "order_created"', 'nothing'][random(3)]! },
      received_at, committed_at: new Date(receivedAtOf(arrival)).toISOString(), log_topic: 't', log_partition: 0, log_offset: arrival * 1000 + 500 + i
    }
  })
}

t.setTimeout(60_000 + seeds.length * 25_000)
for (const seed of seeds) {
  t.test(`seed ${seed}: each table is what a full recompute gives, after every arrival`, { timeout: 80_000 }, async t => {
    let state = seed * 7919 + 1
    const random = (below: number): number => { state = state * 48271 % 2147483647; return state % below }
    const lake = await openTestLake(t)
    await loadReferences(lake)
    const models = await readModels()
    let now = began
    const runner = openRunner({ ...lake, engine: null, models, clock: () => now })
    t.teardown(() => runner.close())
    const partial = new Set<string>()
    for (let arrival = 0; arrival < arrivals; arrival++) {
      // Dead letters come before the rows, after them, or alone.
      const letters = inventLetters(random, arrival)
      if (arrival !== 2) await lake.appendLetters(letters)
      await lake.append(inventEvents(random, arrival))
      if (arrival === 2) await lake.appendLetters(letters)
      now += 3_600_000
      const runs = await runner.cycle({ minute: true })
      t.strictSame(runs.filter(({ outcome }) => outcome === 'failed').map(({ model, error }) => [model, error]), [], `arrival ${arrival}: no model fails`)
      const tables = await lake.catalog.listTables(['analytics'])
      t.strictSame(models.map(({ name }) => name).filter(name => !tables.some(table => table.name === name)), [], `arrival ${arrival}: no model waits for a table`)
      for (const model of models) {
        const { stands, should } = await lake.compare(model)
        t.strictSame(stands, should, `arrival ${arrival}: ${model.name} (${runs.find(run => run.model === model.name)?.reason})`)
        if (arrival > 0 && model.unit.kind !== 'full' && runs.some(run => run.model === model.name && run.outcome === 'written' && run.dirtyUnits > 0)) partial.add(model.name)
      }
    }
    t.comment(`in parts: ${[...partial].join(', ')}`)
  })
}
