// From analytics.fraud_alerts to the outbox: what is in the table and not in the ledger (by id and score) is offered. After a
// restart the whole table is compared, otherwise what happened lately, and the whole from time to time, since an old order's
// score can still grow. What is old and was never told becomes one alert that lists the worst of it. What was told and is no
// longer in the table is withdrawn: the ledger says what was told, the table what still holds, so a crash between the two
// changes nothing.

import type { Catalog, TableIdentifier } from '../../catalog/index.ts'
import type { Logger } from '../../runtime/index.ts'
import { timeLiteral } from '../models/render.ts'
import type { QueryEngine } from '../query/engine.ts'
import { boundId, isCut, type Alert, type AlertQuery } from './alert.ts'
import type { Alerts, Covered, News } from './alerts.ts'
import type { AlertConfig } from './config.ts'
import { follow, rowsOf, snapshotOf, type Follower } from './follow-table.ts'
import type { TypedRow } from '../query/typed-row.ts'
import { sqlText } from './message-text.ts'

const alertsTable: TableIdentifier = { namespace: ['analytics'], name: 'fraud_alerts' }
const source = 'analytics.fraud_alerts'
/** What the model puts before the order. */
const idPrefix = 'fraud-'
const eventsTable: TableIdentifier = { namespace: ['firn'], name: 'events' }
/** Beside a look at what is recent, one at everything. */
const wholeMs = 10 * 60_000
const idsAtOnceMax = 500
const oldListedMax = 20

export interface FollowFraudOptions {
  readonly catalog: Pick<Catalog, 'loadTable'>
  readonly engine: QueryEngine
  readonly alerts: Pick<Alerts, 'offer' | 'newsOf' | 'room' | 'withdraw' | 'standing'>
  readonly config: Pick<AlertConfig, 'FIRN_ALERT_BACKLOG_HOURS'>
  readonly logger: Pick<Logger, 'warn'>
  readonly clock?: () => number
}

export interface FraudFollower extends Follower {
  /** After each cycle of the runner: looks when fraud_alerts was written. */
  afterCycle(runs: ReadonlyArray<{ readonly model: string, readonly outcome: string }>): void
}

interface Candidate { readonly id: string, readonly score: number, readonly atMs: number, readonly news: News }

export function followFraudAlerts (options: FollowFraudOptions): FraudFollower {
  const { catalog, engine, alerts, logger, clock = Date.now } = options
  const backlogMs = options.config.FIRN_ALERT_BACKLOG_HOURS * 3_600_000
  let seen: bigint | null = null
  let wholeAtMs = -Infinity
  let wholeSeen: bigint | null = null

  const lookOnce = async (): Promise<boolean> => {
    const nowMs = clock()
    const snapshotId = await snapshotOf(catalog, alertsTable)
    const isWhole = nowMs - wholeAtMs >= wholeMs
    if (snapshotId === null || (snapshotId === seen && !isWhole)) return false
    const sinceMs = isWhole ? -Infinity : nowMs - backlogMs
    const { found, present } = await findNews(snapshotId, sinceMs)
    const isOld = ({ news, atMs }: Candidate): boolean => news === 'new' && atMs < nowMs - backlogMs
    const old = found.filter(isOld)
    const young = found.filter(one => old.length === 1 || !isOld(one)).sort((a, b) => a.atMs - b.atMs)
    const events = await snapshotOf(catalog, eventsTable)
    if (old.length > 1) await alerts.offer(await summarise(old, snapshotId), old.map(({ id, score, atMs }): Covered => [id, score, atMs]))
    const fitting = young.slice(0, alerts.room())
    for (let at = 0; at < fitting.length; at += idsAtOnceMax) await alerts.offer(await readAlerts(fitting.slice(at, at + idsAtOnceMax), snapshotId, events))
    if (fitting.length < young.length) return true
    const absent = alerts.standing(source, sinceMs).filter(id => !present.has(id))
    const gone = isWhole ? absent : await findGone(absent, snapshotId)
    const leaving = gone.slice(0, alerts.room())
    if (leaving.length > 0) await alerts.withdraw(leaving.map(id => withdrawalOf(id, events, new Date(nowMs))))
    if (leaving.length < gone.length) return true
    seen = snapshotId
    if (isWhole) [wholeAtMs, wholeSeen] = [nowMs, snapshotId]
    return false
  }

  /** What the ledger does not know, of the whole table or of what happened since; and what there is, by the ledger's ids. */
  const findNews = async (snapshotId: bigint, sinceMs: number): Promise<{ found: Candidate[], present: Set<string> }> => {
    const where = sinceMs === -Infinity ? '' : ` where a.event_time >= ${timeLiteral(new Date(sinceMs))}`
    const found: Candidate[] = []
    const present = new Set<string>()
    for await (const rows of rowsOf(engine, `select a.alert_id, a.score, a.event_time from analytics.fraud_alerts a${where}`, snapshotId)) {
      for (const row of rows) {
        const [id, score, atMs] = [row.text('alert_id') ?? '', row.number('score') ?? 0, row.time('event_time')?.getTime() ?? 0]
        present.add(boundId(id))
        const news = alerts.newsOf(id, score, atMs)
        if (news !== null) found.push({ id, score, atMs, news })
      }
    }
    return { found, present }
  }

  /** Of alerts that a look at what is recent did not meet: their rows may have become older, as an earlier event arrived. */
  const findGone = async (absent: readonly string[], snapshotId: bigint): Promise<string[]> => {
    // Cut ids are no ids of the table: a look at everything is sure.
    const ids = absent.filter(id => !isCut(id))
    const there = new Set<string>()
    for (let at = 0; at < ids.length; at += idsAtOnceMax) {
      const list = ids.slice(at, at + idsAtOnceMax).map(sqlText).join(', ')
      for await (const rows of rowsOf(engine, `select a.alert_id from analytics.fraud_alerts a where a.alert_id in (${list})`, snapshotId)) {
        for (const row of rows) there.add(row.text('alert_id') ?? '')
      }
    }
    return ids.filter(id => !there.has(id))
  }

  const readAlerts = async (candidates: readonly Candidate[], snapshotId: bigint, events: bigint | null): Promise<Alert[]> => {
    const ids = candidates.map(({ id }) => sqlText(id)).join(', ')
    const read: Alert[] = []
    for await (const rows of rowsOf(engine, `select * from analytics.fraud_alerts a where a.alert_id in (${ids}) order by a.event_time, a.alert_id`, snapshotId)) {
      for (const row of rows) read.push(alertOf(row, events))
    }
    return read
  }

  const summarise = async (old: readonly Candidate[], snapshotId: bigint): Promise<Alert> => {
    const newestMs = old.reduce((newest, { atMs }) => Math.max(newest, atMs), 0)
    const worst = [...old].sort((a, b) => b.score - a.score || b.atMs - a.atMs).slice(0, oldListedMax)
    const listed = (await readAlerts(worst, snapshotId, null)).sort((a, b) => (b.score ?? 0) - (a.score ?? 0))
    return {
      id: `fraud-until-${new Date(newestMs).toISOString()}-${old.length}`, kind: 'fraud', severity: 'medium', at: new Date(newestMs),
      title: `${old.length.toLocaleString('en')} older orders look like fraud and were never told`,
      evidence: [...listed.map(({ score, title, evidence }) => `score ${score}: ${title}: ${evidence.join('; ')}`), ...old.length > listed.length ? [`and ${(old.length - listed.length).toLocaleString('en')} more with the same score or a lower one`] : []],
      query: { sql: `select * from {table} a where a.event_time <= ${timeLiteral(new Date(newestMs))} order by a.score desc`, table: 'analytics.fraud_alerts', snapshotId }
    }
  }

  const follower = follow('fraud alerts', lookOnce, logger)
  // What landed while nobody followed.
  follower.look()
  return {
    ...follower,
    afterCycle: runs => {
      const isWritten = runs.some(({ model, outcome }) => model === 'fraud_alerts' && outcome === 'written')
      // What is older than the recent waits for the whole, also where nothing is written any more.
      const isWholeDue = seen !== wholeSeen && clock() - wholeAtMs >= wholeMs
      if (isWritten || isWholeDue) follower.look()
    }
  }
}

function queryOf (orderId: string, events: bigint | null): AlertQuery {
  const columns = ['event_type', 'event_time', 'received_at', 'customer_id', 'session_id', 'amount', 'currency', 'ip'].map(name => `e.${name}`)
  return { sql: `select ${columns.join(', ')} from {table} e where e.order_id = ${sqlText(orderId)} order by e.event_time`, table: 'firn.events', snapshotId: events }
}

function withdrawalOf (id: string, events: bigint | null, at: Date): Alert {
  const orderId = id.slice(idPrefix.length)
  return {
    id, kind: 'fraud', severity: 'low', title: `Order ${orderId} no longer looks like fraud`, at,
    evidence: ['with what has arrived since, no rule finds enough against it: it is no longer in analytics.fraud_alerts'],
    query: queryOf(orderId, events), source
  }
}

function alertOf (row: TypedRow, events: bigint | null): Alert {
  const value = (name: string): string => row.text(name) ?? ''
  const score = row.number('score') ?? 0
  const orderId = value('order_id')
  const receivedAt = row.has('received_at') ? row.time('received_at') : null
  const customer = value('customer_id')
  return {
    id: value('alert_id'), kind: 'fraud', severity: score >= 6 ? 'high' : score >= 4 ? 'medium' : 'low', score,
    title: `Order ${orderId}${customer === '' ? '' : ` of ${customer}`}: ${value('rules')}`,
    evidence: value('evidence').split('; ').filter(line => line !== ''),
    query: queryOf(orderId, events), at: row.time('event_time') ?? new Date(0), source,
    ...receivedAt === null ? {} : { receivedAt }
  }
}
