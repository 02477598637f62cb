// A log whose servers are away when the gateway starts: appends are refused with the reason, /readyz says it, and it is tried
// again until it opens. One line for each new reason, none for the same again.
// What cannot pass without a restart (not `retryable`) and is known at once ends the start with its sentence.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Log, LogRecord, Position } from '../log/index.ts'
import { sentenceOf, type FirnError, type Logger } from '../runtime/index.ts'
import { fail } from './errors.ts'
import type { EventLog } from './event-log.ts'

export interface ClosableLog extends EventLog {
  close(): Promise<void>
}

/** Servers that are there answer sooner; for others the gateway does not wait before it listens. */
const openMsMax = 1500
const retryMsMin = 200
const retryMsMax = 2000

/** Opens the log now, or goes on trying behind what it returns. Throws what may not pass. */
export async function openPatiently (open: () => Promise<Log>, logger: Logger): Promise<ClosableLog> {
  const first = open()
  try {
    const opened = await Promise.race([first, sleep(openMsMax, null, { ref: false })])
    return opened ?? new LateLog(first, open, logger)
  } catch (error) {
    if ((error as Partial<FirnError>).retryable !== true) throw error
    return new LateLog(first, open, logger)
  }
}

class LateLog implements ClosableLog {
  readonly #logger: Logger
  #log: Log | null = null
  #reason: Error = fail('GATEWAY_LOG_OPENING')
  readonly #closing = new AbortController()
  readonly #opening: Promise<void>

  constructor (first: Promise<Log>, open: () => Promise<Log>, logger: Logger) {
    this.#logger = logger
    this.#opening = this.#open(first, open)
  }

  async append (records: readonly LogRecord[]): Promise<readonly Position[] | null> {
    if (this.#log === null) throw this.#reason
    return await this.#log.append(records)
  }

  async checkReady (): Promise<void> {
    if (this.#log === null) throw this.#reason
    await this.#log.checkReady()
  }

  async close (): Promise<void> {
    this.#closing.abort()
    await this.#opening
    await this.#log?.close()
  }

  async #open (first: Promise<Log>, open: () => Promise<Log>): Promise<void> {
    const { signal } = this.#closing
    let attempt = first
    for (let waitMs = retryMsMin; ; waitMs = Math.min(retryMsMax, waitMs * 2)) {
      try {
        this.#log = await attempt
        this.#logger.info('the log is open')
        return
      } catch (error) {
        if (sentenceOf(error) !== sentenceOf(this.#reason)) this.#logger.warn({ err: error }, 'the log cannot be opened yet')
        this.#reason = error as Error
      }
      await sleep(waitMs, undefined, { signal }).catch(() => {})
      if (signal.aborted) return
      attempt = open()
    }
  }
}
