// Appends to Kafka: idempotent, acknowledged by all in-sync replicas, answered by delivery reports. One pending entry an
// append, one small slot a record; no promise for a record.
// Bounded: more records or bytes than may be under way are refused before the first is handed over (LOG_BUSY); an append whose
// reports are late is rejected after its deadline (LOG_TIMEOUT: it may still land) and forgotten when they come.

import { fail } from '../errors.ts'
import { partitionOf } from '../partitioner.ts'
import type { LogRecord, Position, RecordHeaders } from '../types.ts'
import type { ClientConfig, ClientError, DeliveryReport, NativeKafka, NativeProducer } from './client.ts'
import { packedHeader } from './columns.ts'
import type { Trouble } from './trouble.ts'
import { connect, type Turns } from './turns.ts'

/** More only waits: the brokers take what they take. One append may be larger, alone. */
const recordsUnderWayMax = 20_000
const bytesUnderWayMax = 64 * 1024 ** 2
const connectMsMax = 5_000
const closeMsMax = 5_000
const lookMs = 200
/** A client whose brokers do not answer for so long makes room for a new one. */
const silentMsMaxDefault = 30_000
/** What librdkafka says for good. */
const fatal = -150
/** How long records wait to share a request: costs latency, saves CPU on both sides. */
const lingerMs = 2
/** Record and batch overhead of a record, roughly. */
const overheadBytes = 64

interface Pending {
  readonly producer: NativeProducer
  left: number
  readonly positions: Position[]
  readonly bytes: number
  readonly startedMs: number
  error: Error | null
  answered: boolean
  readonly resolve: (positions: Position[]) => void
  readonly reject: (error: Error) => void
}

interface Slot { readonly pending: Pending, readonly index: number }

export interface ProducerOptions { readonly appendMsMax: number, readonly silentMsMax?: number }

export class KafkaProducer {
  readonly #kafka: NativeKafka
  readonly #config: ClientConfig
  readonly #options: ProducerOptions
  readonly #trouble: Trouble
  readonly #turns: Turns
  readonly #pending = new Set<Pending>()
  readonly #headers = new WeakMap<RecordHeaders, Record<string, Buffer>[]>()
  #producer: Promise<NativeProducer> | null = null
  #ready: NativeProducer | null = null
  #records = 0
  #bytes = 0
  #watch: NodeJS.Timeout | null = null
  /** Since when brokers do not answer a question. */
  #silentSinceMs: number | null = null
  #closed = false

  constructor (kafka: NativeKafka, config: ClientConfig, options: ProducerOptions, trouble: Trouble, turns: Turns) {
    this.#kafka = kafka
    this.#config = config
    this.#options = options
    this.#trouble = trouble
    this.#turns = turns
  }

  /** `countOf` gives the partitions of a topic that is known to exist. Rejects with LOG_TIMEOUT, LOG_BUSY, LOG_UNREACHABLE, LOG_UNAUTHORIZED, LOG_FORBIDDEN, LOG_RECORD_REFUSED. */
  async append (records: readonly LogRecord[], countOf: (topic: string) => number): Promise<Position[]> {
    const producer = this.#ready ?? await this.#connect()
    const count = records.length
    let bytes = 0
    for (let i = 0; i < count; i++) bytes += records[i]!.value.length + overheadBytes
    if (this.#records > 0 && (this.#records + count > recordsUnderWayMax || this.#bytes + bytes > bytesUnderWayMax)) throw fail('LOG_BUSY', { url: this.#trouble.url, records: this.#records })
    return await new Promise<Position[]>((resolve, reject) => {
      const pending: Pending = { producer, left: count, positions: new Array<Position>(count), bytes, startedMs: performance.now(), error: null, answered: false, resolve, reject }
      this.#pending.add(pending)
      this.#records += count
      this.#bytes += bytes
      this.#watch ??= setInterval(() => { this.#rejectLate() }, lookMs)
      for (let index = 0; index < count; index++) {
        const { topic, key, value, headers, timestampMs } = records[index]!
        try {
          producer.produce(topic, partitionOf(key, countOf(topic)), asBuffer(value), key, timestampMs, { pending, index } satisfies Slot, this.#encode(headers))
        } catch (error) {
          if ((error as ClientError).code === fatal) this.#abandon(producer)
          pending.error ??= this.#explain(error as ClientError, topic)
          this.#settle(pending, count - index)
          return
        }
      }
    })
  }

  /** How long the oldest append has been waiting for its reports. */
  get oldestMs (): number {
    const [oldest] = this.#pending
    return oldest === undefined ? 0 : performance.now() - oldest.startedMs
  }

  /** Resolves when a broker answers; rejects with the reason otherwise. */
  async check (answerMsMax: number): Promise<void> {
    const producer = this.#ready ?? await this.#connect()
    try {
      await this.#turns.take<unknown>('the brokers', answerMsMax, (timeout, done) => { producer.getMetadata({ timeout }, done) })
      this.#silentSinceMs = null
    } catch (error) {
      this.#silentSinceMs ??= performance.now()
      // A client has been seen to stay away from a broker that was killed and later frozen, while a new one finds it at once.
      if (performance.now() - this.#silentSinceMs > (this.#options.silentMsMax ?? silentMsMaxDefault) && this.#pending.size === 0) this.#abandon(producer)
      throw error
    }
  }

  /** Waits for what is under way, within a bound. */
  async close (): Promise<void> {
    this.#closed = true
    const producer = await this.#producer?.catch(() => null) ?? null
    const endMs = performance.now() + closeMsMax
    while (this.#pending.size > 0 && performance.now() < endMs) await new Promise(resolve => setTimeout(resolve, 10))
    this.#rejectLate(0)
    if (this.#watch !== null) clearInterval(this.#watch)
    if (producer === null) return
    await new Promise<void>(resolve => {
      const late = setTimeout(resolve, closeMsMax)
      producer.disconnect(closeMsMax, () => { clearTimeout(late); resolve() })
    })
  }

  async #connect (): Promise<NativeProducer> {
    if (this.#closed) throw fail('LOG_CLOSED', { path: this.#trouble.url })
    this.#producer ??= this.#open()
    try {
      return this.#ready = await this.#producer
    } catch (error) {
      this.#producer = null
      throw error
    }
  }

  async #open (): Promise<NativeProducer> {
    // No second argument: it would silently drop topic-level settings such as message.timeout.ms.
    const producer = new this.#kafka.Producer({
      ...this.#config,
      'dr_cb': true,
      'enable.idempotence': true,
      'acks': 'all',
      'compression.type': 'lz4',
      'linger.ms': lingerMs,
      'batch.num.messages': 10_000,
      // Ours are the bounds; the client's own lie above them.
      'queue.buffering.max.messages': 1_000_000,
      'queue.buffering.max.kbytes': 1024 ** 2,
      'message.timeout.ms': Math.max(1000, this.#options.appendMsMax)
    })
    this.#trouble.watch(producer)
    producer.on('delivery-report', (error, report) => { this.#report(error, report) })
    await connect(producer, this.#turns, connectMsMax)
    producer.setPollInBackground(true)
    return producer
  }

  /** An idempotent producer that cannot vouch for its order any more takes nothing: the next append opens another. */
  #abandon (producer: NativeProducer): void {
    if (this.#ready !== producer) return
    this.#ready = null
    this.#producer = null
    this.#silentSinceMs = null
    // Reports that did not come with its end never will.
    producer.disconnect(closeMsMax, () => {
      for (const pending of this.#pending) {
        if (pending.producer !== producer) continue
        pending.error ??= this.#timeout('the client gave up')
        this.#settle(pending, pending.left)
      }
    })
  }

  #report (error: ClientError | null | undefined, report: DeliveryReport): void {
    const { pending, index } = report.opaque as Slot
    if (pending.left === 0) return
    if (error === null || error === undefined) pending.positions[index] = { topic: report.topic, partition: report.partition, offset: BigInt(report.offset) }
    else pending.error ??= this.#explain(error, report.topic)
    this.#settle(pending, 1)
  }

  #settle (pending: Pending, count: number): void {
    pending.left -= count
    this.#records -= count
    if (pending.left > 0) return
    this.#bytes -= pending.bytes
    this.#pending.delete(pending)
    if (this.#pending.size === 0 && this.#watch !== null) {
      clearInterval(this.#watch)
      this.#watch = null
    }
    if (pending.answered) return
    pending.answered = true
    if (pending.error === null) pending.resolve(pending.positions)
    else pending.reject(pending.error)
  }

  #rejectLate (waitMsMax = this.#options.appendMsMax): void {
    const now = performance.now()
    for (const pending of this.#pending) {
      if (now - pending.startedMs < waitMsMax) return
      if (pending.answered) continue
      pending.answered = true
      pending.reject(this.#timeout('the brokers do not answer'))
    }
  }

  /** A report that did not come in time, or whose connection broke, says nothing about whether the record landed. */
  #explain (error: ClientError, topic: string): Error {
    if (error.code === -192 || error.code === -185 || error.code === -195 || error.code === fatal) return this.#timeout(error.message.replace(/^Local: /, ''))
    if (error.code === -184) return fail('LOG_BUSY', { url: this.#trouble.url, records: this.#records }, error)
    return this.#trouble.explain(error, `topic ${topic}`)
  }

  #timeout (reason: string): Error {
    return fail('LOG_TIMEOUT', { path: this.#trouble.url, deadlineMs: this.#options.appendMsMax, reason })
  }

  #encode (headers: RecordHeaders): Record<string, Buffer>[] {
    let encoded = this.#headers.get(headers)
    if (encoded === undefined) this.#headers.set(headers, encoded = Object.keys(headers).length === 0 ? [] : [{ [packedHeader]: Buffer.from(JSON.stringify(headers)) }])
    return encoded
  }
}

function asBuffer (value: Uint8Array): Buffer {
  return Buffer.isBuffer(value) ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength)
}
