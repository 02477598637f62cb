/**
 * The Avro schemas of manifests and manifest lists (spec, "Manifests"), with Java's order, record names and field ids.
 *
 * Old Java and Spark builds find generated classes by the names `manifest_file`, `r508`, `manifest_entry`, `r2`, `r102`; optional is always
 * ["null", T] with null first and default null; `data_file` and `partition` are never optional (PyIceberg and DuckDB refuse that).
 */
import { decimalBytes } from '../spec/single-value.ts'
import { decimalOf } from '../spec/schema.ts'
import type { PartitionColumn } from '../spec/partition.ts'
import type { Type } from '../spec/types.ts'
import type { AvroField, AvroRecord, AvroSchema } from './avro.ts'

/** Member names by field id: what the readers of these files go by. */
export const manifestNames: ReadonlyMap<number, string> = new Map([
  [0, 'status'], [1, 'snapshot_id'], [2, 'data_file'], [3, 'sequence_number'], [4, 'file_sequence_number'],
  [134, 'content'], [100, 'file_path'], [101, 'file_format'], [102, 'partition'], [103, 'record_count'], [104, 'file_size_in_bytes'],
  [108, 'column_sizes'], [109, 'value_counts'], [110, 'null_value_counts'], [137, 'nan_value_counts'], [125, 'lower_bounds'], [128, 'upper_bounds'],
  [131, 'key_metadata'], [132, 'split_offsets'], [135, 'equality_ids'], [140, 'sort_order_id'], [143, 'referenced_data_file'],
  [142, 'first_row_id'], [144, 'content_offset'], [145, 'content_size_in_bytes']
])

export const manifestListNames: ReadonlyMap<number, string> = new Map([
  [500, 'manifest_path'], [501, 'manifest_length'], [502, 'partition_spec_id'], [517, 'content'], [515, 'sequence_number'], [516, 'min_sequence_number'],
  [503, 'added_snapshot_id'], [504, 'added_files_count'], [505, 'existing_files_count'], [506, 'deleted_files_count'],
  [512, 'added_rows_count'], [513, 'existing_rows_count'], [514, 'deleted_rows_count'], [507, 'partitions'],
  [509, 'contains_null'], [518, 'contains_nan'], [510, 'lower_bound'], [511, 'upper_bound'], [519, 'key_metadata'],
  [520, 'first_row_id']
])

export const manifestListSchema: AvroRecord = {
  type: 'record',
  name: 'manifest_file',
  fields: [
    required('manifest_path', 500, 'string'), required('manifest_length', 501, 'long'), required('partition_spec_id', 502, 'int'),
    required('content', 517, 'int'), required('sequence_number', 515, 'long'), required('min_sequence_number', 516, 'long'),
    required('added_snapshot_id', 503, 'long'), required('added_files_count', 504, 'int'), required('existing_files_count', 505, 'int'),
    required('deleted_files_count', 506, 'int'), required('added_rows_count', 512, 'long'), required('existing_rows_count', 513, 'long'),
    required('deleted_rows_count', 514, 'long'),
    optional('partitions', 507, {
      'type': 'array',
      'items': {
        type: 'record',
        name: 'r508',
        fields: [required('contains_null', 509, 'boolean'), optional('contains_nan', 518, 'boolean'), optional('lower_bound', 510, 'bytes'), optional('upper_bound', 511, 'bytes')]
      },
      'element-id': 508
    }),
    optional('key_metadata', 519, 'bytes')
  ]
}

/** v3: the row id of the first row that the manifest gives one. */
export const manifestListSchemaV3: AvroRecord = { ...manifestListSchema, fields: [...manifestListSchema.fields, optional('first_row_id', 520, 'long')] }

/** The schema of a manifest for one partition spec. */
export function manifestSchema(columns: readonly PartitionColumn[], formatVersion = 2): AvroRecord {
  const isV3 = formatVersion >= 3
  const named = new Set<string>()
  const partition: AvroRecord = {
    type: 'record',
    name: 'r102',
    fields: columns.map(column => {
      const name = sanitizeName(column.name)
      const field = optional(name, column.id, partitionType(column.type, named))
      return name === column.name ? field : { ...field, 'iceberg-field-name': column.name }
    })
  }
  const dataFile: AvroRecord = {
    type: 'record',
    name: 'r2',
    fields: [
      required('content', 134, 'int'), required('file_path', 100, 'string'), required('file_format', 101, 'string'), required('partition', 102, partition),
      required('record_count', 103, 'long'), required('file_size_in_bytes', 104, 'long'),
      optional('column_sizes', 108, intMap(117, 118, 'long')), optional('value_counts', 109, intMap(119, 120, 'long')),
      optional('null_value_counts', 110, intMap(121, 122, 'long')), optional('nan_value_counts', 137, intMap(138, 139, 'long')),
      optional('lower_bounds', 125, intMap(126, 127, 'bytes')), optional('upper_bounds', 128, intMap(129, 130, 'bytes')),
      optional('key_metadata', 131, 'bytes'), optional('split_offsets', 132, { 'type': 'array', 'items': 'long', 'element-id': 133 }),
      optional('equality_ids', 135, { 'type': 'array', 'items': 'int', 'element-id': 136 }), optional('sort_order_id', 140, 'int'),
      ...isV3 ? [optional('first_row_id', 142, 'long')] : [],
      optional('referenced_data_file', 143, 'string'),
      ...isV3 ? [optional('content_offset', 144, 'long'), optional('content_size_in_bytes', 145, 'long')] : []
    ]
  }
  return {
    type: 'record',
    name: 'manifest_entry',
    fields: [
      required('status', 0, 'int'), optional('snapshot_id', 1, 'long'), optional('sequence_number', 3, 'long'),
      optional('file_sequence_number', 4, 'long'), required('data_file', 2, dataFile)
    ]
  }
}

/** Java's rule for names that Avro does not allow. */
export function sanitizeName(name: string): string {
  return Array.from(name, (char, index) => {
    if (/[A-Za-z_]/.test(char) || (index > 0 && /[0-9]/.test(char))) return char
    return /[0-9]/.test(char) ? `_${char}` : Array.from(char, point => `_x${(point.codePointAt(0) ?? 0).toString(16).toUpperCase()}`).join('')
  }).join('')
}

function required(name: string, id: number, type: AvroSchema): AvroField {
  return { name, type, 'field-id': id }
}

function optional(name: string, id: number, type: AvroSchema): AvroField {
  return { name, 'type': ['null', type], 'default': null, 'field-id': id }
}

function intMap(keyId: number, valueId: number, type: AvroSchema): AvroSchema {
  return {
    type: 'array',
    items: { type: 'record', name: `k${keyId}_v${valueId}`, fields: [required('key', keyId, 'int'), required('value', valueId, type)] },
    logicalType: 'map'
  }
}

// A named type may be defined once in an Avro schema; the second time it is referred to by name.
function partitionType(type: Type, named: Set<string>): AvroSchema {
  switch (type) {
    case 'date': return { type: 'int', logicalType: 'date' }
    case 'time': return { type: 'long', logicalType: 'time-micros' }
    case 'timestamp': return { 'type': 'long', 'logicalType': 'timestamp-micros', 'adjust-to-utc': false }
    case 'timestamptz': return { 'type': 'long', 'logicalType': 'timestamp-micros', 'adjust-to-utc': true }
    case 'timestamp_ns': return { 'type': 'long', 'logicalType': 'timestamp-nanos', 'adjust-to-utc': false }
    case 'timestamptz_ns': return { 'type': 'long', 'logicalType': 'timestamp-nanos', 'adjust-to-utc': true }
    case 'uuid': return fixedType('uuid_fixed', 16, named, { logicalType: 'uuid' })
    case 'binary': return 'bytes'
    default: break
  }
  const decimal = decimalOf(type)
  if (decimal !== undefined) return fixedType(`decimal_${decimal.precision}_${decimal.scale}`, decimalBytes(decimal.precision), named, { logicalType: 'decimal', ...decimal })
  const fixed = typeof type === 'string' ? /^fixed\[(\d+)\]$/.exec(type) : null
  if (fixed !== null) return fixedType(`fixed_${fixed[1]}`, Number(fixed[1]), named, {})
  return type as AvroSchema
}

function fixedType(name: string, size: number, named: Set<string>, attributes: Record<string, unknown>): AvroSchema {
  if (named.has(name)) return name
  named.add(name)
  return { type: 'fixed', name, size, ...attributes }
}
