// The one way in which a stream of bytes becomes lines. A line ends at LF and nowhere else, and one CR before it belongs to
// the end: U+2028, U+2029, U+0085, VT, FF and a lone CR stand inside JSON and inside people's texts. (`node:readline` ends a
// line at some of them.) Bytes are cut, not characters, so that a chunk may end anywhere; a leading U+FEFF stays.
// A line of more than `lineBytesMax` comes in pieces, so that a stream without line ends is bounded too.

import type { Readable } from 'node:stream'

const lineFeed = 0x0a
const carriageReturn = 0x0d
const lineBytesMax = 64 * 2 ** 20

export class LineSplitter {
  readonly #take: (line: string) => void
  readonly #bytesMax: number
  #parts: Buffer[] = []
  #bytes = 0

  constructor (take: (line: string) => void, bytesMax = lineBytesMax) {
    this.#take = take
    this.#bytesMax = bytesMax
  }

  write (chunk: Buffer): void {
    let from = 0
    for (let end = chunk.indexOf(lineFeed); end >= 0; end = chunk.indexOf(lineFeed, from)) {
      this.#keep(chunk.subarray(from, end))
      this.#give()
      from = end + 1
    }
    this.#keep(chunk.subarray(from))
    if (this.#bytes > this.#bytesMax) this.#give()
  }

  /** The last line, when nothing ended it. */
  end (): void {
    if (this.#bytes > 0) this.#give()
  }

  #keep (bytes: Buffer): void {
    if (bytes.length === 0) return
    this.#parts.push(bytes)
    this.#bytes += bytes.length
  }

  #give (): void {
    const line = this.#parts.length === 1 ? this.#parts[0]! : Buffer.concat(this.#parts)
    this.#parts = []
    this.#bytes = 0
    this.#take(line.toString('utf8', 0, line.at(-1) === carriageReturn ? line.length - 1 : line.length))
  }
}

/** Calls back for each line as it comes. The stream must not have an encoding. */
export function onLine (stream: Readable, take: (line: string) => void): void {
  const splitter = new LineSplitter(take)
  stream.on('data', (chunk: Buffer) => { splitter.write(chunk) })
  stream.on('end', () => { splitter.end() })
}

/** The lines of a stream one after another; it is read no faster than they are taken. */
export async function * linesOf (stream: AsyncIterable<Buffer>): AsyncGenerator<string> {
  const ready: string[] = []
  const splitter = new LineSplitter(line => { ready.push(line) })
  for await (const chunk of stream) {
    splitter.write(chunk)
    yield * ready.splice(0)
  }
  splitter.end()
  yield * ready
}
