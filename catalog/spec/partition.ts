/**
 * Partition specs: the typed tuple of a spec, its path in the warehouse, and building a spec for a new table.
 *
 * The path is for people: readers use the tuple in the manifest. A data file holds rows of exactly one tuple.
 */
import { createHash } from 'node:crypto'
import { CatalogError } from '../errors.ts'
import { decimalOf, listFields } from './schema.ts'
import { parseTransform, printPartitionValue, transformedType, type PartitionValue } from './transforms.ts'
import type { PartitionField, PartitionSpec, Schema, TableMetadata, Type } from './types.ts'

/** Ids of partition fields begin here (spec, "Partition Field IDs"). */
export const firstPartitionId = 1000

export type Partition = Record<string, PartitionValue>

export interface PartitionColumn { readonly id: number, readonly name: string, readonly transform: string, readonly sourceType: Type, readonly type: Type }

/** The columns of a spec's tuple. A source column that is gone (void fields of old specs) counts as string. */
export function partitionColumns(spec: PartitionSpec, schemas: readonly Schema[]): PartitionColumn[] {
  return spec.fields.map(field => {
    const sourceType = typeOfField(schemas, field['source-id']) ?? 'string'
    return { id: field['field-id'], name: field.name, transform: field.transform, sourceType, type: transformedType(field.transform, sourceType) }
  })
}

/** Bytes of a folder's name: file systems end at 255, and a part that is cut has to stay readable. */
const partBytesMax = 120
/** Of all of them: an object's key ends at 1024 bytes, and a warehouse has a prefix of its own. */
const pathBytesMax = 480

/**
 * `event_type=purchase/event_date=2026-11-21`, or '' for an unpartitioned spec. A value of any length and any characters gives a path that
 * every file system and object store takes; what does not fit ends in a hash of the whole, since the manifest says the value anyway.
 */
export function partitionPath(columns: readonly PartitionColumn[], partition: Partition): string {
  const parts = columns.map(column => boundPart(`${encodePath(column.name)}=${encodePath(printPartitionValue(column.transform, column.sourceType, partition[column.name] ?? null))}`))
  const whole = parts.join('/')
  if (whole.length <= pathBytesMax) return whole
  let kept = ''
  for (const part of parts) {
    if (kept.length + part.length + 1 > pathBytesMax) break
    kept += `${part}/`
  }
  return `${kept}_${hashOf(whole)}`
}

/** Cut between two characters, not inside `%C3%B6`. */
function boundPart(part: string): string {
  if (part.length <= partBytesMax) return part
  const cut = part.slice(0, partBytesMax - 17).replace(/(%[0-9A-F]{2})*%?[0-9A-F]?$/, ending => ending.slice(0, wholeCharacters(ending)))
  return `${cut}_${hashOf(part)}`
}

function wholeCharacters(escapes: string): number {
  for (let length = escapes.length - escapes.length % 3; length > 0; length -= 3) {
    try {
      decodeURIComponent(escapes.slice(0, length))
      return length
    } catch { /* a character ends later */ }
  }
  return 0
}

function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

/** A key that is equal for equal tuples. */
export function partitionKey(columns: readonly { name: string }[], partition: Partition): string {
  return JSON.stringify(columns.map(column => {
    const value = partition[column.name] ?? null
    if (typeof value === 'bigint') return value.toString()
    // JSON has no NaN, no infinity and no -0: they would all be one partition with null.
    if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))) return Object.is(value, -0) ? '-0' : String(value)
    return Buffer.isBuffer(value) ? value.toString('base64') : value
  }))
}

const nameSuffixes = { identity: '', bucket: '_bucket', truncate: '_trunc', year: '_year', month: '_month', day: '_day', hour: '_hour', void: '_null' }
const times: readonly Type[] = ['timestamp', 'timestamptz', 'timestamp_ns', 'timestamptz_ns']

/** A spec for `createTable`, fields named as Iceberg's own libraries name them: `ts`, `ts_hour`, `ts_day`, `x_bucket`. CATALOG_PARTITION_REFUSED. */
export function partitionSpecOf(schema: Schema, terms: readonly { readonly transform: string, readonly column: string }[]): PartitionSpec {
  const fields: PartitionField[] = []
  for (const { transform, column } of terms) {
    const refused = (reason: string) => new CatalogError('CATALOG_PARTITION_REFUSED', { transform, column, reason })
    const found = listFields(schema).find(({ path }) => path.join('.') === column)
    if (found === undefined) throw refused('there is no such column')
    const { field: { id, type }, repeated } = found
    const name = column + nameSuffixes[nameOf(transform, refused)]
    if (repeated || !accepts(transform, type)) throw refused(`its type ${typeof type === 'string' ? type : type.type} does not go with that`)
    if (fields.some(field => field.name === name)) throw refused(`there are two partition fields ${name}`)
    if (name !== column && schema.fields.some(field => field.name === name)) throw refused(`the partition field would be called ${name}, as a column is`)
    fields.push({ 'source-id': id, 'field-id': firstPartitionId + fields.length, name, transform })
  }
  return { 'spec-id': 0, fields }
}

function nameOf(transform: string, refused: (reason: string) => CatalogError): keyof typeof nameSuffixes {
  try {
    return parseTransform(transform).name
  } catch {
    throw refused('transforms are identity, bucket[N], truncate[W], year, month, day, hour and void')
  }
}

function accepts(transform: string, type: Type): boolean {
  if (typeof type !== 'string') return false
  switch (parseTransform(transform).name) {
    case 'hour': return times.includes(type)
    case 'day': case 'month': case 'year': return type === 'date' || times.includes(type)
    case 'bucket': return !['boolean', 'float', 'double'].includes(type)
    case 'truncate': return ['int', 'long', 'string', 'binary'].includes(type) || decimalOf(type) !== undefined
    default: return true
  }
}

export function specById(metadata: TableMetadata, id: number): PartitionSpec | undefined {
  return metadata['partition-specs'].find(spec => spec['spec-id'] === id)
}

/**
 * The value that a column has in every row of the file, by the file's own spec; undefined when its partition does not say. A partition
 * field's name says nothing: other engines give it to whatever they like.
 */
export function identityValue(metadata: TableMetadata, file: { readonly specId: number, readonly partition: Partition }, fieldId: number | undefined): PartitionValue | undefined {
  const field = specById(metadata, file.specId)?.fields.find(each => each['source-id'] === fieldId && each.transform === 'identity')
  return field === undefined ? undefined : file.partition[field.name]
}

/**
 * The spec whose files may hold any rows; undefined when the table has none. A file is of one spec, not of the table's default one:
 * readers plan each file by its own, so rows that would make many small files share one until it is compacted.
 */
export function sharedSpecOf({ 'partition-specs': specs }: Pick<TableMetadata, 'partition-specs'>): PartitionSpec | undefined {
  return specs.find(({ fields }) => fields.length === 0)
}

// Java's URLEncoder, but for `*`, which DuckDB would take for a pattern: space becomes +, only letters, digits and .-_ stay.
function encodePath(text: string): string {
  return encodeURIComponent(text).replace(/[!'()~*]/g, char => '%' + char.charCodeAt(0).toString(16).toUpperCase()).replaceAll('%20', '+')
}

function typeOfField(schemas: readonly Schema[], id: number): Type | undefined {
  for (let index = schemas.length - 1; index >= 0; index--) {
    const schema = schemas[index]
    const found = schema && listFields(schema).find(entry => entry.field.id === id)
    if (found) return found.field.type
  }
  return undefined
}
