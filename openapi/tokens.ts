// The words of the byte reader: what kinds of JSON value there are, how a broken text is reported, and the one token
// that is more than a search for its end, the number.

export const token = {
  string: 1, // ASCII, no escapes: the bytes are the characters
  stringUtf8: 2,
  stringEscaped: 3,
  integer: 4,
  integerUnsafe: 5, // beyond ±(2^53 − 1)
  real: 6,
  realUnsafe: 7, // beyond a double
  boolean: 8,
  null: 9,
  object: 10,
  array: 11
} as const

/** The text is not JSON, at `byte`. */
export class SyntaxFailure extends Error {
  readonly reason: string
  readonly byte: number
  constructor (reason: string, byte: number) {
    super(reason)
    this.reason = reason
    this.byte = byte
  }
}

/** The text nests deeper than the reader goes. */
export class DepthFailure extends SyntaxFailure {}

export function failAt (bytes: Uint8Array, at: number, limit: number, expected: string): never {
  throw new SyntaxFailure(`${expected}, found ${nameByte(bytes, at, limit)}`, at)
}

/** Reads the number at `from`; returns its end and its token in one integer: `end << 4 | token` (a body has less than 128 MiB). */
export function readNumber (bytes: Buffer, from: number, limit: number): number {
  const first = bytes[from] === 0x2d ? from + 1 : from
  let i = skipDigits(bytes, first, limit)
  if (i === first) failAt(bytes, i, limit, 'expected a digit')
  const integerDigits = i - first
  if (bytes[first] === 0x30 && integerDigits > 1) throw new SyntaxFailure('a number must not start with 0', from)
  const byte = i < limit ? bytes[i]! : 0
  if (byte !== 0x2e && (byte | 0x20) !== 0x65) {
    return (i << 4) + (integerDigits <= 15 || Number.isSafeInteger(Number(bytes.toString('latin1', from, i))) ? token.integer : token.integerUnsafe)
  }
  if (byte === 0x2e) {
    const point = i + 1
    i = skipDigits(bytes, point, limit)
    if (i === point) failAt(bytes, i, limit, 'expected a digit after the decimal point')
  }
  if (i >= limit || (bytes[i]! | 0x20) !== 0x65) {
    if (integerDigits < 300) return (i << 4) + token.real
  } else {
    i++
    if (i < limit && (bytes[i] === 0x2b || bytes[i] === 0x2d)) i++
    const power = i
    i = skipDigits(bytes, power, limit)
    if (i === power) failAt(bytes, i, limit, 'expected a digit in the exponent')
  }
  return (i << 4) + (Number.isFinite(Number(bytes.toString('latin1', from, i))) ? token.real : token.realUnsafe)
}

/** A piece of the client's text as a message may show it. */
export function clip (text: string): string {
  return text.length > 64 ? `${text.slice(0, 64)}…` : text
}

export function nameByte (bytes: Uint8Array, at: number, limit: number): string {
  if (at >= limit) return 'the end'
  const byte = bytes[at]!
  return byte > 0x20 && byte < 0x7f ? `'${String.fromCharCode(byte)}'` : `byte 0x${byte.toString(16).padStart(2, '0')}`
}

function skipDigits (bytes: Uint8Array, i: number, limit: number): number {
  while (i < limit && bytes[i]! >= 0x30 && bytes[i]! <= 0x39) i++
  return i
}
