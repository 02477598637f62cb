// The cluster's side of a log: its id, its topics with their partitions and ids, where they begin and end, and how they are
// made. Asks; keeps only how many partitions a topic has, since producers need that for each record.
// Refuses to make a topic where the settings or the cluster forbid it, with what to do.

import { setTimeout as sleep } from 'node:timers/promises'
import { fail } from '../errors.ts'
import type { LogIdentity, TopicRange } from '../types.ts'
import type { ClientConfig, ClientError, NativeAdmin, NativeKafka, TopicDescription } from './client.ts'
import type { KafkaSettings } from './connection.ts'
import type { Trouble } from './trouble.ts'
import type { Turns } from './turns.ts'

const answerMsMax = 5_000
const createdMsMax = 10_000
const clusterIdMsMax = 1_000
const lookMs = 50
const topicNameCharsMax = 200
const partitionsMin = 3
/** As our readers read: behind the last record of an open transaction there is nothing for them yet. */
const readCommitted = 1
/** As long as a writer may be away without loss: seven days. */
const retentionHoursMin = 168

export interface TopicDefaults extends Pick<KafkaSettings, 'topicCreate' | 'replication' | 'retentionHours'> { readonly partitions: number, readonly warn?: (sentence: string) => void }

export class Topics {
  readonly #kafka: NativeKafka
  readonly #config: ClientConfig
  readonly #defaults: TopicDefaults
  readonly #trouble: Trouble
  readonly #turns: Turns
  readonly #counts = new Map<string, number>()
  readonly #retentionSeen = new Set<string>()
  #admin: OpenAdmin | null = null
  #clusterId: string | null = null
  #closed = false

  constructor (kafka: NativeKafka, config: ClientConfig, defaults: TopicDefaults, trouble: Trouble, turns: Turns) {
    this.#kafka = kafka
    this.#config = config
    this.#defaults = defaults
    this.#trouble = trouble
    this.#turns = turns
  }

  /** Partitions of a topic as last seen; undefined before the first look. */
  countOf (topic: string): number | undefined {
    return this.#counts.get(topic)
  }

  /** A topic that was deleted may come back with other partitions. */
  forget (topic: string): void {
    this.#counts.delete(topic)
  }

  /** The partitions of the topics that exist. */
  async describe (topics: readonly string[]): Promise<Map<string, TopicDescription>> {
    if (topics.length === 0) return new Map()
    const found = await this.#ask<TopicDescription[]>(`topics ${topics.join(', ')}`, (admin, timeout, done) => { admin.describeTopics(topics, { timeout }, done) })
    const known = new Map<string, TopicDescription>()
    for (const description of found) {
      const { name, error, partitions } = description
      if (error !== undefined && error !== null && error.code !== 0) {
        if (error.code === 3) {
          this.#counts.delete(name)
          continue
        }
        throw this.#trouble.explain(error, `topic ${name}`)
      }
      known.set(name, description)
      this.#counts.set(name, partitions.length)
    }
    return known
  }

  /** Those of the cluster that this login may see; names that begin with __ are the brokers' own. */
  async names (): Promise<string[]> {
    const names = await this.#ask<string[]>('the topics', (admin, timeout, done) => { admin.listTopics({ timeout }, done) })
    return names.filter(name => !name.startsWith('__')).sort()
  }

  async identity (topics: readonly string[]): Promise<LogIdentity> {
    const found = await this.describe([...new Set(topics)])
    const clusterId = await this.#findClusterId()
    return { clusterId, topicIds: new Map([...found].map(([name, { topicId }]) => [name, idOf(name, topicId)])) }
  }

  async ranges (topic: string): Promise<TopicRange> {
    const description = (await this.describe([topic])).get(topic)
    if (description === undefined) throw fail('LOG_TOPIC_UNKNOWN', { topic })
    const { EARLIEST, LATEST } = this.#kafka.AdminClient.OffsetSpec
    return { first: await this.#offsets(topic, description.partitions, EARLIEST), end: await this.#offsets(topic, description.partitions, LATEST) }
  }

  async #offsets (topic: string, partitions: TopicDescription['partitions'], offset: unknown): Promise<Map<number, bigint>> {
    const asked = partitions.map(({ partition }) => ({ topic, partition, offset }))
    const answers = await this.#ask<{ partition: number, offset: number, error?: ClientError }[]>(`offsets of topic ${topic}`, (admin, timeout, done) => { admin.listOffsets(asked, { timeout, isolationLevel: readCommitted }, done) })
    const refused = answers.find(({ error }) => error !== undefined && error !== null && error.code !== 0)
    if (refused?.error !== undefined) throw this.#trouble.explain(refused.error, `offsets of topic ${topic}`)
    return new Map(answers.map(({ partition, offset: found }) => [partition, BigInt(found)]))
  }

  /** Makes the topic when it is absent and that is allowed. */
  async ensure (topic: string): Promise<number> {
    if (!/^[A-Za-z0-9._-]+$/.test(topic) || topic.length > topicNameCharsMax || topic === '.' || topic === '..') throw fail('LOG_TOPIC_NAME', { topic })
    const found = (await this.describe([topic])).get(topic)
    if (found !== undefined) {
      void this.#warnOfShortRetention(topic)
      return found.partitions.length
    }
    const { topicCreate = true, partitions, replication = 1, retentionHours = 168 } = this.#defaults
    if (retentionHours < retentionHoursMin) this.#defaults.warn?.(`topic ${topic} is made with ${retentionHours} hours of retention: a writer that is away for longer loses events; set FIRN_KAFKA_RETENTION_HOURS to ${retentionHoursMin} or more`)
    if (!topicCreate) throw fail('LOG_TOPIC_NOT_CREATED', { topic, reason: 'FIRN_KAFKA_TOPIC_CREATE is false' })
    if (partitions < partitionsMin) throw fail('LOG_SETTING', { name: 'FIRN_LOG_PARTITIONS', value: partitions, expected: `at least ${partitionsMin} for a new topic in Kafka` })
    const config = { 'retention.ms': String(Math.round(retentionHours * 3_600_000)), 'min.insync.replicas': String(Math.max(1, Math.ceil(replication / 2))), 'cleanup.policy': 'delete' }
    try {
      await this.#ask<null>(`topic ${topic}`, (admin, timeout, done) => { admin.createTopic({ topic, num_partitions: partitions, replication_factor: replication, config }, timeout, error => { done(error, null) }) })
    } catch (error) {
      const cause = (error as { cause?: ClientError }).cause
      // Somebody else made it in between.
      if (cause?.code !== 36) {
        if ((error as { code?: string }).code === 'LOG_UNREACHABLE' || (error as { code?: string }).code === 'LOG_UNAUTHORIZED') throw error
        throw fail('LOG_TOPIC_NOT_CREATED', { topic, reason: cause?.message.replace(/^Broker: /, '') ?? (error as Error).message }, error)
      }
    }
    for (const endMs = performance.now() + createdMsMax; performance.now() < endMs; await sleep(lookMs)) {
      const made = (await this.describe([topic])).get(topic)
      if (made !== undefined && made.partitions.length > 0 && made.partitions.every(({ leader }) => leader !== undefined && leader !== null)) return made.partitions.length
    }
    throw fail('LOG_UNREACHABLE', { brokers: this.#trouble.brokers, reason: `topic ${topic} was made, but has no leaders yet` })
  }

  /**
   * The client cannot ask for a topic's settings, so what happened is looked at: records have left, and none that is there
   * is as old as retention should be. Said once a topic.
   */
  async #warnOfShortRetention (topic: string): Promise<void> {
    const { warn } = this.#defaults
    if (warn === undefined || this.#retentionSeen.has(topic)) return
    this.#retentionSeen.add(topic)
    try {
      const { OffsetSpec } = this.#kafka.AdminClient
      const partitions = [...(await this.describe([topic])).get(topic)?.partitions ?? []]
      const first = await this.#offsets(topic, partitions, OffsetSpec.EARLIEST)
      const young = await this.#offsets(topic, partitions, new OffsetSpec(Date.now() - retentionHoursMin * 3_600_000))
      const short = [...first].filter(([partition, offset]) => offset > 0n && young.get(partition) === offset)
      if (short.length > 0) warn(`records leave topic ${topic} in less than ${retentionHoursMin / 24} days (partition ${short.map(([partition]) => partition).join(', ')}): a writer that is away for longer loses events; raise retention.ms and retention.bytes of the topic`)
    } catch {
      this.#retentionSeen.delete(topic)
    }
  }

  async close (): Promise<void> {
    this.#closed = true
    await this.#turns.pause()
    this.#admin?.client.disconnect()
    this.#admin = null
  }

  /** No call of the client names the cluster; its log of metadata does, with each answer of a broker. */
  async #findClusterId (): Promise<string> {
    if (this.#clusterId === null) await this.#ask<unknown>('the id of the cluster', (admin, timeout, done) => { admin.getMetadata({ timeout }, done) })
    // The line and the answer come by different ways.
    for (const endMs = performance.now() + clusterIdMsMax; performance.now() < endMs; await sleep(lookMs)) {
      if (this.#clusterId !== null) return this.#clusterId
    }
    throw fail('LOG_KAFKA', { what: 'the id of the cluster', reason: 'no broker named it' })
  }

  async #ask<T> (what: string, ask: (admin: NativeAdmin, leftMs: number, done: (error: ClientError | null | undefined, result: T) => void) => void): Promise<T> {
    return await this.#turns.take<T>(what, answerMsMax, (leftMs, done) => {
      // A client that is opened behind a close would keep the process alive.
      if (this.#closed) throw fail('LOG_CLOSED', { path: this.#trouble.url })
      this.#admin ??= this.#openAdmin()
      const { client, allowed } = this.#admin
      const refused = (error: unknown): void => {
        this.#admin = null
        client.disconnect()
        done(error as ClientError, undefined as T)
      }
      allowed(leftMs).then(() => { ask(client, leftMs, done) }, refused)
    })
  }

  /**
   * A call of this client keeps the lock that a token is set under, so that our own thread would stand still: the first
   * call waits for the first token, and later tokens take a turn.
   */
  #openAdmin (): OpenAdmin {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const config: ClientConfig = { ...this.#config, debug: 'metadata', log_level: 7 }
    const token = config.oauthbearer_token_refresh_cb as (() => Promise<unknown>) | undefined
    if (token === undefined) resolve()
    else {
      let isFirst = true
      config.oauthbearer_token_refresh_cb = async () => {
        try {
          const found = await token()
          if (!isFirst) await this.#turns.pause()
          isFirst = false
          setImmediate(resolve)
          return found
        } catch (error) {
          reject(error as Error)
          throw error
        }
      }
      promise.catch(() => undefined)
    }
    const client = this.#kafka.AdminClient.create(config, {
      'event.error': (error: ClientError) => { this.#trouble.note(error.message, error.code === -169) },
      'event.log': ({ message }: { message: string }) => {
        this.#clusterId = /\bClusterId: ([^\s,]+),/.exec(message)?.[1] ?? this.#clusterId
        this.#trouble.read(message)
      },
      'error': (error: Error) => { this.#trouble.note(error.message, true) }
    } as unknown as Record<string, (value: never) => void>)
    return {
      client,
      allowed: async leftMs => {
        const late = setTimeout(() => { reject(new Error('no token came')) }, leftMs)
        await promise.finally(() => { clearTimeout(late) })
      }
    }
  }
}

interface OpenAdmin { readonly client: NativeAdmin, /** Resolves when calls may begin. */ readonly allowed: (leftMs: number) => Promise<void> }

/** Brokers before 2.8 have no topic ids: there the name has to do. */
function idOf (name: string, { base64 }: TopicDescription['topicId']): string {
  return /^A+$/.test(base64) ? `name:${name}` : base64
}
