// Reads partitions in turn, from where each was asked to start. Between polls it holds no snapshot of the store, so a
// stopped or slow reader pins no pages. Refuses to skip: a damaged batch ends in LOG_DAMAGED, a wanted offset that is not
// stored in `out-of-range`, and neither moves the reader.

import { fail, is } from '../errors.ts'
import type { LogEvent, LogOpenOptions, LogReader } from '../types.ts'
import { batchKey, offsetOfKey, type PartitionState, type TopicRecord } from './layout.ts'
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
        this.#cursors.push({ name, topic, partition, next: start === 'earliest' ? states[partition]!.first : start, paused: false, outOfRange: false })
      }
      return { kind: 'assigned', topic: name, partitions }
    }
    return null
  }

  #read (bytesMax: number): LogEvent | null {
    const states = new Map<TopicRecord, PartitionState[]>()
    for (let i = 0; i < this.#cursors.length; i++) {
      const cursor = this.#cursors[(this.#turn + i) % this.#cursors.length]!
      if (cursor.paused || cursor.outOfRange) continue
      let topicStates = states.get(cursor.topic)
      if (topicStates === undefined) states.set(cursor.topic, topicStates = this.#topics.states(cursor.topic))
      const state = topicStates[cursor.partition]!
      if (cursor.next === state.end) continue
      this.#turn = (this.#turn + i + 1) % this.#cursors.length
      if (cursor.next < state.first || cursor.next > state.end) {
        cursor.outOfRange = true
        return { kind: 'out-of-range', topic: cursor.name, partition: cursor.partition, wanted: cursor.next, first: state.first, end: state.end }
      }
      return this.#readBatch(cursor, state, bytesMax)
    }
    return null
  }

  #readBatch (cursor: Cursor, state: PartitionState, bytesMax: number): LogEvent {
    const firstOffset = cursor.next
    let at = this.#startOfBatch(cursor, firstOffset)
    let skip = Number(firstOffset - at)
    const merge = new BatchMerge()
    while (at < state.end && merge.bytes < bytesMax && merge.count < countMax) {
      const found = this.#store.read(batchKey(cursor.topic.number, cursor.partition, at))
      if (found === null) throw this.#damaged(cursor, at, 'a batch is missing')
      if (merge.count === 0) merge.reserve(found, Number(state.end - at), bytesMax)
      else if (merge.bytes + found.length > bytesMax) break
      const stored = merge.add(found, skip)
      // What was read before the damage is good: deliver it first, report at the next poll.
      if (typeof stored === 'string') {
        if (merge.count > 0) break
        throw this.#damaged(cursor, at, stored)
      }
      if (stored.count <= skip) throw this.#damaged(cursor, at, `a batch of ${stored.count} records does not reach offset ${firstOffset}`)
      at += BigInt(stored.count)
      skip = 0
    }
    const batch = merge.finish(cursor.name, cursor.partition, firstOffset)
    cursor.next = batch.nextOffset
    return { kind: 'batch', batch }
  }

  /** The first offset of the stored batch that holds `offset`. */
  #startOfBatch (cursor: Cursor, offset: bigint): bigint {
    const key = batchKey(cursor.topic.number, cursor.partition, offset)
    if (this.#store.has(key)) return offset
    const before = this.#store.keyBefore(key, batchKey(cursor.topic.number, cursor.partition, 0n))
    if (before === null) throw this.#damaged(cursor, offset, 'a batch is missing')
    return offsetOfKey(before)
  }

  #damaged (cursor: Cursor, offset: bigint, what: string): Error {
    return fail('LOG_DAMAGED', { path: this.#path, what: `topic ${cursor.name}, partition ${cursor.partition}, offset ${offset}: ${what}`, topic: cursor.name, partition: cursor.partition, offset })
  }
}
