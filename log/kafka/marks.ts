// The fingerprint of a partition of Kafka: marks of the newest records that were consumed, each its offset and a checksum over
// offset, time, key and value. The client tells neither the checksum of a batch nor the leader's epoch, so the records
// themselves are compared; several, since compaction may take any one of them away.
// Pure. What a mark does not cover (headers) is not evidence.

import { crc32 } from 'node:zlib'
import type { FingerprintVerdict } from '../types.ts'
import type { NativeMessage } from './client.ts'

export interface RecordMark { readonly offset: bigint, readonly checksum: number }

/** Four marks are below 100 characters. */
const marksMax = 4
const form = /^records(?::[0-9a-z]{1,13}\.[0-9a-f]{8}){1,4}$/

export function markOf ({ offset, timestamp, key, value }: NativeMessage): RecordMark {
  const head = Buffer.alloc(24)
  head.writeBigInt64LE(BigInt(offset), 0)
  head.writeBigInt64LE(BigInt(timestamp ?? -1), 8)
  head.writeInt32LE(key === null || key === undefined ? -1 : key.length, 16)
  head.writeInt32LE(value === null ? -1 : value.length, 20)
  let checksum = crc32(head)
  if (key !== null && key !== undefined) checksum = crc32(key, checksum)
  if (value !== null) checksum = crc32(value, checksum)
  return { offset: BigInt(offset), checksum }
}

/** The newest marks after the messages in [from, to) were delivered. */
export function addMarks (marks: readonly RecordMark[], messages: readonly NativeMessage[], from: number, to: number): RecordMark[] {
  const added = messages.slice(Math.max(from, to - marksMax), to).map(markOf)
  return [...marks, ...added].slice(-marksMax)
}

export function printMarks (marks: readonly RecordMark[]): string {
  if (marks.length === 0) return ''
  return ['records', ...marks.map(({ offset, checksum }) => `${offset.toString(36)}.${checksum.toString(16).padStart(8, '0')}`)].join(':')
}

/** Null for what is no fingerprint of Kafka. */
export function parseMarks (fingerprint: string): RecordMark[] | null {
  if (!form.test(fingerprint)) return null
  return fingerprint.split(':').slice(1).map(text => {
    const [offset = '', checksum = ''] = text.split('.')
    return { offset: [...offset].reduce((sum, digit) => sum * 36n + BigInt(parseInt(digit, 36)), 0n), checksum: parseInt(checksum, 16) }
  })
}

/** Compares what was noted with what lies there now. `marks`: those that the log may still hold, in rising order. */
export function judgeMarks ({ end, offset, marks, found }: { end: bigint, offset: bigint, marks: readonly RecordMark[], found: readonly RecordMark[] }): FingerprintVerdict {
  if (end < offset || marks.some(mark => mark.offset >= offset)) return 'other'
  const there = new Map(found.map(mark => [mark.offset, mark.checksum]))
  const compared = marks.filter(mark => there.has(mark.offset))
  if (compared.some(mark => there.get(mark.offset) !== mark.checksum)) return 'other'
  return compared.length > 0 ? 'same' : 'unknown'
}
