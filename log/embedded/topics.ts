// The topics of the embedded log: created once with a fixed number of partitions and an id of their own, cached after that.
// Their state (first, end, acknowledged of each partition) is read from the store each time, since other processes move it.

import { randomUUID } from 'node:crypto'
import { fail } from '../errors.ts'
import { chainSeed, decodeStates, encodeStates, stateKey, topicKey, topicKeys, topicOfKey, type PartitionState, type TopicRecord } from './layout.ts'
import type { Store } from './store.ts'

const topicsMax = 1000
const firstTopicNumber = 1

export class Topics {
  readonly #store: Store
  readonly #partitions: number
  readonly #known = new Map<string, TopicRecord>()

  constructor (store: Store, partitions: number) {
    this.#store = store
    this.#partitions = partitions
  }

  /** The topic, or null when it does not exist (yet). */
  find (topic: string): TopicRecord | null {
    const known = this.#known.get(topic)
    if (known !== undefined) return known
    this.#store.check()
    const stored = this.#read(topic)
    if (stored !== null) this.#known.set(topic, stored)
    return stored
  }

  get (topic: string): TopicRecord {
    const found = this.find(topic)
    if (found === null) throw fail('LOG_TOPIC_UNKNOWN', { topic })
    return found
  }

  async ensure (topic: string, now: number): Promise<TopicRecord> {
    if (!/^[a-zA-Z0-9._-]{1,200}$/.test(topic)) throw fail('LOG_TOPIC_NAME', { topic })
    return this.find(topic) ?? await this.#store.transaction(() => this.#create(topic, now))
  }

  /** Of all that are stored, sorted as their keys. */
  names (): string[] {
    this.#store.check()
    const [from, to] = topicKeys
    return this.#store.keysBetween(from, to).map(topicOfKey)
  }

  /** Those that this process has asked for. */
  known (): Iterable<TopicRecord> {
    return this.#known.values()
  }

  states (topic: TopicRecord): PartitionState[] {
    return decodeStates(this.#store.readRecord(stateKey(topic.number), `the offsets of topic ${topic.id}`))
  }

  /** Inside a write transaction. */
  putStates (topic: TopicRecord, states: readonly PartitionState[]): void {
    this.#store.putRecord(stateKey(topic.number), encodeStates(states))
  }

  #create (topic: string, createdMs: number): TopicRecord {
    const found = this.#read(topic)
    if (found !== null) return found
    let number = firstTopicNumber
    while (this.#store.has(stateKey(number))) number++
    if (number > topicsMax) throw fail('LOG_SETTING', { name: 'FIRN_LOG_TOPICS', value: `more than ${topicsMax} topics`, expected: 'fewer' })
    const record: TopicRecord = { id: randomUUID(), number, partitions: this.#partitions, createdMs }
    this.#store.putRecord(topicKey(topic), Buffer.from(JSON.stringify(record)))
    const chain = chainSeed(record.id, 0n)
    this.putStates(record, Array.from({ length: record.partitions }, () => ({ first: 0n, end: 0n, acknowledged: 0n, chain })))
    return record
  }

  #read (topic: string): TopicRecord | null {
    const found = this.#store.findRecord(topicKey(topic), `topic ${topic}`)
    return found === null ? null : JSON.parse(found.toString()) as TopicRecord
  }
}
