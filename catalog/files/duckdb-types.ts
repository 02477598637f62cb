/** Iceberg types as DuckDB spells them, and the field ids for `COPY … (FIELD_IDS …)`. */
import type { NestedField, Schema, StructType, Type } from '../spec/types.ts'
import { decimalOf } from '../spec/schema.ts'

export function duckdbType(type: Type): string {
  if (typeof type !== 'string') {
    switch (type.type) {
      case 'struct': return `STRUCT(${type.fields.map(field => `${quoteIdentifier(field.name)} ${duckdbType(field.type)}`).join(', ')})`
      case 'list': return `${duckdbType(type.element)}[]`
      case 'map': return `MAP(${duckdbType(type.key)}, ${duckdbType(type.value)})`
    }
  }
  switch (type) {
    case 'boolean': return 'BOOLEAN'
    case 'int': return 'INTEGER'
    case 'long': return 'BIGINT'
    case 'float': return 'FLOAT'
    case 'double': return 'DOUBLE'
    case 'date': return 'DATE'
    case 'time': return 'TIME'
    case 'timestamp': return 'TIMESTAMP'
    case 'timestamptz': return 'TIMESTAMPTZ'
    case 'string': return 'VARCHAR'
    case 'uuid': return 'UUID'
    default: {
      const decimal = decimalOf(type)
      return decimal === undefined ? 'BLOB' : `DECIMAL(${decimal.precision}, ${decimal.scale})`
    }
  }
}

/** `{"event_id": 1, "device": {__duckdb_field_id: 8, "type": 40}}`: every column of the schema, in braces as COPY wants them. */
export function fieldIdsForDuckDB(schema: Schema | StructType): string {
  return `{${schema.fields.map(field => `${quoteIdentifier(field.name)}: ${idsOf(field)}`).join(', ')}}`
}

export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** An expression for the text. DuckDB's parser ends a statement at U+0000, so that one is put in between. */
export function quoteText(text: string): string {
  const quoted = `'${text.replaceAll('\'', '\'\'')}'`
  return text.includes('\0') ? `(${quoted.replaceAll('\0', '\' || chr(0) || \'')})` : quoted
}

function idsOf(field: Pick<NestedField, 'id' | 'type'>): string {
  const type = field.type
  if (typeof type === 'string') return String(field.id)
  const own = `__duckdb_field_id: ${field.id}`
  switch (type.type) {
    case 'struct': return `{${[own, ...type.fields.map(child => `${quoteIdentifier(child.name)}: ${idsOf(child)}`)].join(', ')}}`
    case 'list': return `{${own}, element: ${idsOf({ id: type['element-id'], type: type.element })}}`
    case 'map': return `{${own}, key: ${idsOf({ id: type['key-id'], type: type.key })}, value: ${idsOf({ id: type['value-id'], type: type.value })}}`
  }
}
