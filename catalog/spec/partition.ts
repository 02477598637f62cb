/**
 * Partition specs: the typed tuple of a spec, its path in the warehouse, and building a spec for a new table.
 *
 * The path is for people: readers use the tuple in the manifest. A data file holds rows of exactly one tuple.
 */
import { listFields } from './schema.ts'
import { printPartitionValue, transformedType, type PartitionValue } from './transforms.ts'
import type { PartitionSpec, Schema, TableMetadata, Type } from './types.ts'

export type Partition = Record<string, PartitionValue>

export interface PartitionColumn { readonly id: number, readonly name: string, readonly transform: string, readonly sourceType: Type, readonly type: Type }

/** The columns of a spec's tuple. A source column that is gone (void fields of old specs) counts as string. */
export function partitionColumns(spec: PartitionSpec, schemas: readonly Schema[]): PartitionColumn[] {
  return spec.fields.map(field => {
    const sourceType = typeOfField(schemas, field['source-id']) ?? 'string'
    return { id: field['field-id'], name: field.name, transform: field.transform, sourceType, type: transformedType(field.transform, sourceType) }
  })
}

/** `event_type=purchase/event_date=2026-11-21`, or '' for an unpartitioned spec. */
export function partitionPath(columns: readonly PartitionColumn[], partition: Partition): string {
  return columns.map(column => `${encodePath(column.name)}=${encodePath(printPartitionValue(column.transform, column.sourceType, partition[column.name] ?? null))}`).join('/')
}

/** A key that is equal for equal tuples. */
export function partitionKey(columns: readonly { name: string }[], partition: Partition): string {
  return JSON.stringify(columns.map(column => {
    const value = partition[column.name] ?? null
    return typeof value === 'bigint' ? value.toString() : Buffer.isBuffer(value) ? value.toString('base64') : value
  }))
}

export function specById(metadata: TableMetadata, id: number): PartitionSpec | undefined {
  return metadata['partition-specs'].find(spec => spec['spec-id'] === id)
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
