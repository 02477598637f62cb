// What was refused lately: how often, by code and key, with a few samples of each, and how many in each of the last hours; for
// the operator and for the owner of a key whose client has begun to send what cannot be taken. Kept in a file, so that the
// restart which is tried first does not take the evidence away: written some seconds after something came, and at the end.
// Bounded: beyond `kindsMax` kinds the one not seen for longest makes room. Keeps no event: of a sample only its id (cut), the
// path of the wrong field and the message (cut), which repeats no secret.

import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { RejectedEvent } from './accept.ts'
import { replaceDurably } from './durable-file.ts'

export interface Refusal {
  readonly code: string
  /** The name of the write key, never the key; null where none is wanted, or none was known. */
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

/** How many events (or whole bodies, which count as one) of a kind were refused in an hour. */
export interface RefusedHour { readonly hour: string, readonly code: string, readonly key: string | null, readonly events: number }

/** One event that was refused, or one body that could not be read at all. */
export type Refused = Pick<RejectedEvent, 'event_id' | 'code' | 'path' | 'message'>

export interface RefusalsOptions {
  /** Kept in memory alone without it. */
  readonly file?: string
  readonly onFault?: (error: unknown) => void
  readonly writeAfterMs?: number
}

interface Kept { readonly v: 1, readonly id: string, readonly kinds: readonly Refusal[], readonly hours: Readonly<Record<string, Readonly<Record<string, number>>>> }

const kindsMax = 500
const samplesMax = 3
const idCharsMax = 64
const messageCharsMax = 200
const hoursMax = 48
const writeAfterMsUsual = 10_000

export class Refusals {
  readonly #options: RefusalsOptions
  readonly #id: string
  readonly #kinds = new Map<string, Refusal>()
  /** Hour → kind → count, the hours in their order. */
  readonly #hours = new Map<string, Map<string, number>>()
  #timer: NodeJS.Timeout | null = null
  #writing: Promise<void> = Promise.resolve()
  #isTold = false

  constructor (options: RefusalsOptions = {}) {
    this.#options = options
    const kept = options.file === undefined ? null : readKept(options.file)
    this.#id = kept?.id ?? randomUUID()
    for (const kind of kept?.kinds ?? []) this.#kinds.set(nameOf(kind.code, kind.key), { ...kind })
    for (const [hour, counts] of Object.entries(kept?.hours ?? {})) this.#hours.set(hour, new Map(Object.entries(counts)))
  }

  /** Names these counts, over restarts: who adds up several gateways tells them apart by it. */
  get id (): string {
    return this.#id
  }

  add (key: string | null, refused: readonly Refused[], atMs: number): void {
    const at = new Date(atMs).toISOString()
    const counts = this.#hourOf(at)
    for (const one of refused) {
      const name = nameOf(one.code, key)
      const kind = this.#kinds.get(name) ?? { code: one.code, key, count: 0, firstAt: at, lastAt: at, samples: [] }
      kind.count++
      kind.lastAt = at
      // The newest samples: what happens now is what has to be mended.
      if (kind.samples.length < samplesMax || kind.samples[0]?.at !== at) kind.samples = [...kind.samples, sampleOf(one, at)].slice(-samplesMax)
      this.#kinds.delete(name)
      this.#kinds.set(name, kind)
      if (counts.has(name) || counts.size < kindsMax) counts.set(name, (counts.get(name) ?? 0) + 1)
    }
    for (const name of this.#kinds.keys()) {
      if (this.#kinds.size <= kindsMax) break
      this.#kinds.delete(name)
    }
    if (this.#options.file === undefined || this.#timer !== null) return
    this.#timer = setTimeout(() => {
      this.#timer = null
      void this.#write()
    }, this.#options.writeAfterMs ?? writeAfterMsUsual).unref()
  }

  /** Of one key, or of all when `key` is undefined; the latest first. */
  list (key?: string): Refusal[] {
    return [...this.#kinds.values()].filter(kind => key === undefined || kind.key === key).reverse()
  }

  /** Counts alone, the oldest hour first. */
  hours (): RefusedHour[] {
    return [...this.#hours].flatMap(([hour, counts]) => [...counts].map(([name, events]) => ({ hour, ...kindOf(name), events })))
  }

  /** Writes what is not written yet. */
  async close (): Promise<void> {
    if (this.#timer !== null) {
      clearTimeout(this.#timer)
      this.#timer = null
      void this.#write()
    }
    await this.#writing
  }

  #hourOf (at: string): Map<string, number> {
    const hour = `${at.slice(0, 13)}:00:00Z`
    let counts = this.#hours.get(hour)
    if (counts === undefined) this.#hours.set(hour, counts = new Map())
    for (const oldest of [...this.#hours.keys()].sort()) {
      if (this.#hours.size <= hoursMax) break
      this.#hours.delete(oldest)
    }
    return counts
  }

  #write (): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      const kept: Kept = { v: 1, id: this.#id, kinds: [...this.#kinds.values()], hours: Object.fromEntries([...this.#hours].map(([hour, counts]) => [hour, Object.fromEntries(counts)])) }
      const file = this.#options.file!
      try {
        await mkdir(dirname(file), { recursive: true, mode: 0o700 })
        await replaceDurably(file, JSON.stringify(kept))
        this.#isTold = false
      } catch (error) {
        if (!this.#isTold) this.#options.onFault?.(error)
        this.#isTold = true
      }
    })
    return this.#writing
  }
}

/** A file that cannot be read is none: what it held was samples. */
function readKept (file: string): Kept | null {
  try {
    const kept = JSON.parse(readFileSync(file, 'utf8')) as Kept
    const isRight = kept.v === 1 && typeof kept.id === 'string' && Array.isArray(kept.kinds) && typeof kept.hours === 'object' &&
      kept.kinds.every(({ code, count, samples }) => typeof code === 'string' && typeof count === 'number' && Array.isArray(samples))
    return isRight ? kept : null
  } catch {
    return null
  }
}

function nameOf (code: string, key: string | null): string {
  return key === null ? code : `${code} ${key}`
}

function kindOf (name: string): { code: string, key: string | null } {
  const at = name.indexOf(' ')
  return at < 0 ? { code: name, key: null } : { code: name.slice(0, at), key: name.slice(at + 1) }
}

function sampleOf ({ event_id: eventId, path, message }: Refused, at: string): RefusalSample {
  return { at, event_id: eventId?.slice(0, idCharsMax) ?? null, path: path?.slice(0, messageCharsMax) ?? null, message: message.slice(0, messageCharsMax) }
}
