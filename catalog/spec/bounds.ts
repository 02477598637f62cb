/**
 * Lower and upper bounds of a column in a data file: cut to 16 code points or bytes (or what the table wants), never narrower than the values.
 *
 * Lower bounds may simply be cut. An upper bound that is cut must be carried up: the last code point + 1, skipping the surrogates;
 * U+10FFFF is dropped and the one before it tried; when nothing can be carried there is no upper bound (null), which is slow but right.
 */
import type { Type } from './types.ts'
import { encodeSingleValue, type SingleValue } from './single-value.ts'

/** `write.metadata.metrics.default` of the spec: truncate(16). */
export const boundLengthMax = 16

export function encodeLowerBound(type: Type, value: SingleValue, lengthMax = boundLengthMax): Buffer {
  if (type === 'string') return Buffer.from(firstCodePoints(value as string, lengthMax), 'utf8')
  const bytes = encodeSingleValue(type, isZero(type, value) ? -0 : value)
  return isRaw(type) ? Buffer.from(bytes.subarray(0, lengthMax)) : bytes
}

export function encodeUpperBound(type: Type, value: SingleValue, lengthMax = boundLengthMax): Buffer | null {
  if (type === 'string') {
    const cut = truncateUp(value as string, lengthMax)
    return cut === null ? null : Buffer.from(cut, 'utf8')
  }
  const bytes = encodeSingleValue(type, isZero(type, value) ? 0 : value)
  return isRaw(type) ? truncateBytesUp(bytes, lengthMax) : bytes
}

export function firstCodePoints(text: string, count: number): string {
  if (text.length <= count) return text
  let end = 0
  for (let taken = 0; taken < count && end < text.length; taken++) end += (text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1
  return text.slice(0, end)
}

/** The least string of at most `count` code points that is not below `text`, or null. */
export function truncateUp(text: string, count: number): string | null {
  const cut = firstCodePoints(text, count)
  if (cut.length === text.length) return text
  const points = Array.from(cut, point => point.codePointAt(0) ?? 0)
  for (let index = points.length - 1; index >= 0; index--) {
    const point = points[index] ?? 0
    if (point < 0x10ffff) return String.fromCodePoint(...points.slice(0, index), point === 0xd7ff ? 0xe000 : point + 1)
  }
  return null
}

export function truncateBytesUp(bytes: Buffer, count: number): Buffer | null {
  if (bytes.length <= count) return bytes
  for (let index = count - 1; index >= 0; index--) {
    const byte = bytes[index] ?? 0
    if (byte < 0xff) return Buffer.concat([bytes.subarray(0, index), Buffer.from([byte + 1])])
  }
  return null
}

function isRaw(type: Type): boolean {
  return type === 'binary' || (typeof type === 'string' && type.startsWith('fixed['))
}

// Spec: a zero is -0.0 as a lower and +0.0 as an upper bound, whatever its sign was.
function isZero(type: Type, value: SingleValue): boolean {
  return (type === 'float' || type === 'double') && value === 0
}
