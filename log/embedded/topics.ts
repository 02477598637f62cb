// The topics of the embedded log: created once with a fixed number of partitions and an id of their own, cached after that.
// Their state (first, end, acknowledged of each partition) is read from the store each time, since other processes move it.

import { randomUUID } from 'node:crypto'
import { fail } from '../errors.ts'
import { decodeStates, encodeStates, stateKey, topicKey, type PartitionState, type TopicRecord } from './layout.ts'
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
    const stored = this.#store.readJson(topicKey(topic)) as TopicRecord | null
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

  /** Those that this process has asked for. */
  known (): Iterable<TopicRecord> {
    return this.#known.values()
  }

  states (topic: TopicRecord): PartitionState[] {
    const found = this.#store.read(stateKey(topic.number))
    if (found === null) throw fail('LOG_DAMAGED', { path: this.#store.path, what: `topic ${topic.id} has no offsets` })
    return decodeStates(found)
  }

  /** Inside a write transaction. */
  putStates (topic: TopicRecord, states: readonly PartitionState[]): void {
    void this.#store.db.put(stateKey(topic.number), encodeStates(states))
  }

  #create (topic: string, createdMs: number): TopicRecord {
    const found = this.#store.readJson(topicKey(topic)) as TopicRecord | null
    if (found !== null) return found
    let number = firstTopicNumber
    while (this.#store.read(stateKey(number)) !== null) number++
    if (number > topicsMax) throw fail('LOG_SETTING', { name: 'FIRN_LOG_TOPICS', value: `more than ${topicsMax} topics`, expected: 'fewer' })
    const record: TopicRecord = { id: randomUUID(), number, partitions: this.#partitions, createdMs }
    void this.#store.db.put(topicKey(topic), Buffer.from(JSON.stringify(record)))
    this.putStates(record, Array.from({ length: record.partitions }, () => ({ first: 0n, end: 0n, acknowledged: 0n })))
    return record
  }
}
