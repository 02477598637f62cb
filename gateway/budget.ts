// The byte budget of everything that requests hold until they are answered: bodies that arrive, what they are read into,
// records that wait for the log, long answers that wait for their readers. It is charged before the memory is there.
// Over the bound a request is refused with 429, so that memory stays bounded whatever clients do; one address gets a share.
// Invariant: every byte taken is given back exactly once, when its request is answered or its append has settled.

import { fail } from './errors.ts'

/** What a byte of a body is charged with while it arrives: how many events it will be is not known then. */
export const heldPerBodyByte = 4
/** Of a body that was read: itself, and the log's copy. */
const heldPerReadByte = 2
/** What an event is until it is answered: the views, texts and records that point into the body, its place in the log. Measured. */
const heldPerEvent = 500

/** What a body holds from when it was read until it is answered. */
export function heldByEvents (bytes: number, events: number): number {
  return bytes * heldPerReadByte + events * heldPerEvent
}

export interface BudgetOptions {
  readonly bytesMax: number
  /** Of one address; a proxy's requests count for the addresses that it names. */
  readonly bytesPerShareMax?: number
}

export class Budget {
  readonly bytesMax: number
  readonly bytesPerShareMax: number
  #bytes = 0
  #isShedding = false
  readonly #shares = new Map<string, number>()

  constructor ({ bytesMax, bytesPerShareMax = bytesMax }: BudgetOptions) {
    this.bytesMax = bytesMax
    this.bytesPerShareMax = bytesPerShareMax
  }

  get bytes (): number {
    return this.#bytes
  }

  /** From a refusal until half of the room is free again. */
  get isShedding (): boolean {
    return this.#isShedding
  }

  hasRoom (bytes: number): boolean {
    return this.#bytes === 0 || this.#bytes + bytes <= this.bytesMax
  }

  /** Takes room, or throws GATEWAY_BUSY or GATEWAY_SHARE. What is larger than the whole bound gets in when nothing else is there. */
  take (bytes: number, share: string | null): void {
    if (!this.hasRoom(bytes)) {
      this.#isShedding = true
      throw fail('GATEWAY_BUSY', { bytes: this.#bytes, bytesMax: this.bytesMax })
    }
    const ofShare = share === null ? 0 : this.#shares.get(share) ?? 0
    if (ofShare > 0 && ofShare + bytes > this.bytesPerShareMax) {
      throw fail('GATEWAY_SHARE', { bytes: ofShare, bytesMax: this.bytesPerShareMax })
    }
    this.charge(bytes, share)
  }

  /** Counts what is there already and cannot be refused any more. */
  charge (bytes: number, share: string | null): void {
    this.#bytes += bytes
    if (share !== null) this.#shares.set(share, (this.#shares.get(share) ?? 0) + bytes)
  }

  /** What was charged by estimate holds so much: more, or less. */
  correct (from: number, to: number, share: string | null): void {
    if (to > from) this.charge(to - from, share)
    else this.give(from - to, share)
  }

  give (bytes: number, share: string | null): void {
    this.#bytes -= bytes
    if (this.#bytes <= this.bytesMax / 2) this.#isShedding = false
    if (share === null) return
    const left = (this.#shares.get(share) ?? bytes) - bytes
    if (left > 0) this.#shares.set(share, left)
    else this.#shares.delete(share)
  }
}
