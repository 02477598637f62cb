/**
 * Partition transforms of the spec: identity, bucket, truncate, year, month, day, hour, void.
 *
 * Years, months, days and hours count from 1970 and are floored, so that an instant before the epoch falls into the right one. The calendar
 * is reckoned here and not by Date, which ends long before the dates and instants that a column can hold.
 * Values have the shapes of `single-value.ts`; results of year, month, day, hour and bucket are number.
 */
import { hashMurmur3 } from './murmur3.ts'
import { decimalOf } from './schema.ts'
import { encodeUnscaled, printUnscaled, type SingleValue } from './single-value.ts'
import { firstCodePoints } from './bounds.ts'
import type { Transform, Type } from './types.ts'

export type PartitionValue = SingleValue | null

export type TransformName = 'identity' | 'void' | 'year' | 'month' | 'day' | 'hour' | 'bucket' | 'truncate'

const hoursPerDay = 24n
const secondsPerHour = 3_600n
/** Units in a second, of the types that count time. */
const unitsPerSecond: ReadonlyMap<Type, bigint> = new Map([
  ['timestamp', 1_000_000n], ['timestamptz', 1_000_000n], ['timestamp_ns', 1_000_000_000n], ['timestamptz_ns', 1_000_000_000n]
])

export function applyTransform(transform: Transform, type: Type, value: PartitionValue): PartitionValue {
  const { name, width } = parseTransform(transform)
  if (value === null || name === 'void') return null
  switch (name) {
    case 'identity': return value
    case 'bucket': return (hashValue(type, value) & 0x7fffffff) % width
    case 'truncate': return truncateValue(type, value, width)
    case 'day': return daysOf(type, value)
    case 'hour': return wrapInt(floorDivide(BigInt(value as bigint), secondsPerHour * unitOf(type)))
    case 'month': { const { year, month } = civilOf(daysOf(type, value)); return (year - 1970) * 12 + month - 1 }
    case 'year': return civilOf(daysOf(type, value)).year - 1970
  }
}

/**
 * The type of a partition value. `day` is a date: readers that met a plain int there failed (iceberg-rust#478). A transform of a later
 * version of the spec is a string, as Java has it: such a table can be read.
 */
export function transformedType(transform: Transform, type: Type): Type {
  switch (readTransform(transform)?.name) {
    case undefined: return 'string'
    case 'identity': case 'truncate': case 'void': return type
    case 'day': return 'date'
    default: return 'int'
  }
}

/** Throws TypeError for what is no transform of the spec. */
export function parseTransform(transform: Transform): { name: TransformName, width: number } {
  const found = readTransform(transform)
  if (found === undefined) throw new TypeError(`unknown partition transform '${transform}'`)
  return found
}

function readTransform(transform: Transform): { name: TransformName, width: number } | undefined {
  const match = /^(?:(identity|void|year|month|day|hour)|(bucket|truncate)\[(\d+)\])$/i.exec(transform)
  const name = (match?.[1] ?? match?.[2])?.toLowerCase() as TransformName | undefined
  const width = Number(match?.[3] ?? 0)
  const hasWidth = name === 'bucket' || name === 'truncate'
  return name === undefined || (hasWidth && !(width >= 1 && width <= 0x7fffffff)) ? undefined : { name, width }
}

/** How a partition value reads in a path: 2017-11-16, 2017-11, null. */
export function printPartitionValue(transform: Transform, type: Type, value: PartitionValue): string {
  if (value === null) return 'null'
  switch (readTransform(transform)?.name) {
    case 'year': return String(1970 + Number(value))
    case 'month': return printMonth(Number(value))
    case 'day': return printDate(Number(value))
    case 'hour': return `${printDate(Math.floor(Number(value) / 24))}-${String(((Number(value) % 24) + 24) % 24).padStart(2, '0')}`
    case 'bucket': return String(value)
    default: return printValue(type, value)
  }
}

function printValue(type: Type, value: SingleValue): string {
  if (Buffer.isBuffer(value)) return value.toString('base64')
  const scale = decimalOf(type)?.scale
  if (scale !== undefined) return printUnscaled(value as bigint, scale)
  const unit = unitsPerSecond.get(type)
  if (unit !== undefined) return printInstant(BigInt(value as bigint), unit) + (type === 'timestamptz' || type === 'timestamptz_ns' ? '+00:00' : '')
  if (type === 'time') return printClock(BigInt(value as bigint), 1_000_000n)
  return type === 'date' ? printDate(Number(value)) : String(value)
}

export function printDate(days: number): string {
  const { year, month, day } = civilOf(days)
  return `${String(year).padStart(4, '0')}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`
}

export function hashValue(type: Type, value: SingleValue): number {
  if (decimalOf(type) !== undefined) return hashMurmur3(encodeUnscaled(value as bigint))
  switch (type) {
    case 'string': return hashMurmur3(Buffer.from(value as string, 'utf8'))
    case 'uuid': return hashMurmur3(Buffer.from((value as string).replaceAll('-', ''), 'hex'))
    case 'int': case 'date': case 'long': case 'time': case 'timestamp': case 'timestamptz': return hashLong(BigInt(value as bigint))
    // Hashed as microseconds, so that an instant is in one bucket whatever its precision.
    case 'timestamp_ns': case 'timestamptz_ns': return hashLong(floorDivide(BigInt(value as bigint), 1_000n))
    default:
      if (Buffer.isBuffer(value)) return hashMurmur3(value)
      throw new TypeError(`type ${JSON.stringify(type)} cannot be bucketed`)
  }
}

function hashLong(value: bigint): number {
  const bytes = Buffer.allocUnsafe(8)
  bytes.writeBigInt64LE(value)
  return hashMurmur3(bytes)
}

/** Beyond the ends of the integer that the result is it wraps around, as Java does: a row at the very end must not stop a commit. */
function wrapInt(value: bigint): number {
  return Number(BigInt.asIntN(32, value))
}

function truncateValue(type: Type, value: SingleValue, width: number): SingleValue {
  if (typeof value === 'string') return firstCodePoints(value, width)
  if (Buffer.isBuffer(value)) return value.subarray(0, width)
  if (typeof value === 'number' && type === 'int') return (value - (((value % width) + width) % width)) | 0
  if (typeof value === 'bigint' && (type === 'long' || decimalOf(type) !== undefined)) {
    const w = BigInt(width)
    const cut = value - (((value % w) + w) % w)
    return type === 'long' ? BigInt.asIntN(64, cut) : cut
  }
  throw new TypeError(`type ${JSON.stringify(type)} cannot be truncated`)
}

function daysOf(type: Type, value: SingleValue): number {
  return type === 'date' ? Number(value) : Number(floorDivide(BigInt(value as bigint), hoursPerDay * secondsPerHour * unitOf(type)))
}

function unitOf(type: Type): bigint {
  const unit = unitsPerSecond.get(type)
  if (unit === undefined) throw new TypeError(`type ${JSON.stringify(type)} has no hours and days`)
  return unit
}

function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by
  return value % by < 0n ? quotient - 1n : quotient
}

/** Days since 1970 → year, month (1 to 12) and day of the Gregorian calendar, over all of int32. Years are counted from March. */
function civilOf(days: number): { year: number, month: number, day: number } {
  const sinceYear0 = days + 719_468
  const era = Math.floor(sinceYear0 / 146_097)
  const dayOfEra = sinceYear0 - era * 146_097
  const leaps = Math.floor(dayOfEra / 1_460) - Math.floor(dayOfEra / 36_524) + Math.floor(dayOfEra / 146_096)
  const yearOfEra = Math.floor((dayOfEra - leaps) / 365)
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const fromMarch = Math.floor((5 * dayOfYear + 2) / 153)
  const month = fromMarch < 10 ? fromMarch + 3 : fromMarch - 9
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day: dayOfYear - Math.floor((153 * fromMarch + 2) / 5) + 1 }
}

function printMonth(months: number): string {
  return `${1970 + Math.floor(months / 12)}-${String(((months % 12) + 12) % 12 + 1).padStart(2, '0')}`
}

function printInstant(units: bigint, unit: bigint): string {
  const perDay = hoursPerDay * secondsPerHour * unit
  const days = floorDivide(units, perDay)
  return `${printDate(Number(days))}T${printClock(units - days * perDay, unit)}`
}

function printClock(units: bigint, unit: bigint): string {
  const seconds = Number(units / unit)
  const fraction = (units % unit).toString().padStart(String(unit).length - 1, '0').replace(/0+$/, '')
  const clock = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60].map(part => String(part).padStart(2, '0')).join(':')
  return fraction === '' ? clock : `${clock}.${fraction}`
}
