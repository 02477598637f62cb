/**
 * The objects of the Iceberg table and view specification, v2 and v3, in the spec's own spelling, so that one grep finds them.
 *
 * Snapshot ids and sequence numbers are bigint (they pass 2^53); times in ms and counts of schemas, fields and specs are number.
 * Unknown members of foreign metadata are preserved by whoever rewrites it (`[key: string]: unknown` is deliberately absent: cast at the edge).
 */

export type PrimitiveType =
  | 'boolean' | 'int' | 'long' | 'float' | 'double' | 'date' | 'time' | 'timestamp' | 'timestamptz'
  | 'timestamp_ns' | 'timestamptz_ns' | 'string' | 'uuid' | 'binary' | `decimal(${number}, ${number})` | `decimal(${number},${number})` | `fixed[${number}]`

export interface StructType { 'type': 'struct', 'fields': NestedField[] }
export interface ListType { 'type': 'list', 'element-id': number, 'element-required': boolean, 'element': Type }
export interface MapType { 'type': 'map', 'key-id': number, 'key': Type, 'value-id': number, 'value-required': boolean, 'value': Type }
export type Type = PrimitiveType | StructType | ListType | MapType

/** The defaults are of v3: what rows of older files have, and what a writer without a value writes. */
export interface NestedField { 'id': number, 'name': string, 'required': boolean, 'type': Type, 'doc'?: string, 'initial-default'?: unknown, 'write-default'?: unknown }

export interface Schema { 'type': 'struct', 'schema-id'?: number, 'identifier-field-ids'?: number[], 'fields': NestedField[] }

/** `identity`, `bucket[N]`, `truncate[W]`, `year`, `month`, `day`, `hour`, `void`. */
export type Transform = string
export interface PartitionField { 'source-id': number, 'field-id': number, 'name': string, 'transform': Transform }
export interface PartitionSpec { 'spec-id': number, 'fields': PartitionField[] }
export interface SortField { 'transform': Transform, 'source-id': number, 'direction': 'asc' | 'desc', 'null-order': 'nulls-first' | 'nulls-last' }
export interface SortOrder { 'order-id': number, 'fields': SortField[] }

export type SnapshotSummary = { 'operation': 'append' | 'replace' | 'overwrite' | 'delete' } & Record<string, string>
export interface Snapshot {
  'snapshot-id': bigint
  'parent-snapshot-id'?: bigint
  'sequence-number': bigint
  'timestamp-ms': number
  'manifest-list': string
  'summary': SnapshotSummary
  'schema-id'?: number
  /** v3: the row ids that the snapshot gave. */
  'first-row-id'?: bigint
  'added-rows'?: bigint
}

export interface SnapshotRef {
  'snapshot-id': bigint
  'type': 'branch' | 'tag'
  'min-snapshots-to-keep'?: number
  'max-snapshot-age-ms'?: number
  'max-ref-age-ms'?: number
}

export interface TableMetadata {
  'format-version': number
  'table-uuid': string
  'location': string
  'last-sequence-number': bigint
  'last-updated-ms': number
  'last-column-id': number
  'current-schema-id': number
  'schemas': Schema[]
  'default-spec-id': number
  'partition-specs': PartitionSpec[]
  'last-partition-id': number
  'default-sort-order-id': number
  'sort-orders': SortOrder[]
  'properties': Record<string, string>
  /** -1n when the table has no snapshot. */
  'current-snapshot-id': bigint
  'refs': Record<string, SnapshotRef>
  'snapshots': Snapshot[]
  'statistics': unknown[]
  'partition-statistics': unknown[]
  'snapshot-log': { 'snapshot-id': bigint, 'timestamp-ms': number }[]
  'metadata-log': { 'metadata-file': string, 'timestamp-ms': number }[]
  /** v3. */
  'next-row-id'?: bigint
}

export type Requirement =
  | { 'type': 'assert-create' }
  | { 'type': 'assert-table-uuid', 'uuid': string }
  | { 'type': 'assert-ref-snapshot-id', 'ref': string, 'snapshot-id': bigint | null }
  | { 'type': 'assert-last-assigned-field-id', 'last-assigned-field-id': number }
  | { 'type': 'assert-current-schema-id', 'current-schema-id': number }
  | { 'type': 'assert-last-assigned-partition-id', 'last-assigned-partition-id': number }
  | { 'type': 'assert-default-spec-id', 'default-spec-id': number }
  | { 'type': 'assert-default-sort-order-id', 'default-sort-order-id': number }

export type Update =
  | { 'action': 'assign-uuid', 'uuid': string }
  | { 'action': 'upgrade-format-version', 'format-version': number }
  | { 'action': 'add-schema', 'schema': Schema, 'last-column-id'?: number }
  | { 'action': 'set-current-schema', 'schema-id': number }
  | { 'action': 'add-spec', 'spec': PartitionSpec }
  | { 'action': 'set-default-spec', 'spec-id': number }
  | { 'action': 'add-sort-order', 'sort-order': SortOrder }
  | { 'action': 'set-default-sort-order', 'sort-order-id': number }
  | { 'action': 'add-snapshot', 'snapshot': Snapshot }
  | ({ 'action': 'set-snapshot-ref', 'ref-name': string } & SnapshotRef)
  | { 'action': 'remove-snapshots', 'snapshot-ids': bigint[] }
  | { 'action': 'remove-snapshot-ref', 'ref-name': string }
  | { 'action': 'set-location', 'location': string }
  | { 'action': 'set-properties', 'updates': Record<string, string> }
  | { 'action': 'remove-properties', 'removals': string[] }
  | { 'action': 'set-statistics', 'statistics': unknown }
  | { 'action': 'remove-statistics', 'snapshot-id': bigint }
  | { 'action': 'set-partition-statistics', 'partition-statistics': unknown }
  | { 'action': 'remove-partition-statistics', 'snapshot-id': bigint }
  | { 'action': 'remove-partition-specs', 'spec-ids': number[] }
  | { 'action': 'remove-schemas', 'schema-ids': number[] }

/** What an action makes of a base: pure data, for one commit request. */
export interface TableChange { readonly requirements: readonly Requirement[], readonly updates: readonly Update[] }

export interface TableIdentifier { readonly namespace: readonly string[], readonly name: string }
