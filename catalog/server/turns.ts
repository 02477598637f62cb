/**
 * Turns: work under the same key runs one after the other, work under different keys side by side.
 *
 * Several keys are taken in sorted order, so that two who want the same ones never wait for each other.
 */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>()

  async take<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const [key, ...rest] = [...new Set(keys)].sort()
    if (key === undefined) return await work()
    const before = this.#last.get(key)
    const mine = (async () => {
      await before
      return await this.take(rest, work)
    })()
    const settled = mine.then(() => undefined, () => undefined)
    this.#last.set(key, settled)
    try {
      return await mine
    } finally {
      if (this.#last.get(key) === settled) this.#last.delete(key)
    }
  }
}
