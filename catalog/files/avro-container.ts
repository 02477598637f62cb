/**
 * Avro object container files: a header with key-value metadata, then blocks of records, each compressed on its own.
 *
 * `avro.schema` is written verbatim: a library that normalises it drops the field ids, the most common mistake of Iceberg writers outside Java.
 * Written with deflate, which every reader knows; null, deflate, zstandard and snappy are read.
 */
import { randomBytes } from 'node:crypto'
import { setImmediate as yieldToOthers } from 'node:timers/promises'
import { deflateRawSync, inflateRawSync, zstdDecompressSync } from 'node:zlib'
import { AvroInput, AvroOutput, compileReader, compileWriter, type AvroReader, type AvroSchema, type AvroWriter } from './avro.ts'
import { inflateSnappy } from './snappy.ts'

/** Records are gathered into blocks of about this size before compression, as Java does. */
const blockBytesMax = 64_000

export interface AvroFileSchema { readonly text: string, readonly write: AvroWriter }

/** Compiles a schema for writing; keep the result, compiling costs more than writing a small file. */
export function compileFileSchema(schema: AvroSchema): AvroFileSchema {
  return { text: JSON.stringify(schema), write: compileWriter(schema) }
}

/** Encodes records; gives way to other work between blocks, so that a large file does not hold up a commit. */
export async function encodeContainer(schema: AvroFileSchema, metadata: Record<string, string>, records: Iterable<unknown>): Promise<Buffer> {
  const sync = randomBytes(16)
  const out = new AvroOutput()
  writeHeader(out, { 'avro.schema': schema.text, 'avro.codec': 'deflate', ...metadata }, sync)
  const parts = [out.take()]
  const block = new AvroOutput(blockBytesMax + 8_192)
  let count = 0
  for (const record of records) {
    schema.write(block, record)
    count += 1
    if (block.length >= blockBytesMax) {
      parts.push(closeBlock(block, count, sync))
      count = 0
      await yieldToOthers()
    }
  }
  if (count > 0) parts.push(closeBlock(block, count, sync))
  return Buffer.concat(parts)
}

export interface AvroContainer { readonly metadata: ReadonlyMap<string, string>, readonly schema: AvroSchema, readonly records: unknown[] }

/** Decodes a whole file. Throws RangeError, SyntaxError or TypeError when it is damaged or not Avro. */
export async function decodeContainer(bytes: Buffer, nameOf: ReadonlyMap<number, string>): Promise<AvroContainer> {
  const input = new AvroInput(bytes)
  if (bytes.length < 4 || input.readRaw(4).toString('latin1') !== 'Obj\u0001') throw new TypeError('not an Avro file')
  const metadata = readHeader(input)
  const sync = input.readRaw(16)
  const schema = JSON.parse(metadata.get('avro.schema') ?? 'null') as AvroSchema
  const read = readerOf(metadata.get('avro.schema') ?? '', schema, nameOf)
  const inflate = inflaterOf(metadata.get('avro.codec') ?? 'null')
  const records: unknown[] = []
  while (!input.atEnd) {
    const count = input.readInt()
    const block = new AvroInput(inflate(input.readRaw(input.readInt())))
    for (let index = 0; index < count; index++) records.push(read(block))
    if (!input.readRaw(16).equals(sync)) throw new RangeError('a block of the Avro file does not end with its sync marker')
    if (!input.atEnd) await yieldToOthers()
  }
  return { metadata, schema, records }
}

function writeHeader(out: AvroOutput, metadata: Record<string, string>, sync: Buffer): void {
  out.writeRaw(Buffer.from('Obj\u0001', 'latin1'))
  const entries = Object.entries(metadata)
  out.writeLong(entries.length)
  for (const [key, value] of entries) {
    out.writeString(key)
    out.writeString(value)
  }
  out.writeLong(0)
  out.writeRaw(sync)
}

function closeBlock(block: AvroOutput, count: number, sync: Buffer): Buffer {
  const packed = deflateRawSync(block.take())
  const head = new AvroOutput(32)
  head.writeLong(count)
  head.writeLong(packed.length)
  return Buffer.concat([head.take(), packed, sync])
}

function readHeader(input: AvroInput): Map<string, string> {
  const metadata = new Map<string, string>()
  for (;;) {
    let count = input.readInt()
    if (count === 0) return metadata
    if (count < 0) { count = -count; input.readLong() }
    for (; count > 0; count--) metadata.set(input.readString(), input.readString())
  }
}

const readers = new Map<string, { nameOf: ReadonlyMap<number, string>, read: AvroReader }>()

function readerOf(text: string, schema: AvroSchema, nameOf: ReadonlyMap<number, string>): AvroReader {
  const known = readers.get(text)
  if (known?.nameOf === nameOf) return known.read
  const read = compileReader(schema, nameOf)
  if (readers.size >= 64) readers.clear()
  readers.set(text, { nameOf, read })
  return read
}

function inflaterOf(codec: string): (bytes: Buffer) => Buffer {
  switch (codec) {
    case 'null': return bytes => bytes
    case 'deflate': return bytes => inflateRawSync(bytes)
    case 'zstandard': return bytes => zstdDecompressSync(bytes)
    case 'snappy': return bytes => inflateSnappy(bytes.subarray(0, -4))
    default: throw new TypeError(`the Avro codec '${codec}' is not supported`)
  }
}
