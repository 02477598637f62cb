/**
 * Deletion vectors of v3: a blob of a Puffin file that names the deleted positions of one data file (Puffin spec, `deletion-vector-v1`;
 * Roaring's portable format, 64-bit).
 *
 * Length, magic, checksum and count must agree: a vector that is read wrongly would show deleted rows or hide others.
 */
import { crc32 } from 'node:zlib'
import type { DeletionVector } from '../spec/data-file.ts'

const magic = 0x6439d3d1
const cookieWithoutRuns = 12_346
const cookieWithRuns = 12_347
/** Fewer containers than these have no table of offsets when there are runs. */
const offsetsMin = 4
const arrayValuesMax = 4_096
const bitsetBytes = 8_192

/** Throws TypeError or RangeError when it is damaged. `cardinality`: the positions that the manifest promises. */
export function decodeDeletionVector(blob: Buffer, cardinality: bigint): DeletionVector {
  const length = blob.readUInt32BE(0)
  if (length + 8 !== blob.length) throw new TypeError(`the deletion vector has ${blob.length} bytes and says ${length + 8}`)
  const content = blob.subarray(4, 4 + length)
  if (content.readUInt32LE(0) !== magic) throw new TypeError('no deletion vector of version 1')
  if (crc32(content) !== blob.readUInt32BE(4 + length)) throw new TypeError('the checksum of the deletion vector is wrong')
  const reader = new Reader(content, 4)
  const found = new Map<number, Uint16Array | Buffer>()
  let count = 0
  for (let bitmaps = reader.long(); bitmaps > 0n; bitmaps--) count += readBitmap(reader, reader.u32(), found)
  if (BigInt(count) !== cardinality) throw new TypeError(`the deletion vector has ${count} positions and the manifest says ${cardinality}`)
  return found
}

/** 32 bits of a position; `high` are the 32 above. */
function readBitmap(reader: Reader, high: number, found: Map<number, Uint16Array | Buffer>): number {
  const cookie = reader.u32()
  const hasRuns = (cookie & 0xffff) === cookieWithRuns
  if (!hasRuns && cookie !== cookieWithoutRuns) throw new TypeError(`unknown Roaring bitmap ${cookie}`)
  const size = hasRuns ? (cookie >>> 16) + 1 : reader.u32()
  const runs = hasRuns ? reader.bytes(Math.ceil(size / 8)) : null
  const heads = Array.from({ length: size }, () => ({ key: reader.u16(), count: reader.u16() + 1 }))
  if (!hasRuns || size >= offsetsMin) reader.bytes(4 * size)
  let total = 0
  for (const [index, { key, count }] of heads.entries()) {
    const isRun = runs !== null && ((runs[index >> 3] ?? 0) >> (index & 7) & 1) === 1
    const container = isRun ? readRuns(reader) : count > arrayValuesMax ? readBitset(reader) : readArray(reader, count)
    found.set(high * 65_536 + key, container.values)
    total += container.count
  }
  return total
}

interface Container { readonly values: Uint16Array | Buffer, readonly count: number }

function readArray(reader: Reader, count: number): Container {
  return { values: Uint16Array.from({ length: count }, () => reader.u16()), count }
}

/** Roaring's first bit is the lowest of byte 0; DuckDB's is the highest. */
function readBitset(reader: Reader): Container {
  const values = Buffer.from(reader.bytes(bitsetBytes))
  let count = 0
  for (let index = 0; index < values.length; index++) {
    let byte = values[index] ?? 0
    let turned = 0
    for (let bit = 0; bit < 8; bit++, byte >>= 1) { turned = turned << 1 | byte & 1; count += byte & 1 }
    values[index] = turned
  }
  return { values, count }
}

function readRuns(reader: Reader): Container {
  const values = Buffer.alloc(bitsetBytes)
  let count = 0
  for (let runs = reader.u16(); runs > 0; runs--) {
    const start = reader.u16()
    const more = reader.u16()
    for (let value = start; value <= start + more; value++) values[value >> 3] = (values[value >> 3] ?? 0) | 0x80 >> (value & 7)
    count += more + 1
  }
  return { values, count }
}

class Reader {
  readonly #bytes: Buffer
  #at: number

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.#at = at
  }

  u16(): number { const value = this.#bytes.readUInt16LE(this.#at); this.#at += 2; return value }
  u32(): number { const value = this.#bytes.readUInt32LE(this.#at); this.#at += 4; return value }
  long(): bigint { const value = this.#bytes.readBigUInt64LE(this.#at); this.#at += 8; return value }
  bytes(count: number): Buffer {
    if (this.#at + count > this.#bytes.length) throw new RangeError('the deletion vector ends early')
    const slice = this.#bytes.subarray(this.#at, this.#at + count)
    this.#at += count
    return slice
  }
}
