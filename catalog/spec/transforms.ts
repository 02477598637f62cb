/**
 * Partition transforms of the spec: identity, bucket, truncate, year, month, day, hour, void.
 *
 * Years, months, days and hours count from 1970 and are floored, so that an instant before the epoch falls into the right one.
 * Values have the shapes of `single-value.ts`; results of year, month, day, hour and bucket are number.
 */
import { hashMurmur3 } from './murmur3.ts'
import { decimalOf } from './schema.ts'
import { encodeUnscaled, type SingleValue } from './single-value.ts'
import { firstCodePoints } from './bounds.ts'
import type { Transform, Type } from './types.ts'

export type PartitionValue = SingleValue | null

const microsPerHour = 3_600_000_000n
const microsPerDay = 86_400_000_000n

export function applyTransform(transform: Transform, type: Type, value: PartitionValue): PartitionValue {
  if (value === null) return null
  const { name, width } = parseTransform(transform)
  switch (name) {
    case 'identity': return value
    case 'void': return null
    case 'bucket': return (hashValue(type, value) & 0x7fffffff) % width
    case 'truncate': return truncateValue(type, value, width)
    case 'day': return daysOf(type, value)
    case 'hour': return Number(floorDivide(value as bigint, microsPerHour))
    case 'month': { const date = dateOfDays(daysOf(type, value)); return (date.getUTCFullYear() - 1970) * 12 + date.getUTCMonth() }
    case 'year': return dateOfDays(daysOf(type, value)).getUTCFullYear() - 1970
  }
}

/** The type of a partition value. `day` is a date: readers that met a plain int there failed (iceberg-rust#478). */
export function transformedType(transform: Transform, type: Type): Type {
  switch (parseTransform(transform).name) {
    case 'identity': case 'truncate': case 'void': return type
    case 'day': return 'date'
    default: return 'int'
  }
}

export function parseTransform(transform: Transform): { name: 'identity' | 'bucket' | 'truncate' | 'year' | 'month' | 'day' | 'hour' | 'void', width: number } {
  const match = /^(identity|void|year|month|day|hour|bucket|truncate)(?:\[(\d+)\])?$/.exec(transform)
  const name = match?.[1] as 'identity' | undefined
  const width = Number(match?.[2] ?? 0)
  if (name === undefined || ((name as string === 'bucket' || name as string === 'truncate') && width < 1)) throw new TypeError(`unknown partition transform '${transform}'`)
  return { name, width }
}

/** How a partition value reads in a path: 2017-11-16, 2017-11, null. */
export function printPartitionValue(transform: Transform, type: Type, value: PartitionValue): string {
  if (value === null) return 'null'
  const { name } = parseTransform(transform)
  switch (name) {
    case 'year': return String(1970 + Number(value))
    case 'month': return dateOfMonth(Number(value))
    case 'day': return printDate(Number(value))
    case 'hour': return `${printDate(Math.floor(Number(value) / 24))}-${String(((Number(value) % 24) + 24) % 24).padStart(2, '0')}`
    default:
      if (type === 'date') return printDate(Number(value))
      if (Buffer.isBuffer(value)) return value.toString('base64')
      if (decimalOf(type) !== undefined) return printDecimal(value as bigint, decimalOf(type)?.scale ?? 0)
      return String(value)
  }
}

export function printDate(days: number): string {
  const date = dateOfDays(days)
  return `${String(date.getUTCFullYear()).padStart(4, '0')}-${String(date.getUTCMonth() + 1).padStart(2, '0')}-${String(date.getUTCDate()).padStart(2, '0')}`
}

export function hashValue(type: Type, value: SingleValue): number {
  if (decimalOf(type) !== undefined) return hashMurmur3(encodeUnscaled(value as bigint))
  switch (type) {
    case 'string': return hashMurmur3(Buffer.from(value as string, 'utf8'))
    case 'uuid': return hashMurmur3(Buffer.from((value as string).replaceAll('-', ''), 'hex'))
    case 'int': case 'date': case 'long': case 'time': case 'timestamp': case 'timestamptz': {
      const bytes = Buffer.allocUnsafe(8)
      bytes.writeBigInt64LE(BigInt(value as bigint))
      return hashMurmur3(bytes)
    }
    default:
      if (Buffer.isBuffer(value)) return hashMurmur3(value)
      throw new TypeError(`type ${JSON.stringify(type)} cannot be bucketed`)
  }
}

function truncateValue(type: Type, value: SingleValue, width: number): SingleValue {
  if (typeof value === 'string') return firstCodePoints(value, width)
  if (Buffer.isBuffer(value)) return value.subarray(0, width)
  if (typeof value === 'number' && type === 'int') return value - (((value % width) + width) % width)
  if (typeof value === 'bigint') { const w = BigInt(width); return value - (((value % w) + w) % w) }
  throw new TypeError(`type ${JSON.stringify(type)} cannot be truncated`)
}

function daysOf(type: Type, value: SingleValue): number {
  return type === 'date' ? Number(value) : Number(floorDivide(value as bigint, microsPerDay))
}

function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by
  return value % by < 0n ? quotient - 1n : quotient
}

function dateOfDays(days: number): Date {
  return new Date(days * 86_400_000)
}

function dateOfMonth(months: number): string {
  return `${1970 + Math.floor(months / 12)}-${String(((months % 12) + 12) % 12 + 1).padStart(2, '0')}`
}

function printDecimal(unscaled: bigint, scale: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0')
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
  return unscaled < 0n ? '-' + text : text
}
