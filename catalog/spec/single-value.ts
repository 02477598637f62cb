/**
 * Single-value binary serialisation (spec, appendix D), used by bounds and partition summaries, and the JavaScript shape of each type.
 *
 * int, date, float, double: number; long, time, timestamp(tz): bigint (micros); decimal: bigint (unscaled); string, uuid: string;
 * fixed, binary: Buffer. Microseconds never pass through Date: a bound cut to milliseconds would hide rows.
 */
import { decimalOf } from './schema.ts'
import type { Type } from './types.ts'

const microsPerDay = 86_400_000_000n
const nanosPerDay = 1_000n * microsPerDay

export type SingleValue = boolean | number | bigint | string | Buffer

export function encodeSingleValue(type: Type, value: SingleValue): Buffer {
  if (typeof type !== 'string') throw new TypeError('nested types have no single value')
  switch (type) {
    case 'boolean': return Buffer.from([value === true ? 1 : 0])
    case 'int': case 'date': { const bytes = Buffer.allocUnsafe(4); bytes.writeInt32LE(Number(value)); return bytes }
    case 'long': case 'time': case 'timestamp': case 'timestamptz': case 'timestamp_ns': case 'timestamptz_ns': { const bytes = Buffer.allocUnsafe(8); bytes.writeBigInt64LE(BigInt(value as bigint)); return bytes }
    case 'float': { const bytes = Buffer.allocUnsafe(4); bytes.writeFloatLE(Number(value)); return bytes }
    case 'double': { const bytes = Buffer.allocUnsafe(8); bytes.writeDoubleLE(Number(value)); return bytes }
    case 'string': return Buffer.from(value as string, 'utf8')
    case 'uuid': return Buffer.from((value as string).replaceAll('-', ''), 'hex')
    case 'binary': return Buffer.from(value as Buffer)
    default:
      if (decimalOf(type) !== undefined) return encodeUnscaled(value as bigint)
      return Buffer.from(value as Buffer)
  }
}

export function decodeSingleValue(type: Type, bytes: Buffer): SingleValue {
  if (typeof type !== 'string') throw new TypeError('nested types have no single value')
  switch (type) {
    case 'boolean': return bytes[0] !== 0
    case 'int': case 'date': return bytes.readInt32LE(0)
    // A column widened from int, float or date keeps the short bounds of its old files.
    case 'timestamp': case 'timestamp_ns': if (bytes.length < 8) return BigInt(bytes.readInt32LE(0)) * (type === 'timestamp' ? microsPerDay : nanosPerDay); return bytes.readBigInt64LE(0)
    case 'long': case 'time': case 'timestamptz': case 'timestamptz_ns': return bytes.length < 8 ? BigInt(bytes.readInt32LE(0)) : bytes.readBigInt64LE(0)
    case 'float': return bytes.readFloatLE(0)
    case 'double': return bytes.length < 8 ? bytes.readFloatLE(0) : bytes.readDoubleLE(0)
    case 'string': return bytes.toString('utf8')
    case 'uuid': return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
    default:
      if (decimalOf(type) !== undefined) return decodeUnscaled(bytes)
      return bytes
  }
}

/** Two's complement, big-endian, as few bytes as hold the sign. */
export function encodeUnscaled(value: bigint): Buffer {
  let length = 1
  while (value < -(1n << BigInt(8 * length - 1)) || value >= 1n << BigInt(8 * length - 1)) length += 1
  return encodeUnscaledFixed(value, length)
}

/** The same, sign-extended to `length` bytes. */
export function encodeUnscaledFixed(value: bigint, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  let rest = BigInt.asUintN(8 * length, value)
  for (let index = length - 1; index >= 0; index--) {
    bytes[index] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return bytes
}

export function decodeUnscaled(bytes: Uint8Array): bigint {
  let value = 0n
  for (const byte of bytes) value = (value << 8n) | BigInt(byte)
  return BigInt.asIntN(8 * bytes.length, value)
}

/** -5 with scale 2 → -0.05. */
export function printUnscaled(unscaled: bigint, scale: number): string {
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString().padStart(scale + 1, '0')
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`
  return unscaled < 0n ? '-' + text : text
}

/** Bytes that hold every unscaled value of this precision. */
export function decimalBytes(precision: number): number {
  let length = 1
  while (10n ** BigInt(precision) - 1n > (1n << BigInt(8 * length - 1)) - 1n) length += 1
  return length
}

/** Orders two values of one type as the spec does: strings by UTF-8 bytes, numbers by value. */
export function compareSingleValues(left: SingleValue, right: SingleValue): number {
  if (typeof left === 'string') return Buffer.compare(Buffer.from(left), Buffer.from(right as string))
  if (Buffer.isBuffer(left)) return Buffer.compare(left, right as Buffer)
  return left < right ? -1 : left > right ? 1 : 0
}
