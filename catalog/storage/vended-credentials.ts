/**
 * Credentials that the catalog hands out for a part of the storage, kept until shortly before they expire.
 *
 * The longest matching prefix counts; several requests that miss at once ask once. When the catalog does not answer, credentials that are
 * still valid go on being used.
 */
import type { StorageCredentials } from './storage.ts'

/** How long before their end credentials are asked for again; a half of their life when that is shorter. */
const refreshMsBefore = 5 * 60_000
/** How long "no credentials for this folder" is believed. */
const noneMsMax = 60_000
const keptMax = 1_000

interface Kept { readonly credentials: StorageCredentials | null, readonly refreshAtMs: number, readonly expiresAtMs: number }

export class VendedCredentials {
  readonly #ask: (location: string) => Promise<StorageCredentials | null>
  readonly #nowMs: () => number
  /** Prefix → what was handed out for it. */
  readonly #kept = new Map<string, Kept>()
  readonly #asking = new Map<string, Promise<StorageCredentials | null>>()

  constructor(ask: (location: string) => Promise<StorageCredentials | null>, nowMs: () => number = Date.now) {
    this.#ask = ask
    this.#nowMs = nowMs
  }

  async for(location: string): Promise<StorageCredentials | null> {
    const [prefix, kept] = this.#find(location)
    if (kept !== undefined && this.#nowMs() < kept.refreshAtMs) return kept.credentials
    try {
      return await this.#askOnce(kept === undefined ? folderOf(location) : prefix, location)
    } catch (error) {
      if (kept !== undefined && kept.credentials !== null && this.#nowMs() < kept.expiresAtMs) return kept.credentials
      throw error
    }
  }

  /** The storage refused what was handed out: it is asked for again. */
  forget(location: string): void {
    this.#kept.delete(this.#find(location)[0])
  }

  #find(location: string): [string, Kept | undefined] {
    let found = ''
    for (const prefix of this.#kept.keys()) if (prefix.length > found.length && covers(prefix, location)) found = prefix
    return [found, this.#kept.get(found)]
  }

  async #askOnce(turn: string, location: string): Promise<StorageCredentials | null> {
    const asking = this.#asking.get(turn) ?? this.#askNow(turn, location).finally(() => { this.#asking.delete(turn) })
    this.#asking.set(turn, asking)
    return await asking
  }

  async #askNow(turn: string, location: string): Promise<StorageCredentials | null> {
    const credentials = await this.#ask(location)
    const now = this.#nowMs()
    const expiresAtMs = credentials === null ? now + noneMsMax : expiryOf(credentials) ?? Infinity
    const refreshAtMs = credentials === null ? expiresAtMs : expiresAtMs - Math.min(refreshMsBefore, Math.max(0, (expiresAtMs - now) / 2))
    this.#kept.delete(turn)
    if (this.#kept.size >= keptMax) this.#kept.clear()
    this.#kept.set(credentials !== null && covers(credentials.prefix, location) ? credentials.prefix : folderOf(location), { credentials, expiresAtMs, refreshAtMs })
    return credentials
  }
}

/** When credentials end, in ms since the epoch; undefined: they do not say. */
export function expiryOf(credentials: StorageCredentials): number | undefined {
  const text = credentials.config['s3.session-token-expires-at-ms']
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined
}

/** A prefix ends where a name ends: credentials of `…/orders` are not those of `…/orders_old`. */
function covers(prefix: string, location: string): boolean {
  const plain = prefix.replace(/^s3[an]:/, 's3:')
  return plain.startsWith('s3://') && location.startsWith(plain) && (plain.endsWith('/') || location.length === plain.length || location[plain.length] === '/')
}

function folderOf(location: string): string {
  return location.slice(0, location.lastIndexOf('/') + 1)
}
