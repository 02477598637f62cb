// Reads partitions in turn, from where each was asked to start. Between polls it holds no snapshot of the store, so a
// stopped or slow reader pins no pages. Refuses to skip: a batch that cannot be read ends in `damaged`, a wanted offset that
// is not stored in `out-of-range`, and neither moves the reader. A caller that polls on after `damaged` without having
// paused or sought that partition hears it again as LOG_DAMAGED: no caller goes on by not knowing of it.

import { fail, is } from '../errors.ts'
import type { LogEvent, LogOpenOptions, LogReader } from '../types.ts'
import { readStored } from './batch.ts'
import { batchKey, offsetOfKey, type PartitionState, type TopicRecord } from './layout.ts'
import { printFingerprint } from './fingerprint.ts'
import { BatchMerge } from './merge.ts'
import type { Store } from './store.ts'
import type { Topics } from './topics.ts'
import type { Wake } from './wake.ts'

/** Records of one RecordBatch: its columns stay small whatever `bytesMax` says. */
const countMax = 1_000_000

interface Cursor {
  readonly name: string
  readonly topic: TopicRecord
  readonly partition: number
  next: bigint
  paused: boolean
  /** Reported once; `seek` clears it. */
  outOfRange: boolean
  /** What was reported as damaged; `seek` clears it. */
  damaged: string | null
  /** Whether `end` was reported since something came last. */
  saidEnd: boolean
}

export class EmbeddedReader implements LogReader {
  readonly #store: Store
  readonly #topics: Topics
  readonly #wake: Wake
  readonly #options: LogOpenOptions
  readonly #path: string
  readonly #onClose: () => void
  readonly #cursors: Cursor[] = []
  readonly #missing: Set<string>
  #turn = 0
  #closed = false
  readonly #waiting: { cancel?: () => void } = {}

  constructor (store: Store, topics: Topics, wake: Wake, options: LogOpenOptions, onClose: () => void) {
    this.#store = store
    this.#topics = topics
    this.#wake = wake
    this.#options = options
    this.#path = store.path
    this.#onClose = onClose
    this.#missing = new Set(options.topics)
    wake.listen()
  }

  async poll (waitMsMax: number, bytesMax: number): Promise<LogEvent | null> {
    const deadline = performance.now() + waitMsMax
    for (;;) {
      await this.#store.renewMap()
      while (this.#store.renewing !== null) await this.#store.renewing
      if (this.#closed) throw fail('LOG_CLOSED', { path: this.#path })
      let event: LogEvent | null
      try {
        this.#store.check()
        event = this.#assign() ?? this.#read(bytesMax)
      } catch (error) {
        throw is(error, 'LOG_DAMAGED') ? error : this.#store.explainRead(error)
      } finally {
        this.#store.releaseSnapshot()
      }
      if (event !== null) return event
      const leftMs = deadline - performance.now()
      if (leftMs <= 0) return null
      await this.#wake.wait(leftMs, this.#waiting)
      if (this.#closed) return null
    }
  }

  seek (topic: string, partition: number, offset: bigint): void {
    const cursor = this.#cursor(topic, partition)
    cursor.next = offset
    cursor.outOfRange = false
    cursor.damaged = null
    cursor.saidEnd = false
    this.#waiting.cancel?.()
  }

  pause (topic: string, partition: number): void {
    this.#cursor(topic, partition).paused = true
  }

  resume (topic: string, partition: number): void {
    this.#cursor(topic, partition).paused = false
    this.#waiting.cancel?.()
  }

  async close (): Promise<void> {
    this.#closed = true
    this.#waiting.cancel?.()
    this.#onClose()
  }

  #cursor (topic: string, partition: number): Cursor {
    const found = this.#cursors.find(each => each.name === topic && each.partition === partition)
    if (found === undefined) throw new RangeError(`${topic} ${partition} is not assigned to this reader`)
    return found
  }

  /** The next topic that exists now and did not before. */
  #assign (): LogEvent | null {
    for (const name of this.#missing) {
      const topic = this.#topics.find(name)
      if (topic === null) continue
      const states = this.#topics.states(topic)
      this.#missing.delete(name)
      const partitions = states.map((_, partition) => partition)
      for (const partition of partitions) {
        const start = this.#options.startAt(name, partition)
        this.#cursors.push({ name, topic, partition, next: start === 'earliest' ? states[partition]!.first : start, paused: false, outOfRange: false, damaged: null, saidEnd: false })
      }
      return { kind: 'assigned', topic: name, partitions }
    }
    return null
  }

  #read (bytesMax: number): LogEvent | null {
    for (const { damaged, paused } of this.#cursors) if (damaged !== null && !paused) throw fail('LOG_DAMAGED', { path: this.#path, what: damaged })
    const states = new Map<TopicRecord, PartitionState[]>()
    let ended: { cursor: Cursor, state: PartitionState } | null = null
    for (let i = 0; i < this.#cursors.length; i++) {
      const cursor = this.#cursors[(this.#turn + i) % this.#cursors.length]!
      if (cursor.paused || cursor.outOfRange) continue
      let topicStates = states.get(cursor.topic)
      if (topicStates === undefined) states.set(cursor.topic, topicStates = this.#topics.states(cursor.topic))
      const state = topicStates[cursor.partition]!
      if (cursor.next === state.end) {
        if (this.#store.has(this.#key(cursor, state.end))) throw fail('LOG_DAMAGED', { path: this.#path, what: `topic ${cursor.name}, partition ${cursor.partition}: its offsets end at ${state.end}, but a batch lies there` })
        if (!cursor.saidEnd) ended ??= { cursor, state }
        continue
      }
      cursor.saidEnd = false
      this.#turn = (this.#turn + i + 1) % this.#cursors.length
      if (cursor.next < state.first || cursor.next > state.end) {
        cursor.outOfRange = true
        return { kind: 'out-of-range', topic: cursor.name, partition: cursor.partition, wanted: cursor.next, first: state.first, end: state.end }
      }
      return this.#readBatch(cursor, state, bytesMax)
    }
    if (ended === null || this.#options.ends !== true) return null
    const { cursor: { name: topic, partition }, state } = ended
    ended.cursor.saidEnd = true
    return { kind: 'end', topic, partition, offset: state.end, fingerprint: printFingerprint({ after: state.chain }) }
  }

  #readBatch (cursor: Cursor, state: PartitionState, bytesMax: number): LogEvent {
    const firstOffset = cursor.next
    const start = this.#startOfBatch(cursor, firstOffset)
    if (start === null) return this.#report(cursor, state, 'a batch is missing')
    let at = start
    let skip = Number(firstOffset - at)
    const merge = new BatchMerge()
    while (at < state.end && merge.bytes < bytesMax && merge.count < countMax) {
      const found = this.#load(cursor, at)
      if (merge.count > 0 && typeof found !== 'string' && merge.bytes + found.length > bytesMax) break
      if (merge.count === 0 && typeof found !== 'string') merge.reserve(found, Number(state.end - at), bytesMax)
      const stored = typeof found === 'string' ? found : merge.add(found, skip, this.#placeOf(cursor, at))
      if (typeof stored === 'string') {
        // What was read before the damage is good: deliver it first, report at the next poll.
        if (merge.count > 0) break
        return this.#report(cursor, state, stored)
      }
      at += BigInt(stored.count)
      skip = 0
    }
    const batch = merge.finish(cursor.name, cursor.partition, firstOffset)
    cursor.next = batch.nextOffset
    return { kind: 'batch', batch }
  }

  /** The bytes stored at an offset, valid until the next read; a text when there are none. */
  #load (cursor: Cursor, offset: bigint): Buffer | string {
    try {
      return this.#store.read(this.#key(cursor, offset)) ?? 'a batch is missing'
    } catch (error) {
      const explained = this.#store.explainRead(error)
      if (is(explained, 'LOG_DAMAGED')) return (error as Error).message
      throw explained
    }
  }

  /** The first offset of the stored batch that holds `offset`; null when none can. */
  #startOfBatch (cursor: Cursor, offset: bigint): bigint | null {
    const key = this.#key(cursor, offset)
    if (this.#store.has(key)) return offset
    const before = this.#store.keyBefore(key, this.#key(cursor, 0n))
    return before === null ? null : offsetOfKey(before)
  }

  /** From where the reader stands to the next batch that can be read. */
  #report (cursor: Cursor, state: PartitionState, reason: string): LogEvent {
    const { name: topic, partition, next: from } = cursor
    let to = state.end
    for (let key = this.#keyAfter(cursor, from, state.end); key !== null; key = this.#keyAfter(cursor, offsetOfKey(key), state.end)) {
      const offset = offsetOfKey(key)
      const found = this.#load(cursor, offset)
      if (typeof found === 'string' || typeof readStored(found, this.#placeOf(cursor, offset)) === 'string') continue
      to = offset
      break
    }
    cursor.damaged = `topic ${topic}, partition ${partition}, offset ${from}: ${reason}`
    return { kind: 'damaged', topic, partition, from, to, reason }
  }

  #keyAfter (cursor: Cursor, offset: bigint, end: bigint): Buffer | null {
    return this.#store.keyAfter(this.#key(cursor, offset), this.#key(cursor, end))
  }

  #key ({ topic, partition }: Cursor, offset: bigint): Buffer {
    return batchKey(topic.number, partition, offset)
  }

  #placeOf ({ topic, partition }: Cursor, offset: bigint): { topicNumber: number, partition: number, offset: bigint } {
    return { topicNumber: topic.number, partition, offset }
  }
}
