/**
 * A table as AWS Glue knows it: what Iceberg's own Java catalog writes (`IcebergToGlueConverter`, `GlueTableOperations`), so that Athena, Trino,
 * Spark and Glue's console read it. Only `metadata_location` counts for readers; columns are there for people and for permissions.
 *
 * Pure. Parameters that others put on the table are kept; what Glue calls a version is not ours to set.
 */
import type { Column, Table, TableInput } from '@aws-sdk/client-glue'
import { currentSchema, decimalOf } from '../spec/schema.ts'
import type { NestedField, TableMetadata, Type } from '../spec/types.ts'

/** Names that every reader of Glue (Hive and Athena among them) takes: others would be lower-cased or refused. */
export const gluePattern = /^[a-z0-9_]{1,252}$/

const locationProperties = ['write.data.path', 'write.metadata.path', 'write.object-storage.path']
/** Glue's own bound on a comment. */
const commentCharsMax = 255

/** Where the table's metadata is; null when it is no Iceberg table. */
export function metadataLocationOf(table: Table): string | null {
  const { table_type: type, metadata_location: location } = table.Parameters ?? {}
  return type?.toLowerCase() === 'iceberg' && location !== undefined && location !== '' ? location : null
}

/** What `CreateTable` (`previous` is null) or `UpdateTable` is given. */
export function tableInputOf(name: string, metadata: TableMetadata, metadataLocation: string, previous: { readonly table: Table, readonly metadataLocation: string } | null): TableInput {
  const { table } = previous ?? {}
  const description = metadata.properties['comment'] ?? table?.Description
  const elsewhere = locationProperties.flatMap(property => metadata.properties[property] ?? [])
  return {
    Name: name,
    TableType: 'EXTERNAL_TABLE',
    Parameters: {
      ...table?.Parameters,
      table_type: 'ICEBERG',
      metadata_location: metadataLocation,
      ...(previous === null ? {} : { previous_metadata_location: previous.metadataLocation })
    },
    StorageDescriptor: {
      Location: metadata.location,
      Columns: columnsOf(metadata, table),
      ...(elsewhere.length === 0 ? {} : { AdditionalLocations: [...new Set(elsewhere)] })
    },
    ...(description === undefined ? {} : { Description: description }),
    ...(table?.Owner === undefined ? {} : { Owner: table.Owner })
  }
}

/** Hive's name of a type: what Glue shows. */
export function hiveType(type: Type): string {
  if (typeof type !== 'string') {
    switch (type.type) {
      case 'struct': return `struct<${type.fields.map(field => `${field.name}:${hiveType(field.type)}`).join(',')}>`
      case 'list': return `array<${hiveType(type.element)}>`
      case 'map': return `map<${hiveType(type.key)},${hiveType(type.value)}>`
    }
  }
  const decimal = decimalOf(type)
  if (decimal !== undefined) return `decimal(${decimal.precision},${decimal.scale})`
  if (type.startsWith('fixed')) return 'binary'
  switch (type) {
    case 'long': return 'bigint'
    case 'timestamptz': return 'timestamp'
    case 'time': case 'uuid': return 'string'
    default: return type
  }
}

/** The current columns, then those that only older schemas have, each name once. */
function columnsOf(metadata: TableMetadata, table: Table | undefined): Column[] {
  const comments = new Map((table?.StorageDescriptor?.Columns ?? []).map(column => [column.Name, column.Comment]))
  const columns = new Map<string, Column>()
  const current = currentSchema(metadata)
  for (const schema of [current, ...metadata.schemas]) {
    for (const field of schema.fields) {
      if (!columns.has(field.name)) columns.set(field.name, columnOf(field, schema === current, comments.get(field.name)))
    }
  }
  return [...columns.values()]
}

function columnOf(field: NestedField, isCurrent: boolean, keptComment: string | undefined): Column {
  const comment = field.doc ?? keptComment
  return {
    Name: field.name,
    Type: hiveType(field.type),
    ...(comment === undefined ? {} : { Comment: comment.slice(0, commentCharsMax) }),
    Parameters: { 'iceberg.field.id': String(field.id), 'iceberg.field.optional': String(!field.required), 'iceberg.field.current': String(isCurrent) }
  }
}
