/**
 * Iceberg types as DuckDB spells them, and the field ids for `COPY … (FIELD_IDS …)`.
 *
 * To DuckDB names that differ only in case are one name, and a table of another engine may have both: `engineSchema` gives the later ones
 * (by id) another, and is what all SQL goes by.
 */
import type { NestedField, Schema, StructType, Type } from '../spec/types.ts'
import { decimalOf } from '../spec/schema.ts'

const engineSchemas = new WeakMap<object, Schema>()

/** The schema with names that DuckDB can tell apart: `region` keeps its own, a later `REGION` is `REGION_57` after its field id. */
export function engineSchema(schema: Schema): Schema {
  let found = engineSchemas.get(schema)
  if (found === undefined) {
    const fields = engineFields(schema.fields)
    engineSchemas.set(schema, found = fields === schema.fields ? schema : { ...schema, fields })
  }
  return found
}

function engineFields(fields: NestedField[]): NestedField[] {
  const taken = new Set(fields.map(field => field.name.toLowerCase()))
  const areDistinct = taken.size === fields.length
  const isFirst = (field: NestedField) => fields.every(other => other.id >= field.id || other.name.toLowerCase() !== field.name.toLowerCase())
  const renamed = fields.map(field => {
    const type = engineType(field.type)
    if (areDistinct || isFirst(field)) return type === field.type ? field : { ...field, type }
    let name = `${field.name}_${field.id}`
    while (taken.has(name.toLowerCase())) name += '_'
    taken.add(name.toLowerCase())
    return { ...field, name, type }
  })
  return renamed.every((field, index) => field === fields[index]) ? fields : renamed
}

function engineType(type: Type): Type {
  if (typeof type === 'string') return type
  switch (type.type) {
    case 'struct': { const fields = engineFields(type.fields); return fields === type.fields ? type : { ...type, fields } }
    case 'list': { const element = engineType(type.element); return element === type.element ? type : { ...type, element } }
    case 'map': {
      const [key, value] = [engineType(type.key), engineType(type.value)]
      return key === type.key && value === type.value ? type : { ...type, key, value }
    }
  }
}

export function duckdbType(type: Type): string {
  if (typeof type !== 'string') {
    switch (type.type) {
      case 'struct': return `STRUCT(${engineFields(type.fields).map(field => `${quoteIdentifier(field.name)} ${duckdbType(field.type)}`).join(', ')})`
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
    case 'timestamp_ns': return 'TIMESTAMP_NS'
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
