// How many event types that the contract does not declare one sender may use within an hour. A sender is a write key, or an
// address where no keys are wanted. Each such type may come to cost the table a partition, and whoever reads its types a line:
// a client that makes up names (an id, a time in the type) is told so, and its other events are taken.
// Bounded: beyond `sendersMax` senders the one whose hour began first begins anew.

import { eventTypes } from '../openapi/index.ts'
import type { FirnError } from '../runtime/index.ts'
import { fail } from './errors.ts'

const hourMs = 3_600_000
const sendersMax = 2000
const declared: ReadonlySet<string> = new Set(eventTypes.map(({ name }) => name)).add('unlisted')

interface SenderHour {
  readonly beganMs: number
  readonly types: Set<string>
}

export class UndeclaredTypes {
  readonly #typesMax: number
  readonly #senders = new Map<string, SenderHour>()

  constructor (typesMax: number) {
    this.#typesMax = typesMax
  }

  /** Why an event of this type is not taken now; null when it is. */
  refusalOf (type: string, sender: string, nowMs: number): FirnError | null {
    if (declared.has(type) || this.#takes(type, sender, nowMs)) return null
    return fail('GATEWAY_TYPES_MANY', { eventType: type, typesMax: this.#typesMax, retryAfterSeconds: this.#secondsLeft(sender, nowMs) })
  }

  /** Until the sender's hour is over. */
  #secondsLeft (sender: string, nowMs: number): number {
    const hour = this.#senders.get(sender)
    return hour === undefined ? 1 : Math.max(1, Math.ceil((hour.beganMs + hourMs - nowMs) / 1000))
  }

  #takes (type: string, sender: string, nowMs: number): boolean {
    let hour = this.#senders.get(sender)
    if (hour === undefined || nowMs - hour.beganMs >= hourMs) {
      this.#senders.delete(sender)
      if (this.#senders.size >= sendersMax) this.#senders.delete(this.#senders.keys().next().value as string)
      this.#senders.set(sender, hour = { beganMs: nowMs, types: new Set() })
    }
    if (hour.types.has(type)) return true
    if (hour.types.size >= this.#typesMax) return false
    hour.types.add(type)
    return true
  }
}
