import { mkdtempSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t, { type Test } from 'tap'
import { createMetrics, until } from '../../runtime/index.ts'
import { openAlerts, type Alerts, type AlertsOptions } from './alerts.ts'
import type { Channel } from './channel.ts'
import type { AlertConfig } from './config.ts'
import { openMail } from './mail.ts'
import { fraudAlert, startMailServer, testConfig, type TestMailServer } from './mail-server.fixture.ts'
import { openWebhook } from './webhook.ts'

const quickMail = { connectMsMax: 300, silenceMsMax: 300, attemptMsMax: 600 }

interface Opened extends Alerts { readonly dataDir: string, readonly told: string[], /** When, ms. */ readonly toldMs: number[] }

async function open (t: Test, mailUrl: string, more: Partial<AlertsOptions> & { settings?: Partial<AlertConfig> } = {}): Promise<Opened> {
  const { settings, ...options } = more
  const config = testConfig(mailUrl, settings)
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'firn-delivery-'))
  const told: string[] = []
  const toldMs: number[] = []
  const tell = (...words: unknown[]): void => { told.push(JSON.stringify(words)); toldMs.push(performance.now()) }
  const alerts = await openAlerts({ config, dataDir, say: () => {}, logger: { info: () => {}, warn: tell as never, error: tell as never }, channels: [openMail(config, quickMail)], retryMs: { first: 30, max: 100 }, ...options })
  let closing: Promise<void> | null = null
  const close = (): Promise<void> => closing ??= alerts.close()
  t.teardown(close)
  return { ...alerts, close, dataDir, told, toldMs }
}

const idsOf = (server: TestMailServer): string[] => server.mails.map(({ messageId }) => messageId)

t.test('a mail has what a mail program and a robot need to know', async t => {
  const server = await startMailServer(t)
  const alerts = await open(t, server.url, { settings: { FIRN_ALERT_TO: ['a@shop.example', 'b@shop.example'] } })
  await alerts.offer(fraudAlert('o-1', 7))
  t.ok(await alerts.drained(3000))
  const [mail] = server.mails
  t.strictSame(mail!.to, ['a@shop.example', 'b@shop.example'])
  t.equal(mail!.subject, '[firn] Order o-1: 6,120.00 USD (score 7)')
  t.match(mail!.raw, /multipart\/alternative[\s\S]*text\/plain[\s\S]*text\/html/)
  t.equal(mail!.headers.get('auto-submitted'), 'auto-generated')
  t.equal(mail!.headers.get('x-firn-severity'), 'high')
})

t.test('names with line ends and markup reach neither headers nor envelope', async t => {
  const server = await startMailServer(t)
  const alerts = await open(t, server.url)
  await alerts.offer(fraudAlert('x\r\nBcc: everybody@shop.example\r\n\r\n<script>', 5))
  t.ok(await alerts.drained(3000))
  t.notOk(server.mails[0]!.headers.has('bcc'))
  t.strictSame(server.mails[0]!.to, ['fraud-desk@shop.example'])
})

t.test('a server that is away gets every alert once when it is back, and the wait is told', async t => {
  const away = await startMailServer(t)
  await away.close()
  const alerts = await open(t, away.url)
  await alerts.offer([fraudAlert('o-1', 5), fraudAlert('o-2', 5)])
  await until(() => alerts.told.length >= 2)
  t.match(alerts.told[0], /ECONNREFUSED.*could not be sent/)
  const [first, second] = alerts.toldMs
  t.ok(second! - first! >= 25, `the second attempt ${second! - first!} ms after the first`)
  const server = await startMailServer(t, away.port)
  t.ok(await alerts.drained(5000))
  t.equal(new Set(idsOf(server)).size, 2)
  t.equal(server.mails.length, 2)
})

t.test('a mail that was taken without an answer is sent again with the same Message-ID and nothing else', async t => {
  const server = await startMailServer(t)
  let times = 0
  server.behave.onData = () => times++ === 0 ? 'cut after taking' : 'take'
  const alerts = await open(t, server.url, { settings: { FIRN_ALERT_DIGEST_MINUTE_MAX: 1 } })
  await alerts.offer(fraudAlert('o-1', 5))
  await until(() => times > 0)
  await alerts.offer([fraudAlert('o-2', 5), fraudAlert('o-3', 5)])
  t.ok(await alerts.drained(5000))
  const ids = idsOf(server)
  t.equal(ids.filter(id => id === ids[0]).length, 2)
  t.equal(new Set(server.mails.filter(({ messageId }) => messageId === ids[0]).map(({ subject }) => subject)).size, 1)
})

t.test('a server that cuts or hangs in the middle of a mail holds up nobody for ever', async t => {
  const server = await startMailServer(t)
  const verdicts = ['cut', 'hang', 'take'] as const
  let times = 0
  server.behave.onData = () => verdicts[Math.min(times++, 2)]!
  const alerts = await open(t, server.url)
  await alerts.offer(fraudAlert('o-1', 5))
  t.ok(await alerts.drained(5000))
  t.equal(times, 3)
  t.equal(server.mails.length, 1)
})

t.test('a recipient who is refused for good is told, and the next alert goes on', async t => {
  const server = await startMailServer(t)
  let isRefusing = true
  server.behave.onRcptTo = () => isRefusing ? Object.assign(new Error('no such user'), { responseCode: 550 }) : null
  const alerts = await open(t, server.url)
  await alerts.offer(fraudAlert('o-1', 5))
  t.ok(await alerts.drained(3000), 'it waits no longer')
  t.match(alerts.told.join(), /no such user.*refused for good.*FIRN_ALERT_TO/)
  isRefusing = false
  await alerts.offer(fraudAlert('o-2', 5))
  t.ok(await alerts.drained(3000))
  t.equal(server.mails.length, 1)
})

t.test('one refused recipient of two does not keep the mail from the other', async t => {
  const server = await startMailServer(t)
  server.behave.onRcptTo = address => address.startsWith('gone') ? Object.assign(new Error('no such user'), { responseCode: 550 }) : null
  const alerts = await open(t, server.url, { settings: { FIRN_ALERT_TO: ['gone@shop.example', 'here@shop.example'] } })
  await alerts.offer(fraudAlert('o-1', 5))
  t.ok(await alerts.drained(3000))
  t.strictSame(server.mails[0]!.to, ['here@shop.example'])
})

t.test('a mail that is put off alone does not stand in the way of the others', async t => {
  const server = await startMailServer(t)
  server.behave.onData = () => server.mails.length < 1 && refusals++ < 1 ? Object.assign(new Error('try again later'), { responseCode: 451 }) : 'take'
  let refusals = 0
  const alerts = await open(t, server.url, { retryMs: { first: 400, max: 400 } })
  await alerts.offer([fraudAlert('o-1', 5), fraudAlert('o-2', 5)])
  t.ok(await alerts.drained(5000))
  t.strictSame(server.mails.map(({ subject }) => /o-\d/.exec(subject)![0]), ['o-2', 'o-1'])
})

t.test('wrong credentials keep every alert in the outbox, are told as stuck, and the password is in no line', async t => {
  const server = await startMailServer(t, 0, { authOptional: false, onAuth: (_auth, _session, answer) => { answer(new Error('wrong')) } })
  const metrics = createMetrics('analytics')
  const alerts = await open(t, server.url.replace('smtp://', 'smtp://user:tops3cret@'), { metrics, settings: { FIRN_ALERT_RETRY_MINUTES_MAX: 0 } })
  await alerts.offer(fraudAlert('o-1', 5))
  await until(() => alerts.told.some(line => line.includes('stuck')))
  t.match(alerts.told.join(), /alerts are stuck/)
  t.notMatch(alerts.told.join(), /tops3cret/)
  t.notOk(await alerts.drained(50))
  const scraped = await metrics.text()
  t.match(scraped, /firn_analytics_alerts_stuck 1/)
  t.match(scraped, /firn_analytics_alerts_waiting 1/)
})

t.test('a restart sends what waited, and nothing twice', async t => {
  const server = await startMailServer(t)
  const first = await open(t, server.url)
  await first.offer(fraudAlert('o-1', 5))
  t.ok(await first.drained(3000))
  await first.close()
  const silent: Channel = { name: 'mail', deliver: async () => ({ outcome: 'failed', detail: 'away', isWide: true }) }
  const second = await open(t, server.url, { dataDir: first.dataDir, channels: [silent] })
  await second.offer([fraudAlert('o-1', 5), fraudAlert('o-2', 5)])
  await second.close()
  const third = await open(t, server.url, { dataDir: first.dataDir })
  t.ok(await third.drained(3000))
  t.strictSame(server.mails.map(({ subject }) => /o-\d/.exec(subject)![0]), ['o-1', 'o-2'])
})

t.test('a score that grows is a reply in the same thread, an equal or lower one is nothing', async t => {
  const server = await startMailServer(t)
  const alerts = await open(t, server.url)
  for (const score of [5, 5, 4, 8]) {
    await alerts.offer(fraudAlert('o-1', score))
    t.ok(await alerts.drained(3000))
  }
  t.equal(server.mails.length, 2)
  t.equal(server.mails[1]!.headers.get('in-reply-to'), server.mails[0]!.messageId)
  t.equal(server.mails[1]!.headers.get('references'), server.mails[0]!.messageId)
  t.match(server.mails[1]!.subject, /more: .*score 8/)
})

t.test('an alert whose reason is gone is taken back by a reply in its thread, also by the webhook; what kills the sender between changes nothing', async t => {
  const posted: string[] = []
  const hook = await startHook(t, async (request, answer) => {
    posted.push((JSON.parse(await text(request)) as { text: string }).text)
    answer.end('ok')
  })
  const server = await startMailServer(t)
  const config = testConfig(server.url)
  const channels = [openMail(config, quickMail), openWebhook(hook)]
  const first = await open(t, server.url, { channels })
  await first.offer(fraudAlert('o-1', 5))
  t.ok(await first.drained(3000))
  const gone = { ...fraudAlert('o-1', 5), title: 'Order o-1 no longer looks like fraud' }
  // The server takes the withdrawal, the answer is lost, and the process ends before it could ask again.
  server.behave.onData = () => 'cut after taking'
  await first.withdraw([gone])
  await until(() => server.mails.length === 2)
  await first.close()
  server.behave.onData = () => 'take'
  const second = await open(t, server.url, { channels, dataDir: first.dataDir })
  await second.withdraw([gone])
  t.ok(await second.drained(5000))
  const [told, ...withdrawals] = server.mails
  t.ok(withdrawals.length >= 1)
  t.equal(new Set(withdrawals.map(({ messageId }) => messageId)).size, 1, 'a repeat is the same mail')
  for (const { headers, subject, raw } of withdrawals) {
    t.equal(headers.get('in-reply-to'), told!.messageId)
    t.equal(headers.get('references'), told!.messageId)
    t.match(subject, '[firn] withdrawn: Order o-1 no longer looks like fraud')
    t.match(raw, 'no longer holds')
  }
  const before = server.mails.length
  await second.offer(fraudAlert('o-1', 4))
  t.ok(await second.drained(3000))
  t.equal(server.mails.length, before + 1)
  t.equal(server.mails.at(-1)!.headers.get('in-reply-to'), told!.messageId)
  t.match(server.mails.at(-1)!.subject, '[firn] again: Order o-1')
  t.match(posted.map(text => /\] (\w+)/.exec(text)![1]), ['Order', 'withdrawn', 'again'])
})

t.test('a storm is one mail that lists it', async t => {
  const server = await startMailServer(t)
  const alerts = await open(t, server.url, { settings: { FIRN_ALERT_DIGEST_MINUTE_MAX: 5 } })
  await alerts.offer(Array.from({ length: 300 }, (_, i) => fraudAlert(`o-${i}`, 5)))
  t.ok(await alerts.drained(3000))
  t.equal(server.mails.length, 1)
  t.match(server.mails[0]!.subject, /300 alerts/)
})

t.test('a full outbox refuses and keeps what it has', async t => {
  const silent: Channel = { name: 'mail', deliver: async () => ({ outcome: 'failed', detail: 'away', isWide: true }) }
  const alerts = await open(t, 'smtp://127.0.0.1:1', { channels: [silent], settings: { FIRN_ALERT_QUEUE_MAX: 10 } })
  await alerts.offer(Array.from({ length: 10 }, (_, i) => fraudAlert(`o-${i}`, 5)))
  t.equal(alerts.room(), 0)
  await t.rejects(alerts.offer(fraudAlert('o-11', 5)), { code: 'ALERT_OUTBOX_FULL' })
  await alerts.offer(fraudAlert('o-1', 9))
})

t.test('a webhook gets the form that Slack reads, with what came from events escaped; mail does not wait for it', async t => {
  const posted: Array<{ text: string, blocks: unknown[] }> = []
  const statuses = [500, 200]
  const hook = await startHook(t, async (request, answer) => {
    const status = statuses.shift() ?? 200
    const body = JSON.parse(await text(request)) as { text: string, blocks: unknown[] }
    if (status === 200) posted.push(body)
    answer.writeHead(status).end(status === 200 ? 'ok' : 'no')
  })
  const server = await startMailServer(t)
  const config = testConfig(server.url)
  const alerts = await open(t, server.url, { channels: [openMail(config, quickMail), openWebhook(hook)] })
  await alerts.offer(fraudAlert('<!channel> & @here', 5))
  t.ok(await alerts.drained(5000))
  t.equal(server.mails.length, 1)
  t.equal(posted.length, 1)
  t.match(posted[0]!.text, /&lt;!channel&gt; &amp; @\u200bhere/)
  t.equal(posted[0]!.blocks.length, 3)
})

async function startHook (t: Test, handle: (request: IncomingMessage, answer: ServerResponse) => Promise<void>): Promise<string> {
  const server: Server = createServer((request, answer) => { void handle(request, answer) }).listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  t.teardown(() => { server.close() })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`
}
