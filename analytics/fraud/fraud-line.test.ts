import t from 'tap'
import { readModels } from '../models/catalogue.ts'
import type { Model } from '../models/model-file.ts'
import { loadReferences } from '../reference/load.ts'
import { openRunner } from '../runner/runner.ts'
import { openTestLake, type EventRow } from '../runner/test-lake.ts'

let offset = 0
const event = (event_type: string, time: string, more: EventRow): EventRow => ({
  event_type, event_id: `e-${++offset}`, event_time: `2026-01-31T${time}Z`, received_at: `2026-01-31T${time}Z`, log_offset: offset, currency: 'USD', ...more
})
const order = (id: string, time: string, amount: string, more: EventRow = {}): EventRow => event('order_created', time, { order_id: id, customer_id: `c-${id}`, ip: `ip-${id}`, amount, ...more })
const paid = (id: string, time: string, amount: string): EventRow => event('payment_captured', time, { order_id: id, payment_id: `p-${id}`, amount, user_id: `c-${id}`, session_id: `s-${id}`, card_fingerprint: `k-${id}` })

/** The rules and the models that they need. */
async function fraudModels (): Promise<Model[]> {
  const all = await readModels()
  const needed = new Set<string>()
  const need = (name: string): void => {
    const model = all.find(one => one.name === name)
    if (model === undefined || needed.has(name)) return
    needed.add(name)
    for (const { table } of model.reads) need(table.replace('analytics.', ''))
  }
  need('fraud_alerts')
  return all.filter(({ name }) => needed.has(name))
}

t.test('from events to alerts: found, grown, never twice, and nothing is written without news', async t => {
  const lake = await openTestLake(t)
  await loadReferences(lake)
  const models = await fraudModels()
  const runner = openRunner({ ...lake, engine: null, models })
  t.teardown(() => runner.close())
  const cycle = async (): Promise<Record<string, string>> => {
    const runs = await runner.cycle({ minute: true })
    t.strictSame(runs.filter(({ outcome }) => outcome === 'failed'), [], 'no model failed')
    return Object.fromEntries(runs.map(({ model, outcome }) => [model, outcome]))
  }
  const model = models.find(({ name }) => name === 'fraud_alerts')!
  const alerts = async (): Promise<unknown[]> => {
    const { stands, should } = await lake.compare(model)
    t.strictSame(stands, should, 'the table equals a full recompute')
    return stands.map(row => JSON.parse(row) as Record<string, unknown>).map(({ alert_id, score, rules }) => `${String(alert_id)} ${String(score)} ${String(rules)}`).sort()
  }

  await lake.append([order('large', '10:00:00', '3500.00'), order('small', '10:00:01', '20.00'), order('short', '10:00:02', '100.00'), paid('short', '10:00:03', '12.00'), paid('small', '10:00:04', '20.00')])
  await cycle()
  t.strictSame(await alerts(), ['fraud-large 3 amount'], 'the rest of a payment may still come')

  t.strictSame([...new Set(Object.values(await cycle()))], ['fresh'], 'a second cycle writes nothing')

  await lake.append([event('order_cancelled', '11:00:00', { order_id: 'large' }), order('other', '11:00:00', '50.00')])
  t.equal((await cycle())['fraud_alerts'], 'written')
  t.strictSame(await alerts(), ['fraud-large 4 amount, cancelled', 'fraud-short 3 payment_mismatch'], 'the score grew under the same id, and the rest of the payment did not come')

  // The rest of the payment comes late, so the order is paid right and its alert goes; and five orders from one address.
  const run = Array.from({ length: 5 }, (_, i) => order(`run-${i}`, `12:5${i}:00`, '10.00', { ip: 'one' }))
  await lake.append([{ ...paid('short', '12:00:00', '88.00'), payment_id: 'p-rest' }, ...run])
  await cycle()
  t.strictSame(await alerts(), ['fraud-large 4 amount, cancelled', ...run.map((_, i) => `fraud-run-${i} 3 orders_per_ip`)])
})
