// The keys and the small records of the embedded log in LMDB. All integers in keys are big-endian, so that keys sort as
// (topic, partition, offset). Every small record ends in a checksum over its key and itself: a flipped bit in either is
// noticed, and so is a record under another's key.
// Invariant: a batch lies at its first offset, batches of a partition touch one another, and `first`..`end` of the topic's
// state is exactly what is stored.

import { crc32 } from 'node:zlib'

/** Raised whenever stored bytes change their meaning. 2: checksums on records of state, a running checksum over batches. */
export const formatVersion = 2
/** Its records have no checksums; it is brought to `formatVersion` when it is opened. */
export const formatVersionBefore = 1

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
  /** The running checksum over all batches up to `end`: what tells this log from a copy that went another way. */
  chain: number
}

export function topicKey (topic: string): Buffer {
  return Buffer.concat([Buffer.from([0x10]), Buffer.from(topic)])
}

/** All topics' keys lie from the first to below the second. */
export const topicKeys = [Buffer.from([0x10]), Buffer.from([0x11])] as const

export function topicOfKey (key: Buffer): string {
  return key.subarray(1).toString()
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

/** Every batch sorts behind the records of state. */
export const firstBatchKey = Buffer.from([0x20])

const checksumBytes = 4

/** The stored form of a small record: `body`, then the checksum over its key and itself. */
export function sealRecord (key: Buffer, body: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(body.length + checksumBytes)
  bytes.set(body, 0)
  bytes.writeUInt32LE(crc32(body, crc32(key)), body.length)
  return bytes
}

/** The body of a small record, or null when its bytes or its key are not those that were stored. */
export function unsealRecord (key: Buffer, bytes: Buffer): Buffer | null {
  const length = bytes.length - checksumBytes
  if (length < 0) return null
  const body = bytes.subarray(0, length)
  return crc32(body, crc32(key)) === bytes.readUInt32LE(length) ? body : null
}

const stateBytes = 28
const stateBytesBefore = 24

export function encodeStates (states: readonly PartitionState[]): Buffer {
  const bytes = Buffer.alloc(states.length * stateBytes)
  states.forEach((state, i) => {
    bytes.writeBigUInt64BE(state.first, i * stateBytes)
    bytes.writeBigUInt64BE(state.end, i * stateBytes + 8)
    bytes.writeBigUInt64BE(state.acknowledged, i * stateBytes + 16)
    bytes.writeUInt32BE(state.chain, i * stateBytes + 24)
  })
  return bytes
}

export function decodeStates (bytes: Buffer): PartitionState[] {
  return decode(bytes, stateBytes, at => bytes.readUInt32BE(at + 24))
}

/** States of `formatVersionBefore`: the running checksum begins where each partition ends now. */
export function decodeStatesBefore (topicId: string, bytes: Buffer): PartitionState[] {
  return decode(bytes, stateBytesBefore, at => chainSeed(topicId, bytes.readBigUInt64BE(at + 8)))
}

/** Where the running checksum of a partition begins: another topic's is another, however alike the records are. */
export function chainSeed (topicId: string, end: bigint): number {
  return crc32(`${topicId}/${end}`)
}

function decode (bytes: Buffer, size: number, chainAt: (at: number) => number): PartitionState[] {
  const states: PartitionState[] = []
  for (let at = 0; at < bytes.length; at += size) {
    states.push({
      first: bytes.readBigUInt64BE(at),
      end: bytes.readBigUInt64BE(at + 8),
      acknowledged: bytes.readBigUInt64BE(at + 16),
      chain: chainAt(at)
    })
  }
  return states
}
