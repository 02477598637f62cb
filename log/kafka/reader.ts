// Reads partitions of Kafka from offsets that the caller gives, never from those that a group committed. Alone it takes all
// partitions of its topics; in a group it takes what the group gives it and says when that is revoked.
// Refuses to skip: an offset that the log does not have ends in `out-of-range`, and the partition stands still until `seek`.
// Bounded: librdkafka's queue by bytes, and at most one call's messages beside it.

import { fail } from '../errors.ts'
import type { LogEvent, LogOpenOptions, LogReader, RecordBatch } from '../types.ts'
import type { ClientConfig, ClientError, NativeConsumer, NativeKafka, NativeMessage, TopicPartition } from './client.ts'
import { toBatch } from './columns.ts'
import { addMarks, printMarks, type RecordMark } from './marks.ts'
import type { Topics } from './topics.ts'
import type { Trouble } from './trouble.ts'
import { connect, type Turns } from './turns.ts'

const connectMsMax = 5_000
const closeMsMax = 5_000
const seekMsMax = 5_000
/** One wait inside the client: `close` has to outlast it. */
const waitMsMax = 500
const messagesMax = 5_000
const bytesAheadMax = 4 * 1024 ** 2
/** New topics and partitions are looked for this often; so are offsets that retention overtook. */
const newTopicMs = 1_000
const lookMs = 30_000
const beginning = -2
/** A reader of a group hears of it this often at least, however much it has fetched. */
const groupMs = 200

interface Cursor {
  readonly topic: string
  readonly partition: number
  /** The next offset to deliver; null: wherever the log begins. */
  next: bigint | null
  paused: boolean
  /** Reported, and silent until `seek`. */
  lost: boolean
  /** Where the client has to be sent before it is asked again; null: it is there. */
  sought: bigint | null
  queue: NativeMessage[]
  at: number
  /** Where the log ended behind what is queued. */
  end: bigint | null
  /** Of the newest records that were delivered. */
  marks: readonly RecordMark[]
}

export class KafkaReader implements LogReader {
  readonly #consumer: NativeConsumer
  readonly #options: LogOpenOptions
  readonly #topics: Topics
  readonly #trouble: Trouble
  readonly #cursors = new Map<string, Cursor>()
  readonly #events: LogEvent[] = []
  /** Given by the group while a call was under way. */
  readonly #given: (readonly TopicPartition[])[] = []
  readonly #onClose: () => void
  /** Heard of in the call that is under way: they stand behind its messages. */
  #ends: { readonly topic: string, readonly partition: number, readonly offset: number }[] = []
  #turn = 0
  #isSeekDue = false
  #bytesOfMessage = 1024
  #consuming: Promise<NativeMessage[]> | null = null
  #lookedMs = 0
  #consumedMs = 0
  #unseen: Set<string>
  #rangesDue = false
  #closed = false
  #closing: Promise<void> | null = null

  static async open (kafka: NativeKafka, config: ClientConfig, options: LogOpenOptions, topics: Topics, trouble: Trouble, turns: Turns, onClose: (reader: KafkaReader) => void): Promise<KafkaReader> {
    let reader: KafkaReader | null = null
    const consumer = new kafka.KafkaConsumer({
      ...config,
      'group.id': options.group ?? `firn-reader-${crypto.randomUUID()}`,
      'enable.auto.commit': false,
      'enable.auto.offset.store': false,
      'partition.assignment.strategy': 'cooperative-sticky',
      'session.timeout.ms': 10_000,
      'heartbeat.interval.ms': 1_000,
      'topic.metadata.refresh.interval.ms': lookMs,
      'fetch.queue.backoff.ms': 5,
      'fetch.wait.max.ms': 500,
      'fetch.error.backoff.ms': 100,
      'queued.max.messages.kbytes': 16_384,
      'enable.partition.eof': true,
      'isolation.level': 'read_committed',
      'rebalance_cb': (error: ClientError | undefined, partitions: TopicPartition[]) => { reader?.rebalance(error?.code === -175, partitions) }
    }, { 'auto.offset.reset': 'error' })
    trouble.watch(consumer)
    await connect(consumer, turns, connectMsMax)
    consumer.setDefaultIsTimeoutOnlyForFirstMessage(true)
    reader = new KafkaReader(consumer, options, topics, trouble, onClose)
    if (options.group !== undefined) consumer.subscribe(options.topics)
    return reader
  }

  private constructor (consumer: NativeConsumer, options: LogOpenOptions, topics: Topics, trouble: Trouble, onClose: (reader: KafkaReader) => void) {
    this.#consumer = consumer
    this.#options = options
    this.#topics = topics
    this.#trouble = trouble
    this.#unseen = new Set(options.topics)
    this.#onClose = () => { onClose(this) }
    consumer.on('partition.eof', end => { this.#ends.push(end) })
  }

  async poll (waitMs: number, bytesMax: number): Promise<LogEvent | null> {
    const endMs = performance.now() + waitMs
    for (;;) {
      if (this.#closed) throw fail('LOG_CLOSED', { path: this.#trouble.url })
      await this.#look()
      // The group's word comes with a call, also to a reader that still has enough.
      if (this.#options.group !== undefined && performance.now() - this.#consumedMs > groupMs) await this.#consume(1, 1)
      const event = this.#events.shift() ?? this.#next(bytesMax)
      if (event !== null) return event
      const left = endMs - performance.now()
      if (left <= 0) return null
      await this.#consume(Math.min(left, waitMsMax, this.#unseen.size > 0 && this.#options.group === undefined ? newTopicMs / 4 : waitMsMax))
    }
  }

  seek (topic: string, partition: number, offset: bigint): void {
    const cursor = this.#cursor(topic, partition)
    if (cursor === null) return
    cursor.next = offset
    cursor.lost = false
    cursor.queue = []
    cursor.at = 0
    cursor.end = null
    cursor.marks = []
    cursor.sought = offset
    this.#isSeekDue = true
  }

  pause (topic: string, partition: number): void {
    const cursor = this.#cursor(topic, partition)
    if (cursor === null) return
    if (!cursor.paused) this.#consumer.pause([{ topic, partition }])
    cursor.paused = true
  }

  resume (topic: string, partition: number): void {
    const cursor = this.#cursor(topic, partition)
    if (cursor === null) return
    if (cursor.paused) this.#consumer.resume([{ topic, partition }])
    cursor.paused = false
  }

  /** Tells the group how far its rows are; only lag tools read that. */
  acknowledge (topic: string, offsets: ReadonlyMap<number, bigint>): void {
    const ours = [...offsets].filter(([partition]) => this.#cursors.has(keyOf(topic, partition)))
    if (this.#options.group === undefined || ours.length === 0 || this.#closed) return
    this.#consumer.commit(ours.map(([partition, offset]) => ({ topic, partition, offset: Number(offset) })))
  }

  /** Every caller waits: a process that ends while the client leaves its group would never get to its end. */
  async close (): Promise<void> {
    this.#closing ??= this.#close()
    await this.#closing
  }

  async #close (): Promise<void> {
    this.#closed = true
    await this.#consuming?.catch(() => undefined)
    await new Promise<void>(resolve => {
      const late = setTimeout(resolve, closeMsMax)
      this.#consumer.disconnect(() => { clearTimeout(late); resolve() })
    })
    this.#onClose()
  }

  /**
   * From the client: what the group gives or takes. Taken at once; given after the call under way, whose messages may be from
   * where an earlier reader of this process was.
   */
  rebalance (isAssigned: boolean, partitions: readonly TopicPartition[]): void {
    if (isAssigned) {
      if (this.#consuming === null) this.#assign(partitions)
      else this.#given.push(partitions)
      return
    }
    const lost = partitions.filter(({ topic, partition }) => this.#cursors.delete(keyOf(topic, partition)))
    this.#withdraw(partitions)
    try {
      this.#consumer.incrementalUnassign(partitions)
    } catch (error) {
      if (!this.#closed) this.#trouble.note((error as Error).message)
    }
    for (const [topic, numbers] of byTopic(lost)) this.#events.push({ kind: 'revoked', topic, partitions: numbers })
  }

  /** What was given while a call is under way, and taken back before it ended, was never ours. */
  #withdraw (partitions: readonly TopicPartition[]): void {
    const taken = new Set(partitions.map(({ topic, partition }) => keyOf(topic, partition)))
    for (const [i, given] of this.#given.entries()) {
      this.#given[i] = given.filter(({ topic, partition }) => !taken.has(keyOf(topic, partition)))
    }
  }

  #assign (partitions: readonly TopicPartition[]): void {
    const cursors = partitions.map(({ topic, partition }): Cursor => {
      const start = this.#options.startAt(topic, partition)
      return { topic, partition, next: start === 'earliest' ? null : start, paused: false, lost: false, sought: null, queue: [], at: 0, end: null, marks: [] }
    })
    try {
      this.#consumer.incrementalAssign(cursors.map(({ topic, partition, next }) => ({ topic, partition, offset: next === null ? beginning : Number(next) })))
    } catch (error) {
      if (!this.#closed) this.#trouble.note((error as Error).message)
      return
    }
    for (const cursor of cursors) this.#cursors.set(keyOf(cursor.topic, cursor.partition), cursor)
    if (cursors.some(({ next }) => next !== null)) this.#rangesDue = true
    for (const [topic, numbers] of byTopic(partitions)) this.#events.push({ kind: 'assigned', topic, partitions: numbers })
  }

  /** Without a group new topics and partitions are ours to find; offsets that the log does not have are found here as well. */
  async #look (): Promise<void> {
    const now = performance.now()
    const isAlone = this.#options.group === undefined
    if (this.#rangesDue || now - this.#lookedMs > (isAlone && this.#unseen.size > 0 ? newTopicMs / 4 : lookMs)) {
      const isFirst = this.#lookedMs === 0
      this.#lookedMs = now
      if (isAlone) {
        const found = await this.#topics.describe(this.#options.topics)
        const fresh = [...found].flatMap(([topic, { partitions }]) => partitions.map(({ partition }) => ({ topic, partition }))).filter(({ topic, partition }) => !this.#cursors.has(keyOf(topic, partition)))
        for (const topic of found.keys()) this.#unseen.delete(topic)
        if (fresh.length > 0) this.#assign(fresh.sort((a, b) => a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1))
      }
      if (this.#rangesDue || !isFirst) {
        this.#rangesDue = false
        await this.#checkRanges()
      }
    }
  }

  async #checkRanges (): Promise<void> {
    // Where the log begins, a partition that was read from nowhere yet begins as well.
    for (const topic of new Set([...this.#cursors.values()].filter(cursor => cursor.next !== null).map(cursor => cursor.topic))) {
      const { first, end } = await this.#topics.ranges(topic)
      for (const cursor of this.#cursors.values()) {
        const [low, high] = [first.get(cursor.partition), end.get(cursor.partition)]
        if (cursor.topic !== topic || cursor.lost || cursor.next === null || low === undefined || high === undefined) continue
        if (cursor.next >= low && cursor.next <= high) continue
        cursor.lost = true
        cursor.queue = []
        this.#events.push({ kind: 'out-of-range', topic, partition: cursor.partition, wanted: cursor.next, first: low, end: high })
      }
    }
  }

  /** The next batch of the partition whose turn it is. */
  #next (bytesMax: number): LogEvent | null {
    const cursors = [...this.#cursors.values()]
    for (let i = 0; i < cursors.length; i++) {
      const cursor = cursors[(this.#turn + i) % cursors.length]!
      if (cursor.paused || cursor.lost || cursor.at >= cursor.queue.length) continue
      this.#turn = (this.#turn + i + 1) % cursors.length
      return { kind: 'batch', batch: this.#take(cursor, bytesMax) }
    }
    for (const cursor of cursors) {
      const { topic, partition, end, next, marks } = cursor
      if (end === null || cursor.paused || cursor.lost || cursor.at < cursor.queue.length) continue
      cursor.end = null
      if (next !== null && end < next) continue
      cursor.next = end
      if (this.#options.ends === true) return { kind: 'end', topic, partition, offset: end, fingerprint: printMarks(marks) }
    }
    return null
  }

  #take (cursor: Cursor, bytesMax: number): RecordBatch {
    const { queue } = cursor
    let to = cursor.at
    for (let bytes = 0; to < queue.length; to++) {
      bytes += queue[to]!.value?.length ?? 0
      if (bytes > bytesMax && to > cursor.at) break
    }
    cursor.marks = addMarks(cursor.marks, queue, cursor.at, to)
    const batch = toBatch(queue, cursor.at, to, printMarks(cursor.marks))
    cursor.at = to
    cursor.next = batch.nextOffset
    if (to === queue.length) {
      cursor.queue = []
      cursor.at = 0
    }
    return batch
  }

  async #consume (waitMs: number, countMax = messagesMax): Promise<void> {
    if (this.#isSeekDue) await this.#seekAll()
    this.#consumer.setDefaultConsumeTimeout(Math.max(1, Math.floor(waitMs)))
    const count = Math.min(countMax, Math.max(100, Math.floor(bytesAheadMax / this.#bytesOfMessage)))
    this.#consuming = new Promise((resolve, reject) => {
      this.#consumer.consume(count, (error, messages) => { if (error === null || error === undefined) resolve(messages); else reject(error as unknown as Error) })
    })
    this.#ends = []
    try {
      this.#keep(await this.#consuming)
    } catch (error) {
      if (!this.#closed) this.#suffer(error as ClientError)
    } finally {
      this.#consuming = null
      this.#consumedMs = performance.now()
      for (const partitions of this.#given.splice(0)) this.#assign(partitions)
    }
  }

  #keep (messages: readonly NativeMessage[]): void {
    if (messages.length > 0) this.#queue(messages)
    for (const { topic, partition, offset } of this.#ends) {
      const cursor = this.#cursors.get(keyOf(topic, partition))
      // What was heard on the way to another place says nothing of that one.
      if (cursor !== undefined && !cursor.lost && cursor.sought === null) cursor.end = BigInt(offset)
    }
  }

  #queue (messages: readonly NativeMessage[]): void {
    this.#trouble.over()
    let bytes = 0
    for (const message of messages) {
      bytes += message.value?.length ?? 0
      const cursor = this.#cursors.get(keyOf(message.topic, message.partition))
      if (cursor === undefined || cursor.lost || cursor.sought !== null || (cursor.next !== null && message.offset < cursor.next)) continue
      cursor.queue.push(message)
    }
    this.#bytesOfMessage = Math.max(16, bytes / messages.length)
  }

  /** The client goes on by itself after most errors; what only others can mend is the caller's to hear. */
  #suffer (error: ClientError): void {
    // -140: an offset is not in the log. -147: no data yet. -172, -195, -187, -185, 3: being mended.
    const isAlone = this.#options.group === undefined
    if (error.code === -140) this.#beginAnew()
    // Alone we use no group: whether one may is nothing to us.
    else if (error.code === 30 && isAlone) return
    else if ([29, 30, -169].includes(error.code)) throw this.#trouble.explain(error, isAlone ? `topics ${this.#options.topics.join(', ')}` : `topics ${this.#options.topics.join(', ')} and group ${this.#options.group}`)
    else this.#trouble.note(error.message)
  }

  /** An offset is not in the log. Which one is not said: those that were asked for are compared, the others begin again. */
  #beginAnew (): void {
    this.#rangesDue = true
    for (const cursor of this.#cursors.values()) {
      if (cursor.next === null && !cursor.lost) this.#assignAnew(cursor, BigInt(beginning))
    }
  }

  /** While no call is under way: what comes afterwards is from the new places. */
  async #seekAll (): Promise<void> {
    this.#isSeekDue = false
    await Promise.all([...this.#cursors.values()].map(async cursor => {
      const { topic, partition, sought } = cursor
      if (sought === null) return
      const error = await new Promise<ClientError | undefined | null>(resolve => { this.#consumer.seek({ topic, partition, offset: Number(sought) }, seekMsMax, resolve) })
      if (error !== undefined && error !== null) this.#assignAnew(cursor, sought)
      if (cursor.sought === sought) cursor.sought = null
      else this.#isSeekDue = true
    }))
    this.#rangesDue = true
  }

  /** A partition that was assigned a moment ago, or whose place the log does not have, cannot be sought. */
  #assignAnew ({ topic, partition }: Cursor, offset: bigint): void {
    if (this.#closed || !this.#cursors.has(keyOf(topic, partition))) return
    try {
      this.#consumer.incrementalUnassign([{ topic, partition }])
      this.#consumer.incrementalAssign([{ topic, partition, offset: Number(offset) }])
    } catch (error) {
      throw this.#trouble.explain(error as Error, `partition ${partition} of topic ${topic}`)
    }
  }

  /** Null: the group took it back, and the caller has yet to hear of that. */
  #cursor (topic: string, partition: number): Cursor | null {
    const isTaken = (event: LogEvent): boolean => event.kind === 'revoked' && event.topic === topic && event.partitions.includes(partition)
    if (this.#events.some(isTaken)) return null
    const cursor = this.#cursors.get(keyOf(topic, partition))
    if (cursor === undefined) throw new RangeError(`${topic} ${partition} is not assigned to this reader`)
    return cursor
  }
}

function keyOf (topic: string, partition: number): string {
  return `${partition}/${topic}`
}

function byTopic (partitions: readonly TopicPartition[]): Map<string, number[]> {
  const topics = new Map<string, number[]>()
  for (const { topic, partition } of partitions) topics.set(topic, [...topics.get(topic) ?? [], partition])
  return topics
}
