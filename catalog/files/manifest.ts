/**
 * Manifests: files of a table with their status, partition and statistics (spec, "Manifests").
 *
 * Writing: ADDED entries carry no sequence number (the commit gives it, so a conflict rewrites only the list); EXISTING and DELETED must.
 * Reading fills in what is inherited from the manifest list; a null sequence number on any other status is corruption and refused.
 */
import { CatalogError, reasonOf } from '../errors.ts'
import { printJson } from '../spec/json.ts'
import { partitionColumns, type Partition, type PartitionColumn } from '../spec/partition.ts'
import { decodeUnscaled, encodeUnscaledFixed, decimalBytes, encodeSingleValue, compareSingleValues, type SingleValue } from '../spec/single-value.ts'
import { decimalOf } from '../spec/schema.ts'
import type { DataFile, ManifestEntry, ManifestFile, PartitionSummary } from '../spec/data-file.ts'
import type { PartitionSpec, Schema, TableMetadata, Type } from '../spec/types.ts'
import type { PartitionValue } from '../spec/transforms.ts'
import { compileFileSchema, decodeContainer, encodeContainer, type AvroFileSchema } from './avro-container.ts'
import { manifestNames, manifestSchema, sanitizeName } from './manifest-schema.ts'

export interface ManifestContext {
  readonly schema: Schema
  readonly schemas: readonly Schema[]
  readonly spec: PartitionSpec
  readonly snapshotId: bigint
  /** Of the table; 2 when absent. */
  readonly formatVersion?: number
  /** What kind of files the entries are; data when absent. */
  readonly content?: ManifestFile['content']
}

/** The bytes of a manifest and its row for the manifest list. The list's writer fills in the sequence numbers of a new manifest. */
export async function encodeManifest(location: string, entries: readonly ManifestEntry[], context: ManifestContext): Promise<{ bytes: Buffer, manifest: ManifestFile }> {
  const columns = partitionColumns(context.spec, context.schemas)
  const { formatVersion = 2, content = 'data' } = context
  const fileSchema = fileSchemaOf(columns, formatVersion)
  const bytes = await encodeContainer(fileSchema, {
    'schema': schemaText(context.schema),
    'schema-id': String(context.schema['schema-id'] ?? 0),
    'partition-spec': printJson(context.spec.fields),
    'partition-spec-id': String(context.spec['spec-id']),
    'format-version': String(formatVersion),
    content
  }, records(entries, columns))
  return { bytes, manifest: describeManifest(location, bytes.length, entries, columns, context) }
}

export async function decodeManifest(bytes: Buffer, manifest: ManifestFile, metadata: TableMetadata): Promise<ManifestEntry[]> {
  const spec = metadata['partition-specs'].find(candidate => candidate['spec-id'] === manifest.specId)
  const columns = spec === undefined ? [] : partitionColumns(spec, metadata.schemas)
  try {
    const { records } = await decodeContainer(bytes, manifestNames)
    const entries = records.map(record => readEntry(record as RawEntry, manifest, columns))
    return assignRowIds(entries, manifest)
  } catch (error) {
    throw new CatalogError('CATALOG_METADATA_DAMAGED', { location: manifest.location, what: 'a manifest', reason: reasonOf(error) }, error)
  }
}

/**
 * Row ids that files inherit from their manifest (v3, "First Row ID Inheritance"): those without one follow each other. Where the manifest has
 * none (it was written before the upgrade), no file has.
 */
function assignRowIds(entries: ManifestEntry[], { firstRowId }: ManifestFile): ManifestEntry[] {
  let next = firstRowId
  for (const entry of entries) {
    if (firstRowId === null) entry.firstRowId = null
    if (next === null || entry.status === 'deleted' || entry.content !== 'data' || entry.firstRowId !== null) continue
    entry.firstRowId = next
    next += entry.file.recordCount
  }
  return entries
}

/** An entry for a file that a commit adds. */
export function addedEntry(file: DataFile, snapshotId: bigint): ManifestEntry {
  return { status: 'added', snapshotId, sequenceNumber: null, fileSequenceNumber: null, content: 'data', nanValueCounts: new Map(), equalityIds: null, referencedDataFile: null, contentOffset: null, contentSizeBytes: null, firstRowId: null, keyMetadata: null, file }
}

interface RawEntry {
  status: number
  snapshot_id: bigint | null
  sequence_number?: bigint | null
  file_sequence_number?: bigint | null
  data_file: Record<string, unknown>
}

const statuses = ['existing', 'added', 'deleted'] as const
const contents = ['data', 'position-deletes', 'equality-deletes'] as const

function readEntry(raw: RawEntry, manifest: ManifestFile, columns: readonly PartitionColumn[]): ManifestEntry {
  const status = statuses[raw.status]
  if (status === undefined) throw new TypeError(`entry status ${raw.status} is unknown`)
  const inherit = (value: bigint | null | undefined, name: string) => {
    if (value !== null && value !== undefined) return value
    if (status !== 'added' && manifest.sequenceNumber !== 0n) throw new TypeError(`a ${status} entry has no ${name}`)
    return manifest.sequenceNumber
  }
  const file = raw.data_file
  return {
    status,
    snapshotId: raw.snapshot_id ?? manifest.addedSnapshotId,
    sequenceNumber: inherit(raw.sequence_number, 'sequence number'),
    fileSequenceNumber: inherit(raw.file_sequence_number, 'file sequence number'),
    content: contents[Number(file['content'] ?? 0)] ?? 'data',
    nanValueCounts: mapOf(file['nan_value_counts']),
    equalityIds: (file['equality_ids'] as number[] | null | undefined)?.map(Number) ?? null,
    referencedDataFile: (file['referenced_data_file'] as string | null | undefined) ?? null,
    contentOffset: (file['content_offset'] as bigint | null | undefined) ?? null,
    contentSizeBytes: (file['content_size_in_bytes'] as bigint | null | undefined) ?? null,
    firstRowId: (file['first_row_id'] as bigint | null | undefined) ?? null,
    keyMetadata: (file['key_metadata'] as Buffer | null | undefined) ?? null,
    file: {
      location: file['file_path'] as string,
      format: String(file['file_format']).toUpperCase(),
      specId: manifest.specId,
      partition: readPartition(file['partition'] as Record<string, unknown> | null, columns),
      recordCount: file['record_count'] as bigint,
      fileSizeBytes: file['file_size_in_bytes'] as bigint,
      columnSizes: mapOf(file['column_sizes']),
      valueCounts: mapOf(file['value_counts']),
      nullValueCounts: mapOf(file['null_value_counts']),
      lowerBounds: mapOf(file['lower_bounds']),
      upperBounds: mapOf(file['upper_bounds']),
      splitOffsets: (file['split_offsets'] as bigint[] | null | undefined) ?? null,
      sortOrderId: (file['sort_order_id'] as number | null | undefined) ?? null
    }
  }
}

function * records(entries: readonly ManifestEntry[], columns: readonly PartitionColumn[]): Generator<unknown> {
  for (const { status, content, snapshotId, sequenceNumber, fileSequenceNumber, nanValueCounts, equalityIds, file, ...more } of entries) {
    yield {
      status: statuses.indexOf(status),
      snapshot_id: snapshotId,
      sequence_number: sequenceNumber,
      file_sequence_number: fileSequenceNumber,
      data_file: {
        content: contents.indexOf(content),
        file_path: file.location,
        file_format: file.format,
        partition: writePartition(file.partition, columns),
        record_count: file.recordCount,
        file_size_in_bytes: file.fileSizeBytes,
        column_sizes: orNull(file.columnSizes),
        value_counts: orNull(file.valueCounts),
        null_value_counts: orNull(file.nullValueCounts),
        nan_value_counts: orNull(nanValueCounts),
        lower_bounds: orNull(file.lowerBounds),
        upper_bounds: orNull(file.upperBounds),
        key_metadata: more.keyMetadata,
        split_offsets: file.splitOffsets,
        equality_ids: equalityIds,
        sort_order_id: file.sortOrderId,
        first_row_id: more.firstRowId,
        referenced_data_file: more.referencedDataFile,
        content_offset: more.contentOffset,
        content_size_in_bytes: more.contentSizeBytes
      }
    }
  }
}

function describeManifest(location: string, length: number, entries: readonly ManifestEntry[], columns: readonly PartitionColumn[], context: ManifestContext): ManifestFile {
  const count = (status: ManifestEntry['status']) => entries.filter(entry => entry.status === status)
  const rows = (chosen: readonly ManifestEntry[]) => chosen.reduce((sum, entry) => sum + entry.file.recordCount, 0n)
  const [added, existing, deleted] = [count('added'), count('existing'), count('deleted')]
  const explicit = [...added, ...existing].map(entry => entry.sequenceNumber)
  const inherits = explicit.length === 0 || explicit.includes(null)
  const least = explicit.reduce<bigint | null>((min, number) => number === null ? min : min === null || number < min ? number : min, null)
  return {
    location,
    lengthBytes: BigInt(length),
    specId: context.spec['spec-id'],
    content: context.content ?? 'data',
    sequenceNumber: unassignedSequence,
    minSequenceNumber: inherits && least === null ? unassignedSequence : least ?? unassignedSequence,
    addedSnapshotId: context.snapshotId,
    addedFiles: added.length,
    existingFiles: existing.length,
    deletedFiles: deleted.length,
    addedRows: rows(added),
    existingRows: rows(existing),
    deletedRows: rows(deleted),
    partitions: columns.map(column => summarizePartition(column, entries)),
    keyMetadata: null,
    firstRowId: null
  }
}

/** Stands for "the sequence number of the commit that adds this manifest". */
export const unassignedSequence = -1n

function summarizePartition(column: PartitionColumn, entries: readonly ManifestEntry[]): PartitionSummary {
  let lower: SingleValue | null = null
  let upper: SingleValue | null = null
  let containsNull = false
  let containsNan = false
  for (const entry of entries) {
    const value = entry.file.partition[column.name] ?? null
    if (value === null) { containsNull = true; continue }
    if (typeof value === 'number' && Number.isNaN(value)) { containsNan = true; continue }
    if (lower === null || compareSingleValues(value, lower) < 0) lower = value
    if (upper === null || compareSingleValues(value, upper) > 0) upper = value
  }
  return { containsNull, containsNan, lower: lower === null ? null : encodeSingleValue(column.type, lower), upper: upper === null ? null : encodeSingleValue(column.type, upper) }
}

function writePartition(partition: Partition, columns: readonly PartitionColumn[]): Record<string, unknown> {
  const record: Record<string, unknown> = {}
  for (const column of columns) record[sanitizeName(column.name)] = toAvro(column.type, partition[column.name] ?? null)
  return record
}

function readPartition(record: Record<string, unknown> | null, columns: readonly PartitionColumn[]): Partition {
  const partition: Partition = {}
  for (const column of columns) {
    partition[column.name] = fromAvro(column.type, record?.[`#${column.id}`] ?? record?.[sanitizeName(column.name)] ?? null)
  }
  return partition
}

function toAvro(type: Type, value: PartitionValue): unknown {
  if (value === null) return null
  const decimal = decimalOf(type)
  if (decimal !== undefined) return encodeUnscaledFixed(value as bigint, decimalBytes(decimal.precision))
  return type === 'uuid' ? encodeSingleValue('uuid', value) : value
}

function fromAvro(type: Type, value: unknown): PartitionValue {
  if (value === null || value === undefined) return null
  if (decimalOf(type) !== undefined) return decodeUnscaled(value as Buffer)
  if (type === 'uuid' && Buffer.isBuffer(value)) return value.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
  if ((type === 'int' || type === 'date') && typeof value === 'bigint') return Number(value)
  if ((type === 'long' || type === 'time' || type === 'timestamp' || type === 'timestamptz' || type === 'timestamp_ns' || type === 'timestamptz_ns') && typeof value === 'number') return BigInt(value)
  return value as PartitionValue
}

function orNull<V>(map: Map<number, V>): Map<number, V> | null {
  return map.size === 0 ? null : map
}

function mapOf<V>(value: unknown): Map<number, V> {
  return value instanceof Map ? value as Map<number, V> : new Map()
}

const fileSchemas = new Map<string, AvroFileSchema>()

function fileSchemaOf(columns: readonly PartitionColumn[], formatVersion: number): AvroFileSchema {
  const key = formatVersion + JSON.stringify(columns.map(column => [column.id, column.name, column.type]))
  let schema = fileSchemas.get(key)
  if (schema === undefined) {
    if (fileSchemas.size >= 64) fileSchemas.clear()
    schema = compileFileSchema(manifestSchema(columns, formatVersion))
    fileSchemas.set(key, schema)
  }
  return schema
}

function schemaText(schema: Schema): string {
  return printJson({ 'type': 'struct', 'schema-id': schema['schema-id'] ?? 0, ...(schema['identifier-field-ids'] === undefined ? {} : { 'identifier-field-ids': schema['identifier-field-ids'] }), 'fields': schema.fields })
}
