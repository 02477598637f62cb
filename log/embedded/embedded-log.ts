// The embedded log: one LMDB environment in a folder, used by several processes at once.
// Refuses folders on network file systems, truncated files and formats it does not know. Invariant: what `append`
// resolved with is on the disk, and nothing leaves the log before the reader has acknowledged it.

import { fail } from '../errors.ts'
import type { FingerprintVerdict, Log, LogIdentity, LogOpenOptions, LogReader, LogRecord, PartitionOffsets, Position, TopicRange } from '../types.ts'
import { Appender } from './appender.ts'
import { prepareFolder } from './folder.ts'
import { readStored, type StoredBatch } from './batch.ts'
import { judgeFingerprint, type Surroundings } from './fingerprint.ts'
import { batchKey, offsetOfKey, type LogRecordOfIdentity, type TopicRecord } from './layout.ts'
import { EmbeddedReader } from './reader.ts'
import { removeAcknowledged, stepBatchesMax } from './retention.ts'
import { openState } from './state.ts'
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

const partitionsMax = 256
const defaults = { partitions: 3, bytesMax: 10 * 1024 ** 3, retentionMs: 24 * 3_600_000, appendMsMax: 5000, retentionEveryMs: 5000 }

export async function openEmbeddedLog (url: URL, options: EmbeddedLogOptions): Promise<Log> {
  const settings = { ...defaults, ...options }
  const { partitions } = settings
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > partitionsMax) throw fail('LOG_SETTING', { name: 'FIRN_LOG_PARTITIONS', value: partitions, expected: `1 to ${partitionsMax}` })
  const path = await prepareFolder(url)
  const store = await openStore(path, settings)
  try {
    const identity = await openState(store)
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
  #retaining = false
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
    this.#retentionTimer ??= setInterval(() => { void this.#retain() }, this.#settings.retentionEveryMs).unref()
    return await this.#appender.append(records)
  }

  async open (options: LogOpenOptions): Promise<LogReader> {
    this.#assertOpen()
    const reader: LogReader = new EmbeddedReader(this.#store, this.#topics, this.#wake, options, () => { this.#readers.delete(reader) })
    this.#readers.add(reader)
    return reader
  }

  async identity (topics: readonly string[]): Promise<LogIdentity> {
    return await this.#snapshot(() => {
      const topicIds = new Map<string, string>()
      for (const topic of topics) {
        const found = this.#topics.find(topic)
        if (found !== null) topicIds.set(topic, found.id)
      }
      return { clusterId: this.#identity.clusterId, topicIds }
    })
  }

  async ranges (topic: string): Promise<TopicRange> {
    return await this.#snapshot(() => {
      const states = this.#topics.states(this.#topics.get(topic))
      return {
        first: new Map(states.map((state, partition) => [partition, state.first])),
        end: new Map(states.map((state, partition) => [partition, state.end])),
        acknowledged: new Map(states.map((state, partition) => [partition, state.acknowledged]))
      }
    })
  }

  async topics (): Promise<string[]> {
    return await this.#snapshot(() => this.#topics.names())
  }

  async compareFingerprint (topic: string, partition: number, offset: bigint, fingerprint: string): Promise<FingerprintVerdict> {
    return await this.#snapshot(() => judgeFingerprint(offset, fingerprint, this.#surroundings(this.#topics.find(topic), partition, offset)))
  }

  async ensureTopic (topic: string): Promise<number> {
    while (this.#store.renewing !== null) await this.#store.renewing
    this.#assertOpen()
    try {
      const { partitions } = await this.#withinDeadline(this.#topics.ensure(topic, Date.now()))
      this.#wake.touch()
      return partitions
    } finally {
      this.#store.releaseSnapshot()
    }
  }

  async acknowledge (topic: string, offsets: PartitionOffsets): Promise<void> {
    this.#assertOpen()
    await this.#withinDeadline(this.#store.transaction(() => {
      const record = this.#topics.get(topic)
      const states = this.#topics.states(record)
      for (const [partition, offset] of offsets) {
        const state = states[partition]
        if (state === undefined) throw fail('LOG_SETTING', { name: `the partition of ${topic}`, value: partition, expected: `0 to ${states.length - 1}` })
        state.acknowledged = offset < state.end ? offset : state.end
      }
      this.#topics.putStates(record, states)
    }))
    this.#appender.retry()
  }

  async checkReady (): Promise<void> {
    this.#assertOpen()
    await this.#snapshot(() => { this.#appender.checkStanding() })
  }

  async stored (): Promise<{ bytes: number, bytesMax: number }> {
    return { bytes: await this.#snapshot(() => readUsage(this.#store)), bytesMax: this.#settings.bytesMax }
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
    await this.#withinDeadline(this.#store.close())
  }

  /** Removes in steps until nothing old is left; one run at a time. */
  async #retain (): Promise<void> {
    if (this.#retaining) return
    this.#retaining = true
    try {
      let batches = stepBatchesMax
      while (batches >= stepBatchesMax && this.#store.failure === null && this.#closing === null) {
        const appendedBeforeMs = Date.now() - this.#settings.retentionMs
        batches = await this.#store.transaction(() => this.#removeStep(appendedBeforeMs))
      }
    } catch {
      // The next append meets the same condition and reports it.
    } finally {
      this.#retaining = false
    }
  }

  /** Inside a write transaction; returns how many batches left. */
  #removeStep (appendedBeforeMs: number): number {
    let batches = 0
    let bytes = 0
    for (const topic of this.#topics.known()) {
      const states = this.#topics.states(topic)
      const removed = removeAcknowledged(this.#store, topic, states, { appendedBeforeMs, bytesWanted: 0 })
      if (removed.batches > 0) this.#topics.putStates(topic, states)
      batches += removed.batches
      bytes += removed.bytes
    }
    if (batches > 0) putUsage(this.#store, readUsage(this.#store) - bytes)
    return batches
  }

  /** The write lock may be held by a process that does not move: nobody waits longer than an append would. */
  async #withinDeadline<T> (work: Promise<T>): Promise<T> {
    const deadlineMs = this.#settings.appendMsMax
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => { reject(fail('LOG_TIMEOUT', { path: this.#store.path, deadlineMs, reason: 'another process holds the write lock or the disk does not answer' })) }, deadlineMs)
    })
    try {
      return await Promise.race([work, late])
    } finally {
      clearTimeout(timer)
    }
  }

  #surroundings (topic: TopicRecord | null, partition: number, offset: bigint): Surroundings {
    const state = topic === null ? null : this.#topics.states(topic)[partition] ?? null
    if (topic === null || state === null) return { state: null, at: null, before: null }
    const at = this.#stored(topic, partition, batchKey(topic.number, partition, offset))
    if (typeof at !== 'string' || offset === 0n) return { state, at, before: null }
    const key = this.#store.keyBefore(batchKey(topic.number, partition, offset - 1n), batchKey(topic.number, partition, 0n))
    return { state, at, before: key === null ? null : this.#stored(topic, partition, key) }
  }

  #stored (topic: TopicRecord, partition: number, key: Buffer): StoredBatch | string | null {
    const found = this.#store.read(key)
    return found === null ? null : readStored(found, { topicNumber: topic.number, partition, offset: offsetOfKey(key) })
  }

  async #snapshot<T> (read: () => T): Promise<T> {
    while (this.#store.renewing !== null) await this.#store.renewing
    this.#assertOpen()
    try {
      this.#store.check()
      return read()
    } catch (error) {
      throw this.#store.explainRead(error)
    } finally {
      this.#store.releaseSnapshot()
    }
  }

  #assertOpen (): void {
    if (this.#closing !== null) throw fail('LOG_CLOSED', { path: this.#store.path })
  }
}
