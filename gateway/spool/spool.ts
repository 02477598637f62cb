// What the spool keeps: records in the order in which they came, in one partition of an embedded log, each with the topic
// that it is for as one more header. Read once from the front; what the target has confirmed is acknowledged and leaves.
// Invariant: `append` resolves when the records are on the disk; nothing leaves before `drained` was called for it.
// Progress is kept twice: acknowledged, so that room becomes free, and as a record of its own in a second topic, since an
// acknowledgement frees whole batches a moment later and a restart has to begin exactly where this process ended.

import type { Log, LogReader, LogRecord, RecordBatch, RecordHeaders } from '../../log/index.ts'
import { fail } from '../errors.ts'

const recordsTopic = 'spool'
const progressTopic = 'spool-progress'
const topicHeader = 'spool_topic'
const batchBytesMax = 1024 * 1024
const scanBytesMax = 8 * 1024 * 1024
/** What a record weighs beside its value, roughly. */
const overheadBytes = 64

/** Records from the front, not yet drained. */
export interface SpoolSlice {
  readonly records: readonly LogRecord[]
  readonly bytes: number
  /** The offset behind the last one. */
  readonly next: bigint
}

export class Spool {
  readonly #log: Log
  readonly #reader: LogReader
  readonly #marked = new WeakMap<RecordHeaders, Map<string, RecordHeaders>>()
  #drained: bigint
  #end: bigint
  #appending = 0
  #bytes = 0
  #held: { batch: RecordBatch, at: number, headers: readonly RecordHeaders[], topics: readonly string[] } | null = null

  private constructor (log: Log, reader: LogReader, drained: bigint, end: bigint) {
    this.#log = log
    this.#reader = reader
    this.#drained = drained
    this.#end = end
  }

  /** Opens what is kept in `log` (one partition) and tells the key of each record that is still there. */
  static async open (log: Log, seen: (key: string) => void): Promise<Spool> {
    for (const topic of [recordsTopic, progressTopic]) await log.ensureTopic(topic)
    const { first, end } = await log.ranges(recordsTopic)
    const noted = await readProgress(log)
    const stored = first.get(0) ?? 0n
    const drained = noted > stored ? noted : stored
    const reader = await log.open({ topics: [recordsTopic], startAt: () => drained })
    const spool = new Spool(log, reader, drained, end.get(0) ?? 0n)
    await spool.#scan(seen)
    return spool
  }

  get isEmpty (): boolean {
    return this.#appending === 0 && this.#drained >= this.#end
  }

  /** Records that the target does not have yet, those on their way to the disk included. */
  get records (): number {
    return Math.max(0, Number(this.#end - this.#drained)) + this.#appending
  }

  get bytes (): number {
    return this.#bytes
  }

  /** When the record at the front was received; null when there is none or it was not read yet. */
  get oldestMs (): number | null {
    return this.#held === null ? null : this.#held.batch.timestampMs[this.#held.at] ?? null
  }

  async append (records: readonly LogRecord[]): Promise<void> {
    const marked = new Array<LogRecord>(records.length)
    for (let i = 0; i < records.length; i++) {
      const { topic, key, value, headers, timestampMs } = records[i] as LogRecord
      marked[i] = { topic: recordsTopic, key, value, headers: this.#mark(headers, topic), timestampMs }
    }
    this.#appending += records.length
    try {
      const positions = await this.#log.append(marked)
      const last = positions.at(-1)
      if (last !== undefined && last.offset >= this.#end) this.#end = last.offset + 1n
      for (const record of records) this.#bytes += bytesOf(record)
    } finally {
      this.#appending -= records.length
    }
  }

  /** The front, at most `recordsMax` records; null when nothing came within `waitMsMax`. The same again until it is drained. */
  async front (recordsMax: number, waitMsMax: number): Promise<SpoolSlice | null> {
    const endMs = performance.now() + waitMsMax
    while (this.#held === null) {
      const event = await this.#reader.poll(Math.max(0, endMs - performance.now()), batchBytesMax)
      if (event === null) return null
      if (event.kind === 'batch') this.#held = unmark(event.batch)
      // The operator put another folder in its place: what is stored now is what there is.
      else if (event.kind === 'damaged') throw fail('GATEWAY_SPOOL_DAMAGED', { from: event.from, to: event.to, reason: event.reason })
      else if (event.kind === 'out-of-range') this.#reader.seek(event.topic, event.partition, this.#drained = event.first)
    }
    const { batch, at, headers, topics } = this.#held
    const until = Math.min(batch.count, at + recordsMax)
    const records: LogRecord[] = []
    let bytes = 0
    for (let i = at; i < until; i++) {
      const which = batch.headersIndex[i] as number
      const record = {
        topic: topics[which] as string,
        key: batch.key(i) ?? '',
        value: batch.bytes.subarray(batch.valueStart[i], batch.valueEnd[i]),
        headers: headers[which] as RecordHeaders,
        timestampMs: batch.timestampMs[i] as number
      }
      bytes += bytesOf(record)
      records.push(record)
    }
    const next = until === batch.count ? batch.nextOffset : batch.firstOffset + BigInt(batch.offsetDelta[until] as number)
    return { records, bytes, next }
  }

  /** The target has confirmed the front: it is gone at once; the promise is for the note on the disk. */
  async drained ({ records, bytes, next }: SpoolSlice): Promise<void> {
    if (this.#held !== null) {
      this.#held.at += records.length
      if (this.#held.at >= this.#held.batch.count) this.#held = null
    }
    this.#drained = next
    this.#bytes = this.isEmpty ? 0 : Math.max(0, this.#bytes - bytes)
    await this.#log.acknowledge(recordsTopic, new Map([[0, next]]))
    const [position] = await this.#log.append([{ topic: progressTopic, key: '', value: Buffer.from(String(next)), headers: {}, timestampMs: Date.now() }])
    if (position !== undefined) await this.#log.acknowledge(progressTopic, new Map([[0, position.offset]]))
  }

  /** Throws with the reason when it would not take anything. */
  async checkReady (): Promise<void> {
    await this.#log.checkReady()
  }

  async close (): Promise<void> {
    await this.#reader.close()
    await this.#log.close()
  }

  /** Once at the start: the keys and the weight of what is there. */
  async #scan (seen: (key: string) => void): Promise<void> {
    if (this.#drained >= this.#end) return
    const reader = await this.#log.open({ topics: [recordsTopic], startAt: () => this.#drained })
    for (let at = this.#drained; at < this.#end;) {
      const event = await reader.poll(1000, scanBytesMax)
      if (event === null || event.kind === 'out-of-range' || event.kind === 'damaged') break
      if (event.kind !== 'batch') continue
      const { batch } = event
      for (let i = 0; i < batch.count; i++) {
        const key = batch.key(i) ?? ''
        seen(key)
        this.#bytes += (batch.valueEnd[i] as number) - (batch.valueStart[i] as number) + key.length + overheadBytes
      }
      at = batch.nextOffset
    }
    await reader.close()
  }

  #mark (headers: RecordHeaders, topic: string): RecordHeaders {
    let byTopic = this.#marked.get(headers)
    if (byTopic === undefined) this.#marked.set(headers, byTopic = new Map())
    let marked = byTopic.get(topic)
    if (marked === undefined) byTopic.set(topic, marked = { ...headers, [topicHeader]: topic })
    return marked
  }
}

/** The headers as they came, and the topic that each of them names. */
function unmark (batch: RecordBatch): { batch: RecordBatch, at: number, headers: readonly RecordHeaders[], topics: readonly string[] } {
  const topics: string[] = []
  const headers = batch.headers.map(({ [topicHeader]: topic = '', ...own }) => {
    topics.push(topic)
    return own
  })
  return { batch, at: 0, headers, topics }
}

function bytesOf ({ key, value }: LogRecord): number {
  return value.length + key.length + overheadBytes
}

/** The offset that the last process noted; 0 when none did. */
async function readProgress (log: Log): Promise<bigint> {
  const { first, end } = await log.ranges(progressTopic)
  const behind = end.get(0) ?? 0n
  if (behind === (first.get(0) ?? 0n)) return 0n
  const reader = await log.open({ topics: [progressTopic], startAt: () => behind - 1n })
  try {
    for (;;) {
      const event = await reader.poll(1000, batchBytesMax)
      if (event === null) return 0n
      if (event.kind === 'batch') return BigInt(event.batch.bytes.toString('utf8', event.batch.valueStart[0], event.batch.valueEnd[0]))
    }
  } finally {
    await reader.close()
  }
}
