// Kafka as a log: the seam of types.ts over a producer, readers and the cluster's own word about its topics.
// Nothing is connected before it is needed, so that a process starts and says what is wrong while the brokers are away.

import { fail, is as isLogError } from '../errors.ts'
import type { FingerprintVerdict, Log, LogOpenOptions, LogRecord, PartitionOffsets, Position } from '../types.ts'
import { loadKafka, type ClientConfig, type NativeKafka } from './client.ts'
import { brokersOf, clientConfig, type KafkaSettings } from './connection.ts'
import { judgeMarks, markOf, parseMarks } from './marks.ts'
import { KafkaProducer } from './producer.ts'
import { KafkaReader } from './reader.ts'
import { RecordLookup } from './record-lookup.ts'
import { Topics } from './topics.ts'
import { Trouble } from './trouble.ts'
import { Turns } from './turns.ts'

const appendMsMaxDefault = 5_000
const partitionsDefault = 3
const checkMsMax = 2_500

export interface KafkaLogOptions extends KafkaSettings {
  readonly partitions?: number
  readonly appendMsMax?: number
  /** Told what an operator should mend and nobody has to stop for. */
  readonly warn?: (sentence: string) => void
}

/** Throws LOG_KAFKA_CLIENT_MISSING, LOG_URL_UNSUPPORTED, LOG_SETTING. */
export function openKafkaLog (url: string, options: KafkaLogOptions): Log {
  const brokers = brokersOf(url)
  const config = clientConfig(brokers, options)
  return new KafkaLog(loadKafka(), config, options, new Trouble(url, brokers))
}

class KafkaLog implements Log {
  readonly #kafka: NativeKafka
  readonly #config: ClientConfig
  readonly #trouble: Trouble
  readonly #turns: Turns
  readonly #topics: Topics
  readonly #producer: KafkaProducer
  readonly #lookup: RecordLookup
  readonly #readers = new Set<KafkaReader>()
  readonly #opening = new Set<Promise<KafkaReader>>()
  readonly #appendMsMax: number
  readonly #countOf = (topic: string): number => this.#topics.countOf(topic)!
  #closing: Promise<void> | null = null

  constructor (kafka: NativeKafka, config: ClientConfig, options: KafkaLogOptions, trouble: Trouble) {
    this.#kafka = kafka
    this.#config = config
    this.#trouble = trouble
    this.#appendMsMax = options.appendMsMax ?? appendMsMaxDefault
    this.#turns = new Turns(trouble)
    this.#topics = new Topics(kafka, config, { partitions: partitionsDefault, ...options }, trouble, this.#turns)
    this.#lookup = new RecordLookup(kafka, config, trouble, this.#turns)
    this.#producer = new KafkaProducer(kafka, config, { appendMsMax: this.#appendMsMax }, trouble, this.#turns)
  }

  async append (records: readonly LogRecord[]): Promise<Position[]> {
    this.#checkOpen()
    if (records.length === 0) return []
    let last = ''
    for (const { topic } of records) {
      if (topic === last) continue
      last = topic
      if (this.#topics.countOf(topic) === undefined && !(await this.#topics.describe([topic])).has(topic)) throw fail('LOG_TOPIC_UNKNOWN', { topic })
    }
    try {
      return await this.#producer.append(records, this.#countOf)
    } catch (error) {
      if (isLogError(error, 'LOG_TOPIC_UNKNOWN')) for (const { topic } of records) this.#topics.forget(topic)
      throw error
    }
  }

  async open (options: LogOpenOptions): Promise<KafkaReader> {
    this.#checkOpen()
    const opening = KafkaReader.open(this.#kafka, this.#config, options, this.#topics, this.#trouble, this.#turns, closed => this.#readers.delete(closed))
    this.#opening.add(opening)
    try {
      const reader = await opening
      this.#readers.add(reader)
      this.#checkOpen()
      return reader
    } finally {
      this.#opening.delete(opening)
    }
  }

  async identity (topics: readonly string[]): ReturnType<Log['identity']> {
    this.#checkOpen()
    return await this.#topics.identity(topics)
  }

  async ranges (topic: string): ReturnType<Log['ranges']> {
    this.#checkOpen()
    return await this.#topics.ranges(topic)
  }

  async topics (): Promise<string[]> {
    this.#checkOpen()
    return await this.#topics.names()
  }

  async compareFingerprint (topic: string, partition: number, offset: bigint, fingerprint: string): Promise<FingerprintVerdict> {
    this.#checkOpen()
    if (fingerprint === '') return 'unknown'
    const marks = parseMarks(fingerprint)
    const isThere = marks !== null && (await this.#topics.describe([topic])).has(topic)
    const range = isThere ? await this.#topics.ranges(topic) : null
    const [first, end] = [range?.first.get(partition), range?.end.get(partition)]
    if (marks === null || first === undefined || end === undefined) return 'other'
    const stored = marks.filter(mark => mark.offset >= first)
    if (stored.length === 0 || end < offset || stored.at(-1)!.offset >= offset) return judgeMarks({ end, offset, marks: stored, found: [] })
    const found = await this.#lookup.read(topic, partition, stored[0]!.offset, stored.at(-1)!.offset)
    return judgeMarks({ end, offset, marks: stored, found: found.map(markOf) })
  }

  async ensureTopic (topic: string): Promise<number> {
    this.#checkOpen()
    return await this.#topics.ensure(topic)
  }

  async acknowledge (topic: string, offsets: PartitionOffsets): Promise<void> {
    for (const reader of this.#readers) reader.acknowledge(topic, offsets)
  }

  async checkReady (): Promise<void> {
    this.#checkOpen()
    // A frozen broker keeps its connections: only what waits for it tells.
    if (this.#producer.oldestMs > this.#appendMsMax / 2) throw fail('LOG_TIMEOUT', { path: this.#trouble.url, deadlineMs: this.#appendMsMax, reason: 'the brokers do not answer' })
    await this.#producer.check(checkMsMax)
  }

  async close (): Promise<void> {
    this.#closing ??= this.#close()
    await this.#closing
  }

  async #close (): Promise<void> {
    await Promise.all([
      this.#producer.close(),
      this.#lookup.close(),
      ...[...this.#readers].map(async reader => { await reader.close() }),
      ...[...this.#opening].map(async opening => { await (await opening.catch(() => null))?.close() })
    ])
    await this.#topics.close()
  }

  #checkOpen (): void {
    if (this.#closing !== null) throw fail('LOG_CLOSED', { path: this.#trouble.url })
  }
}
