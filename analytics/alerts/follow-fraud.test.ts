import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { quoteText } from '../../catalog/index.ts'
import { openLakeHere, type LakeHere } from '../engine-here.fixture.ts'
import type { QueryEngine } from '../query/engine.ts'
import { writeTable } from '../runner/write-table.fixture.ts'
import type { Alert } from './alert.ts'
import { openAlerts, type Alerts } from './alerts.ts'
import type { Channel } from './channel.ts'
import { followFraudAlerts, type FraudFollower } from './follow-fraud.ts'
import { testConfig } from './mail-server.fixture.ts'

t.setTimeout(240_000)
const quiet = { info: () => {}, warn: () => {}, error: () => {} }
const nowMs = Date.parse('2026-03-10T12:00:00Z')

interface Line { id: string, score: number, hoursAgo: number }

/** The table with these lines, a channel that takes everything, a clock that stands still unless it is moved. */
async function openLine (t: Test, lines: Line[], more: { lake?: LakeHere, dataDir?: string, queueMax?: number } = {}) {
  const lake = more.lake ?? await openLakeHere(t)
  const dataDir = more.dataDir ?? mkdtempSync(join(tmpdir(), 'firn-fraud-'))
  const sent: Array<{ kind: string, ids: readonly string[], alerts: readonly Alert[] }> = []
  const asked: string[] = []
  const table = { lines, clockMs: nowMs }
  const channel: Channel = { name: 'mail', deliver: async (message, alerts) => {
    sent.push({ kind: message.kind, ids: message.alerts.map(([id]) => id), alerts })
    return { outcome: 'sent', detail: 'ok' }
  } }
  const config = testConfig(undefined, { FIRN_ALERT_QUEUE_MAX: more.queueMax ?? 10_000 })
  const land = async (): Promise<void> => { await writeTable(lake, 'analytics.fraud_alerts', columns, [{ select: selectOf(table.lines) }], { replace: true }) }
  await land()
  const events = await writeTable(lake, 'firn.events', [{ name: 'event_id', type: 'string' }], [{ select: "select 'e-1' as event_id" }])
  const alerts: Alerts = await openAlerts({ config, dataDir, say: () => {}, logger: quiet, channels: [channel], clock: () => table.clockMs })
  const engine: QueryEngine = {
    query: async (sql, options) => {
      asked.push(sql)
      return await lake.engine.query(sql, options)
    },
    close: async () => {}
  }
  const follower: FraudFollower = followFraudAlerts({ catalog: lake.catalog, engine, alerts, config, logger: quiet, clock: () => table.clockMs })
  const look = async (): Promise<void> => {
    follower.look()
    await follower.settled()
    t.ok(await alerts.drained(5000), 'the outbox is empty')
  }
  let isClosed = false
  const close = async (): Promise<void> => {
    if (isClosed) return
    isClosed = true
    await follower.close()
    await alerts.close()
  }
  t.teardown(close)
  return { lake, events, table, land, sent, asked, look, close, dataDir, follower }
}

const columns = [
  ...['alert_id', 'order_id', 'customer_id', 'rules', 'evidence'].map(name => ({ name, type: 'string' as const })),
  { name: 'event_time', type: 'timestamptz' as const }, { name: 'score', type: 'long' as const }
]

/** Without lines a relation without rows. */
function selectOf (lines: readonly Line[]): string {
  const values = lines.map(({ id, score, hoursAgo }) => `(${quoteText(id)}, ${score}, make_timestamptz(${Math.round(nowMs - hoursAgo * 3_600_000)}000))`)
  return `select id as alert_id, substr(id, 7) as order_id, 'c-1' as customer_id, score, moment as event_time, 'amount, travel' as rules, 'over 5,000; 900 km in 2 minutes' as evidence
    from (values ${[...values, "('', 0, null)"].join(', ')}) v(id, score, moment) where id <> ''`
}

t.test('each row of fraud_alerts is told once, with its evidence and a query that is pinned to the snapshot of the events', async t => {
  const line = await openLine(t, [{ id: 'fraud-o-1', score: 4, hoursAgo: 0.1 }, { id: 'fraud-o-2', score: 7, hoursAgo: 0.2 }])
  await line.look()
  t.strictSame(line.sent.map(({ ids }) => ids), [['fraud-o-2'], ['fraud-o-1']], 'the older first')
  const [alert] = line.sent[0]!.alerts
  t.match(alert, { title: 'Order o-2 of c-1: amount, travel', severity: 'high', evidence: ['over 5,000', '900 km in 2 minutes'], query: { table: 'firn.events', snapshotId: line.events } })
  line.table.lines.push({ id: 'fraud-o-3', score: 3, hoursAgo: 0 })
  await line.land()
  await line.look()
  t.strictSame(line.sent.slice(2).map(({ ids }) => ids), [['fraud-o-3']])
})

t.test('a restart compares the table with the ledger: what was told stays told, what landed meanwhile is told', async t => {
  const before = await openLine(t, [{ id: 'fraud-o-1', score: 4, hoursAgo: 0.1 }])
  await before.look()
  await before.close()
  const after = await openLine(t, [{ id: 'fraud-o-1', score: 4, hoursAgo: 0.1 }, { id: 'fraud-o-2', score: 5, hoursAgo: 2 }], { lake: before.lake, dataDir: before.dataDir })
  await after.look()
  t.strictSame(after.sent.map(({ ids }) => ids), [['fraud-o-2']])
})

t.test('at the first start old alerts are one message, not thousands, and none of them is told again', async t => {
  const old = Array.from({ length: 3000 }, (_, i) => ({ id: `fraud-old-${i}`, score: 3 + i % 5, hoursAgo: 30 + i / 100 }))
  const line = await openLine(t, [...old, { id: 'fraud-new', score: 5, hoursAgo: 1 }], { queueMax: 10 })
  await line.look()
  t.equal(line.sent.length, 2)
  const summary = line.sent.map(({ alerts }) => alerts[0]!).find(({ id }) => id.startsWith('fraud-until-'))
  t.match(summary, { title: '3,000 older orders look like fraud and were never told' })
  t.match(summary!.evidence.at(-1), /^and 2,980 more/)
  await line.land()
  line.table.clockMs += 11 * 60_000
  await line.look()
  t.equal(line.sent.length, 2, 'and nothing after that')
})

t.test('a score that grows is told again, also of an old order, once everything is compared', async t => {
  const lines = [{ id: 'fraud-o-1', score: 4, hoursAgo: 23.9 }, { id: 'fraud-o-2', score: 4, hoursAgo: 0 }]
  const line = await openLine(t, lines)
  await line.look()
  lines[0]!.score = 5
  await line.land()
  line.table.clockMs += 11 * 60_000
  await line.look()
  t.strictSame(line.sent.map(({ kind, ids }) => [kind, ...ids]), [['alert', 'fraud-o-1'], ['alert', 'fraud-o-2'], ['update', 'fraud-o-1']])
})

t.test('an alert whose row goes is withdrawn, one whose row only moved back in time is not, and one that returns is told again', async t => {
  const moved = { id: 'fraud-o-2', score: 4, hoursAgo: 0.1 }
  const line = await openLine(t, [{ id: 'fraud-o-1', score: 4, hoursAgo: 0.2 }, moved, { id: 'fraud-o-3', score: 4, hoursAgo: 23.9 }])
  await line.look()
  t.equal(line.sent.length, 3)
  const [gone] = line.table.lines.splice(0, 1)
  moved.hoursAgo = 30
  await line.land()
  await line.look()
  t.strictSame(line.sent.slice(3).map(({ kind, ids }) => [kind, ...ids]), [['withdrawal', 'fraud-o-1']])
  t.match(line.sent[3]!.alerts, [{ title: 'Order o-1 no longer looks like fraud', query: { table: 'firn.events' } }])
  line.table.lines.push(gone!)
  await line.land()
  await line.look()
  t.strictSame(line.sent.slice(4).map(({ kind, ids }) => [kind, ...ids]), [['return', 'fraud-o-1']])
})

t.test('what went while nobody followed, or is older than what is recent, is withdrawn too', async t => {
  const lines = [{ id: 'fraud-o-1', score: 4, hoursAgo: 0.1 }, { id: 'fraud-o-2', score: 4, hoursAgo: 23.99 }]
  const before = await openLine(t, lines)
  await before.look()
  await before.close()
  const after = await openLine(t, lines.slice(1), { lake: before.lake, dataDir: before.dataDir })
  await after.look()
  t.strictSame(after.sent.map(({ kind, ids }) => [kind, ...ids]), [['withdrawal', 'fraud-o-1']])
  after.table.lines.splice(0)
  await after.land()
  after.table.clockMs += 5 * 60_000
  await after.look()
  t.equal(after.sent.length, 1, 'it is older than what is looked at')
  after.table.clockMs += 6 * 60_000
  after.follower.afterCycle([{ model: 'fraud_alerts', outcome: 'fresh' }])
  await after.look()
  t.strictSame(after.sent.slice(1).map(({ kind, ids }) => [kind, ...ids]), [['withdrawal', 'fraud-o-2']])
})

t.test('old alerts that were told in one list are not withdrawn one by one, and the list is no row', async t => {
  const line = await openLine(t, Array.from({ length: 5 }, (_, i) => ({ id: `fraud-old-${i}`, score: 4, hoursAgo: 30 + i })))
  await line.look()
  t.equal(line.sent.length, 1)
  line.table.lines.splice(0)
  await line.land()
  line.table.clockMs += 11 * 60_000
  await line.look()
  t.equal(line.sent.length, 1)
})

t.test('a look at an unchanged table asks nothing', async t => {
  const line = await openLine(t, [{ id: 'fraud-o-1', score: 4, hoursAgo: 0.1 }])
  await line.look()
  const asked = line.asked.length
  await line.look()
  t.equal(line.asked.length, asked)
  line.follower.afterCycle([{ model: 'fraud_alerts', outcome: 'fresh' }])
  await line.follower.settled()
  t.equal(line.asked.length, asked)
})

t.test('what the outbox has no room for is offered when it has', async t => {
  const line = await openLine(t, Array.from({ length: 25 }, (_, i) => ({ id: `fraud-o-${i}`, score: 4, hoursAgo: 0.1 })), { queueMax: 10 })
  line.follower.look()
  await line.follower.settled()
  await line.look()
  t.equal(new Set(line.sent.flatMap(({ ids }) => ids)).size, 25)
})
