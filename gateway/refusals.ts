// What was refused lately: how often, by code and key, with a few samples of each, for the operator and for the owner of a key
// whose client has begun to send what cannot be taken. Bounded: beyond `kindsMax` kinds the one not seen for longest makes room.
// Keeps no event: of a sample only its id (cut), the path of the wrong field and the message (cut), which repeats no secret.

import type { RejectedEvent } from './accept.ts'

export interface Refusal {
  readonly code: string
  /** The name of the write key, never the key; null where none is wanted. */
  readonly key: string | null
  count: number
  readonly firstAt: string
  lastAt: string
  samples: readonly RefusalSample[]
}

export interface RefusalSample {
  readonly at: string
  readonly event_id: string | null
  readonly path: string | null
  readonly message: string
}

const kindsMax = 500
const samplesMax = 3
const idCharsMax = 64
const messageCharsMax = 200

export class Refusals {
  readonly #kinds = new Map<string, Refusal>()

  add (key: string | null, rejected: readonly RejectedEvent[], atMs: number): void {
    const at = new Date(atMs).toISOString()
    for (const event of rejected) {
      const name = `${event.code} ${key ?? ''}`
      const kind = this.#kinds.get(name) ?? { code: event.code, key, count: 0, firstAt: at, lastAt: at, samples: [] }
      kind.count++
      kind.lastAt = at
      // The newest samples: what happens now is what has to be mended.
      if (kind.samples.length < samplesMax || kind.samples[0]?.at !== at) kind.samples = [...kind.samples, sampleOf(event, at)].slice(-samplesMax)
      this.#kinds.delete(name)
      this.#kinds.set(name, kind)
    }
    for (const name of this.#kinds.keys()) {
      if (this.#kinds.size <= kindsMax) break
      this.#kinds.delete(name)
    }
  }

  /** Of one key, or of all when `key` is undefined; the latest first. */
  list (key?: string): Refusal[] {
    return [...this.#kinds.values()].filter(kind => key === undefined || kind.key === key).reverse()
  }
}

function sampleOf ({ event_id: eventId, path, message }: RejectedEvent, at: string): RefusalSample {
  return { at, event_id: eventId?.slice(0, idCharsMax) ?? null, path: path?.slice(0, messageCharsMax) ?? null, message: message.slice(0, messageCharsMax) }
}
