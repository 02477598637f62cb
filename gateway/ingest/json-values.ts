// JSON files: an array of events, {"events": […]}, one event, or events one after another. Values are cut out by their
// brackets as the file streams by, so a file may be larger than memory; whether a value is JSON, the contract says.
// A file whose first line is a whole object and not its last one is read as NDJSON: there, one bad line spoils no other.

import { decodeName } from '../../openapi/index.ts'
import { readNdjsonLines } from './ndjson-lines.ts'
import type { SourceFile } from './source-file.ts'
import type { SourceLine } from './source-line.ts'

const headBytes = 256 * 1024
/** What an array of events may begin with: a byte order mark, and one name before it. */
const arrayStart = /^(?:\u00ef\u00bb\u00bf)?\s*(?:\{\s*"((?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*)"\s*:\s*)?\[/
const [quote, backslash, comma, openArray, closeArray, openObject, closeObject] = [0x22, 0x5c, 0x2c, 0x5b, 0x5d, 0x7b, 0x7d]

export async function * readJsonValues (file: SourceFile, from: number, lineBytesMax: number): AsyncGenerator<SourceLine> {
  const shape = shapeOf((await file.head(headBytes)).toString('latin1'))
  if (shape.kind === 'lines') yield * readNdjsonLines(file, from, lineBytesMax)
  else yield * cutValues(file, Math.max(from, shape.firstAt), shape.kind === 'array', lineBytesMax)
}

interface Shape {
  readonly kind: 'lines' | 'array' | 'values'
  /** Where the first value may begin. */
  readonly firstAt: number
}

function shapeOf (head: string): Shape {
  const array = arrayStart.exec(head)
  if (array !== null && (array[1] === undefined || decodeName(array[1]) === 'events')) return { kind: 'array', firstAt: array[0].length }
  const lineEnd = head.indexOf('\n')
  const firstLine = head.slice(0, lineEnd).replace(/^\u00ef\u00bb\u00bf/, '').trim()
  if (lineEnd >= 0 && head.slice(lineEnd).trim() !== '' && firstLine.startsWith('{') && isJson(firstLine)) return { kind: 'lines', firstAt: 0 }
  return { kind: 'values', firstAt: head.startsWith('\u00ef\u00bb\u00bf') ? 3 : 0 }
}

async function * cutValues (file: SourceFile, from: number, isArray: boolean, lineBytesMax: number): AsyncGenerator<SourceLine> {
  let parts: Buffer[] = []
  let held = 0
  let start = -1
  let depth = 0
  let inString = false
  let escaped = false
  let scalar = false
  let ended = false
  let at = from
  const keep = (bytes: Buffer): void => {
    if (held > lineBytesMax) return
    parts.push(bytes)
    held += bytes.length
  }
  const take = (end: number, complete: boolean): SourceLine => {
    const line: SourceLine = { start, end, bytes: Buffer.concat(parts).subarray(0, lineBytesMax), complete, ...end - start > lineBytesMax ? { problem: 'too-large' as const } : {} }
    parts = []
    held = 0
    start = -1
    depth = 0
    scalar = inString = escaped = false
    return line
  }
  for await (const chunk of file.chunks(from)) {
    let keptTo = 0
    for (let i = 0; i < chunk.length && !ended; i++) {
      const byte = chunk[i] as number
      if (start < 0) {
        if (byte <= 0x20 || byte === comma) continue
        if (isArray && byte === closeArray) {
          ended = true
          continue
        }
        start = at + i
        keptTo = i
        scalar = byte !== openObject && byte !== openArray && byte !== quote
        inString = byte === quote
        depth = byte === openObject || byte === openArray ? 1 : 0
        continue
      }
      let over = false
      let includesByte = true
      if (inString) {
        if (escaped) escaped = false
        else if (byte === backslash) escaped = true
        else if (byte === quote) {
          inString = false
          over = depth === 0
        }
      } else if (scalar) {
        over = byte <= 0x20 || byte === comma || byte === openObject || byte === openArray || (isArray && byte === closeArray)
        includesByte = false
      } else if (byte === quote) inString = true
      else if (byte === openObject || byte === openArray) depth++
      else if (byte === closeObject || byte === closeArray) over = --depth === 0
      if (!over) continue
      const stop = includesByte ? i + 1 : i
      keep(chunk.subarray(keptTo, stop))
      yield take(at + stop, true)
      if (!includesByte) i--
    }
    if (start >= 0) keep(chunk.subarray(keptTo))
    at += chunk.length
  }
  if (start >= 0) yield take(at, scalar)
}

function isJson (text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
