import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import type { Channel } from './channel.ts'
import { openAlerts, type Alerts, type AlertsOptions } from './alerts.ts'
import { fraudAlert, startMailServer, testConfig } from './mail-server.fixture.ts'

const quiet = { info: () => {}, warn: () => {}, error: () => {} }

async function open (t: Test, mailUrl: string | undefined, more: Partial<AlertsOptions> = {}): Promise<Alerts & { lines: string[], dataDir: string }> {
  const dataDir = more.dataDir ?? mkdtempSync(join(tmpdir(), 'firn-alerts-'))
  const lines: string[] = []
  const alerts = await openAlerts({ config: testConfig(mailUrl), dataDir, say: line => { lines.push(line) }, logger: quiet, retryMs: { first: 20, max: 100 }, ...more })
  let closed = false
  const close = async (): Promise<void> => {
    if (!closed) await alerts.close()
    closed = true
  }
  t.teardown(close)
  return { ...alerts, close, lines, dataDir }
}

t.test('an alert is one mail and one line, and stays one when it is offered again', async t => {
  const server = await startMailServer(t)
  const alerts = await open(t, server.url)
  await alerts.offer(fraudAlert('o-1', 5))
  await alerts.offer(fraudAlert('o-1', 5))
  t.ok(await alerts.drained(3000))
  t.equal(server.mails.length, 1)
  t.match(server.mails[0]!.messageId, /^<firn-[0-9a-f]{32}@shop\.example>$/)
  t.match(alerts.lines, [/^ALERT fraud high, score 5: /])
  t.match(readFileSync(join(alerts.dataDir, 'alerts', 'analytics.ndjson'), 'utf8'), /"queued".*\n.*"sending".*\n.*"settled"/)
})

t.test('without a mail server alerts are told on the terminal, and the ledger says so', async t => {
  const alerts = await open(t, undefined)
  await alerts.offer(fraudAlert('o-1', 5))
  t.ok(await alerts.drained(3000))
  t.match(alerts.lines, [/^ALERT fraud/])
  t.match(readFileSync(join(alerts.dataDir, 'alerts', 'analytics.ndjson'), 'utf8'), /"by":"terminal"/)
})

t.test('a channel that goes and comes back neither ends the start nor tells old alerts', async t => {
  const told: string[] = []
  const channel = (name: 'mail' | 'webhook', isWorking: boolean): Channel => ({ name, deliver: async message => {
    if (isWorking) told.push(`${name} ${message.alerts.map(([id]) => id).join()}`)
    return isWorking ? { outcome: 'sent', detail: '' } : { outcome: 'unknown', detail: 'cut' }
  } })
  const first = await open(t, undefined, { channels: [channel('mail', false), channel('webhook', false)] })
  await first.offer(fraudAlert('o-1', 5))
  await new Promise(resolve => setTimeout(resolve, 60))
  await first.close()
  const { dataDir } = first
  for (const channels of [[channel('mail', true)], [channel('mail', true), channel('webhook', true)]]) {
    const next = await open(t, undefined, { dataDir, channels })
    t.ok(await next.drained(2000))
    await new Promise(resolve => setTimeout(resolve, 60))
    await next.close()
  }
  t.strictSame(told, ['mail fraud-o-1'])
})
