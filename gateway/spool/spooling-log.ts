// The log with a spool beside it: while the log does not confirm, events are made durable in the spool and follow later.
//
// The rule of order. An event goes straight to the log only while no event of its key is in the spool or on its way there;
// otherwise it joins behind them, whatever the state of the log. So an event that was sent after another's 202 lies behind it.
// The rule of doubt. An append that the log has not confirmed in time, or that was under way when trouble began, may have landed
// or land later. It is put into the spool as well, in the order of arrival, and its 202 is the spool's: the copy carries the same
// event_id and the writer drops whichever comes second; all events of its key that follow are behind it in the spool, so the
// copy cannot overtake one. Only when the spool refuses does the client get the log's own answer or 503: then its retry may reorder.
// The drainer sends one slice at a time and repeats it until it is confirmed: towards the log at least once, in order per key.
// Healthy and empty, an append costs one promise and no look at its keys.

import { isLogError, type LogRecord, type Position } from '../../log/index.ts'
import { sentenceOf, type Logger } from '../../runtime/index.ts'
import { fail } from '../errors.ts'
import type { EventLog } from '../event-log.ts'
import { drain } from './drainer.ts'
import type { KeyCounts } from './key-counts.ts'
import type { Spool, SpoolSlice } from './spool.ts'
import { UnderWay } from './under-way.ts'

export interface SpoolLimits {
  /** The bound of the spool's log, for messages. */
  readonly bytesMax: number
  /** An append that the log has not confirmed after this time goes into the spool. */
  readonly afterMs: number
  /** When no more records than this are left, events wait for the last of them instead of joining them: else the spool never ends. */
  readonly handoverRecordsMax?: number
}

/** straight: the log confirms, the spool is empty · draining: the log confirms, the spool is not · spooling: the log does not. */
export type SpoolState = 'straight' | 'draining' | 'spooling'

export interface SpoolStatus {
  readonly state: SpoolState
  readonly full: boolean
  readonly records: number
  readonly bytes: number
  readonly oldestSeconds: number
  readonly spooled: number
  readonly drained: number
}

const defaults = { handoverRecordsMax: 1000 }
const lookMsMax = 100
/** An append that waits for this part of `afterMs` makes us ask the log how it is. */
const askAfterPart = 0.15
const closeMsMax = 1000
/** What the log says about one record, not about itself. */
const codesOfRecords = new Set(['LOG_RECORD_TOO_LARGE', 'LOG_RECORD_REFUSED'])

interface Append {
  readonly records: readonly LogRecord[]
  /** In looks, which only pass while this process runs: one that stood still itself does not blame the log. */
  readonly startedLook: number
  readonly resolve: (positions: readonly Position[] | null) => void
  readonly reject: (error: Error) => void
  /** The log's answer is what the client gets; otherwise the spool's. */
  diverted: boolean
  /** The log has not answered yet. */
  underWay: boolean
}

export class SpoolingLog implements EventLog {
  readonly #target: EventLog
  readonly #spool: Spool
  readonly #limits: Required<SpoolLimits>
  readonly #logger: Logger
  readonly #keys: KeyCounts
  readonly #underWay = new UnderWay<Append>()
  #waiting: Append[] = []
  #state: SpoolState = 'straight'
  #reason: Error | null = null
  #refusal: Error | null = null
  #sinceMs = 0
  #spooled = 0
  #drained = 0
  #watch: NodeJS.Timeout | null = null
  readonly #lookMs: number
  #looks = 0
  #asking = false
  readonly #closing = new AbortController()
  #wake: () => void = () => {}
  readonly #drainer: Promise<void>

  /** `keys` holds a count for each record that is in the spool already. */
  constructor (target: EventLog, spool: Spool, keys: KeyCounts, limits: SpoolLimits, logger: Logger) {
    this.#target = target
    this.#spool = spool
    this.#keys = keys
    this.#limits = { ...defaults, ...limits }
    this.#logger = logger
    this.#lookMs = Math.min(lookMsMax, this.#limits.afterMs / 2)
    if (!spool.isEmpty) {
      this.#state = 'spooling'
      this.#sinceMs = performance.now()
      logger.info({ records: spool.records, bytes: spool.bytes }, 'the spool holds events of an earlier run: they go to the log first')
    }
    this.#drainer = drain(this.#target, this.#spool, {
      signal: this.#closing.signal,
      state: () => this.#state,
      untilNeeded: async () => { await new Promise<void>(resolve => { this.#wake = resolve }) },
      confirmed: slice => { this.#confirmed(slice) },
      failed: error => {
        if (isAboutRecords(error)) return false
        this.#away(error)
        return true
      },
      empty: () => { this.#goStraight() },
      logger
    })
  }

  append (records: readonly LogRecord[]): Promise<readonly Position[] | null> {
    return this.#state === 'straight' ? this.#straight(records) : this.#detour(records)
  }

  async checkReady (): Promise<string | void> {
    if (this.#state === 'straight') {
      try {
        await this.#target.checkReady()
        return
      } catch (error) {
        this.#away(error as Error)
      }
    }
    if (this.#refusal !== null) throw this.#refusal
    await this.#spool.checkReady()
    const { state, records } = this.status()
    return state === 'spooling'
      ? `spooling: ${records} events wait in the spool since the log does not take them (${sentenceOf(this.#reason ?? 'not asked yet')})`
      : `${state}: ${records} events of the spool are on their way to the log`
  }

  status (): SpoolStatus {
    const { oldestMs, records, bytes } = this.#spool
    return {
      state: this.#state,
      full: this.#refusal !== null,
      records,
      bytes,
      oldestSeconds: this.#state === 'straight' || records === 0 || oldestMs === null ? 0 : Math.max(0, (Date.now() - oldestMs) / 1000),
      spooled: this.#spooled,
      drained: this.#drained
    }
  }

  /** Drains nothing by force: what is in the spool stays for the next start. Does not close the target. */
  async close (): Promise<void> {
    if (this.#closing.signal.aborted) return
    this.#closing.abort()
    this.#wake()
    if (this.#watch !== null) clearInterval(this.#watch)
    let late: NodeJS.Timeout | undefined
    await Promise.race([this.#drainer, new Promise(resolve => { late = setTimeout(resolve, closeMsMax) })])
    clearTimeout(late)
    await this.#spool.close()
  }

  #straight (records: readonly LogRecord[]): Promise<readonly Position[] | null> {
    return new Promise((resolve, reject) => { this.#send({ records, startedLook: this.#looks, resolve, reject, diverted: false, underWay: true }) })
  }

  #detour (records: readonly LogRecord[]): Promise<readonly Position[] | null> {
    if (this.#state === 'spooling') return this.#intoSpool(records)
    const behind = records.filter(({ key }) => this.#keys.has(key))
    if (behind.length === 0) return this.#straight(records)
    if (this.#waiting.length > 0 || this.#spool.records <= this.#limits.handoverRecordsMax) return this.#wait(records)
    if (behind.length === records.length) return this.#intoSpool(records)
    const ahead = records.filter(({ key }) => !this.#keys.has(key))
    return Promise.all([this.#intoSpool(behind), this.#straight(ahead)]).then(() => null)
  }

  #intoSpool (records: readonly LogRecord[]): Promise<readonly Position[] | null> {
    return new Promise((resolve, reject) => {
      for (const { key } of records) this.#keys.add(key)
      this.#divert({ records, startedLook: this.#looks, resolve, reject, diverted: true, underWay: false })
    })
  }

  /** For the end of the spool, which is near; sent straight then, in order. */
  #wait (records: readonly LogRecord[]): Promise<readonly Position[] | null> {
    return new Promise((resolve, reject) => {
      for (const { key } of records) this.#keys.add(key)
      this.#waiting.push({ records, startedLook: this.#looks, resolve, reject, diverted: false, underWay: false })
      this.#look()
    })
  }

  #send (append: Append): void {
    append.underWay = true
    this.#underWay.push(append)
    if (this.#watch === null) this.#look()
    this.#target.append(append.records).then(positions => {
      append.underWay = false
      if (append.diverted) return
      this.#underWay.letGo()
      append.resolve(positions)
    }, (error: Error) => {
      if (append.diverted || isAboutRecords(error)) {
        append.underWay = false
        if (!append.diverted) append.reject(error)
        return
      }
      // Still among those in doubt, at its place.
      this.#away(error)
      append.underWay = false
    })
  }

  /** Trouble: nothing goes straight from here on, and what is under way goes into the spool too, in the order of arrival. */
  #away (reason: Error): void {
    if (this.#state !== 'spooling' || this.#reason === null || sentenceOf(this.#reason) !== sentenceOf(reason)) {
      this.#logger.warn({ err: reason, records: this.#spool.records }, 'the log does not confirm, events go to the spool')
    }
    if (this.#state === 'straight') this.#sinceMs = performance.now()
    this.#state = 'spooling'
    this.#reason = reason
    for (const append of this.#underWay.takeAll()) {
      for (const { key } of append.records) this.#keys.add(key)
      this.#divert(append)
    }
    this.#divertWaiting()
    this.#wake()
  }

  #divertWaiting (): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const append of waiting) this.#divert(append)
  }

  /** Its keys are counted already. */
  #divert (append: Append): void {
    append.diverted = true
    this.#spool.append(append.records).then(() => {
      this.#spooled += append.records.length
      this.#refusal = null
      append.resolve(null)
    }, (error: Error) => {
      const isFull = isLogError(error, 'LOG_FULL')
      if (isFull) this.#refusal = fail('GATEWAY_SPOOL_FULL', { bytesMax: this.#limits.bytesMax, reason: sentenceOf(this.#reason ?? 'not asked yet') }, error)
      // After a timeout it may be in there: its keys stay until the spool is empty.
      if (!isLogError(error, 'LOG_TIMEOUT')) for (const { key } of append.records) this.#keys.remove(key)
      if (append.underWay) {
        append.diverted = false
        this.#underWay.push(append)
        this.#look()
      } else append.reject(isFull ? this.#refusal as Error : error)
    })
  }

  #confirmed ({ records }: SpoolSlice): void {
    for (const { key } of records) this.#keys.remove(key)
    this.#drained += records.length
    this.#refusal = null
    if (this.#state !== 'spooling') return
    this.#state = 'draining'
    this.#reason = null
    this.#logger.info({ records: this.#spool.records }, 'the log takes events again, the spool drains')
  }

  #goStraight (): void {
    this.#logger.info({ drained: this.#drained, seconds: Math.round((performance.now() - this.#sinceMs) / 1000) }, 'the spool is empty, events go straight to the log')
    this.#state = 'straight'
    this.#reason = this.#refusal = null
    this.#keys.clear()
    const waiting = this.#waiting
    this.#waiting = []
    for (const append of waiting) this.#send(append)
  }

  #look (): void {
    if (this.#watch !== null || this.#closing.signal.aborted) return
    this.#watch = setInterval(() => { this.#lookAtTheOldest() }, this.#lookMs).unref()
  }

  #lookAtTheOldest (): void {
    this.#looks++
    const { oldest } = this.#underWay
    const [waiting] = this.#waiting
    if (oldest === undefined && waiting === undefined) {
      clearInterval(this.#watch as NodeJS.Timeout)
      this.#watch = null
      return
    }
    const { afterMs } = this.#limits
    if (waiting !== undefined && this.#ageMs(waiting) > afterMs) this.#divertWaiting()
    if (oldest === undefined) return
    if (this.#ageMs(oldest) > afterMs) this.#away(fail('GATEWAY_LOG_SLOW', { afterMs }))
    else if (this.#ageMs(oldest) > afterMs * askAfterPart && !this.#asking) void this.#ask()
  }

  #ageMs ({ startedLook }: Append): number {
    return (this.#looks - startedLook) * this.#lookMs
  }

  /** A broker that is gone is known before an append runs out of time. */
  async #ask (): Promise<void> {
    this.#asking = true
    try {
      await this.#target.checkReady()
    } catch (error) {
      if (this.#underWay.oldest !== undefined) this.#away(error as Error)
    } finally {
      this.#asking = false
    }
  }
}

function isAboutRecords (error: unknown): boolean {
  return codesOfRecords.has((error as { code?: string }).code ?? '')
}
