// The day's job by its own commands, over a lake and the engine that is here: wait until the day is there, compute the models,
// validate them; and what each of them says when something is wrong.

import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import t, { type Test } from 'tap'
import { openLakeHere, type LakeHere } from '../engine-here.fixture.ts'
import type { EventRow } from '../runner/test-lake.ts'

// All models of a day, in processes of their own.
t.setTimeout(290_000)

const date = '2026-01-31'
const jobs = {
  jobs: {
    day: {
      doc: 'A day in the table to checked models.',
      schedule: null,
      steps: [
        { name: 'wait', command: ['daily:wait', '--date', '{date}'], retries: 0 },
        { name: 'models', command: ['models', '--run'], retries: 0, after: ['wait'] },
        { name: 'validate', command: ['daily:validate', '--date', '{date}'], retries: 0, after: ['models'] }
      ]
    }
  }
}

interface Ended { readonly code: number | null, readonly out: string, readonly err: string }

async function run (lake: LakeHere, words: readonly string[], more: Record<string, string> = {}): Promise<Ended> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(FIRN_|TAP_|NODE_OPTIONS)/.test(name)))
  const child = spawn(process.execPath, [resolve(import.meta.dirname, '../../start.mjs'), ...words], {
    env: { ...env, ...lake.env, FIRN_QUERY_URL: lake.queryUrl, FIRN_DATA_DIR: lake.dataDir, ...more }, stdio: ['ignore', 'pipe', 'pipe']
  })
  let [out, err] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => { out += text })
  child.stderr.setEncoding('utf8').on('data', (text: string) => { err += text })
  return await new Promise((resolve, reject) => {
    child.once('error', reject).once('close', code => { resolve({ code, out, err }) })
  })
}

let offset = 0
const event = (type: string, time: string, more: Record<string, string> = {}): EventRow => {
  const at = `${date}T${time}Z`
  return { event_type: type, event_id: `e-${++offset}`, event_time: at, received_at: at, session_id: 's-1', user_id: 'c-1', log_offset: offset, ...more }
}
const order = (id: string, amount: string): Record<string, string> => ({ order_id: id, customer_id: 'c-1', product_id: 'P-1', product_name: 'Lamp', category: 'home', quantity: '2', unit_price: amount, amount: String(2 * Number(amount)) + '.00', currency: 'EUR', region: 'EU', ip: '192.0.2.1' })

/** The last row arrives when the day is over and its lateness with it. */
const shop = (): EventRow[] => [
  event('customer_created', '08:00:00', { customer_id: 'c-1' }), event('page_view', '09:00:00'), event('search', '09:01:00'), event('product_view', '09:02:00', { product_id: 'P-1' }),
  event('add_to_cart', '09:03:00', { product_id: 'P-1', quantity: '2' }), event('checkout_started', '09:04:00'),
  event('order_created', '09:05:00', order('o-1', '20.00')), event('order_item_added', '09:05:01', { ...order('o-1', '5.00'), product_id: 'P-2' }),
  event('payment_captured', '09:06:00', { order_id: 'o-1', payment_id: 'p-1', amount: '50.00', currency: 'EUR' }), event('purchase', '09:06:30', { order_id: 'o-1' }),
  event('order_created', '10:00:00', order('o-2', '7.00')), event('order_cancelled', '10:01:00', { order_id: 'o-2', customer_id: 'c-1' }),
  event('order_created', '11:00:00', order('o-3', '30.00')), event('payment_captured', '11:00:30', { order_id: 'o-3', payment_id: 'p-3', amount: '60.00', currency: 'EUR' }),
  { ...event('page_view', '23:59:59'), received_at: '2026-02-01T00:15:00Z' }
]

async function openShop (t: Test): Promise<{ lake: LakeHere, jobsFile: string }> {
  const lake = await openLakeHere(t)
  const folder = mkdtempSync(join(tmpdir(), 'firn-daily-'))
  t.teardown(() => { rmSync(folder, { recursive: true, force: true }) })
  const jobsFile = join(folder, 'jobs.json')
  writeFileSync(jobsFile, JSON.stringify(jobs))
  return { lake, jobsFile }
}

t.test('a day is waited for, computed and validated; what is missing or does not agree is said', { timeout: 280_000 }, async t => {
  const { lake, jobsFile } = await openShop(t)
  const atOnce = { FIRN_JOBS_WAIT_SECONDS_MAX: '0' }
  const early = await run(lake, ['daily:wait', '--date', date], atOnce)
  t.equal(early.code, 1, 'it would have waited')
  t.match(early.err, /^daily:wait: the data of 2026-01-31 is not complete after 0 s: firn\.events is not there yet: the writer creates it when it starts/)

  await lake.append(shop())
  await lake.appendLetters([{ committed_at: `${date}T09:00:00Z`, received_at: `${date}T09:00:00Z`, reason: 'not_json', log_topic: 't', log_partition: 0, log_offset: 99, payload: '{' }])
  const other = await run(lake, ['daily:wait', '--date', '2026-02-02'], atOnce)
  t.match(other, { code: 1, err: /^daily:wait: the data of 2026-02-02 is not complete after 0 s: firn\.events has no event of that day: check that senders/ })
  const done = await run(lake, ['daily', '--job', 'day', '--date', date], { FIRN_JOBS_FILE: jobsFile })
  t.equal(done.code, 0, done.err)
  t.match(done.err, /wait: done after[\s\S]*models: done after[\s\S]*validate: done after[\s\S]*day for 2026-01-31 is done: 3 steps/)
  const logs = join(lake.dataDir, 'jobs/day', date)
  t.match(readFileSync(join(logs, 'wait.log'), 'utf8'), '2026-01-31 is complete: 15 events; the watermark 2026-02-01T00:15:00.000Z has passed the day')
  const said = readFileSync(join(logs, 'validate.log'), 'utf8')
  for (const line of ['orders: 3 rows, 3 of the day', 'payments: 2 rows, 2 of the day', 'hourly_sales: 3 rows, 3 of the day', 'session_timeline: 15 rows, 15 of the day', 'fraud_cancelled: 1 rows, 1 of the day', 'reconcile.sql: agrees', 'hourly_sales_is_orders.sql: agrees']) {
    t.match(said, `ok   ${line}\n`)
  }
  t.notMatch(said, 'FAIL')

  await lake.deleteRows({ namespace: ['analytics'], name: 'orders' }, "order_id = 'o-3'")
  await lake.deleteRows({ namespace: ['analytics'], name: 'payments' }, 'true')
  const wrong = await run(lake, ['daily:validate', '--date', date])
  t.equal(wrong.code, 1)
  t.strictSame(wrong.err.trim().split('\n').map(line => line.trim()), [
    'daily:validate: 3 things are wrong:',
    'analytics.payments has no rows, though its sources have 2 for it',
    'hourly_sales_is_orders: currency EUR, hourly_sales 2, orders 1, hourly_revenue 110.00, orders_revenue 50.00',
    'orders_are_events: order_id o-3'
  ])
})
