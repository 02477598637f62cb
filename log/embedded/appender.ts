// Appends in groups: what arrives while a sync runs goes into the next transaction together, one stored batch per
// partition. Offsets are given inside the write transaction, so several processes may append at once.
// Invariant: `append` resolves only after its group's transaction is on the disk. An append that passes its deadline is
// answered with LOG_TIMEOUT; if its group had not begun, it is taken out and does not land.

import { freeBytesOf, roomBytesMin } from '../ends-for-good.ts'
import { fail } from '../errors.ts'
import { partitionOf } from '../partitioner.ts'
import type { LogRecord, Position } from '../types.ts'
import { BatchBuilder, placeBatch } from './batch.ts'
import { batchKey, type TopicRecord } from './layout.ts'
import { removeAcknowledged } from './retention.ts'
import type { Store } from './store.ts'
import type { Topics } from './topics.ts'
import { putUsage, readUsage, storedBytes } from './usage.ts'

const groupBytesMax = 4 * 1024 * 1024
const groupRecordsMax = 50_000
export const recordBytesMax = 4 * 1024 * 1024
/** After a refusal for space, appends are refused for this long without trying the disk again. */
const fullMsMin = 50
/** And for this long it says that it is not ready, unless there is room again: whoever looks now and then has to see it. */
const standingMsMax = 60_000

export interface AppenderLimits {
  readonly bytesMax: number
  readonly appendMsMax: number
}

interface Waiter {
  readonly slots: readonly Slot[]
  readonly resolve: (positions: Position[]) => void
  readonly reject: (error: Error) => void
  settled: boolean
}

/** Where a record will be: its partition's batch in the group, and its place in there. */
interface Slot {
  readonly part: Part
  readonly index: number
}

interface Part {
  readonly name: string
  readonly topic: TopicRecord
  readonly partition: number
  readonly batch: BatchBuilder
  base: bigint
}

interface Group {
  readonly beganMs: number
  readonly parts: Map<string, Part[]>
  readonly waiters: Waiter[]
  bytes: number
  records: number
}

export class Appender {
  readonly #store: Store
  readonly #topics: Topics
  readonly #limits: AppenderLimits
  readonly #committed: () => void
  readonly #queue: Group[] = []
  #running: Group | null = null
  #flushing: Promise<void> | null = null
  #watchdog: NodeJS.Timeout | null = null
  #full: { error: Error, untilMs: number } | null = null
  /** The last refusal for space, until an append lands or there is room. */
  #refused: { error: Error, untilMs: number, usage: number, isDisk: boolean } | null = null
  #memory = Buffer.alloc(0)
  #closed = false

  constructor (store: Store, topics: Topics, limits: AppenderLimits, committed: () => void) {
    this.#store = store
    this.#topics = topics
    this.#limits = limits
    this.#committed = committed
  }

  async append (records: readonly LogRecord[]): Promise<Position[]> {
    this.checkReady()
    if (records.length === 0) return []
    for (const { key, value } of records) {
      const bytes = value.length + key.length
      if (bytes > recordBytesMax) throw fail('LOG_RECORD_TOO_LARGE', { bytes, bytesMax: recordBytesMax })
    }
    while (this.#store.renewing !== null) await this.#store.renewing
    if (this.#closed) throw fail('LOG_CLOSED', { path: this.#store.path })
    const topics = new Map<string, TopicRecord>()
    for (const { topic } of records) if (!topics.has(topic)) topics.set(topic, this.#topics.get(topic))
    return await new Promise<Position[]>((resolve, reject) => {
      const group = this.#openGroup()
      const slots: Slot[] = new Array(records.length)
      for (let i = 0; i < records.length; i++) slots[i] = addRecord(group, topics, records[i]!)
      group.waiters.push({ slots, resolve, reject, settled: false })
      this.#watchdog ??= setInterval(() => { this.#checkDeadlines() }, Math.min(250, this.#limits.appendMsMax / 2))
      this.#flushing ??= this.#flush()
    })
  }

  /** Something was acknowledged: a full log may have room again. */
  retry (): void {
    this.#full = null
    this.#refused = null
  }

  /** As `checkReady`, and while nothing shows that a refusal for space is over: an append may be tried, and would probably fail. */
  checkStanding (): void {
    this.checkReady()
    if (this.#refused === null) return
    if (performance.now() > this.#refused.untilMs || this.#hasRoom(this.#refused)) this.#refused = null
    else throw this.#refused.error
  }

  #hasRoom ({ usage, isDisk }: { usage: number, isDisk: boolean }): boolean {
    return this.#isDiskWell() && (isDisk || readUsage(this.#store) < usage)
  }

  #isDiskWell (): boolean {
    return freeBytesOf(this.#store.path) >= roomBytesMin
  }

  /** Throws when the next append would be refused: at once, rather than after one more deadline. */
  checkReady (): void {
    if (this.#store.failure !== null) throw this.#store.failure
    if (this.#full !== null && performance.now() < this.#full.untilMs) throw this.#full.error
    if (this.#running !== null && performance.now() - this.#running.beganMs > this.#limits.appendMsMax) {
      throw fail('LOG_TIMEOUT', { path: this.#store.path, deadlineMs: this.#limits.appendMsMax, reason: 'an append before this one has not ended: another process holds the write lock or the disk does not answer' })
    }
  }

  /** Resolves when everything appended so far is answered. */
  async drain (): Promise<void> {
    this.#closed = true
    while (this.#flushing !== null) {
      const unanswered = [this.#running, ...this.#queue].some(group => group?.waiters.some(waiter => !waiter.settled))
      if (!unanswered) break
      await Promise.race([this.#flushing, new Promise(resolve => setTimeout(resolve, 50))])
    }
    if (this.#watchdog !== null) clearInterval(this.#watchdog)
    this.#watchdog = null
  }

  #openGroup (): Group {
    const last = this.#queue.at(-1)
    if (last !== undefined && last.bytes < groupBytesMax && last.records < groupRecordsMax) return last
    const group: Group = { beganMs: performance.now(), parts: new Map(), waiters: [], bytes: 0, records: 0 }
    this.#queue.push(group)
    return group
  }

  async #flush (): Promise<void> {
    // One turn of the loop lets the appends of the same turn into the first group.
    await new Promise(resolve => setImmediate(resolve))
    for (let group = this.#queue.shift(); group !== undefined; group = this.#queue.shift()) {
      this.#running = group
      try {
        await this.#write(group)
        this.#refused = null
        for (const waiter of group.waiters) settle(waiter, () => { waiter.resolve(waiter.slots.map(positionOf)) })
      } catch (error) {
        if ((error as { code?: string }).code === 'LOG_FULL') {
          const now = performance.now()
          this.#full = { error: error as Error, untilMs: now + fullMsMin }
          this.#refused = { error: error as Error, untilMs: now + standingMsMax, usage: readUsage(this.#store), isDisk: !this.#isDiskWell() }
        }
        for (const waiter of group.waiters) settle(waiter, () => { waiter.reject(error as Error) })
      }
    }
    this.#running = null
    this.#flushing = null
    if (this.#watchdog !== null) clearInterval(this.#watchdog)
    this.#watchdog = null
  }

  async #write (group: Group): Promise<void> {
    let used = 0
    const appendedMs = Date.now()
    const encoded: { part: Part, bytes: Buffer }[] = []
    for (const parts of group.parts.values()) {
      for (const part of parts) {
        const bytes = part.batch.encode(appendedMs, room => {
          if (used + room > this.#memory.length) {
            this.#memory = Buffer.allocUnsafeSlow(Math.max(room, this.#memory.length * 2, 256 * 1024))
            used = 0
          }
          return this.#memory.subarray(used, used + room)
        })
        used = bytes.byteOffset - this.#memory.byteOffset + bytes.length
        encoded.push({ part, bytes })
      }
    }
    this.#store.checkPinned(this.#limits.bytesMax)
    await this.#store.transaction(() => { this.#put(encoded) })
    this.#committed()
  }

  /** Inside the write transaction: room, offsets, batches, ends. Throws before it puts a batch; room made before that stays made. */
  #put (encoded: readonly { part: Part, bytes: Buffer }[]): void {
    const store = this.#store
    const wanted = encoded.reduce((sum, { bytes }) => sum + storedBytes(bytes.length), 0)
    let used = readUsage(store)
    if (used + wanted > this.#limits.bytesMax) used -= this.#makeRoom(used + wanted - this.#limits.bytesMax)
    if (used + wanted > this.#limits.bytesMax) {
      throw fail('LOG_FULL', { path: store.path, reason: `${used} of at most ${this.#limits.bytesMax} bytes are used and ${wanted} more are needed` })
    }
    const states = new Map<TopicRecord, ReturnType<Topics['states']>>()
    for (const { part: { topic, partition } } of encoded) {
      let topicStates = states.get(topic)
      if (topicStates === undefined) states.set(topic, topicStates = this.#topics.states(topic))
      const { end } = topicStates[partition]!
      if (store.has(batchKey(topic.number, partition, end))) {
        throw fail('LOG_DAMAGED', { path: store.path, what: `topic ${topic.id}, partition ${partition}: its offsets end at ${end}, where a batch lies already` })
      }
    }
    for (const { part, bytes } of encoded) {
      const state = states.get(part.topic)![part.partition]!
      part.base = state.end
      state.chain = placeBatch(bytes, { topicNumber: part.topic.number, partition: part.partition, offset: state.end, before: state.chain })
      void store.db.put(batchKey(part.topic.number, part.partition, state.end), bytes)
      state.end += BigInt(part.batch.records.length)
    }
    for (const [topic, topicStates] of states) this.#topics.putStates(topic, topicStates)
    putUsage(store, used + wanted)
  }

  /** Under pressure acknowledged batches go before their time. Only of the topics known here: the timer takes the rest. */
  #makeRoom (bytesWanted: number): number {
    let freed = 0
    for (const topic of this.#topics.known()) {
      if (freed >= bytesWanted) break
      const states = this.#topics.states(topic)
      freed += removeAcknowledged(this.#store, topic, states, { appendedBeforeMs: 0, bytesWanted: bytesWanted - freed }).bytes
      this.#topics.putStates(topic, states)
    }
    if (freed > 0) putUsage(this.#store, readUsage(this.#store) - freed)
    return freed
  }

  #checkDeadlines (): void {
    const { appendMsMax } = this.#limits
    const tooOld = (group: Group): boolean => performance.now() - group.beganMs > appendMsMax
    const timeout = (group: Group, reason: string): void => {
      for (const waiter of group.waiters) {
        settle(waiter, () => { waiter.reject(fail('LOG_TIMEOUT', { path: this.#store.path, deadlineMs: appendMsMax, reason })) })
      }
    }
    if (this.#running !== null && tooOld(this.#running)) timeout(this.#running, 'another process holds its write lock or the disk does not answer')
    while (this.#queue.length > 0 && tooOld(this.#queue[0]!)) timeout(this.#queue.shift()!, 'it waited behind an append that does not end')
  }
}

function addRecord (group: Group, topics: Map<string, TopicRecord>, record: LogRecord): Slot {
  const topic = topics.get(record.topic)!
  let parts = group.parts.get(record.topic)
  if (parts === undefined) group.parts.set(record.topic, parts = [])
  const partition = partitionOf(record.key, topic.partitions)
  let part = parts.find(each => each.partition === partition)
  if (part === undefined) parts.push(part = { name: record.topic, topic, partition, batch: new BatchBuilder(), base: 0n })
  part.batch.add(record)
  group.bytes += record.value.length
  group.records++
  return { part, index: part.batch.records.length - 1 }
}

function positionOf ({ part, index }: Slot): Position {
  return { topic: part.name, partition: part.partition, offset: part.base + BigInt(index) }
}

function settle (waiter: Waiter, answer: () => void): void {
  if (waiter.settled) return
  waiter.settled = true
  answer()
}
