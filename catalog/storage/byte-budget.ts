/** Bounds the bytes that are in memory at the same time. First come, first served; what is larger than the whole budget runs alone. */
export class ByteBudget {
  readonly #bytesMax: number
  readonly #waiting: { readonly bytes: number, readonly start: () => void }[] = []
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  async spend<T>(bytes: number, work: () => Promise<T>): Promise<T> {
    if (this.#waiting.length > 0 || !this.#fits(bytes)) await new Promise<void>(resolve => { this.#waiting.push({ bytes, start: resolve }) })
    else this.#bytes += bytes
    try {
      return await work()
    } finally {
      this.#bytes -= bytes
      for (let next = this.#waiting[0]; next !== undefined && this.#fits(next.bytes); next = this.#waiting[0]) {
        this.#waiting.shift()
        this.#bytes += next.bytes
        next.start()
      }
    }
  }

  #fits(bytes: number): boolean {
    return this.#bytes === 0 || this.#bytes + bytes <= this.#bytesMax
  }
}
