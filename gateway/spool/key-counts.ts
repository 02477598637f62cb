// The keys that have events in the spool, with how many. Bounded: beyond `keysMax` it stops telling them apart, and until
// `clear` every key counts as one of them, so that order is kept at the price of a detour.

export class KeyCounts {
  readonly #keysMax: number
  readonly #counts = new Map<string, number>()
  #all = false

  constructor (keysMax: number) {
    this.#keysMax = keysMax
  }

  has (key: string): boolean {
    return this.#all || this.#counts.has(key)
  }

  /** Whether there were too many keys to tell them apart. */
  get isAll (): boolean {
    return this.#all
  }

  get size (): number {
    return this.#counts.size
  }

  add (key: string): void {
    if (this.#all) return
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1)
    if (this.#counts.size <= this.#keysMax) return
    this.#all = true
    this.#counts.clear()
  }

  remove (key: string): void {
    const count = this.#counts.get(key)
    if (count === undefined) return
    if (count === 1) this.#counts.delete(key)
    else this.#counts.set(key, count - 1)
  }

  clear (): void {
    this.#all = false
    this.#counts.clear()
  }
}
