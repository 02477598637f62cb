// One pass over the bytes of a JSON text: checks the grammar (RFC 8259, exactly what JSON.parse takes), finds where
// each contract field's value lies, and flags what two JSON parsers may read differently: a key twice in one object,
// numbers beyond a double or 2^53, `\u0000`, lone surrogates, deep nesting. It makes no object and no string on the way.
// A broken grammar is thrown as SyntaxFailure; flags are kept (the first one counts) and the scan goes on, so that the
// end of the event is always found. UTF-8 is the caller's to check (`node:buffer` isUtf8), once per body.
import { decodeName, hashOf } from './names.ts'
import { createOpenKeys } from './open-keys.ts'
import { scopeNone } from './plan.ts'
import type { Plan } from './plan.ts'
import type { ContractErrorCode } from './errors.ts'
import { clip, DepthFailure, failAt, nameByte, readNumber, SyntaxFailure, token } from './tokens.ts'

export const depthMax = 32
/** Beyond this the scan itself stops: the limit of its own recursion, for the whole body. */
export const depthScannedMax = 1000

export interface Flag { code: ContractErrorCode, path: string, got: string, reason: string }

export interface Scanner {
  /** per field id: the token of its value in the current event, valid where stamp[id] === now() */
  readonly kind: Uint8Array
  readonly start: Int32Array
  readonly end: Int32Array
  readonly stamp: Int32Array
  /** per scope id: stamped when an object of that scope had a key that the contract does not name */
  readonly extra: Int32Array
  readonly seen: Int32Array
  open (bytes: Buffer, from: number, to: number): void
  /** Reads one value as an event: fields are stamped with a new `now`. Returns the token of the value. */
  readEvent (): number
  now (): number
  /** At the quote that opens a key; leaves the position behind the one that closes it. */
  readName (): string
  position (): number
  seek (position: number): void
  skipSpace (): void
  seenCount (): number
  flag (): Flag | null
  hasNewline (): boolean
}

const QUOTE = 1
const BACKSLASH = 2
const HIGH = 3
const CONTROL = 4
const classes = new Uint8Array(256)
classes.fill(CONTROL, 0, 0x20)
classes.fill(HIGH, 0x80)
classes[0x22] = QUOTE
classes[0x5c] = BACKSLASH

export function createScanner (plan: Plan): Scanner {
  const fieldCount = plan.fields.length
  const kind = new Uint8Array(fieldCount)
  const start = new Int32Array(fieldCount)
  const end = new Int32Array(fieldCount)
  const stamp = new Int32Array(fieldCount)
  const extra = new Int32Array(plan.scopes.length)
  const seen = new Int32Array(fieldCount)
  const { scopes, scopeOf } = plan

  let bytes: Buffer = Buffer.alloc(0)
  let pos = 0
  let limit = 0
  let now = 0
  let seenCount = 0
  let newline = false
  let flag: Flag | null = null

  const openKeys = createOpenKeys() // those without a field id

  // what `readKey` found
  let foundHash = 0
  let foundPlain = true

  // where in the value we are, for paths: a key's bytes, or (end -1) an index
  const stepStart = new Int32Array(depthScannedMax + 2)
  const stepEnd = new Int32Array(depthScannedMax + 2)

  function fail (expected: string): never {
    return failAt(bytes, pos, limit, expected)
  }

  function skipSpace (): void {
    while (pos < limit) {
      const byte = bytes[pos]!
      if (byte > 0x20) return
      if (byte === 0x0a || byte === 0x0d) newline = true
      else if (byte !== 0x20 && byte !== 0x09) return
      pos++
    }
  }

  function readEvent (): number {
    now = (now + 1) | 0
    seenCount = 0
    openKeys.drop(0)
    newline = false
    flag = null
    return readValue(0, 1)
  }

  /** depth: that of the value if it is a container; its steps lie below */
  function readValue (scope: number, depth: number): number {
    const byte = pos < limit ? bytes[pos]! : 0
    if (byte === 0x22) return readString(depth)
    if (byte === 0x7b) return readObject(scope, depth)
    if (byte === 0x2d || (byte >= 0x30 && byte <= 0x39)) {
      const number = readNumber(bytes, pos, limit)
      pos = number >>> 4
      return number & 15
    }
    if (byte === 0x5b) return readArray(depth)
    if (byte === 0x74) return readWord('true', token.boolean)
    if (byte === 0x66) return readWord('false', token.boolean)
    if (byte === 0x6e) return readWord('null', token.null)
    return fail('expected a value')
  }

  function readObject (scope: number, depth: number): number {
    if (depth > depthMax) flagDepth(depth)
    const keysBefore = openKeys.count()
    pos++
    skipSpace()
    if (pos < limit && bytes[pos] === 0x7d) {
      pos++
      return token.object
    }
    for (;;) {
      if (bytes[pos] !== 0x22 || pos >= limit) fail('expected a key in double quotes')
      const nameStart = pos + 1
      readKey(depth)
      const nameEnd = pos - 1
      stepStart[depth] = nameStart
      stepEnd[depth] = nameEnd
      if (bytes[pos] !== 0x3a) {
        skipSpace()
        if (bytes[pos] !== 0x3a || pos >= limit) fail('expected : after a key')
      }
      pos++
      if (bytes[pos]! <= 0x20) skipSpace()

      const field = scope === scopeNone ? -1 : findField(scope, nameStart, nameEnd)
      if (field >= 0) {
        if (stamp[field] === now) raise('EVENT_DUPLICATE_KEY', depth)
        const from = pos
        const found = readValue(scopeOf[field]!, depth + 1)
        if (stamp[field] !== now) seen[seenCount++] = field
        stamp[field] = now
        kind[field] = found
        start[field] = from
        end[field] = pos
      } else {
        if (scope !== scopeNone) extra[scope] = now
        openKeys.push(foundHash, nameStart, nameEnd)
        const from = pos
        const found = readValue(scopeNone, depth + 1)
        if (found === token.integerUnsafe || found === token.realUnsafe) raise('EVENT_NUMBER_RANGE', depth, from)
      }

      if (bytes[pos]! <= 0x20) skipSpace()
      const next = pos < limit ? bytes[pos]! : 0
      if (next === 0x2c) {
        pos++
        if (bytes[pos]! <= 0x20) skipSpace()
      } else if (next === 0x7d) {
        pos++
        break
      } else fail('expected , or } after a value')
    }
    if (openKeys.count() - keysBefore > 1) {
      const twice = openKeys.findTwice(keysBefore, keyText)
      if (twice >= 0) {
        stepStart[depth] = openKeys.start(twice)
        stepEnd[depth] = openKeys.end(twice)
        raise('EVENT_DUPLICATE_KEY', depth)
      }
    }
    openKeys.drop(keysBefore)
    return token.object
  }

  function readArray (depth: number): number {
    if (depth > depthMax) flagDepth(depth)
    pos++
    skipSpace()
    if (pos < limit && bytes[pos] === 0x5d) {
      pos++
      return token.array
    }
    for (let index = 0; ; index++) {
      stepStart[depth] = index
      stepEnd[depth] = -1
      const from = pos
      const found = readValue(scopeNone, depth + 1)
      if (found === token.integerUnsafe || found === token.realUnsafe) raise('EVENT_NUMBER_RANGE', depth, from)
      skipSpace()
      const next = pos < limit ? bytes[pos]! : 0
      if (next === 0x2c) {
        pos++
        skipSpace()
      } else if (next === 0x5d) {
        pos++
        return token.array
      } else fail('expected , or ] after a value')
    }
  }

  function readString (depth: number): number {
    const source = bytes
    let i = pos + 1
    let found: number = token.string
    for (;;) {
      let type = classes[source[i]!]
      while (type === 0) type = classes[source[++i]!]
      if (i >= limit) failInString(limit)
      if (type === QUOTE) {
        pos = i + 1
        return found
      }
      if (type === HIGH) {
        if (found === token.string) found = token.stringUtf8
        i++
      } else if (type === BACKSLASH) {
        found = token.stringEscaped
        i = readEscape(i, depth - 1)
      } else failInString(i)
    }
  }

  /** As readString, and hashes on the way. The hash is over the decoded bytes. */
  function readKey (depth: number): void {
    const source = bytes
    const from = pos + 1
    let i = from
    let hash = 0
    foundPlain = true
    for (;;) {
      const byte = source[i]!
      const type = classes[byte]
      if (type === 0 || type === HIGH) {
        hash = (Math.imul(hash, 31) + byte) | 0
        i++
      } else if (i >= limit) failInString(limit)
      else if (type === QUOTE) break
      else if (type === BACKSLASH) {
        foundPlain = false
        i = readEscape(i, depth - 1)
      } else failInString(i)
    }
    if (i >= limit) failInString(limit)
    pos = i + 1
    if (!foundPlain) {
      const decoded = Buffer.from(keyText(from, i))
      hash = hashOf(decoded, 0, decoded.length)
    }
    foundHash = hash
  }

  function failInString (at: number): never {
    pos = at
    if (at >= limit) return fail('expected " at the end of a string')
    throw new SyntaxFailure(`a string must not contain the raw control character ${nameByte(bytes, at, limit)}`, at)
  }

  /** `i` is at a backslash; returns the position after the escape */
  function readEscape (i: number, depth: number): number {
    const byte = i + 1 < limit ? bytes[i + 1]! : 0
    if (byte === 0x75) {
      const unit = readUnit(i)
      if (unit === 0) raise('EVENT_STRING_INVALID', depth, i, 'the character \\u0000')
      else if (unit >= 0xd800 && unit <= 0xdbff) {
        if (i + 7 < limit && bytes[i + 6] === 0x5c && bytes[i + 7] === 0x75) {
          const low = readUnit(i + 6)
          if (low >= 0xdc00 && low <= 0xdfff) return i + 12
        }
        raise('EVENT_STRING_INVALID', depth, i, 'half of a surrogate pair')
      } else if (unit >= 0xdc00 && unit <= 0xdfff) raise('EVENT_STRING_INVALID', depth, i, 'half of a surrogate pair')
      return i + 6
    }
    if (byte === 0x22 || byte === 0x5c || byte === 0x2f || byte === 0x62 || byte === 0x66 || byte === 0x6e || byte === 0x72 || byte === 0x74) return i + 2
    pos = i
    throw new SyntaxFailure('unknown escape in a string', i)
  }

  function readUnit (i: number): number {
    let unit = 0
    for (let at = i + 2; at < i + 6; at++) {
      const byte = at < limit ? bytes[at]! : 0
      const digit = byte >= 0x30 && byte <= 0x39 ? byte - 0x30 : (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x66 ? (byte | 0x20) - 0x57 : -1
      if (digit < 0) throw new SyntaxFailure('expected four hexadecimal digits after \\u', i)
      unit = unit * 16 + digit
    }
    return unit
  }

  function readWord (word: string, found: number): number {
    for (let i = 0; i < word.length; i++) {
      if (pos + i >= limit || bytes[pos + i] !== word.charCodeAt(i)) return fail(`expected ${word}`)
    }
    pos += word.length
    return found
  }

  function findField (scope: number, nameStart: number, nameEnd: number): number {
    if (foundPlain) return scopes[scope]!.find(foundHash, bytes, nameStart, nameEnd)
    const decoded = Buffer.from(keyText(nameStart, nameEnd))
    return scopes[scope]!.find(foundHash, decoded, 0, decoded.length)
  }

  function flagDepth (depth: number): void {
    if (depth > depthScannedMax) throw new DepthFailure('too deep', pos)
    if (flag === null) flag = { code: 'EVENT_TOO_DEEP', path: pathOf(Math.min(depth - 1, 8)), got: '', reason: '' }
  }

  function raise (code: ContractErrorCode, depth: number, from = -1, reason = ''): void {
    if (flag === null) flag = { code, path: pathOf(depth), got: from < 0 ? '' : clip(bytes.toString('utf8', from, pos)), reason }
  }

  function pathOf (depth: number): string {
    let path = ''
    for (let n = 1; n <= depth; n++) {
      path += stepEnd[n] === -1 ? `[${stepStart[n]}]` : `${path === '' ? '' : '.'}${clip(keyText(stepStart[n]!, stepEnd[n]!))}`
    }
    return path
  }

  function keyText (from: number, to: number): string {
    return decodeName(bytes.toString('utf8', from, to))
  }

  return {
    kind,
    start,
    end,
    stamp,
    extra,
    seen,
    open (next, from, to) {
      bytes = next
      pos = from
      limit = to
    },
    readEvent,
    now: () => now,
    readName () {
      const from = pos + 1
      readKey(1)
      return keyText(from, pos - 1)
    },
    position: () => pos,
    seek (position) { pos = position },
    skipSpace,
    seenCount: () => seenCount,
    flag: () => flag,
    hasNewline: () => newline
  }
}
