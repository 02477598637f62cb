// The embedded log: one LMDB environment in a folder, used by several processes at once.
// Refuses folders on network file systems, truncated files and formats it does not know. Invariant: what `append`
// resolved with is on the disk, and nothing leaves the log before the reader has acknowledged it.

import { randomUUID } from 'node:crypto'
import { fail } from '../errors.ts'
import type { Log, LogIdentity, LogOpenOptions, LogReader, LogRecord, PartitionOffsets, Position, TopicRange } from '../types.ts'
import { Appender } from './appender.ts'
import { prepareFolder } from './folder.ts'
import { formatVersion, logKey, type LogRecordOfIdentity } from './layout.ts'
import { EmbeddedReader } from './reader.ts'
import { removeAcknowledged } from './retention.ts'
import { openStore, type Store } from './store.ts'
import { Topics } from './topics.ts'
import { putUsage, readUsage } from './usage.ts'
import { Wake } from './wake.ts'

export interface EmbeddedLogOptions {
  /** Partitions of a topic that is created now; a stored topic keeps its own. */
  readonly partitions?: number
  /** Bound of what is stored; at it, appends are refused. */
  readonly bytesMax?: number
  /** How long acknowledged records stay. */
  readonly retentionMs?: number
  /** Deadline of one append. */
  readonly appendMsMax?: number
  /** How often retention looks, in processes that append. */
  readonly retentionEveryMs?: number
}

const defaults = { partitions: 3, bytesMax: 10 * 1024 ** 3, retentionMs: 24 * 3_600_000, appendMsMax: 5000, retentionEveryMs: 5000 }

export async function openEmbeddedLog (url: URL, options: EmbeddedLogOptions): Promise<Log> {
  const settings = { ...defaults, ...options }
  const path = await prepareFolder(url)
  const store = await openStore(path, settings)
  try {
    const identity = await identityOf(store)
    return new EmbeddedLog(store, identity, settings)
  } catch (error) {
    await store.close()
    throw error
  }
}

class EmbeddedLog implements Log {
  readonly #store: Store
  readonly #identity: LogRecordOfIdentity
  readonly #settings: Required<EmbeddedLogOptions>
  readonly #topics: Topics
  readonly #wake: Wake
  readonly #appender: Appender
  readonly #readers = new Set<LogReader>()
  #retentionTimer: NodeJS.Timeout | null = null
  #closing: Promise<void> | null = null

  constructor (store: Store, identity: LogRecordOfIdentity, settings: Required<EmbeddedLogOptions>) {
    this.#store = store
    this.#identity = identity
    this.#settings = settings
    this.#topics = new Topics(store, settings.partitions)
    this.#wake = new Wake(store.path)
    this.#appender = new Appender(store, this.#topics, settings, () => { this.#wake.touch() })
  }

  async append (records: readonly LogRecord[]): Promise<Position[]> {
    this.#assertOpen()
    this.#retentionTimer ??= setInterval(() => { this.#retain() }, this.#settings.retentionEveryMs).unref()
    return await this.#appender.append(records)
  }

  async open (options: LogOpenOptions): Promise<LogReader> {
    this.#assertOpen()
    const reader: LogReader = new EmbeddedReader(this.#store, this.#topics, this.#wake, options, () => { this.#readers.delete(reader) })
    this.#readers.add(reader)
    return reader
  }

  async identity (topics: readonly string[]): Promise<LogIdentity> {
    return this.#snapshot(() => {
      const topicIds = new Map<string, string>()
      for (const topic of topics) {
        const found = this.#topics.find(topic)
        if (found !== null) topicIds.set(topic, found.id)
      }
      return { clusterId: this.#identity.clusterId, topicIds }
    })
  }

  async ranges (topic: string): Promise<TopicRange> {
    return this.#snapshot(() => {
      const states = this.#topics.states(this.#topics.get(topic))
      return {
        first: new Map(states.map((state, partition) => [partition, state.first])),
        end: new Map(states.map((state, partition) => [partition, state.end]))
      }
    })
  }

  async ensureTopic (topic: string): Promise<number> {
    this.#assertOpen()
    try {
      const { partitions } = await this.#topics.ensure(topic, Date.now())
      this.#wake.touch()
      return partitions
    } finally {
      this.#store.releaseSnapshot()
    }
  }

  async acknowledge (topic: string, offsets: PartitionOffsets): Promise<void> {
    this.#assertOpen()
    await this.#store.transaction(() => {
      const record = this.#topics.get(topic)
      const states = this.#topics.states(record)
      for (const [partition, offset] of offsets) {
        const state = states[partition]
        if (state === undefined) throw fail('LOG_SETTING', { name: `the partition of ${topic}`, value: partition, expected: `0 to ${states.length - 1}` })
        state.acknowledged = offset < state.end ? offset : state.end
      }
      this.#topics.putStates(record, states)
    })
  }

  async checkReady (): Promise<void> {
    this.#assertOpen()
    if (this.#store.failure !== null) throw this.#store.failure
    this.#snapshot(() => { this.#appender.checkReady() })
  }

  async close (): Promise<void> {
    this.#closing ??= this.#close()
    await this.#closing
  }

  async #close (): Promise<void> {
    if (this.#retentionTimer !== null) clearInterval(this.#retentionTimer)
    await this.#appender.drain()
    for (const reader of [...this.#readers]) await reader.close()
    this.#wake.close()
    await this.#store.close()
  }

  #retain (): void {
    if (this.#store.failure !== null || this.#closing !== null) return
    const appendedBeforeMs = Date.now() - this.#settings.retentionMs
    void this.#store.transaction(() => {
      let freed = 0
      for (const topic of this.#topics.known()) {
        const states = this.#topics.states(topic)
        const freedHere = removeAcknowledged(this.#store, topic, states, { appendedBeforeMs, bytesWanted: 0 })
        if (freedHere > 0) this.#topics.putStates(topic, states)
        freed += freedHere
      }
      if (freed > 0) putUsage(this.#store, readUsage(this.#store) - freed)
    }).catch(() => { /* the next append meets the same condition and reports it */ })
  }

  #snapshot<T> (read: () => T): T {
    this.#assertOpen()
    try {
      this.#store.check()
      return read()
    } finally {
      this.#store.releaseSnapshot()
    }
  }

  #assertOpen (): void {
    if (this.#closing !== null) throw fail('LOG_CLOSED', { path: this.#store.path })
  }
}

/** Reads the log's identity, or gives it one when it is new. */
async function identityOf (store: Store): Promise<LogRecordOfIdentity> {
  let found = store.readJson(logKey) as LogRecordOfIdentity | null
  store.releaseSnapshot()
  found ??= await store.transaction(() => {
    const stored = store.readJson(logKey) as LogRecordOfIdentity | null
    if (stored !== null) return stored
    const created: LogRecordOfIdentity = { format: formatVersion, clusterId: randomUUID(), createdMs: Date.now() }
    void store.db.put(logKey, Buffer.from(JSON.stringify(created)))
    return created
  })
  if (found.format !== formatVersion) throw fail('LOG_VERSION', { path: store.path, found: found.format, expected: formatVersion })
  return found
}
