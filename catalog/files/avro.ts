/**
 * Avro's binary encoding, as much of it as Iceberg's files use: a schema is compiled once into a writer or a reader.
 *
 * Fields are found by Iceberg field id, never by name, because writers disagree on names. int and enum are number, long is bigint,
 * bytes and fixed are Buffer. An array with `logicalType: map` (Iceberg's maps with int keys) is a Map.
 */
export type AvroSchema = string | AvroSchema[] | AvroRecord | AvroArray | AvroOther
export interface AvroField { 'name': string, 'type': AvroSchema, 'default'?: null, 'field-id'?: number, [attribute: string]: unknown }
export interface AvroRecord { type: 'record', name: string, fields: AvroField[], [attribute: string]: unknown }
export interface AvroArray { type: 'array', items: AvroSchema, logicalType?: string, [attribute: string]: unknown }
export interface AvroOther { type: string, [attribute: string]: unknown }

export type AvroWriter = (out: AvroOutput, value: unknown) => void
export type AvroReader = (input: AvroInput) => unknown

/** A growing buffer of Avro's primitives. */
export class AvroOutput {
  length = 0
  #bytes: Buffer

  constructor(sizeBytes = 16_384) { this.#bytes = Buffer.allocUnsafe(sizeBytes) }

  writeByte(byte: number): void { this.#reserve(1); this.#bytes[this.length++] = byte }
  writeLong(value: bigint | number): void {
    this.#reserve(10)
    if (typeof value === 'bigint' ? value >= -0x20000000n && value < 0x20000000n : value >= -0x20000000 && value < 0x20000000) {
      const small = Number(value)
      let zigzag = ((small << 1) ^ (small >> 31)) >>> 0
      while (zigzag > 0x7f) { this.#bytes[this.length++] = (zigzag & 0x7f) | 0x80; zigzag >>>= 7 }
      this.#bytes[this.length++] = zigzag
      return
    }
    const big = BigInt(value)
    let zigzag = BigInt.asUintN(64, (big << 1n) ^ (big >> 63n))
    while (zigzag > 0x7fn) { this.#bytes[this.length++] = Number(zigzag & 0x7fn) | 0x80; zigzag >>= 7n }
    this.#bytes[this.length++] = Number(zigzag)
  }
  writeRaw(bytes: Uint8Array): void { this.#reserve(bytes.length); this.#bytes.set(bytes, this.length); this.length += bytes.length }
  writeBytes(bytes: Uint8Array): void { this.writeLong(bytes.length); this.writeRaw(bytes) }
  writeString(text: string): void {
    const length = Buffer.byteLength(text, 'utf8')
    this.writeLong(length)
    this.#reserve(length)
    this.length += this.#bytes.write(text, this.length, 'utf8')
  }
  writeFloat(value: number): void { this.#reserve(4); this.length = this.#bytes.writeFloatLE(value, this.length) }
  writeDouble(value: number): void { this.#reserve(8); this.length = this.#bytes.writeDoubleLE(value, this.length) }
  /** The bytes so far; the output starts anew. */
  take(): Buffer { const taken = Buffer.from(this.#bytes.subarray(0, this.length)); this.length = 0; return taken }

  #reserve(count: number): void {
    if (this.length + count <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.length + count))
    this.#bytes.copy(larger, 0, 0, this.length)
    this.#bytes = larger
  }
}

/** A position in bytes. Reading past the end throws RangeError: a truncated file must never read as a short one. */
export class AvroInput {
  position = 0
  readonly bytes: Buffer

  constructor(bytes: Buffer) { this.bytes = bytes }

  get atEnd(): boolean { return this.position >= this.bytes.length }
  readByte(): number {
    const byte = this.bytes[this.position]
    if (byte === undefined) throw new RangeError('the Avro data ends in the middle of a value')
    this.position += 1
    return byte
  }
  readLong(): bigint {
    let low = 0
    for (let shift = 0; shift < 28; shift += 7) {
      const byte = this.readByte()
      low |= (byte & 0x7f) << shift
      if (byte < 0x80) return BigInt((low >>> 1) ^ -(low & 1))
    }
    let value = BigInt(low)
    for (let shift = 28n; shift < 70n; shift += 7n) {
      const byte = this.readByte()
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n))
    }
    throw new RangeError('an Avro integer is longer than 10 bytes')
  }
  readInt(): number { return Number(this.readLong()) }
  readRaw(count: number): Buffer {
    if (count < 0 || this.position + count > this.bytes.length) throw new RangeError('the Avro data ends in the middle of a value')
    const slice = this.bytes.subarray(this.position, this.position + count)
    this.position += count
    return slice
  }
  readBytes(): Buffer { return Buffer.from(this.readRaw(this.readInt())) }
  readString(): string { return this.readRaw(this.readInt()).toString('utf8') }
}

export function compileWriter(schema: AvroSchema, named = new Map<string, AvroWriter>()): AvroWriter {
  if (Array.isArray(schema)) return unionWriter(schema, named)
  if (typeof schema === 'string') return primitiveWriters[schema] ?? lateBound(named, schema)
  switch (schema.type) {
    case 'record': return recordWriter(schema as AvroRecord, named)
    case 'array': return arrayWriter(schema as AvroArray, named)
    case 'fixed': {
      const writer: AvroWriter = (out, value) => { out.writeRaw(value as Buffer) }
      named.set(String(schema['name']), writer)
      return writer
    }
    default: return compileWriter(schema.type, named)
  }
}

/** `nameOf` gives the member that a field id is read into; a field without a known id is read into its own name, or `#<id>`. */
export function compileReader(schema: AvroSchema, nameOf: ReadonlyMap<number, string>, named = new Map<string, AvroReader>()): AvroReader {
  if (Array.isArray(schema)) {
    const branches = schema.map(branch => compileReader(branch, nameOf, named))
    return input => {
      const branch = branches[input.readInt()]
      if (branch === undefined) throw new RangeError('an Avro union has no such branch')
      return branch(input)
    }
  }
  if (typeof schema === 'string') return primitiveReaders[schema] ?? lateReader(named, schema)
  switch (schema.type) {
    case 'record': return recordReader(schema as AvroRecord, nameOf, named)
    case 'array': return arrayReader(schema as AvroArray, nameOf, named)
    case 'map': return mapReader(schema as AvroOther, nameOf, named)
    case 'enum': { const reader: AvroReader = input => input.readInt(); named.set(String(schema['name']), reader); return reader }
    case 'fixed': {
      const size = Number(schema['size'])
      const reader: AvroReader = input => Buffer.from(input.readRaw(size))
      named.set(String(schema['name']), reader)
      return reader
    }
    default: return compileReader(schema.type, nameOf, named)
  }
}

const primitiveWriters: Record<string, AvroWriter> = {
  null: () => undefined,
  boolean: (out, value) => { out.writeByte(value === true ? 1 : 0) },
  int: (out, value) => { out.writeLong(value as number) },
  long: (out, value) => { out.writeLong(value as bigint) },
  float: (out, value) => { out.writeFloat(value as number) },
  double: (out, value) => { out.writeDouble(value as number) },
  bytes: (out, value) => { out.writeBytes(value as Buffer) },
  string: (out, value) => { out.writeString(value as string) }
}

const primitiveReaders: Record<string, AvroReader> = {
  null: () => null,
  boolean: input => input.readByte() !== 0,
  int: input => input.readInt(),
  long: input => input.readLong(),
  float: input => input.readRaw(4).readFloatLE(0),
  double: input => input.readRaw(8).readDoubleLE(0),
  bytes: input => input.readBytes(),
  string: input => input.readString()
}

function lateBound(named: Map<string, AvroWriter>, name: string): AvroWriter {
  return (out, value) => {
    const writer = named.get(name)
    if (writer === undefined) throw new TypeError(`unknown Avro type '${name}'`)
    writer(out, value)
  }
}

function lateReader(named: Map<string, AvroReader>, name: string): AvroReader {
  return input => {
    const reader = named.get(name) ?? named.get(name.slice(name.lastIndexOf('.') + 1))
    if (reader === undefined) throw new TypeError(`unknown Avro type '${name}'`)
    return reader(input)
  }
}

function unionWriter(schema: AvroSchema[], named: Map<string, AvroWriter>): AvroWriter {
  const branch = schema[1]
  if (schema.length !== 2 || schema[0] !== 'null' || branch === undefined) throw new TypeError('only ["null", T] unions are written')
  const writer = compileWriter(branch, named)
  return (out, value) => {
    if (value === null || value === undefined) return out.writeByte(0)
    out.writeByte(2)
    writer(out, value)
  }
}

function recordWriter(schema: AvroRecord, named: Map<string, AvroWriter>): AvroWriter {
  const fields: { name: string, write: AvroWriter }[] = []
  const writer: AvroWriter = (out, value) => { for (const field of fields) field.write(out, (value as Record<string, unknown>)[field.name]) }
  named.set(schema.name, writer)
  for (const field of schema.fields) fields.push({ name: field.name, write: compileWriter(field.type, named) })
  return writer
}

function arrayWriter(schema: AvroArray, named: Map<string, AvroWriter>): AvroWriter {
  const writeItem = compileWriter(schema.items, named)
  const isMap = schema.logicalType === 'map'
  return (out, value) => {
    const items = isMap ? Array.from(value as Map<unknown, unknown>, ([key, item]) => ({ key, value: item })) : value as unknown[]
    if (items.length > 0) {
      out.writeLong(items.length)
      for (const item of items) writeItem(out, item)
    }
    out.writeLong(0)
  }
}

function recordReader(schema: AvroRecord, nameOf: ReadonlyMap<number, string>, named: Map<string, AvroReader>): AvroReader {
  const fields: { name: string, read: AvroReader }[] = []
  const reader: AvroReader = input => {
    const value: Record<string, unknown> = {}
    for (const field of fields) value[field.name] = field.read(input)
    return value
  }
  named.set(schema.name, reader)
  for (const field of schema.fields) {
    const id = field['field-id']
    const name = id === undefined ? field.name : nameOf.get(id) ?? `#${id}`
    fields.push({ name, read: compileReader(field.type, nameOf, named) })
  }
  return reader
}

function arrayReader(schema: AvroArray, nameOf: ReadonlyMap<number, string>, named: Map<string, AvroReader>): AvroReader {
  const record = typeof schema.items === 'object' && !Array.isArray(schema.items) && schema.items.type === 'record' ? schema.items as AvroRecord : undefined
  // Writers that forget the logical type still name the pair of an int-keyed map `key` and `value`.
  const isMap = record?.fields.length === 2 && record.fields[0]?.name === 'key' && record.fields[1]?.name === 'value'
  const readItem = isMap ? pairReader(record, nameOf, named) : compileReader(schema.items, nameOf, named)
  return input => {
    const items: unknown[] = []
    for (let count = readBlockCount(input); count > 0; count = readBlockCount(input)) for (; count > 0; count--) items.push(readItem(input))
    return isMap ? new Map(items as [unknown, unknown][]) : items
  }
}

function pairReader(record: AvroRecord, nameOf: ReadonlyMap<number, string>, named: Map<string, AvroReader>): AvroReader {
  const key = compileReader(record.fields[0]?.type ?? 'null', nameOf, named)
  const value = compileReader(record.fields[1]?.type ?? 'null', nameOf, named)
  return input => [key(input), value(input)]
}

function mapReader(schema: AvroOther, nameOf: ReadonlyMap<number, string>, named: Map<string, AvroReader>): AvroReader {
  const readValue = compileReader(schema['values'] as AvroSchema, nameOf, named)
  return input => {
    const map = new Map<string, unknown>()
    for (let count = readBlockCount(input); count > 0; count = readBlockCount(input)) for (; count > 0; count--) map.set(input.readString(), readValue(input))
    return map
  }
}

/** A negative count is followed by the block's size in bytes (Avro specification, arrays). */
function readBlockCount(input: AvroInput): number {
  const count = input.readInt()
  if (count >= 0) return count
  input.readLong()
  return -count
}
