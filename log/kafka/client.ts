// The native Kafka client, loaded when a kafka:// log is opened and not before: a line on the embedded log neither needs
// its binary nor pays for it. Declares what we use of it, since its own types cover another interface.

import { createRequire } from 'node:module'
import { fail } from '../errors.ts'

export interface ClientError { readonly code: number, readonly message: string }
type Done<T> = (error: ClientError | null | undefined, result: T) => void

export type ClientConfig = Record<string, unknown>

export interface KafkaClient {
  connect(options: { timeout?: number, topic?: string, allTopics?: boolean }, done: Done<unknown>): void
  disconnect(done: () => void): void
  disconnect(timeoutMs: number, done: () => void): void
  getMetadata(options: { timeout: number, topic?: string }, done: Done<unknown>): void
  on(event: 'event.error', listener: (error: ClientError) => void): void
  on(event: 'event.log', listener: (line: { fac: string, message: string }) => void): void
  on(event: 'error', listener: (error: Error) => void): void
}

export interface DeliveryReport { readonly topic: string, readonly partition: number, readonly offset: number, readonly opaque: unknown }

export interface NativeProducer extends KafkaClient {
  setPollInBackground(set: boolean): void
  produce(topic: string, partition: number, value: Buffer, key: string, timestampMs: number, opaque: unknown, headers: readonly Record<string, Buffer>[]): void
  on(event: 'delivery-report', listener: (error: ClientError | null | undefined, report: DeliveryReport) => void): void
  on(event: 'event.error', listener: (error: ClientError) => void): void
  on(event: 'event.log', listener: (line: { fac: string, message: string }) => void): void
  on(event: 'error', listener: (error: Error) => void): void
}

export interface TopicPartition { readonly topic: string, readonly partition: number, readonly offset?: number }

export interface NativeMessage {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  readonly value: Buffer | null
  readonly key: Buffer | null | undefined
  readonly timestamp?: number
  readonly headers?: readonly Record<string, Buffer>[]
}

export interface NativeConsumer extends KafkaClient {
  subscribe(topics: readonly string[]): void
  incrementalAssign(partitions: readonly TopicPartition[]): void
  incrementalUnassign(partitions: readonly TopicPartition[]): void
  pause(partitions: readonly TopicPartition[]): void
  resume(partitions: readonly TopicPartition[]): void
  seek(partition: TopicPartition, timeoutMs: number, done: (error?: ClientError) => void): void
  setDefaultConsumeTimeout(timeoutMs: number): void
  setDefaultIsTimeoutOnlyForFirstMessage(only: boolean): void
  consume(count: number, done: Done<NativeMessage[]>): void
  commit(partitions: readonly TopicPartition[]): void
  /** Within a call of `consume`, before its answer, behind the messages that come before the end. */
  on(event: 'partition.eof', listener: (end: { topic: string, partition: number, offset: number }) => void): void
  removeListener(event: 'partition.eof', listener: (end: { topic: string, partition: number, offset: number }) => void): void
  on(event: 'event.error', listener: (error: ClientError) => void): void
  on(event: 'event.log', listener: (line: { fac: string, message: string }) => void): void
  on(event: 'error', listener: (error: Error) => void): void
}

export interface TopicDescription {
  readonly name: string
  readonly topicId: { readonly base64: string }
  readonly error?: ClientError
  readonly partitions: readonly { readonly partition: number, readonly leader?: { readonly id: number } }[]
}

export interface NativeAdmin {
  disconnect(): void
  getMetadata(options: { timeout: number }, done: Done<unknown>): void
  createTopic(topic: { topic: string, num_partitions: number, replication_factor: number, config: Record<string, string> }, timeoutMs: number, done: (error?: ClientError) => void): void
  listTopics(options: { timeout: number }, done: Done<string[]>): void
  describeTopics(topics: readonly string[], options: { timeout: number }, done: Done<TopicDescription[]>): void
  listOffsets(partitions: readonly { topic: string, partition: number, offset: unknown }[], options: { timeout: number, isolationLevel: number }, done: Done<{ topic: string, partition: number, offset: number, error?: ClientError }[]>): void
}

export interface NativeKafka {
  readonly Producer: new (config: ClientConfig) => NativeProducer
  readonly KafkaConsumer: new (config: ClientConfig, topicConfig: ClientConfig) => NativeConsumer
  readonly AdminClient: {
    create(config: ClientConfig, listeners: Record<string, (value: never) => void>): NativeAdmin
    readonly OffsetSpec: { new (timestampMs: number): unknown, readonly EARLIEST: unknown, readonly LATEST: unknown }
  }
  readonly features: readonly string[]
}

let loaded: NativeKafka | null = null

/** Throws LOG_KAFKA_CLIENT_MISSING. */
export function loadKafka (): NativeKafka {
  try {
    loaded ??= createRequire(import.meta.url)('@confluentinc/kafka-javascript') as NativeKafka
    return loaded
  } catch (error) {
    throw fail('LOG_KAFKA_CLIENT_MISSING', { reason: String((error as Error).message).split('\n')[0] }, error)
  }
}
