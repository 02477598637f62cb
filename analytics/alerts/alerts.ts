// The outbox of alerts. An alert is durable in the ledger before `offer` resolves; each channel then tells it once: the
// intent is durable before a message goes out, its outcome after. A crash between the two repeats that one message, with the
// same Message-ID. Nothing is dropped: what cannot be sent waits, and is told as stuck after a while.

import { join } from 'node:path'
import type { Logger, Metrics } from '../../runtime/index.ts'
import { fail } from '../errors.ts'
import { boundAlert, boundId, oneLine, scoreOf, type Alert } from './alert.ts'
import { createAlertMetrics, type AlertMetrics } from './alert-metrics.ts'
import { terminalChannel, type Channel } from './channel.ts'
import type { AlertConfig } from './config.ts'
import { openLedger, type Ledger } from './ledger.ts'
import { abandon, isGone, keepAlert, turnOf, type LedgerLine, type Version } from './ledger-state.ts'
import { openMail } from './mail.ts'
import type { PlanLimits } from './plan.ts'
import { runChannel, type ChannelRun } from './run-channel.ts'
import { openWebhook } from './webhook.ts'

/** The part of the settings that sending needs. */
export type SendConfig = Pick<AlertConfig, 'FIRN_MAIL_URL' | 'FIRN_MAIL_FROM' | `FIRN_ALERT_${'TO' | 'WEBHOOK_URL' | 'DIGEST_MINUTE_MAX' | 'DIGEST_SECONDS' | 'UPDATE_SECONDS' | 'BACKLOG_HOURS' | 'RETRY_MINUTES_MAX' | 'QUEUE_MAX' | 'LEDGER_MAX'}`>

/** Alerts that were said and could not be kept. */
const unkeptMax = 1000

export interface AlertsOptions {
  readonly config: SendConfig
  /** FIRN_DATA_DIR: the ledger is in its folder `alerts`. */
  readonly dataDir: string
  /** The ledger's name: each process that sends alerts has its own. */
  readonly name?: string
  /** One line for each alert, for a terminal. */
  readonly say: (line: string) => void
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>
  readonly metrics?: Metrics
  /** For tests. */
  readonly channels?: readonly Channel[]
  readonly clock?: () => number
  readonly retryMs?: { readonly first: number, readonly max: number }
}

/** Told as well by the alert that is offered: id, score and event time. */
export type Covered = readonly [id: string, score: number, eventMs: number]

export type News = 'new' | 'grown' | 'back'

export interface Alerts {
  /** Durable when it resolves. An alert that is known, with a score that is not higher, is ignored. Throws ALERT_OUTBOX_FULL. */
  offer(alert: Alert | readonly Alert[], covers?: readonly Covered[]): Promise<void>
  /** Whether an alert with this score still has to be offered: as a new one, grown, or back after it was withdrawn. */
  newsOf(id: string, score: number, eventMs: number): News | null
  /** Durable when it resolves: what was told of these is taken back in its thread. What is unknown or withdrawn is ignored. */
  withdraw(alerts: readonly Alert[]): Promise<void>
  /** Of the alerts that stand for rows of a table: those that are neither withdrawn nor about events before `sinceMs`. */
  standing(source: string, sinceMs: number): string[]
  /** How many alerts the outbox has room for. */
  room(): number
  /** True when nothing was ever told from this ledger. */
  readonly isNew: boolean
  /** Resolves true when every alert is told, false when that takes longer. */
  drained(msMax: number): Promise<boolean>
  close(): Promise<void>
}

export async function openAlerts (options: AlertsOptions): Promise<Alerts> {
  const { config, say, logger, clock = Date.now } = options
  const ledger = await openLedger(join(options.dataDir, 'alerts'), options.name ?? 'analytics', config.FIRN_ALERT_LEDGER_MAX)
  const { state } = ledger
  const channels = options.channels ?? openChannels(config)
  await adoptChannels(ledger, channels, clock()).catch(async (error: unknown) => {
    await ledger.close()
    throw error
  })
  let runs: ChannelRun[] = []
  const stuckNow = (): number => runs.reduce((sum, run) => sum + run.stuck(), 0)
  const metrics: AlertMetrics | undefined = options.metrics === undefined ? undefined : createAlertMetrics(options.metrics, state, stuckNow)
  const limits = planLimits(config)
  runs = channels.map(channel => runChannel({ channel, ledger, limits, logger, metrics, clock, retryMs: options.retryMs ?? { first: 1000, max: 300_000 }, stuckMs: config.FIRN_ALERT_RETRY_MINUTES_MAX * 60_000 }))
  if (state.waiting.size > 0) logger.info({ alerts: state.waiting.size, begun: state.unsettled.size }, 'alerts waited in the outbox: they are sent now')

  const newsOf = (id: string, score: number, eventMs: number): News | null => {
    const known = state.entries.get(boundId(id))
    if (known === undefined) return eventMs > state.horizonMs ? 'new' : null
    if (isGone(known.turn)) return 'back'
    return score > known.score ? 'grown' : null
  }
  /** Said already, and not yet kept. */
  const unkept = new Set<string>()
  return {
    isNew: ledger.isNew,
    newsOf,
    room: () => Math.max(0, config.FIRN_ALERT_QUEUE_MAX - state.waiting.size),
    offer: async (offered, covers) => {
      const news = [offered].flat().map(alert => boundAlert(alert as Alert)).filter(alert => newsOf(alert.id, scoreOf(alert), alert.at.getTime()) !== null)
      if (news.length === 0) return
      const added = news.filter(({ id }) => !state.waiting.has(id)).length
      if (state.waiting.size + added > config.FIRN_ALERT_QUEUE_MAX) throw fail('ALERT_OUTBOX_FULL', { count: state.waiting.size })
      const atMs = clock()
      try {
        await ledger.append(news.map((alert, i): LedgerLine => ({ queued: keepAlert(alert), to: channels.map(({ name }) => name), ...covers === undefined || i > 0 ? {} : { covers }, atMs })))
      } catch (error) {
        // The full disk may be what this alert is about: the terminal is told now, the channels when it can be kept.
        for (const alert of news) if (alert.kind === 'pipeline' && !unkept.has(alert.id)) say(lineOf(alert))
        for (const { id, kind } of news) if (kind === 'pipeline' && unkept.size < unkeptMax) unkept.add(id)
        throw error
      }
      for (const alert of news) {
        metrics?.offered.inc({ kind: alert.kind })
        if (!unkept.delete(alert.id)) say(lineOf(alert))
      }
      for (const run of runs) run.wake()
    },
    withdraw: async offered => {
      const stands = ({ id }: Alert): boolean => {
        const entry = state.entries.get(id)
        return entry !== undefined && !isGone(entry.turn)
      }
      const gone = offered.map(boundAlert).filter(stands)
      if (gone.length === 0) return
      const [to, atMs] = [channels.map(({ name }) => name), clock()]
      await ledger.append(gone.map((alert): LedgerLine => ({ withdrawn: keepAlert(alert), to, atMs })))
      for (const { kind, title } of gone) say(oneLine(`WITHDRAWN ${kind}: ${title}`))
      for (const run of runs) run.wake()
    },
    standing: (source, sinceMs) => [...state.entries]
      .filter(([, entry]) => entry.source === source && entry.eventMs >= sinceMs && !isGone(entry.turn))
      .map(([id]) => id),
    drained: async msMax => {
      const until = performance.now() + msMax
      while (state.waiting.size > 0) {
        if (performance.now() >= until) return false
        await new Promise(resolve => setTimeout(resolve, 20))
      }
      return true
    },
    close: async () => {
      await Promise.all(runs.map(run => run.close()))
      await ledger.close()
    }
  }
}

/** `ALERT fraud high, score 7: …` */
function lineOf (alert: Alert): string {
  const [why = ''] = alert.evidence
  return oneLine(`ALERT ${alert.kind} ${alert.severity}${alert.score === undefined ? '' : `, score ${alert.score}`}: ${alert.title}${why === '' ? '' : ` (${why})`}`)
}

function openChannels (config: SendConfig): Channel[] {
  const channels = [
    ...config.FIRN_MAIL_URL === undefined ? [] : [openMail(config)],
    ...config.FIRN_ALERT_WEBHOOK_URL === undefined ? [] : [openWebhook(config.FIRN_ALERT_WEBHOOK_URL)]
  ]
  return channels.length === 0 ? [terminalChannel] : channels
}

/** What waited for a channel that is no longer set goes to those that are; written, so that it stays so. */
async function adoptChannels ({ state, append }: Ledger, channels: readonly Channel[], atMs: number): Promise<void> {
  const names = channels.map(({ name }) => name)
  const moved = [...state.waiting].flatMap((id): LedgerLine[] => {
    const { alert, withdrawal, turn, to } = state.entries.get(id)!
    const left = to.filter(name => names.includes(name))
    if (left.length === to.length) return []
    const more = { to: left.length > 0 ? left : names, atMs, ...turnOf(turn) }
    return [...alert === null ? [] : [{ queued: alert, ...more }], ...withdrawal === null ? [] : [{ withdrawn: withdrawal, ...more }]]
  })
  if (moved.length > 0) await append(moved)
  // Begun for a channel that has gone, or that has come back after the alerts were told without it.
  for (const message of [...state.unsettled.values()]) {
    const isWanted = ([id]: Version): boolean => state.waiting.has(id) && state.entries.get(id)!.to.includes(message.by)
    if (!message.alerts.every(isWanted)) abandon(state, message)
  }
}

function planLimits (config: SendConfig): PlanLimits {
  return {
    singlesMinuteMax: config.FIRN_ALERT_DIGEST_MINUTE_MAX, digestMs: config.FIRN_ALERT_DIGEST_SECONDS * 1000, updateMs: config.FIRN_ALERT_UPDATE_SECONDS * 1000,
    backlogMs: config.FIRN_ALERT_BACKLOG_HOURS * 3_600_000, domain: domainOf(config.FIRN_MAIL_FROM)
  }
}

/** Of `firn <alerts@shop.example>`: shop.example. */
function domainOf (from: string): string {
  return /@([A-Za-z0-9.-]+)>?\s*$/.exec(from)?.[1] ?? 'firn.invalid'
}
