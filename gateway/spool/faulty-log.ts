// For tests: a log as it looks from afar when its servers are in trouble. In front of a real log; `die` makes it fall silent
// for good, as the process that used it would, while what it had sent may still land.

import { setTimeout as sleep } from 'node:timers/promises'
import { failLog, type LogRecord, type Position } from '../../log/index.ts'
import type { EventLog } from '../event-log.ts'

/** away: refuses at once · silent: no answer and nothing lands · unheard: lands, sooner or later, but no answer comes. */
export const faults = ['none', 'away', 'silent', 'unheard', 'full', 'slow'] as const
export type Fault = typeof faults[number]

export class FaultyLog implements EventLog {
  fault: Fault = 'none'
  appends = 0
  #dead = false
  readonly #log: EventLog
  readonly #answerMsMax: number
  readonly #random: () => number
  readonly #landing = new Set<Promise<unknown>>()

  constructor (log: EventLog, answerMsMax: number, random: () => number = Math.random) {
    this.#log = log
    this.#answerMsMax = answerMsMax
    this.#random = random
  }

  async append (records: readonly LogRecord[]): Promise<readonly Position[] | null> {
    this.appends++
    return await this.#unlessDead(async () => await this.#append(records))
  }

  async checkReady (): Promise<void> {
    await this.#unlessDead(async () => {
      if (this.fault === 'away' || this.fault === 'full') throw this.#refusal()
      // A frozen server is not noticed at once.
      if (this.fault === 'silent' || this.fault === 'unheard') {
        await sleep(this.#random() * this.#answerMsMax)
        if (this.#random() < 0.5) throw this.#timeout()
      } else await this.#log.checkReady()
    })
  }

  die (): void {
    this.#dead = true
  }

  /** Resolves when everything that may still land has landed. */
  async settled (): Promise<void> {
    while (this.#landing.size > 0) await Promise.all(this.#landing)
  }

  async #append (records: readonly LogRecord[]): Promise<readonly Position[] | null> {
    switch (this.fault) {
      case 'none': return await this.#log.append(records)
      case 'slow':
        await sleep(this.#random() * this.#answerMsMax * 1.5)
        return await this.#log.append(records)
      case 'away':
      case 'full': throw this.#refusal()
      case 'unheard':
        this.#land(records)
        await sleep(this.#answerMsMax)
        throw this.#timeout()
      case 'silent':
        await sleep(this.#answerMsMax)
        throw this.#timeout()
    }
  }

  #land (records: readonly LogRecord[]): void {
    const landing = sleep(this.#random() * this.#answerMsMax * 3).then(async () => await this.#log.append(records)).finally(() => { this.#landing.delete(landing) })
    this.#landing.add(landing)
  }

  #refusal (): Error {
    return this.fault === 'full' ? failLog('LOG_FULL', { path: 'the servers', reason: 'no room' }) : failLog('LOG_CLOSED', { path: 'the servers' })
  }

  #timeout (): Error {
    return failLog('LOG_TIMEOUT', { path: 'the servers', deadlineMs: this.#answerMsMax, reason: 'no answer' })
  }

  async #unlessDead<T> (work: () => Promise<T>): Promise<T> {
    const never = new Promise<never>(() => {})
    if (this.#dead) return await never
    try {
      const result = await work()
      return this.#dead ? await never : result
    } catch (error) {
      if (this.#dead) return await never
      throw error
    }
  }
}
