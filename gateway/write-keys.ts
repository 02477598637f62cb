// Write keys: who may send, and how many events per second. Without keys everybody who reaches the port may.
// Keys are looked up by their hash, so neither time nor memory tells about them; they never reach a log or a message.
// The rate is a bucket that may go into debt: a batch of up to some seconds' events passes at once, and the next one waits for
// it. A larger one is refused for good, however long its sender waits.

import { createHash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { fail } from './errors.ts'

/** How much of its rate a key may send in one request. */
const burstSecondsMax = 10

export interface WriteKey {
  readonly name: string
  /** Infinity when the key has no rate. */
  readonly eventsPerSecond: number
  tokens: number
  refilledMs: number
}

export interface WriteKeys {
  /** The key of a request, null when no keys are set. Throws GATEWAY_KEY_MISSING, GATEWAY_KEY_UNKNOWN, GATEWAY_RATE. */
  admit(headers: IncomingHttpHeaders, url: string): WriteKey | null
  /** The key of a request whose own limits do not matter; null when it has none that is known. */
  find(headers: IncomingHttpHeaders, url: string): WriteKey | null
  /** Counts all events of a request, refused ones too. Throws GATEWAY_RATE_BATCH. */
  charge(key: WriteKey, events: number): void
}

/** Reads `name:key[:events_per_second],…`. Throws GATEWAY_SETTING without repeating a key. */
export function readWriteKeys (setting: string | undefined, nowMs: () => number = () => performance.now()): WriteKeys | null {
  const entries = (setting ?? '').split(',').map(entry => entry.trim()).filter(entry => entry !== '')
  if (entries.length === 0) return null
  const keys = new Map<string, WriteKey>()
  for (const [index, entry] of entries.entries()) {
    const [name, key, rate, ...rest] = entry.split(':') as [string, string?, string?, ...string[]]
    const eventsPerSecond = rate === undefined ? Infinity : Number(rate)
    if (name === '' || key === undefined || key === '' || rest.length > 0 || !(eventsPerSecond > 0)) {
      throw fail('GATEWAY_SETTING', { name: 'FIRN_GATEWAY_WRITE_KEYS', reason: `entry ${index + 1} is not name:key or name:key:events_per_second` })
    }
    keys.set(hashOf(key), { name, eventsPerSecond, tokens: eventsPerSecond, refilledMs: nowMs() })
  }
  return {
    admit (headers, url) {
      const given = keyIn(headers, url)
      if (given === null) throw fail('GATEWAY_KEY_MISSING')
      const key = keys.get(hashOf(given))
      if (key === undefined) throw fail('GATEWAY_KEY_UNKNOWN')
      refill(key, nowMs())
      if (key.tokens <= 0) {
        throw fail('GATEWAY_RATE', { name: key.name, eventsPerSecond: key.eventsPerSecond, retryAfterSeconds: Math.ceil((1 - key.tokens) / key.eventsPerSecond) })
      }
      return key
    },
    find (headers, url) {
      const given = keyIn(headers, url)
      return given === null ? null : keys.get(hashOf(given)) ?? null
    },
    charge (key, events) {
      const eventsMax = Math.ceil(key.eventsPerSecond * burstSecondsMax)
      if (events > eventsMax) throw fail('GATEWAY_RATE_BATCH', { name: key.name, events, eventsMax, eventsPerSecond: key.eventsPerSecond })
      key.tokens -= events
    }
  }
}

function refill (key: WriteKey, nowMs: number): void {
  if (key.eventsPerSecond !== Infinity) {
    key.tokens = Math.min(key.eventsPerSecond, key.tokens + (nowMs - key.refilledMs) * key.eventsPerSecond / 1000)
  }
  key.refilledMs = nowMs
}

function keyIn (headers: IncomingHttpHeaders, url: string): string | null {
  const own = headers['x-write-key']
  if (typeof own === 'string' && own !== '') return own
  const bearer = /^bearer +(.+)$/i.exec(headers.authorization ?? '')
  if (bearer !== null) return bearer[1] as string
  // sendBeacon cannot set headers.
  const query = url.indexOf('?')
  return query < 0 ? null : new URLSearchParams(url.slice(query)).get('write_key')
}

function hashOf (key: string): string {
  return createHash('sha256').update(key).digest('base64')
}
