// A log that is taken for good only after the writer has compared it with its table. A log folder that was put back from an
// older copy is sound in itself; only the table's record says that it lacks what was acknowledged since. Events that it took
// now would be lost with it when the right folder is put in its place: so until an operator has decided, none are taken.
// Asks the writer over HTTP, beside the appends; an append costs one look at a field.
// Refuses to guess: before the first answer nothing is taken. But a writer that is away does not keep the gateway shut for
// ever, since what was never compared can only be another log when somebody changed it: after a bound the gate opens.

import { setTimeout as sleep } from 'node:timers/promises'
import type { LogRecord, Position } from '../log/index.ts'
import type { Logger } from '../runtime/index.ts'
import { fail } from './errors.ts'
import type { ClosableLog } from './late-log.ts'

/** What the writer says: the log is the one its table was written from, it is another, or it cannot say (yet). */
export interface LogComparison {
  readonly state: 'sound' | 'other' | 'unknown'
  readonly reason?: string
  /** Its table cannot be read, until an operator has mended it: it is no use to wait for a comparison. */
  readonly isStuck?: boolean
}

export interface ComparedLogOptions {
  readonly ask: () => Promise<LogComparison>
  readonly logger: Logger
  /** Between two questions, before the first answer and after it. */
  readonly firstEveryMs?: number
  readonly everyMs?: number
  /** Without an answer for so long the gate opens: a writer that is there and cannot say yet, and one that is away or cannot tell. */
  readonly unknownMsMax?: number
  readonly awayMsMax?: number
  readonly stuckMsMax?: number
}

const defaults = { firstEveryMs: 100, everyMs: 2000, unknownMsMax: 30_000, awayMsMax: 10_000, stuckMsMax: 2000 }
const askMsMax = 5000

export class ComparedLog implements ClosableLog {
  readonly #log: ClosableLog
  readonly #options: Required<ComparedLogOptions>
  readonly #closing = new AbortController()
  readonly #asking: Promise<void>
  readonly #first = Promise.withResolvers<void>()
  #refusal: Error | null = fail('GATEWAY_LOG_UNCOMPARED')

  constructor (log: ClosableLog, options: ComparedLogOptions) {
    this.#log = log
    this.#options = { ...defaults, ...options }
    this.#asking = this.#ask()
  }

  /** Resolves with the first answer, or when it was waited for long enough. */
  get compared (): Promise<void> {
    return this.#first.promise
  }

  async append (records: readonly LogRecord[]): Promise<readonly Position[] | null> {
    if (this.#refusal !== null) throw this.#refusal
    return await this.#log.append(records)
  }

  async checkReady (): Promise<string | void> {
    if (this.#refusal !== null) throw this.#refusal
    return await this.#log.checkReady()
  }

  async close (): Promise<void> {
    this.#closing.abort()
    this.#first.resolve()
    await this.#asking
    await this.#log.close()
  }

  async #ask (): Promise<void> {
    const { firstEveryMs, everyMs, unknownMsMax, awayMsMax, stuckMsMax, logger } = this.#options
    const { signal } = this.#closing
    const beganMs = performance.now()
    let isFirst = true
    while (!signal.aborted) {
      const answer = await this.#options.ask().catch(() => null)
      if (signal.aborted) return
      const isDecided = answer?.state === 'sound' || answer?.state === 'other'
      if (isDecided) this.#apply(answer)
      const isLate = performance.now() - beganMs > (answer === null ? awayMsMax : answer.isStuck === true ? stuckMsMax : unknownMsMax)
      if (isFirst && (isDecided || isLate)) {
        isFirst = false
        if (!isDecided) {
          logger.warn({ reason: answer?.reason ?? 'the writer does not answer' }, 'the writer could not compare the log with its table in time: events are taken')
          this.#refusal = null
        }
        this.#first.resolve()
      }
      await sleep(isFirst ? firstEveryMs : everyMs, undefined, { signal }).catch(() => undefined)
    }
  }

  #apply ({ state, reason = 'the log is another one' }: LogComparison): void {
    const { logger } = this.#options
    const refusal = state === 'other' ? fail('GATEWAY_LOG_OTHER', { reason }) : null
    if (refusal?.message === this.#refusal?.message) return
    if (refusal !== null) logger.error(refusal.message)
    else logger.info('the log is the one that the table was written from: events are taken')
    this.#refusal = refusal
  }
}

/** Asks the writer at this address. Throws when it does not answer. */
export function askWriter (url: string): () => Promise<LogComparison> {
  const address = new URL('/v1/log', url)
  return async () => {
    const reply = await fetch(address, { signal: AbortSignal.timeout(askMsMax) })
    if (!reply.ok) throw new Error(`the writer answered ${reply.status}`)
    return await reply.json() as LogComparison
  }
}
