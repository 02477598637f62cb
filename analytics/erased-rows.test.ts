// Rows that another engine deleted without rewriting a file are gone wherever one asks: the query service, saved questions, a
// row by its key, export, the models, and the alerts that stood on them. No model stops for it.

import { spawn } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { deleteAsOthers, type DeleteKind } from '../catalog/scan/foreign-deletes.fixture.ts'
import { openAlerts } from './alerts/alerts.ts'
import { followFraudAlerts } from './alerts/follow-fraud.ts'
import { testConfig } from './alerts/mail-server.fixture.ts'
import { inWords, type LakeHere } from './engine-here.fixture.ts'
import { parseModel } from './models/model-file.ts'
import { rowsOf } from './jobs/day-statement.ts'
import { openDuckdbEngine } from './query/duckdb.ts'
import { openRunner } from './runner/runner.ts'
import { eventsId, type EventRow } from './runner/test-lake.ts'
import { openTestService } from './service/service.fixture.ts'

t.setTimeout(240_000)

const orders = parseModel('orders', `-- Question:  What is each order worth?
-- Reads:     firn.events(order_created) by order_id
-- Unit:      key order_id
-- Key:       order_id
-- Owner:     test
-- Columns:
--   order_id     string         The order.
--   customer_id  string         Who ordered.
--   amount       decimal(18,2)  Money.
select e.order_id, max(e.customer_id) as customer_id, max(e.amount) as amount from firn.events e group by e.order_id
`)
const alerted = parseModel('fraud_alerts', `-- Question:  Which orders should somebody look at?
-- Reads:     analytics.orders by order_id
-- Unit:      key order_id
-- Key:       order_id
-- Owner:     test
-- Columns:
--   alert_id     string       The alert.
--   order_id     string       The order.
--   customer_id  string       Who ordered.
--   event_time   timestamptz  When.
--   score        int          How much.
--   rules        string       Why.
--   evidence     string       What was found.
select 'fraud-' || o.order_id as alert_id, o.order_id, o.customer_id, timestamp '${new Date(Date.now() - 60_000).toISOString().slice(0, 19).replace('T', ' ')} UTC' as event_time, 4 as score, 'amount' as rules, 'it is large' as evidence from analytics.orders o
`)

let offset = 0
const order = (id: string, customer: string): EventRow => ({
  event_type: 'order_created', event_id: `e-${id}`, event_time: '2026-01-31T10:00:00Z', order_id: id, customer_id: customer, amount: '10.00', currency: 'EUR', log_offset: ++offset
})

async function exported (lake: LakeHere, table: string): Promise<string> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(FIRN_|TAP_|NODE_OPTIONS)/.test(name)))
  const child = spawn(process.execPath, [resolve(import.meta.dirname, 'export/main.ts'), table, '--format', 'csv'], { env: { ...env, ...lake.env, FIRN_DATA_DIR: lake.dataDir }, stdio: ['ignore', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => { out += text })
  await new Promise(resolve => child.once('close', resolve))
  return out
}

async function see (t: Test, kind: DeleteKind): Promise<void> {
  const savedFolder = mkdtempSync(join(tmpdir(), 'firn-erased-'))
  writeFileSync(join(savedFolder, 'of_customer.sql'), '-- Question: How many events of a customer?\n-- Parameters: customer string\n\nselect count(*) as n from firn.events e where e.customer_id = {{customer}}\n')
  const service = await openTestService(t, {}, { savedFolder })
  const { lake } = service
  const runner = openRunner({ ...lake, engine: lake.trino, models: [orders, alerted], slowMs: 0 })
  t.teardown(() => runner.close())
  const quiet = { info: () => {}, warn: () => {}, error: () => {} }
  const said: string[] = []
  const config = testConfig(undefined)
  const alerts = await openAlerts({ config, dataDir: mkdtempSync(join(tmpdir(), 'firn-erased-alerts-')), say: line => { said.push(line) }, logger: quiet, channels: [{ name: 'mail', deliver: async () => ({ outcome: 'sent', detail: '' }) }] })
  t.teardown(() => alerts.close())
  const follower = followFraudAlerts({ catalog: lake.catalog, engine: lake.engine, alerts, config, logger: quiet })
  t.teardown(() => follower.close())
  const cycle = async (): Promise<void> => {
    const runs = await runner.cycle({ minute: true })
    t.strictSame(runs.flatMap(({ error }) => error ?? []), [], 'no model stops')
    follower.afterCycle(runs)
    await follower.settled()
  }
  // In this process as well, over whatever storage the lake has.
  const duckdb = openDuckdbEngine({ ...lake, memoryMiBMax: 256 })
  const seen = async (): Promise<Record<string, unknown>> => {
    // Longer than what the service remembers of a table.
    await new Promise(resolve => setTimeout(resolve, 600))
    return {
      here: (await rowsOf(await duckdb.query('select order_id from firn.events order by order_id'))).flat(),
      asked: (await service.ask('select order_id from firn.events order by order_id')).json.rows.flat(),
      saved: (await service.get('/v1/saved/of_customer?customer=c-1')).json.rows.flat(),
      byKey: (await service.get('/v1/orders/o-1')).status,
      models: (await service.ask('select order_id from analytics.orders order by order_id')).json.rows.flat()
    }
  }

  await lake.append([order('o-1', 'c-1'), order('o-2', 'c-2'), order('o-3', 'c-1')])
  await lake.append([order('o-4', 'c-2')])
  await cycle()
  t.strictSame(await seen(), { here: ['o-1', 'o-2', 'o-3', 'o-4'], asked: ['o-1', 'o-2', 'o-3', 'o-4'], saved: ['2'], byKey: 200, models: ['o-1', 'o-2', 'o-3', 'o-4'] })
  t.equal(await deleteAsOthers(lake, eventsId, kind, 'customer_id', 'c-1'), 2)
  await cycle()
  t.strictSame(await seen(), { here: ['o-2', 'o-4'], asked: ['o-2', 'o-4'], saved: ['0'], byKey: 404, models: ['o-2', 'o-4'] })
  t.strictSame([...new Set((await exported(lake, 'firn.events')).match(/\bo-\d\b/g))].sort(), ['o-2', 'o-4'])
  t.strictSame(said.filter(line => line.startsWith('WITHDRAWN')).sort(), ['WITHDRAWN fraud: Order o-1 no longer looks like fraud', 'WITHDRAWN fraud: Order o-3 no longer looks like fraud'])
  await lake.append([order('o-5', 'c-5')])
  await cycle()
  t.match(await seen(), { asked: ['o-2', 'o-4', 'o-5'], models: ['o-2', 'o-4', 'o-5'] }, 'and it goes on from there')

  // Of a model's own table: what is missing is computed again.
  t.equal(await deleteAsOthers(lake, { namespace: ['analytics'], name: 'orders' }, kind, 'order_id', 'o-2'), 1)
  t.match(await seen(), { models: ['o-4', 'o-5'] })
  await cycle()
  t.match(await seen(), { models: ['o-2', 'o-4', 'o-5'] })
}

// Trino 476 reads no deletion vectors.
for (const kind of inWords<readonly DeleteKind[]>({ duckdb: ['positions', 'equality', 'vectors'], trino: ['positions', 'equality'] })) {
  void t.test(`rows that were deleted by ${kind} are gone for everybody`, async t => { await see(t, kind) })
}
