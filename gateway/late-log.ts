// A log whose servers are away when the gateway starts: appends are refused with the reason, /readyz says it, and it is tried
// again until it opens. One line for each new reason, none for the same again.
// Only what can pass by itself is waited for: a wrong password or a missing right at the start ends the process with its sentence.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Log, LogRecord, Position } from '../log/index.ts'
import { sentenceOf, type FirnError, type Logger } from '../runtime/index.ts'
import type { EventLog } from './event-log.ts'

export interface ClosableLog extends EventLog {
  close(): Promise<void>
}

const retryMsMin = 200
const retryMsMax = 2000

/** Opens the log now, or goes on trying when its failure may pass. Throws what may not. */
export async function openPatiently (open: () => Promise<Log>, logger: Logger): Promise<ClosableLog> {
  try {
    return await open()
  } catch (error) {
    if ((error as Partial<FirnError>).retryable !== true) throw error
    return new LateLog(open, error as Error, logger)
  }
}

class LateLog implements ClosableLog {
  #log: Log | null = null
  #reason: Error
  readonly #closing = new AbortController()
  readonly #opening: Promise<void>

  constructor (open: () => Promise<Log>, reason: Error, logger: Logger) {
    this.#reason = reason
    this.#opening = this.#open(open, logger)
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

  async #open (open: () => Promise<Log>, logger: Logger): Promise<void> {
    const { signal } = this.#closing
    logger.warn({ err: this.#reason }, 'the log cannot be opened yet')
    for (let waitMs = retryMsMin; !signal.aborted; waitMs = Math.min(retryMsMax, waitMs * 2)) {
      await sleep(waitMs, undefined, { signal }).catch(() => {})
      if (signal.aborted) return
      try {
        this.#log = await open()
        logger.info('the log is open')
        return
      } catch (error) {
        if (sentenceOf(error) !== sentenceOf(this.#reason)) logger.warn({ err: error }, 'the log cannot be opened yet')
        this.#reason = error as Error
      }
    }
  }
}
