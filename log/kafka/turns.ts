// The client's blocking calls, one at a time: each holds one of libuv's four threads for as long as a broker is silent, and
// the disk of the embedded log and of the spool needs those threads just then.
// Nobody waits longer than asked for, neither for a turn nor for the answer; a refused login ends the waiting at once.

import type { ClientError, KafkaClient } from './client.ts'
import type { Trouble } from './trouble.ts'

/** What librdkafka says when time is up. */
const timedOut = -185

export class Turns {
  readonly #trouble: Trouble
  #last: Promise<unknown> = Promise.resolve()

  constructor (trouble: Trouble) {
    this.#trouble = trouble
  }

  /** Runs `call` with the time that is left when its turn comes. Throws what the failure stands for; `what` names what was tried. */
  async take<T> (what: string, waitMsMax: number, call: (leftMs: number, done: (error: ClientError | null | undefined, result: T) => void) => void): Promise<T> {
    const endMs = performance.now() + waitMsMax
    const turn = this.#last.then(async () => {
      const leftMs = Math.floor(endMs - performance.now())
      if (leftMs < 1) throw late()
      return await new Promise<T>((resolve, reject) => { call(leftMs, (error, result) => { if (error === null || error === undefined) resolve(result); else reject(error as unknown as Error) }) })
    })
    this.#last = turn.catch(() => undefined)
    let timer: NodeJS.Timeout | undefined
    let unwatch = (): void => {}
    const cut = new Promise<never>((_, reject) => {
      timer = setTimeout(() => { reject(late()) }, waitMsMax)
      unwatch = this.#trouble.whenLoginRefused(() => { reject(late()) })
    })
    try {
      const result = await Promise.race([turn, cut])
      this.#trouble.over()
      return result
    } catch (error) {
      throw this.#trouble.explain(error as Error, what)
    } finally {
      clearTimeout(timer)
      unwatch()
    }
  }

  /** Resolves when no call is under way; the next one waits until what the caller does at once is done. */
  async pause (): Promise<void> {
    const turn = this.#last
    this.#last = turn.then(async () => { await new Promise(resolve => setImmediate(resolve)) })
    await turn
  }
}

/** Connects a client; one that gets there after we have given up is let go. */
export async function connect (client: KafkaClient, turns: Turns, waitMsMax: number): Promise<void> {
  let isGivenUp = false
  try {
    await turns.take<unknown>('the brokers', waitMsMax, (timeout, done) => {
      client.connect({ timeout }, (error, found) => {
        if (isGivenUp && (error === null || error === undefined)) client.disconnect(() => {})
        done(error, found)
      })
    })
  } catch (error) {
    isGivenUp = true
    throw error
  }
}

function late (): Error {
  return Object.assign(new Error('Local: Timed out'), { code: timedOut })
}
