/**
 * Storage credentials that a REST catalog hands out with its tables (`storage-credentials`, or in older catalogs the `config` of a reply),
 * remembered from every reply, so that the first file after a load costs no request.
 *
 * The same credentials are given out once: who asks again saw them end or be refused, and gets those of a fresh reply.
 */
import type { TableIdentifier } from '../spec/types.ts'
import type { StorageCredentials } from '../storage/storage.ts'
import { keyOf } from './catalog.ts'

/** Tables whose credentials are remembered. */
const tablesMax = 1_000
/** Credentials that end sooner than this are not worth giving out. */
const remainingMsMin = 5 * 60_000

interface Reply { 'storage-credentials'?: { prefix?: string, config?: Record<string, string> }[] | null, 'config'?: Record<string, string> | null, 'metadata'?: { location?: string } }

export class HandedOut {
  readonly #byTable = new Map<string, StorageCredentials[]>()
  /** What the last load of a table said beside credentials: they may be renewed without it. */
  readonly #saidByTable = new Map<string, Pick<Reply, 'config' | 'metadata'>>()
  #catalogConfig: Readonly<Record<string, string>> = {}
  readonly #given = new WeakSet<StorageCredentials>()
  readonly #nowMs: () => number

  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs
  }

  /** What the catalog's own configuration says of its storage holds for every table that does not say otherwise. */
  learn(config: Readonly<Record<string, string>>): void {
    this.#catalogConfig = storageOf(config)
  }

  /** The reply of a load, or of a request for credentials alone. */
  remember(id: TableIdentifier, reply: unknown): void {
    const key = keyOf(id)
    const { metadata, config } = reply as Reply
    if (metadata !== undefined) {
      if (this.#saidByTable.size >= tablesMax) this.#saidByTable.clear()
      this.#saidByTable.set(key, { config: { ...config }, metadata: { location: metadata.location ?? '' } })
    }
    const found = readCredentials({ ...this.#saidByTable.get(key), ...reply as Reply }, this.#catalogConfig)
    this.#byTable.delete(key)
    if (found.length === 0) return
    if (this.#byTable.size >= tablesMax) this.#byTable.clear()
    this.#byTable.set(key, found)
  }

  /** Whether this table was loaded: credentials alone do not say where it lies. */
  isKnown(id: TableIdentifier): boolean {
    return this.#saidByTable.has(keyOf(id))
  }

  /** Those with the longest prefix of this location. `fresh`: a reply came this moment, there are no better ones. */
  find(id: TableIdentifier, location: string, fresh = false): StorageCredentials | null {
    const plain = withoutDialect(location)
    let found: StorageCredentials | null = null
    for (const each of this.#byTable.get(keyOf(id)) ?? []) {
      if (plain.startsWith(withoutDialect(each.prefix)) && each.prefix.length > (found?.prefix.length ?? -1)) found = each
    }
    if (found === null) return null
    const endsAtMs = Number(found.config['s3.session-token-expires-at-ms'] ?? Infinity)
    if (!fresh && (this.#given.has(found) || endsAtMs - this.#nowMs() < remainingMsMin)) return null
    this.#given.add(found)
    return found
  }
}

function readCredentials(reply: Reply, catalogConfig: Readonly<Record<string, string>>): StorageCredentials[] {
  const location = reply.metadata?.location ?? ''
  const config = reply.config ?? {}
  const listed = (reply['storage-credentials'] ?? []).filter(each => each.config?.['s3.access-key-id'] !== undefined)
  // A prefix may be a mere scheme: it then stands for this table. Endpoint and region are often said once, for the table or the whole catalog.
  if (listed.length > 0) return listed.map(each => ({ prefix: each.prefix?.includes('://') === true ? each.prefix : location, config: { ...catalogConfig, ...storageOf(config), ...each.config } }))
  return config['s3.access-key-id'] === undefined ? [] : [{ prefix: location, config: { ...catalogConfig, ...config } }]
}

function storageOf(config: Readonly<Record<string, string>>): Record<string, string> {
  const names = ['s3.endpoint', 's3.region', 'client.region', 's3.path-style-access']
  return Object.fromEntries(Object.entries(config).filter(([name]) => names.includes(name)))
}

function withoutDialect(location: string): string {
  return location.replace(/^s3[an]:/, 's3:')
}
