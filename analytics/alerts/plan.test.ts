import t from 'tap'
import type { Alert } from './alert.ts'
import { applyLine, emptyState, keepAlert, linesOf, type LedgerLine, type LedgerState, type Message } from './ledger-state.ts'
import { fraudAlert } from './mail-server.fixture.ts'
import { planNext, type ChannelMemory, type Plan, type PlanLimits } from './plan.ts'

const nowMs = Date.parse('2026-03-10T12:00:00Z')
const limits: PlanLimits = { singlesMinuteMax: 3, digestMs: 60_000, updateMs: 300_000, backlogMs: 3_600_000, domain: 'shop.example' }

function start () {
  const state: LedgerState = emptyState()
  const memory: ChannelMemory = { singlesMs: [], withdrawalsMs: [], digestMs: -Infinity, notBefore: new Map() }
  const add = (line: LedgerLine): void => applyLine(state, line)
  const offer = (alert: Alert, atMs = nowMs): void => add({ queued: keepAlert(alert), to: ['mail'], atMs })
  const withdraw = (id: number, atMs = nowMs): void => {
    add({ withdrawn: keepAlert(order(id, 5, atMs, `Order o-${id} no longer`)), to: ['mail'], atMs })
  }
  const plan = (atMs = nowMs): Plan => planNext(state, 'mail', memory, atMs, limits)
  const message = (atMs = nowMs): Message => {
    const planned = plan(atMs)
    if (!('message' in planned)) throw new Error(`nothing to send for ${planned.waitMs} ms`)
    return planned.message
  }
  const send = (atMs = nowMs, outcome: 'sent' | 'refused' | 'failed' = 'sent'): Message => {
    const sending = message(atMs)
    add({ sending, atMs })
    add({ settled: { by: 'mail', id: sending.id, outcome, detail: '' }, atMs })
    if (outcome === 'sent') {
      if (sending.kind === 'digest') memory.digestMs = atMs
      else if (sending.kind === 'withdrawal') memory.withdrawalsMs.push(atMs)
      else memory.singlesMs.push(atMs)
    }
    return sending
  }
  return { state, memory, add, offer, withdraw, plan, message, send }
}
const order = (id: number, score = 5, atMs = nowMs, title?: string): Alert => fraudAlert(`o-${id}`, score, { at: new Date(atMs), ...title === undefined ? {} : { title } })

t.test('a few alerts are a message each, in their order', async t => {
  const line = start()
  for (const i of [1, 2, 3]) line.offer(order(i))
  t.strictSame([line.send(), line.send(), line.send()].map(({ kind, alerts }) => [kind, alerts[0]![0]]), [['alert', 'fraud-o-1'], ['alert', 'fraud-o-2'], ['alert', 'fraud-o-3']])
  t.strictSame(line.plan(), { waitMs: null })
})

t.test('more than the setting allows in a minute become one message, and the next one not before its interval', async t => {
  const line = start()
  for (const i of [1, 2, 3]) line.offer(order(i))
  for (let i = 0; i < 3; i++) line.send()
  for (let i = 4; i < 500; i++) line.offer(order(i))
  t.match(line.send(nowMs + 1000), { kind: 'digest', alerts: { length: 496 } })
  line.offer(order(500))
  line.offer(order(501))
  t.strictSame(line.plan(nowMs + 2000), { waitMs: 58_000 }, 'the minute of the singles has to pass')
  t.match(line.send(nowMs + 61_000), { kind: 'alert' }, 'and then they are singles again')
})

t.test('old alerts are one message; a young one does not wait for it', async t => {
  const line = start()
  for (let i = 0; i < 50; i++) line.offer(order(i, 4, nowMs - 2 * 3_600_000))
  line.offer(order(100))
  t.match(line.send(), { kind: 'alert', alerts: [['fraud-o-100', 5]] })
  t.match(line.send(), { kind: 'digest', alerts: { length: 50 } })
})

t.test('alerts about the line and its jobs stand alone, also in a storm', async t => {
  const line = start()
  for (let i = 0; i < 50; i++) line.offer(order(i))
  line.offer({ id: 'pipeline-lag-1', kind: 'pipeline', severity: 'high', title: 'lag', evidence: [], at: new Date(nowMs) })
  t.match(line.send(), { kind: 'alert', alerts: [['pipeline-lag-1', 0]] })
  t.match(line.send(), { kind: 'digest' })
})

t.test('a score that grows before the message is sent is one message, afterwards a reply when its interval has passed', async t => {
  const line = start()
  line.offer(order(1, 3))
  line.offer(order(1, 4))
  const first = line.send()
  t.match(first, { kind: 'alert', alerts: [['fraud-o-1', 4]] })
  line.offer(order(1, 5), nowMs + 1000)
  line.offer(order(1, 7), nowMs + 2000)
  t.strictSame(line.plan(nowMs + 3000), { waitMs: 297_000 })
  const update = line.send(nowMs + 300_000)
  t.match(update, { kind: 'update', alerts: [['fraud-o-1', 7]], replyTo: first.id })
  t.not(update.id, first.id)
  line.offer(order(1, 9), nowMs + 400_000)
  t.equal(line.send(nowMs + 900_000).replyTo, first.id, 'the thread stays one')
})

t.test('the first message has the same id whatever the score, an update has its own for each score', async t => {
  const ids = [3, 5].map(score => {
    const line = start()
    line.offer(order(1, score))
    return line.send().id
  })
  t.equal(ids[0], ids[1])
  t.match(ids[0], /^<firn-[0-9a-f]{32}@shop\.example>$/)
})

t.test('a message that was begun is sent as it was, whatever else has landed, also after a restart', async t => {
  const line = start()
  for (let i = 0; i < 10; i++) line.offer(order(i))
  const begun = line.message()
  t.equal(begun.kind, 'digest')
  line.add({ sending: begun, atMs: nowMs })
  line.offer(order(1, 9))
  const restarted = start()
  for (const one of linesOf(line.state, 1000)) restarted.add(JSON.parse(JSON.stringify(one)) as LedgerLine)
  t.strictSame(restarted.plan(), { message: begun, isRepeat: true })
  restarted.add({ settled: { by: 'mail', id: begun.id, outcome: 'sent', detail: '' }, atMs: nowMs })
  t.strictSame([...restarted.state.waiting], ['fraud-o-1'], 'what grew meanwhile is an update')
})

t.test('what certainly failed waits again; what was refused for good does not', async t => {
  const line = start()
  line.offer(order(1))
  line.send(nowMs, 'failed')
  line.send(nowMs, 'refused')
  t.strictSame(line.plan(), { waitMs: null })
})

t.test('alerts that have been told are forgotten oldest first, and what is older than they were counts as told', async t => {
  const line = start()
  for (let i = 0; i < 100; i++) {
    line.offer(order(i, 5, nowMs + i))
    line.send(nowMs + i * 60_000)
  }
  line.offer(order(1000))
  const restarted = start()
  for (const one of linesOf(line.state, 10)) restarted.add(one)
  t.equal(restarted.state.entries.size, 10)
  t.equal(restarted.state.horizonMs, nowMs + 90)
  t.ok(restarted.state.waiting.has('fraud-o-1000'), 'never one that waits')
})

t.test('an alert whose reason is gone is withdrawn in its thread, once; when it comes back there is a new word in the thread', async t => {
  const line = start()
  line.offer(order(1, 5))
  const first = line.send()
  line.withdraw(1)
  line.withdraw(1)
  const gone = line.send(nowMs + 1000)
  t.match(gone, { kind: 'withdrawal', alerts: [['fraud-o-1', 5, 1]], replyTo: first.id })
  t.strictSame(line.plan(nowMs + 2000), { waitMs: null }, 'at most once')
  line.offer(order(1, 4), nowMs + 3000)
  const back = line.send(nowMs + 3000)
  t.match(back, { kind: 'return', alerts: [['fraud-o-1', 4, 2]], replyTo: first.id }, 'at once, with a lower score too')
  line.withdraw(1)
  t.strictSame(line.plan(nowMs + 4000), { waitMs: 299_000 }, 'what flutters waits for its interval')
  const again = line.send(nowMs + 303_000)
  t.match(again, { kind: 'withdrawal', replyTo: first.id })
  t.equal(new Set([first, gone, back, again].map(({ id }) => id)).size, 4, 'each is a mail of its own')
})

t.test('what was never told is withdrawn in silence, and told when it comes back; what came back before its withdrawal was told was never gone', async t => {
  const line = start()
  line.offer(order(1))
  line.withdraw(1)
  t.strictSame(line.plan(), { waitMs: null })
  t.equal(line.state.waiting.size, 0)
  line.offer(order(1))
  t.match(line.send(), { kind: 'alert', alerts: [['fraud-o-1', 5, 2]] })
  line.withdraw(1)
  line.offer(order(1))
  t.strictSame(line.plan(), { waitMs: null })
  t.equal(line.state.waiting.size, 0)
  line.withdraw(99)
  t.notOk(line.state.entries.has('fraud-o-99'), 'an alert that is not known is not made by its end')
})

t.test('a message that was begun before the withdrawal is sent as it was, then the withdrawal; also after a restart, and not when it certainly failed', async t => {
  for (const outcome of ['sent', 'failed'] as const) {
    const line = start()
    line.offer(order(1))
    const begun = line.message()
    line.add({ sending: begun, atMs: nowMs })
    line.withdraw(1)
    const restarted = start()
    for (const one of linesOf(line.state, 1000)) restarted.add(JSON.parse(JSON.stringify(one)) as LedgerLine)
    t.strictSame(restarted.state, line.state, 'the ledger that is written anew says the same')
    t.strictSame(restarted.plan(), { message: begun, isRepeat: true })
    t.equal(restarted.state.entries.get('fraud-o-1')!.alert?.title, order(1).title, 'what it says is still there')
    restarted.add({ settled: { by: 'mail', id: begun.id, outcome, detail: '' }, atMs: nowMs })
    if (outcome === 'sent') t.match(restarted.send(), { kind: 'withdrawal', replyTo: begun.id })
    t.strictSame(restarted.plan(), { waitMs: null })
    t.equal(restarted.state.waiting.size, 0)
  }
})

t.test('a withdrawal that was begun is the same mail after a restart, whatever has come back meanwhile', async t => {
  const line = start()
  line.offer(order(1))
  const first = line.send()
  line.withdraw(1)
  const begun = line.message()
  line.add({ sending: begun, atMs: nowMs })
  line.offer(order(1))
  const restarted = start()
  for (const one of linesOf(line.state, 1000)) restarted.add(JSON.parse(JSON.stringify(one)) as LedgerLine)
  t.strictSame(restarted.plan(), { message: begun, isRepeat: true })
  t.match(restarted.state.entries.get('fraud-o-1')!.withdrawal, { title: 'Order o-1 no longer' })
  restarted.add({ settled: { by: 'mail', id: begun.id, outcome: 'sent', detail: '' }, atMs: nowMs })
  t.match(restarted.send(), { kind: 'return', replyTo: first.id })
})

t.test('what one message told is withdrawn by one, each in its own thread, and never faster than single alerts', async t => {
  const line = start()
  for (let i = 0; i < 10; i++) line.offer(order(i))
  const storm = line.send()
  t.equal(storm.kind, 'digest')
  for (let i = 0; i < 8; i++) line.withdraw(i)
  t.match(line.send(), { kind: 'withdrawal', alerts: { length: 8 }, replyTo: storm.id })
  for (let i = 20; i < 28; i++) {
    line.offer(order(i), nowMs + i * 60_000)
    line.send(nowMs + i * 60_000)
  }
  const laterMs = nowMs + 3_600_000
  for (let i = 20; i < 28; i++) line.withdraw(i, laterMs)
  const threads = new Set([1, 2, 3].map(() => line.send(laterMs).replyTo))
  t.equal(threads.size, 3)
  t.strictSame(line.plan(laterMs), { waitMs: 60_000 })
})

t.test('the end of a condition is a reply to its beginning', async t => {
  const line = start()
  line.offer({ id: 'p-1', kind: 'pipeline', severity: 'high', title: 'lag', evidence: [], at: new Date(nowMs) })
  const begin = line.send()
  line.offer({ id: 'p-1-over', about: 'p-1', kind: 'pipeline', severity: 'low', title: 'over', evidence: [], at: new Date(nowMs) })
  t.match(line.send(), { kind: 'alert', replyTo: begin.id })
})
