// The byte budget of what the gateway holds and has not acknowledged yet: bodies that arrive, events that wait for the log.
// Over the bound a request is refused with 429, so that memory stays bounded whatever clients do.
// Invariant: every byte taken is given back exactly once, when its request is answered or its append has settled.

import { fail } from './errors.ts'

export class Budget {
  readonly bytesMax: number
  #bytes = 0

  constructor (bytesMax: number) {
    this.bytesMax = bytesMax
  }

  get bytes (): number {
    return this.#bytes
  }

  /** Takes room, or throws GATEWAY_BUSY. A body larger than the whole budget gets in when nothing else is there. */
  take (bytes: number): void {
    if (this.#bytes > 0 && this.#bytes + bytes > this.bytesMax) throw fail('GATEWAY_BUSY', { bytes: this.#bytes, bytesMax: this.bytesMax })
    this.#bytes += bytes
  }

  give (bytes: number): void {
    this.#bytes -= bytes
  }
}
