/**
 * Where the columns of a Parquet file lie and what they are called, read from its footer (Thrift's compact protocol; parquet-format,
 * `FileMetaData`). Only what is needed for that is decoded, all else is skipped. A footer that cannot be read gives null: then the whole
 * file is fetched, and its columns are not known.
 */
export interface Range { readonly start: number, readonly end: number }

/** Old writers forgot the dictionary's header in the size of a chunk. */
const chunkSlackBytes = 128

const types = { true: 1, false: 2, byte: 3, i16: 4, i32: 5, i64: 6, double: 7, binary: 8, list: 9, set: 10, map: 11, struct: 12 } as const

/** Length of the footer, from the last 8 bytes of the file; null when it is not a (plain) Parquet file. */
export function footerBytesOf(end: Buffer): number | null {
  return end.length === 8 && end.toString('latin1', 4) === 'PAR1' ? end.readUInt32LE(0) : null
}

/** Name of each top-level column → the byte ranges of its chunks and Bloom filters. */
export function columnRanges(footer: Buffer): Map<string, Range[]> | null {
  const found = new Map<string, Range[]>()
  const reader = new CompactReader(footer)
  try {
    reader.struct({
      4: () => { reader.list(() => { reader.struct({ 1: () => { reader.list(() => { reader.struct({ 3: () => { readChunk(reader, found) } }) }) } }) }) }
    })
  } catch (error) {
    if (error instanceof RangeError) return null
    throw error
  }
  return found
}

/** An element of the schema, in the order of the file: a group is followed by its children. */
export interface FooterElement {
  name: string
  /** The field id of the table format; null: the writer gave none. */
  id: number | null
  children: number
  isRepeated: boolean
  /** Numbers of parquet-format; -1: absent (a group, a type without annotation). */
  physical: number
  converted: number
  logical: number
}

const repeated = 2

/** The root comes first. */
export function schemaElements(footer: Buffer): FooterElement[] | null {
  const found: FooterElement[] = []
  const reader = new CompactReader(footer)
  const done = new RangeError('the rest is not needed')
  try {
    reader.struct({ 2: () => { reader.list(() => { found.push(readElement(reader)) }); throw done } })
  } catch (error) {
    if (error !== done) { if (error instanceof RangeError) return null; throw error }
  }
  return found.length === 0 ? null : found
}

function readElement(reader: CompactReader): FooterElement {
  const element: FooterElement = { name: '', id: null, children: 0, isRepeated: false, physical: -1, converted: -1, logical: -1 }
  const annotations = Object.fromEntries(Array.from({ length: 24 }, (_, id) => [id, () => { element.logical = id; reader.struct({}) }]))
  reader.struct({
    1: () => { element.physical = reader.integer() },
    3: () => { element.isRepeated = reader.integer() === repeated },
    4: () => { element.name = reader.text() },
    5: () => { element.children = reader.integer() },
    6: () => { element.converted = reader.integer() },
    9: () => { element.id = reader.integer() },
    10: () => { reader.struct(annotations) }
  })
  return element
}

function readChunk(reader: CompactReader, found: Map<string, Range[]>): void {
  const path: string[] = []
  let [size, dataAt, dictionaryAt, bloomAt, bloomBytes] = [0, 0, 0, 0, 0]
  reader.struct({
    3: () => { reader.list(() => { path.push(reader.text()) }) },
    7: () => { size = reader.integer() },
    9: () => { dataAt = reader.integer() },
    11: () => { dictionaryAt = reader.integer() },
    14: () => { bloomAt = reader.integer() },
    15: () => { bloomBytes = reader.integer() }
  })
  const start = dictionaryAt > 0 ? Math.min(dictionaryAt, dataAt) : dataAt
  const ranges = found.get(path[0] ?? '') ?? []
  ranges.push({ start, end: start + size + chunkSlackBytes })
  // Without a length (older files) what follows the header of the filter is not known: DuckDB reads no filter without one.
  if (bloomAt > 0 && bloomBytes > 0) ranges.push({ start: bloomAt, end: bloomAt + bloomBytes })
  found.set(path[0] ?? '', ranges)
}

/** Throws RangeError behind the end of its bytes, as Buffer does. */
class CompactReader {
  readonly #bytes: Buffer
  #at = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** Calls the function of each field that has one; it must consume the field. */
  struct(fields: Readonly<Record<number, () => void>>): void {
    let id = 0
    for (let head = this.#byte(); head !== 0; head = this.#byte()) {
      id = head >> 4 === 0 ? this.integer() : id + (head >> 4)
      const read = fields[id]
      if (read === undefined) this.#skip(head & 15)
      else read()
    }
  }

  list(element: (type: number) => void): void {
    const head = this.#byte()
    const count = head >> 4 === 15 ? this.#varint() : head >> 4
    for (let i = 0; i < count; i++) element(head & 15)
  }

  text(): string {
    const length = this.#varint()
    const start = this.#at
    this.#move(length)
    return this.#bytes.toString('utf8', start, this.#at)
  }

  /** Zigzag; exact up to 2⁵³, which no file reaches. */
  integer(): number {
    const value = this.#varint()
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2
  }

  #skip(type: number): void {
    switch (type) {
      case types.true: case types.false: return
      case types.byte: this.#move(1); return
      case types.i16: case types.i32: case types.i64: this.#varint(); return
      case types.double: this.#move(8); return
      case types.binary: this.#move(this.#varint()); return
      case types.list: case types.set: this.list(element => { element === types.true || element === types.false ? this.#move(1) : this.#skip(element) }); return
      case types.map: this.#skipMap(); return
      case types.struct: this.struct({}); return
      default: throw new RangeError(`thrift type ${type}`)
    }
  }

  #skipMap(): void {
    const count = this.#varint()
    if (count === 0) return
    const kinds = this.#byte()
    for (let i = 0; i < count; i++) { this.#skip(kinds >> 4); this.#skip(kinds & 15) }
  }

  #varint(): number {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#byte()
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
  }

  #byte(): number {
    return this.#bytes.readUInt8(this.#at++)
  }

  #move(count: number): void {
    this.#at += count
    if (this.#at > this.#bytes.length) throw new RangeError('the footer ends early')
  }
}
