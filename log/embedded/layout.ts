// The keys and the small records of the embedded log in LMDB. All integers in keys are big-endian, so that keys sort as
// (topic, partition, offset). Invariant: a batch lies at its first offset, batches of a partition touch one another, and
// `first`..`end` of the topic's state is exactly what is stored.

/** Raised whenever stored bytes change their meaning. */
export const formatVersion = 1

export const logKey = Buffer.from([0x01])
export const usageKey = Buffer.from([0x02])

/** Identity of the whole log, JSON under `logKey`. */
export interface LogRecordOfIdentity {
  readonly format: number
  readonly clusterId: string
  readonly createdMs: number
}

/** What never changes of a topic, JSON under `topicKey`. */
export interface TopicRecord {
  readonly id: string
  readonly number: number
  readonly partitions: number
  readonly createdMs: number
}

/** What moves: one per partition, under `stateKey` of its topic. Offsets as bigint, as everywhere. */
export interface PartitionState {
  first: bigint
  end: bigint
  /** Everything below was committed by the reader: retention may remove it. */
  acknowledged: bigint
}

export function topicKey (topic: string): Buffer {
  return Buffer.concat([Buffer.from([0x10]), Buffer.from(topic)])
}

export function stateKey (topicNumber: number): Buffer {
  const key = Buffer.alloc(3)
  key[0] = 0x11
  key.writeUInt16BE(topicNumber, 1)
  return key
}

export function batchKey (topicNumber: number, partition: number, offset: bigint): Buffer {
  const key = Buffer.allocUnsafe(13)
  key[0] = 0x20
  key.writeUInt16BE(topicNumber, 1)
  key.writeUInt16BE(partition, 3)
  key.writeBigUInt64BE(offset, 5)
  return key
}

export function offsetOfKey (key: Buffer): bigint {
  return key.readBigUInt64BE(5)
}

const stateBytes = 24

export function encodeStates (states: readonly PartitionState[]): Buffer {
  const bytes = Buffer.alloc(states.length * stateBytes)
  states.forEach((state, i) => {
    bytes.writeBigUInt64BE(state.first, i * stateBytes)
    bytes.writeBigUInt64BE(state.end, i * stateBytes + 8)
    bytes.writeBigUInt64BE(state.acknowledged, i * stateBytes + 16)
  })
  return bytes
}

export function decodeStates (bytes: Buffer): PartitionState[] {
  const states: PartitionState[] = []
  for (let at = 0; at < bytes.length; at += stateBytes) {
    states.push({ first: bytes.readBigUInt64BE(at), end: bytes.readBigUInt64BE(at + 8), acknowledged: bytes.readBigUInt64BE(at + 16) })
  }
  return states
}
