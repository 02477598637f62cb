// When the gateway sheds: it refuses a request at its head, before a byte of its body is read, because the request would wait
// too long. Two waits count. The log's: every append that ended lately took too long, or none ended although one has waited too
// long; a single slow one (a partition without a leader) is no overload. And our own: the event loop is late, so whatever is
// sent lies in the system's buffers meanwhile. Neither is a reason while little is held: then refusing would help nobody.
// Refuses (GATEWAY_OVERLOADED) and nothing else; what was taken is answered as ever.

import type { Budget } from './budget.ts'
import { fail } from './errors.ts'

export interface OverloadOptions {
  readonly budget: Budget
  /** How long an accepted request may wait for the log. */
  readonly queueMsMax: number
  readonly nowMs: () => number
}

/** Below this part of the budget nothing is shed. */
const heldPart = 1 / 8
/** A loop that is late by this part of the wait is a sign of it: a turn is one of several that a request takes. */
const latePart = 1 / 4
const tickMs = 50
/** For so long after a refusal the gateway says that it is not ready. */
const shedMs = 1000

export class Overload {
  readonly #options: OverloadOptions
  readonly #underWay = new Set<{ readonly beganMs: number }>()
  #endedMs = -Infinity
  #window = { beganMs: -Infinity, shortestMs: Infinity }
  #shortestMs = 0
  #lateMs = 0
  #lateUntilMs = -Infinity
  #tickedMs: number
  #shedMs = -Infinity
  #shed = 0
  readonly #timer: NodeJS.Timeout

  constructor (options: OverloadOptions) {
    this.#options = options
    this.#tickedMs = options.nowMs()
    this.#timer = setInterval(() => { this.tick() }, tickMs).unref()
  }

  /** Requests refused since the start. */
  get shed (): number {
    return this.#shed
  }

  /** Why requests are refused now, or were a moment ago; null when they are not. */
  get shedding (): string | null {
    if (this.#options.nowMs() - this.#shedMs < shedMs) return 'overloaded: requests are refused with 503 since they would wait too long'
    return this.#reason()
  }

  /** Throws GATEWAY_OVERLOADED when a request would wait too long. */
  admit (): void {
    const reason = this.#reason()
    if (reason === null) return
    this.#shedMs = this.#options.nowMs()
    this.#shed++
    throw fail('GATEWAY_OVERLOADED', { reason })
  }

  /** An append begins; what is returned says that it ended. */
  begin (): () => void {
    const append = { beganMs: this.#options.nowMs() }
    this.#underWay.add(append)
    return () => {
      this.#underWay.delete(append)
      this.#end(this.#options.nowMs(), append.beganMs)
    }
  }

  /** Once every `tickMs`, by a timer: a late one shows that the loop is. */
  tick (): void {
    const nowMs = this.#options.nowMs()
    const lateMs = nowMs - this.#tickedMs - tickMs
    if (lateMs > this.#lateMs || nowMs > this.#lateUntilMs) {
      this.#lateMs = lateMs
      this.#lateUntilMs = nowMs + shedMs
    }
    this.#tickedMs = nowMs
  }

  close (): void {
    clearInterval(this.#timer)
  }

  #end (nowMs: number, beganMs: number): void {
    const { queueMsMax } = this.#options
    if (nowMs - this.#window.beganMs >= queueMsMax) {
      this.#shortestMs = nowMs - this.#window.beganMs < 2 * queueMsMax ? this.#window.shortestMs : 0
      this.#window = { beganMs: nowMs, shortestMs: Infinity }
    }
    this.#window.shortestMs = Math.min(this.#window.shortestMs, nowMs - beganMs)
    this.#endedMs = nowMs
  }

  #reason (): string | null {
    const { budget, queueMsMax, nowMs: clock } = this.#options
    if (budget.bytes < budget.bytesMax * heldPart) return null
    const nowMs = clock()
    const lateMs = Math.max(nowMs - this.#tickedMs - tickMs, nowMs <= this.#lateUntilMs ? this.#lateMs : 0)
    if (lateMs > queueMsMax * latePart) return `this process is ${Math.round(lateMs)} ms late`
    const [oldest] = this.#underWay
    const waitedMs = oldest === undefined ? 0 : nowMs - oldest.beganMs
    if (waitedMs > queueMsMax && nowMs - this.#endedMs > queueMsMax) return `the log has confirmed nothing for ${Math.round(waitedMs)} ms`
    const isSlow = oldest !== undefined && Math.min(this.#shortestMs, this.#window.shortestMs) > queueMsMax
    return isSlow ? `the log takes ${Math.round(this.#shortestMs)} ms and more for each request` : null
  }
}
