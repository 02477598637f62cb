// One channel at work: plan, write the intent, send, write the outcome; one message at a time, so that a crash can repeat
// one message only. Waits grow from attempt to attempt; a server that is away pauses the channel, a message that fails alone
// is put behind the others. An outcome that is known but cannot be written is written again, never sent again.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '../../runtime/index.ts'
import type { AlertMetrics } from './alert-metrics.ts'
import type { Channel, Delivery } from './channel.ts'
import type { Ledger } from './ledger.ts'
import { messageKey, readAlert, waitsFor, type LedgerLine, type Message } from './ledger-state.ts'
import { planNext, type ChannelMemory, type PlanLimits } from './plan.ts'

/** How long a close waits for a message that is on its way. */
const closeMsMax = 3000
const ledgerRetryMs = 1000
/** Never sleeps longer: the clock may be moved. */
const idleMsMax = 60_000

export interface ChannelOptions {
  readonly channel: Channel
  readonly ledger: Ledger
  readonly limits: PlanLimits
  readonly logger: Pick<Logger, 'info' | 'warn' | 'error'>
  readonly metrics: AlertMetrics | undefined
  readonly clock: () => number
  readonly retryMs: { readonly first: number, readonly max: number }
  readonly stuckMs: number
}

export interface ChannelRun {
  wake(): void
  /** How many alerts have been failing for longer than stuckMs. */
  stuck(): number
  close(): Promise<void>
}

export function runChannel (options: ChannelOptions): ChannelRun {
  const { channel, ledger, limits, logger, metrics, clock } = options
  const { state } = ledger
  const memory: ChannelMemory = { singlesMs: [], withdrawalsMs: [], digestMs: -Infinity, notBefore: new Map() }
  const attempts = new Map<string, number>()
  const closing = new AbortController()
  const cutting = new AbortController()
  let failuresInRow = 0
  let pausedUntilMs = 0
  let stuckTold = false
  let { promise: woken, resolve: wake } = Promise.withResolvers<void>()

  const stuck = (): number => {
    let count = 0
    for (const id of state.waiting) {
      const entry = state.entries.get(id)!
      if (waitsFor(entry, channel.name) && entry.told[channel.name] === undefined && clock() - entry.queuedMs > options.stuckMs) count++
    }
    return count
  }
  const delayMs = (attempt: number): number => Math.round(Math.min(options.retryMs.max, options.retryMs.first * 2 ** Math.min(attempt, 30)) * (0.75 + Math.random() / 4))
  /** Until it is durable: what is known about a message must not be lost. False when closing came first. */
  const write = async (line: LedgerLine): Promise<boolean> => {
    for (let told = false; ; told = true) {
      try {
        await ledger.append([line])
        return true
      } catch (error) {
        if (!told) logger.error({ err: error }, 'the ledger of alerts cannot be written: nothing is sent until it can')
        if (closing.signal.aborted) return false
        await sleep(ledgerRetryMs, undefined, { signal: closing.signal }).catch(() => {})
      }
    }
  }

  const sendOne = async (message: Message, isRepeat: boolean): Promise<void> => {
    if (!isRepeat && !await write({ sending: message, atMs: clock() })) return
    const alerts = message.alerts.map(([id, score]) => {
      const entry = state.entries.get(id)!
      const alert = readAlert((message.kind === 'withdrawal' ? entry.withdrawal : entry.alert)!)
      return alert.score === undefined ? alert : { ...alert, score }
    })
    const delivery = await channel.deliver(message, alerts, cutting.signal)
      .catch((error: unknown): Delivery => ({ outcome: 'unknown', detail: (error as Error).message }))
    metrics?.messages.inc({ channel: channel.name, outcome: delivery.outcome })
    if (delivery.outcome !== 'unknown' && !await write({ settled: { by: channel.name, id: message.id, outcome: delivery.outcome, detail: delivery.detail.slice(0, 300) }, atMs: clock() })) return
    if (delivery.outcome === 'failed' || delivery.outcome === 'unknown') putOff(message, delivery)
    else settle(message, delivery, alerts)
  }

  const settle = (message: Message, delivery: Delivery, alerts: ReadonlyArray<{ readonly receivedAt?: Date }>): void => {
    const nowMs = clock()
    failuresInRow = 0
    stuckTold = false
    attempts.delete(messageKey(message))
    memory.notBefore.delete(messageKey(message))
    for (const [id] of message.alerts) {
      attempts.delete(id)
      memory.notBefore.delete(id)
    }
    if (message.kind === 'digest') memory.digestMs = nowMs
    else if (message.kind === 'withdrawal') memory.withdrawalsMs.push(nowMs)
    else memory.singlesMs.push(nowMs)
    const told = { channel: channel.name, message: message.id, kind: message.kind, alerts: message.alerts.length, answer: delivery.detail }
    if (delivery.outcome === 'refused') {
      logger.error(told, 'a message about alerts was refused for good: check FIRN_ALERT_TO and the webhook; the alerts stay in their table')
      return
    }
    logger.info(told, 'alerts told')
    metrics?.sent.inc({ channel: channel.name }, message.alerts.length)
    for (const { receivedAt } of alerts) if (receivedAt !== undefined && message.kind !== 'digest') metrics?.seconds.observe({ channel: channel.name }, Math.max(0, nowMs - receivedAt.getTime()) / 1000)
  }

  const putOff = (message: Message, delivery: Delivery): void => {
    const nowMs = clock()
    const isWide = delivery.outcome === 'unknown' || (delivery.outcome === 'failed' && delivery.isWide)
    if (isWide) pausedUntilMs = nowMs + delayMs(failuresInRow++)
    // Behind the others, so that one message that always fails does not stand in their way.
    const keys = delivery.outcome === 'unknown' ? [messageKey(message)] : isWide ? [] : message.alerts.map(([id]) => id)
    for (const key of keys) {
      const attempt = attempts.get(key) ?? 0
      attempts.set(key, attempt + 1)
      memory.notBefore.set(key, Math.max(nowMs + delayMs(attempt), isWide ? pausedUntilMs + 1 : 0))
    }
    logger.warn({ channel: channel.name, message: message.id, outcome: delivery.outcome, reason: delivery.detail, waitMs: Math.max(0, pausedUntilMs - nowMs), waiting: state.waiting.size }, 'alerts could not be sent: they are tried again')
    const count = stuck()
    if (count > 0 && !stuckTold) {
      stuckTold = true
      logger.error({ channel: channel.name, alerts: count, reason: delivery.detail }, 'alerts are stuck: they stay in the outbox and are tried on; check FIRN_MAIL_URL and the mail server')
    }
  }

  const run = async (): Promise<void> => {
    while (!closing.signal.aborted) {
      ({ promise: woken, resolve: wake } = Promise.withResolvers<void>())
      const nowMs = clock()
      const plan = pausedUntilMs > nowMs ? { waitMs: pausedUntilMs - nowMs } : planNext(state, channel.name, memory, nowMs, limits)
      if ('message' in plan) await sendOne(plan.message, plan.isRepeat)
      else {
        const waiter = new AbortController()
        await Promise.race([
          ...pausedUntilMs > nowMs ? [] : [woken],
          sleep(Math.min(plan.waitMs ?? idleMsMax, idleMsMax), undefined, { signal: AbortSignal.any([closing.signal, waiter.signal]) }).catch(() => {})
        ])
        waiter.abort()
      }
    }
  }
  const running = run()

  return {
    wake: () => { wake() },
    stuck,
    close: async () => {
      closing.abort()
      const timer = setTimeout(() => { cutting.abort() }, closeMsMax)
      await running
      clearTimeout(timer)
    }
  }
}
