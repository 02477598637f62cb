// At most N at once; a bounded number waits in order, each for a bounded time. Refuses the next one at once.

import { fail } from '../errors.ts'

export interface SlotLimits { readonly atOnceMax: number, readonly waitingMax: number, readonly waitMsMax: number }

export class Slots {
  readonly #limits: SlotLimits
  readonly #waiting: (() => void)[] = []
  #taken = 0

  constructor (limits: SlotLimits) { this.#limits = limits }

  get running (): number { return this.#taken }
  get waiting (): number { return this.#waiting.length }

  /** Resolves with what gives the slot back. Throws QUERY_TOO_MANY, QUERY_WAITED, and the signal's reason. */
  async take (signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted()
    const { atOnceMax, waitingMax, waitMsMax } = this.#limits
    if (this.#taken < atOnceMax) {
      this.#taken++
      return this.#release()
    }
    if (this.#waiting.length >= waitingMax) throw fail('QUERY_TOO_MANY', { running: this.#taken, waiting: this.#waiting.length })
    await new Promise<void>((resolve, reject) => {
      const leave = (error: unknown): void => {
        const at = this.#waiting.indexOf(next)
        if (at >= 0) this.#waiting.splice(at, 1)
        clearTimeout(late)
        signal.removeEventListener('abort', aborted)
        reject(error as Error)
      }
      const aborted = (): void => { leave(signal.reason) }
      const late = setTimeout(() => { leave(fail('QUERY_WAITED', { secondsMax: waitMsMax / 1000 })) }, waitMsMax)
      const next = (): void => {
        clearTimeout(late)
        signal.removeEventListener('abort', aborted)
        resolve()
      }
      signal.addEventListener('abort', aborted, { once: true })
      this.#waiting.push(next)
    })
    return this.#release()
  }

  /** The slot goes to the next one without being free in between. */
  #release (): () => void {
    let isBack = false
    return () => {
      if (isBack) return
      isBack = true
      const next = this.#waiting.shift()
      if (next === undefined) this.#taken--
      else next()
    }
  }
}
