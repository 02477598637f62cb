// One stored value: a whole append batch of a partition, as columns.
//
//   0 magic u32 · 4 crc32 u32 of all bytes from 8 · 8 total u32 · 12 version u16 · 14 flags u16 · 16 count u32
//   20 headers u32 (bytes) · 24 keys u32 (bytes) · 28 values u32 (bytes) · 32 base timestamp f64 · 40 appended at f64
//   48 value ends u32 × count · key ends u32 × count · header index u32 × count (flag 1) · timestamps f64 × count (flag 2)
//   then header dictionary (JSON array of distinct objects), keys, values, back to back. Little-endian throughout.
//
// Behind that, since version 2, the place of the batch, written when its offset is known (the checksum at 4 ends before it):
//   0 topic number u16 · 2 partition u16 · 4 first offset u64 · 12 running checksum before this batch u32
//   16 the checksum at 4 once more u32 · 20 crc32 u32 of these twenty bytes, which is the running checksum after this batch
//
// Refuses bytes whose magic, lengths or checksums are wrong. Invariant: decode(encode(records)) is the records.

import { crc32 } from 'node:zlib'
import type { LogRecord, RecordHeaders } from '../types.ts'

export const batchHeaderBytes = 48
const magic = 0x424c4e46 // 'FNLB'
const version = 2
const versionBefore = 1
export const placeBytes = 24
const manyHeaders = 1
const manyTimestamps = 2

/** The header of stored bytes that passed the check: `sectionsOf` says where its columns are. */
export interface StoredBatch {
  readonly count: number
  readonly flags: number
  readonly headersBytes: number
  readonly keysBytes: number
  readonly valuesBytes: number
  readonly baseTimestampMs: number
  readonly appendedMs: number
  /** Null in a batch of the version before. */
  readonly place: BatchPlace | null
}

/** Where a batch lies, and the running checksum of its partition before and after it. */
export interface BatchPlace {
  readonly topicNumber: number
  readonly partition: number
  readonly offset: bigint
  readonly before: number
  readonly after: number
}

/** Collects the records of one partition; `encode` writes them into one value. */
export class BatchBuilder {
  readonly records: LogRecord[] = []
  #valuesBytes = 0
  #keysBytesMax = 0

  get bytesMax (): number {
    return batchHeaderBytes + this.records.length * 20 + this.#keysBytesMax + this.#valuesBytes + placeBytes
  }

  add (record: LogRecord): void {
    this.records.push(record)
    this.#valuesBytes += record.value.length
    this.#keysBytesMax += record.key.length * 3
  }

  /** Encodes into fresh or given memory; the result is a view of it. Its place is still to be written (`placeBatch`). */
  encode (appendedMs: number, memory?: (bytes: number) => Buffer): Buffer {
    const { records } = this
    const count = records.length
    const { headers, index } = distinctHeaders(records)
    const headersText = JSON.stringify(headers)
    const headersRoom = headersText.length * 3
    const room = this.bytesMax + headersRoom
    const bytes = memory === undefined ? Buffer.allocUnsafe(room) : memory(room)
    const baseTimestampMs = records[0]!.timestampMs
    const flags = (headers.length > 1 ? manyHeaders : 0) | (records.some(record => record.timestampMs !== baseTimestampMs) ? manyTimestamps : 0)
    const valueEnds = batchHeaderBytes
    const keyEnds = valueEnds + count * 4
    let at = keyEnds + count * 4
    if (flags & manyHeaders) for (let i = 0; i < count; i++, at += 4) bytes.writeUInt32LE(index[i]!, at)
    if (flags & manyTimestamps) for (let i = 0; i < count; i++, at += 8) bytes.writeDoubleLE(records[i]!.timestampMs, at)
    const headersBytes = bytes.write(headersText, at)
    at += headersBytes
    const keysStart = at
    for (let i = 0; i < count; i++) {
      at += bytes.write(records[i]!.key, at)
      bytes.writeUInt32LE(at - keysStart, keyEnds + i * 4)
    }
    const valuesStart = at
    for (let i = 0; i < count; i++) {
      const { value } = records[i]!
      bytes.set(value, at)
      at += value.length
      bytes.writeUInt32LE(at - valuesStart, valueEnds + i * 4)
    }
    bytes.writeUInt32LE(magic, 0)
    bytes.writeUInt32LE(at + placeBytes, 8)
    bytes.writeUInt16LE(version, 12)
    bytes.writeUInt16LE(flags, 14)
    bytes.writeUInt32LE(count, 16)
    bytes.writeUInt32LE(headersBytes, 20)
    bytes.writeUInt32LE(valuesStart - keysStart, 24)
    bytes.writeUInt32LE(at - valuesStart, 28)
    bytes.writeDoubleLE(baseTimestampMs, 32)
    bytes.writeDoubleLE(appendedMs, 40)
    bytes.writeUInt32LE(crc32(bytes.subarray(8, at)), 4)
    return bytes.subarray(0, at + placeBytes)
  }
}

/** Writes the place of an encoded batch; returns the running checksum after it. */
export function placeBatch (bytes: Buffer, { topicNumber, partition, offset, before }: Omit<BatchPlace, 'after'>): number {
  const at = bytes.length - placeBytes
  bytes.writeUInt16LE(topicNumber, at)
  bytes.writeUInt16LE(partition, at + 2)
  bytes.writeBigUInt64LE(offset, at + 4)
  bytes.writeUInt32LE(before, at + 12)
  bytes.writeUInt32LE(bytes.readUInt32LE(4), at + 16)
  const after = crc32(bytes.subarray(at, at + 20))
  bytes.writeUInt32LE(after, at + 20)
  return after
}

/** The number of records that the header of unchecked bytes claims. */
export function countOf (bytes: Buffer): number {
  return bytes.readUInt32LE(16)
}

/** Checks stored bytes; returns their header, or a text that says what is wrong. `at` is where they were found. */
export function readStored (bytes: Buffer, at: Pick<BatchPlace, 'topicNumber' | 'partition' | 'offset'>): StoredBatch | string {
  const { length } = bytes
  if (length < batchHeaderBytes) return `a batch of ${length} bytes is shorter than its header`
  if (bytes.readUInt32LE(0) !== magic) return 'a batch does not begin with its magic number'
  if (bytes.readUInt32LE(8) !== length) return `a batch says ${bytes.readUInt32LE(8)} bytes, ${length} are stored`
  const found = bytes.readUInt16LE(12)
  const checked = found === versionBefore ? length : length - placeBytes
  if (checked < batchHeaderBytes || crc32(bytes.subarray(8, checked)) !== bytes.readUInt32LE(4)) return 'a batch does not match its checksum'
  if (found !== version && found !== versionBefore) return `a batch has version ${found}, not ${version}`
  const place = found === version ? readPlace(bytes) : null
  if (typeof place === 'string') return place
  if (place !== null && (place.offset !== at.offset || place.partition !== at.partition || place.topicNumber !== at.topicNumber)) {
    return `a batch of topic number ${place.topicNumber}, partition ${place.partition}, offset ${place.offset} lies here`
  }
  return {
    flags: bytes.readUInt16LE(14),
    count: bytes.readUInt32LE(16),
    headersBytes: bytes.readUInt32LE(20),
    keysBytes: bytes.readUInt32LE(24),
    valuesBytes: bytes.readUInt32LE(28),
    baseTimestampMs: bytes.readDoubleLE(32),
    appendedMs: bytes.readDoubleLE(40),
    place
  }
}

function readPlace (bytes: Buffer): BatchPlace | string {
  const at = bytes.length - placeBytes
  const after = bytes.readUInt32LE(at + 20)
  if (crc32(bytes.subarray(at, at + 20)) !== after || bytes.readUInt32LE(at + 16) !== bytes.readUInt32LE(4)) return 'the place of a batch does not match its checksum'
  return {
    topicNumber: bytes.readUInt16LE(at),
    partition: bytes.readUInt16LE(at + 2),
    offset: bytes.readBigUInt64LE(at + 4),
    before: bytes.readUInt32LE(at + 12),
    after
  }
}

/** Where the parts of a stored batch begin. */
export function sectionsOf (batch: StoredBatch): { valueEnds: number, keyEnds: number, headersIndex: number | null, timestamps: number | null, headers: number, keys: number, values: number } {
  const valueEnds = batchHeaderBytes
  const keyEnds = valueEnds + batch.count * 4
  let at = keyEnds + batch.count * 4
  const headersIndex = batch.flags & manyHeaders ? at : null
  if (headersIndex !== null) at += batch.count * 4
  const timestamps = batch.flags & manyTimestamps ? at : null
  if (timestamps !== null) at += batch.count * 8
  return { valueEnds, keyEnds, headersIndex, timestamps, headers: at, keys: at + batch.headersBytes, values: at + batch.headersBytes + batch.keysBytes }
}

function distinctHeaders (records: readonly LogRecord[]): { headers: RecordHeaders[], index: Uint32Array } {
  const headers: RecordHeaders[] = []
  const index = new Uint32Array(records.length)
  const seen = new Map<RecordHeaders, number>()
  let last: RecordHeaders | null = null
  let lastIndex = 0
  for (let i = 0; i < records.length; i++) {
    const current = records[i]!.headers
    if (current !== last) {
      last = current
      lastIndex = seen.get(current) ?? headers.length
      if (lastIndex === headers.length) {
        seen.set(current, lastIndex)
        headers.push(current)
      }
    }
    index[i] = lastIndex
  }
  return { headers, index }
}
