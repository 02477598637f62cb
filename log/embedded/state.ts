// Opens the small records of the log: its identity, topics, offsets and usage. Gives a new log its identity, brings a log of
// the format before to this one, and looks at every record of state once, so that a log whose state is not what was
// stored is refused with one sentence before anything is read from it or appended to it.
// Refuses what is missing as well: a log that holds records and has no identity is damaged, not new.

import { randomUUID } from 'node:crypto'
import { fail } from '../errors.ts'
import { readStored } from './batch.ts'
import {
  batchKey, decodeStates, decodeStatesBefore, encodeStates, firstBatchKey, formatVersion, formatVersionBefore, logKey, offsetOfKey,
  stateKey, topicKey, unsealRecord, usageKey, type LogRecordOfIdentity, type PartitionState, type TopicRecord
} from './layout.ts'
import type { Store } from './store.ts'
import { putUsage, readUsage } from './usage.ts'

const offsetMax = 0xffffffffffffffffn
const topicKeyPrefix = 0x10
const stateKeyPrefix = 0x11
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** The log's identity, once all of its state was found sound. Throws LOG_DAMAGED, LOG_VERSION. */
export async function openState (store: Store): Promise<LogRecordOfIdentity> {
  const read = <T> (look: () => T): T => {
    try {
      return look()
    } catch (error) {
      throw store.explainRead(error)
    } finally {
      store.releaseSnapshot()
    }
  }
  const identity = read(() => findIdentity(store)) ?? await store.transaction(() => findIdentity(store) ?? begin(store))
  read(() => { checkState(store) })
  return identity
}

/** Null when the log is new, or of the format before: both take a write transaction. */
function findIdentity (store: Store): LogRecordOfIdentity | null {
  const bytes = store.read(logKey)
  const body = bytes === null ? null : unsealRecord(logKey, bytes)
  const found = body === null ? null : JSON.parse(body.toString()) as LogRecordOfIdentity
  if (found !== null && found.format !== formatVersion) throw fail('LOG_VERSION', { path: store.path, found: found.format, expected: formatVersion })
  return found
}

/** Inside a write transaction. */
function begin (store: Store): LogRecordOfIdentity {
  const bytes = store.read(logKey)
  if (bytes !== null) return upgrade(store, identityBefore(store, bytes))
  if (store.keysBelow(Buffer.from([0xff])).length > 0) throw fail('LOG_DAMAGED', { path: store.path, what: 'its record of identity is gone' })
  const created: LogRecordOfIdentity = { format: formatVersion, clusterId: randomUUID(), createdMs: Date.now() }
  putIdentity(store, created)
  putUsage(store, 0)
  return created
}

function putIdentity (store: Store, identity: LogRecordOfIdentity): void {
  store.putRecord(logKey, Buffer.from(JSON.stringify(identity)))
}

/** The identity of a log of the format before; anything else under its key is damage. */
function identityBefore (store: Store, bytes: Buffer): LogRecordOfIdentity {
  const found = parse(bytes) as Partial<LogRecordOfIdentity> | null
  if (typeof found?.format !== 'number' || !uuid.test(found.clusterId ?? '')) throw fail('LOG_DAMAGED', { path: store.path, what: 'its record of identity does not match its checksum' })
  if (found.format !== formatVersionBefore) throw fail('LOG_VERSION', { path: store.path, found: found.format, expected: formatVersion })
  return found as LogRecordOfIdentity
}

/** Puts checksums on every record of state. Batches stay as they are: of them no fingerprint is known. */
function upgrade (store: Store, identity: LogRecordOfIdentity): LogRecordOfIdentity {
  const usage = store.read(usageKey)
  const used = usage?.length === 8 ? usage.readDoubleBE(0) : 0
  const changes: (() => void)[] = [() => { putUsage(store, used) }]
  for (const key of store.keysBelow(firstBatchKey)) {
    if (key[0] !== topicKeyPrefix) continue
    const record = Buffer.from(store.read(key)!)
    const topic = parse(record) as TopicRecord | null
    const states = topic === null ? null : store.read(stateKey(topic.number))
    if (topic === null || states === null) throw fail('LOG_DAMAGED', { path: store.path, what: `the record of ${nameOf(key)} cannot be read` })
    const decoded = decodeStatesBefore(topic.id, states)
    changes.push(() => {
      store.putRecord(key, record)
      store.putRecord(stateKey(topic.number), encodeStates(decoded))
    })
  }
  for (const change of changes) change()
  const upgraded = { ...identity, format: formatVersion }
  putIdentity(store, upgraded)
  return upgraded
}

/** Every record of state against its checksum, and each partition's end against its last batch. Throws LOG_DAMAGED. */
function checkState (store: Store): void {
  const damaged = (what: string): Error => fail('LOG_DAMAGED', { path: store.path, what })
  const topics = new Map<number, { name: string, topic: TopicRecord }>()
  const numbers: number[] = []
  for (const key of store.keysBelow(firstBatchKey)) {
    if (key.equals(logKey) || key.equals(usageKey)) continue
    if (key[0] === topicKeyPrefix) {
      const name = key.toString('utf8', 1)
      const topic = JSON.parse(store.readRecord(topicKey(name), nameOf(key)).toString()) as TopicRecord
      topics.set(topic.number, { name, topic })
    } else if (key[0] === stateKeyPrefix && key.length === 3) numbers.push(key.readUInt16BE(1))
    else throw damaged(`it holds a record under the key ${key.toString('hex')}, which none of its records has`)
  }
  for (const number of numbers) if (!topics.has(number)) throw damaged(`the topic with number ${number} is gone, its offsets are not`)
  readUsage(store)
  for (const { name, topic } of topics.values()) {
    const states = decodeStates(store.readRecord(stateKey(topic.number), `the offsets of topic ${name}`))
    if (states.length !== topic.partitions) throw damaged(`topic ${name} has ${topic.partitions} partitions and the offsets of ${states.length}`)
    for (const [partition, state] of states.entries()) {
      const what = wrongWith(store, topic, partition, state)
      if (what !== null) throw damaged(`topic ${name}, partition ${partition}: ${what}`)
    }
  }
}

/** What a batch that cannot be read hides is for the reader to report; here it is about where the next append would go. */
function wrongWith (store: Store, topic: TopicRecord, partition: number, { first, end, acknowledged, chain }: PartitionState): string | null {
  if (first > end || acknowledged > end) return `its offsets are ${first} to ${end}, acknowledged ${acknowledged}`
  const last = store.keyBefore(batchKey(topic.number, partition, offsetMax), batchKey(topic.number, partition, 0n))
  if (last === null) return null
  const offset = offsetOfKey(last)
  if (offset >= end) return `its offsets end at ${end}, but a batch lies at ${offset}`
  const found = store.read(last)
  const batch = found === null ? 'a batch is missing' : readStored(found, { topicNumber: topic.number, partition, offset })
  if (typeof batch === 'string') return null
  if (offset + BigInt(batch.count) > end) return `its offsets end at ${end}, but its last batch at ${offset + BigInt(batch.count)}`
  if (offset + BigInt(batch.count) === end && batch.place !== null && batch.place.after !== chain) return `its running checksum is not that of its last batch, at ${offset}`
  return null
}

function nameOf (key: Buffer): string {
  return `topic ${key.toString('utf8', 1)}`
}

function parse (bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return null
  }
}
