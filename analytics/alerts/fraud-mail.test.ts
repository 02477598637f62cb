import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { createMetrics } from '../../runtime/index.ts'
import { openLakeHere } from '../engine-here.fixture.ts'
import { readModels } from '../models/catalogue.ts'
import { loadReferences } from '../reference/load.ts'
import { openRunner } from '../runner/runner.ts'
import { openAlerts } from './alerts.ts'
import { followFraudAlerts } from './follow-fraud.ts'
import { startMailServer, testConfig } from './mail-server.fixture.ts'

// Five cycles over all rules: seconds on a free machine.
t.setTimeout(280_000)

t.test('from an event to a mail: found by the rules, followed in the table, told with a query that answers, withdrawn when its reason goes', { timeout: 280_000 }, async t => {
  const lake = await openLakeHere(t)
  await loadReferences(lake)
  const models = (await readModels()).filter(({ name }) => name.startsWith('fraud_') || ['payments', 'orders', 'validated_orders'].includes(name))
  const runner = openRunner({ ...lake, engine: lake.trino, models })
  t.teardown(() => runner.close())
  const { engine } = lake
  const server = await startMailServer(t)
  const metrics = createMetrics('analytics')
  const quiet = { info: () => {}, warn: () => {}, error: () => {} }
  const config = testConfig(server.url)
  const alerts = await openAlerts({ config, dataDir: mkdtempSync(join(tmpdir(), 'firn-fraud-mail-')), say: () => {}, logger: quiet, metrics })
  t.teardown(() => alerts.close())
  const follower = followFraudAlerts({ catalog: lake.catalog, engine, alerts, config, logger: quiet })
  t.teardown(() => follower.close())
  await follower.settled()
  const now = new Date(Date.now() - 2000).toISOString()
  const order = (id: string, amount: string, more = {}): Record<string, string | number> => ({ event_type: 'order_created', event_id: `e-${id}${amount}`, event_time: now, received_at: now, log_offset: 1, currency: 'USD', order_id: id, customer_id: 'c-1', ip: '192.0.2.1', amount, ...more })
  const cycle = async (): Promise<void> => {
    follower.afterCycle(await runner.cycle({ minute: true }))
    await follower.settled()
    t.ok(await alerts.drained(20_000))
  }

  await lake.append([order('o-<b>&1', '6200.00'), order('small', '20.00')])
  await cycle()
  t.equal(server.mails.length, 1)
  const { raw, subject } = server.mails[0]!
  t.equal(subject, '[firn] Order o-<b>&1 of c-1: amount (score 4)')
  t.match(raw, 'amount 6,200.00 USD is over 5,000')
  const command = /npm run sql -- --as-of (\d+) "(select [\s\S]*?)"\n\nor in/.exec(decodeQuotedPrintable(raw))!
  let rows = 0
  for await (const chunk of (await engine.query(command[2]!, { asOf: command[1]! })).chunks) rows += chunk.length
  t.equal(rows, 1, 'the query of the mail finds the order')
  follower.look()
  await follower.settled()
  t.equal(server.mails.length, 1)

  await lake.append([{ ...order('o-<b>&1', '6200.00'), event_type: 'order_cancelled', event_id: 'e-c' }])
  await cycle()
  t.equal(server.mails.length, 2)
  t.equal(server.mails[1]!.headers.get('in-reply-to'), server.mails[0]!.messageId)
  t.match(await metrics.text(), /firn_analytics_alert_seconds_count\{channel="mail"\} 2/)

  // A gift card, and the rest of the money only after the lateness: the reason goes, and so does the alert.
  const early = new Date(Date.parse(now) - 20 * 60_000).toISOString()
  const paid = (id: string, amount: string): Record<string, string | number> =>
    ({ ...order('o-split', amount), event_type: 'payment_captured', event_id: id, payment_id: id, event_time: early })
  await lake.append([order('o-split', '100.00', { event_time: early }), paid('p-1', '12.00')])
  await cycle()
  t.equal(server.mails.length, 3)
  t.match(server.mails[2]!.subject, 'Order o-split of c-1: payment_mismatch')
  await lake.append([paid('p-2', '88.00')])
  await cycle()
  t.equal(server.mails.length, 4)
  t.match(server.mails[3]!.subject, 'withdrawn: Order o-split')
  t.equal(server.mails[3]!.headers.get('in-reply-to'), server.mails[2]!.messageId)
})

function decodeQuotedPrintable (raw: string): string {
  return raw.replaceAll('\r\n', '\n').replaceAll('=\n', '').replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
