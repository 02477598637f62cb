// NDJSON files: one line, one event. A bad line costs itself only. Memory is bounded by the longest allowed line.

import type { SourceFile } from './source-file.ts'
import type { SourceLine } from './source-line.ts'

const newline = 0x0a

export async function * readNdjsonLines (file: SourceFile, from: number, lineBytesMax: number): AsyncGenerator<SourceLine> {
  let start = from
  let at = from
  let parts: Buffer[] = []
  let held = 0
  const take = (end: number, complete: boolean): SourceLine => {
    const bytes = trimLine(parts.length === 1 ? parts[0] as Buffer : Buffer.concat(parts), start === 0)
    const line: SourceLine = { start, end, bytes: bytes.subarray(0, lineBytesMax), complete, ...end - start > lineBytesMax + 2 ? { problem: 'too-large' as const } : {} }
    start = end
    parts = []
    held = 0
    return line
  }
  for await (const chunk of file.chunks(from)) {
    let read = 0
    while (read < chunk.length) {
      const found = chunk.indexOf(newline, read)
      const stop = found < 0 ? chunk.length : found
      if (held <= lineBytesMax) {
        parts.push(chunk.subarray(read, stop))
        held += stop - read
      }
      if (found < 0) break
      yield take(at + found + 1, true)
      read = found + 1
    }
    at += chunk.length
  }
  if (at > start) yield take(at, false)
}

/** Without the byte order mark of a file's first line, blanks at its ends and the \r of Windows. */
function trimLine (line: Buffer, first: boolean): Buffer {
  let from = first && line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf ? 3 : 0
  let to = line.length
  while (from < to && isBlank(line[from] as number)) from++
  while (to > from && isBlank(line[to - 1] as number)) to--
  return line.subarray(from, to)
}

function isBlank (byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0d
}
