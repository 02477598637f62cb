// Stored batches of one partition that touch one another become one RecordBatch: their bytes are copied out of LMDB's
// map once, into memory that belongs to the batch. Headers and keys are decoded when somebody asks for them.
// Invariant: record i of the result is record `skip + i` of the pieces laid end to end.

import type { RecordBatch, RecordHeaders } from '../types.ts'
import { printFingerprint } from './fingerprint.ts'
import { batchHeaderBytes, countOf, readStored, sectionsOf, type BatchPlace, type StoredBatch } from './batch.ts'

interface Piece {
  readonly start: number
  readonly stored: StoredBatch
  /** First record of the piece that counts, and where it stands in the result. */
  readonly skip: number
  readonly at: number
}

export class BatchMerge {
  readonly #pieces: Piece[] = []
  #memory = Buffer.alloc(0)
  #used = 0
  #count = 0

  get bytes (): number {
    return this.#used
  }

  get count (): number {
    return this.#count
  }

  /** Memory for about `records` records like those of the first batch, within `bytesMax`: growing later would copy. */
  reserve (first: Buffer, records: number, bytesMax: number): void {
    const count = first.length < batchHeaderBytes ? 1 : Math.max(1, countOf(first))
    const expected = Math.ceil(first.length / count * records * 1.05)
    this.#memory = Buffer.allocUnsafeSlow(Math.max(first.length, Math.min(expected, bytesMax)) + 8)
  }

  /** Takes a stored batch (bytes valid now only) from record `skip` on; returns a text when something is wrong with it. */
  add (bytes: Buffer, skip: number, at: Pick<BatchPlace, 'topicNumber' | 'partition' | 'offset'>): StoredBatch | string {
    const stored = readStored(bytes, at)
    if (typeof stored === 'string') return stored
    if (stored.count <= skip) return `a batch of ${stored.count} records does not reach offset ${at.offset + BigInt(skip)}`
    const { length } = bytes
    const start = Math.ceil(this.#used / 8) * 8
    if (start + length > this.#memory.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(start + length, this.#memory.length * 2))
      grown.set(this.#memory.subarray(0, this.#used))
      this.#memory = grown
    }
    this.#memory.set(bytes, start)
    this.#pieces.push({ start, stored, skip, at: this.#count })
    this.#used = start + length
    this.#count += stored.count - skip
    return stored
  }

  finish (topic: string, partition: number, firstOffset: bigint): RecordBatch {
    const count = this.#count
    const bytes = this.#memory
    const valueStart = new Uint32Array(count)
    const valueEnd = new Uint32Array(count)
    const timestampMs = new Float64Array(count)
    for (const piece of this.#pieces) fillColumns(bytes, piece, valueStart, valueEnd, timestampMs)
    return new MergedBatch({ topic, partition, firstOffset, count, bytes, valueStart, valueEnd, timestampMs, pieces: this.#pieces })
  }
}

class MergedBatch implements RecordBatch {
  readonly topic: string
  readonly partition: number
  readonly firstOffset: bigint
  readonly nextOffset: bigint
  readonly count: number
  readonly timestampMs: Float64Array
  readonly bytes: Buffer
  readonly valueStart: Uint32Array
  readonly valueEnd: Uint32Array
  readonly #pieces: readonly Piece[]
  #offsetDelta: Uint32Array | null = null
  #headers: { list: RecordHeaders[], index: Uint32Array } | null = null
  #lastPiece = 0

  constructor (parts: Pick<RecordBatch, 'topic' | 'partition' | 'firstOffset' | 'count' | 'bytes' | 'valueStart' | 'valueEnd' | 'timestampMs'> & { pieces: readonly Piece[] }) {
    this.topic = parts.topic
    this.partition = parts.partition
    this.firstOffset = parts.firstOffset
    this.nextOffset = parts.firstOffset + BigInt(parts.count)
    this.count = parts.count
    this.timestampMs = parts.timestampMs
    this.bytes = parts.bytes
    this.valueStart = parts.valueStart
    this.valueEnd = parts.valueEnd
    this.#pieces = parts.pieces
  }

  /** Batches are merged whole, so this one ends where a stored one ends, and that one knows the checksum there. */
  get fingerprint (): string {
    return printFingerprint(this.#pieces.at(-1)!.stored.place)
  }

  get offsetDelta (): Uint32Array {
    return this.#offsetDelta ??= Uint32Array.from({ length: this.count }, (_, i) => i)
  }

  get headers (): readonly RecordHeaders[] {
    return this.#decodedHeaders().list
  }

  get headersIndex (): Uint32Array {
    return this.#decodedHeaders().index
  }

  key (i: number): string {
    const piece = this.#pieceOf(i)
    const sections = sectionsOf(piece.stored)
    const inPiece = i - piece.at + piece.skip
    const ends = piece.start + sections.keyEnds + inPiece * 4
    const keys = piece.start + sections.keys
    return this.bytes.toString('utf8', keys + (inPiece === 0 ? 0 : this.bytes.readUInt32LE(ends - 4)), keys + this.bytes.readUInt32LE(ends))
  }

  #pieceOf (i: number): Piece {
    if (!(i >= 0 && i < this.count)) throw new RangeError(`record ${i} of a batch of ${this.count}`)
    let at = this.#lastPiece
    while (this.#pieces[at]!.at > i) at--
    while (at + 1 < this.#pieces.length && this.#pieces[at + 1]!.at <= i) at++
    this.#lastPiece = at
    return this.#pieces[at]!
  }

  #decodedHeaders (): { list: RecordHeaders[], index: Uint32Array } {
    if (this.#headers !== null) return this.#headers
    const list: RecordHeaders[] = []
    const index = new Uint32Array(this.count)
    for (const [p, piece] of this.#pieces.entries()) {
      const sections = sectionsOf(piece.stored)
      const from = piece.start + sections.headers
      const base = list.length
      for (const headers of JSON.parse(this.bytes.toString('utf8', from, from + piece.stored.headersBytes)) as RecordHeaders[]) list.push(headers)
      const end = this.#pieces[p + 1]?.at ?? this.count
      if (sections.headersIndex === null) index.fill(base, piece.at, end)
      else {
        const column = new Uint32Array(this.bytes.buffer, this.bytes.byteOffset + piece.start + sections.headersIndex, piece.stored.count)
        for (let i = piece.at, j = piece.skip; i < end; i++, j++) index[i] = base + column[j]!
      }
    }
    return this.#headers = { list, index }
  }
}

function fillColumns (bytes: Buffer, piece: Piece, valueStart: Uint32Array, valueEnd: Uint32Array, timestampMs: Float64Array): void {
  const { stored, start, skip, at } = piece
  const sections = sectionsOf(stored)
  const ends = new Uint32Array(bytes.buffer, bytes.byteOffset + start + sections.valueEnds, stored.count)
  const values = start + sections.values
  let previous = skip === 0 ? 0 : ends[skip - 1]!
  for (let i = at, j = skip; j < stored.count; i++, j++) {
    valueStart[i] = values + previous
    previous = ends[j]!
    valueEnd[i] = values + previous
  }
  if (sections.timestamps === null) timestampMs.fill(stored.baseTimestampMs, at, at + stored.count - skip)
  else for (let i = at, j = skip; j < stored.count; i++, j++) timestampMs[i] = bytes.readDoubleLE(start + sections.timestamps + j * 8)
}
