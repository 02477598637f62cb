/**
 * Manifests and manifest lists with other locations in them: read and written by the schema that they carry, so that what another writer put
 * there (fields of newer versions, its own order of fields) comes out as it went in.
 */
import { compileWriter, type AvroArray, type AvroField, type AvroRecord, type AvroSchema } from '../files/avro.ts'
import { decodeContainer, encodeContainer } from '../files/avro-container.ts'

export type AvroRow = Record<string, unknown>

/** `change` is given each record and the names that fields have in this file, by field id. */
export async function rewriteAvro(bytes: Buffer, change: (row: AvroRow, names: ReadonlyMap<number, string>) => void | Promise<void>): Promise<Buffer> {
  const schema = JSON.parse(schemaTextOf(bytes)) as AvroSchema
  const names = new Map<number, string>()
  collectNames(schema, names)
  const { metadata, records } = await decodeContainer(bytes, names)
  for (const record of records) await change(record as AvroRow, names)
  const { 'avro.schema': text = '', 'avro.codec': _codec, ...rest } = Object.fromEntries(metadata)
  return await encodeContainer({ text, write: compileWriter(withMaps(schema)) }, rest, records)
}

/** Before names can be known the schema is needed, which only a decoder gives: its first bytes hold it. */
function schemaTextOf(bytes: Buffer): string {
  const at = bytes.indexOf('avro.schema')
  if (at < 0) throw new TypeError('not an Avro file: it has no schema')
  let position = at + 'avro.schema'.length
  let length = 0
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[position++]
    if (byte === undefined) throw new RangeError('the Avro file ends in its header')
    length += (byte & 0x7f) * 2 ** shift
    if (byte < 0x80) break
  }
  return bytes.subarray(position, position + length / 2).toString('utf8')
}

function collectNames(schema: AvroSchema, names: Map<number, string>): void {
  if (typeof schema === 'string') return
  if (Array.isArray(schema)) {
    for (const branch of schema) collectNames(branch, names)
  } else if (schema.type === 'record') {
    for (const field of (schema as AvroRecord).fields) {
      if (field['field-id'] !== undefined) names.set(field['field-id'], field.name)
      collectNames(field.type, names)
    }
  } else if (schema.type === 'array') collectNames((schema as AvroArray).items, names)
}

/** The reader takes arrays of (key, value) for maps, also where a writer forgot to say so; then they are written as such. */
function withMaps(schema: AvroSchema): AvroSchema {
  if (typeof schema === 'string') return schema
  if (Array.isArray(schema)) return schema.map(withMaps)
  if (schema.type === 'record') return { ...schema, fields: (schema as AvroRecord).fields.map((field): AvroField => ({ ...field, type: withMaps(field.type) })) } as AvroRecord
  if (schema.type !== 'array') return schema
  const items = withMaps((schema as AvroArray).items)
  const pair = typeof items === 'object' && !Array.isArray(items) && items.type === 'record' ? (items as AvroRecord).fields.map(({ name }) => name).join() : ''
  return { ...schema, items, ...pair === 'key,value' ? { logicalType: 'map' } : {} } as AvroArray
}
