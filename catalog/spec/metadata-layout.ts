/**
 * What a schema, a partition spec or a sort order must fulfil before it becomes part of a table, and when one that comes in is
 * one that the table has already (it then keeps its id).
 */
import { printJson } from './json.ts'
import { demand } from './refused.ts'
import { listFields, sameSchema } from './schema.ts'
import { parseTransform } from './transforms.ts'
import type { PartitionSpec, Schema, SortOrder } from './types.ts'

const plainTypes = /^(boolean|int|long|float|double|date|time|timestamp|timestamptz|string|uuid|binary|fixed\[\d+\]|decimal\(\s*\d+\s*,\s*\d+\s*\))$/
const laterTypes = /^(timestamp_ns|timestamptz_ns|variant|unknown|geometry(\(.*\))?|geography(\(.*\))?)$/
const laterVersion = 3

/** Refuses a schema that readers would refuse: ids or names used twice, unknown types, impossible identifier fields. */
export function checkSchema(schema: Schema, formatVersion: number): void {
  const entries = listFields(schema)
  const ids = new Set<number>()
  const paths = new Set<string>()
  const problems: string[] = []
  for (const { field, path } of entries) {
    const name = path.join('.')
    demand(!ids.has(field.id), () => `Invalid schema: multiple fields with id ${field.id} (second: ${name})`)
    demand(!paths.has(name), () => `Invalid schema: multiple fields for name ${name}`)
    ids.add(field.id)
    paths.add(name)
    if (typeof field.type === 'string') {
      const later = laterTypes.test(field.type)
      demand(later || plainTypes.test(field.type), () => `Cannot parse type string to primitive: ${field.type as string} (column ${name})`)
      if (later && formatVersion < laterVersion) problems.push(`Invalid type for ${name}: ${field.type} is not supported until v${laterVersion}`)
    }
    if (formatVersion < laterVersion && hasDefault(field)) problems.push(`Invalid initial default for ${name}: non-null default is not supported until v${laterVersion}`)
  }
  demand(problems.length === 0, () => `Invalid schema for v${formatVersion}:\n- ${problems.join('\n- ')}`)
  for (const id of schema['identifier-field-ids'] ?? []) {
    const entry = entries.find(other => other.field.id === id)
    demand(entry !== undefined, () => `Cannot add fieldId ${id} as an identifier field: field does not exist`)
    demand(entry.leaf && entry.field.required && !entry.repeated, () => `Cannot add field ${entry.path.join('.')} as an identifier field: it must be a required primitive that is not inside a list or map`)
    demand(entry.field.type !== 'float' && entry.field.type !== 'double', () => `Cannot add field ${entry.path.join('.')} as an identifier field: must not be float or double field`)
  }
}

/** Equal for every reader, default values of v3 included. */
export function equalSchemas(left: Schema, right: Schema): boolean {
  const defaults = (schema: Schema) => printJson(listFields(schema).map(({ field }) => {
    const { 'initial-default': initial = null, 'write-default': write = null } = field as { 'initial-default'?: unknown, 'write-default'?: unknown }
    return [initial, write]
  }))
  return sameSchema(left, right) && defaults(left) === defaults(right)
}

/** Refuses a spec that does not fit the schema. A void field may have lost its column. */
export function checkSpec(spec: PartitionSpec, schema: Schema): void {
  const entries = listFields(schema)
  const names = new Set<string>()
  for (const field of spec.fields) {
    demand(field.name !== '', () => 'Cannot use empty partition name')
    demand(!names.has(field.name), () => `Cannot use partition name more than once: ${field.name}`)
    names.add(field.name)
    const { name: transform } = readTransform(field.transform)
    if (transform === 'void') continue
    const source = entries.find(entry => entry.field.id === field['source-id'])
    demand(source !== undefined, () => `Cannot find source column for partition field: ${printJson(field)}`)
    demand(source.leaf && !source.repeated, () => `Cannot partition by non-primitive source field: ${source.path.join('.')}`)
    checkTransform(field.transform, String(source.field.type))
    const column = entries.find(entry => entry.path.join('.') === field.name)
    demand(column === undefined || (transform === 'identity' && column.field.id === field['source-id']),
      () => `Cannot create partition from name that exists in schema: ${field.name}`)
  }
}

export function checkSortOrder(order: SortOrder, schema: Schema): void {
  const entries = listFields(schema)
  for (const field of order.fields) {
    const source = entries.find(entry => entry.field.id === field['source-id'])
    demand(source !== undefined, () => `Cannot find source column for sort field: ${printJson(field)}`)
    demand(source.leaf && !source.repeated, () => `Cannot sort by non-primitive source field: ${source.path.join('.')}`)
    demand(field.direction === 'asc' || field.direction === 'desc', () => `Invalid sort direction: ${String(field.direction)}`)
    demand(field['null-order'] === 'nulls-first' || field['null-order'] === 'nulls-last', () => `Invalid null order: ${String(field['null-order'])}`)
    checkTransform(field.transform, String(source.field.type))
  }
}

/** The same columns, transforms and names in the same order: files of one fit the other. */
export function equalSpecs(left: PartitionSpec, right: PartitionSpec): boolean {
  const key = (spec: PartitionSpec) => printJson(spec.fields.map(field => [field['source-id'], field.transform, field.name]))
  return key(left) === key(right)
}

export function equalOrders(left: SortOrder, right: SortOrder): boolean {
  const key = (order: SortOrder) => printJson(order.fields.map(field => [field['source-id'], field.transform, field.direction, field['null-order']]))
  return key(left) === key(right)
}

const sourcesOf: Record<string, RegExp> = {
  identity: /^(?!variant|geometry|geography|unknown)/,
  bucket: /^(int|long|decimal|date|time|timestamp|string|uuid|fixed|binary)/,
  truncate: /^(int|long|decimal|string|binary)/,
  year: /^(date|timestamp)/,
  month: /^(date|timestamp)/,
  day: /^(date|timestamp)/,
  hour: /^timestamp/,
  void: /^/
}

function checkTransform(transform: string, sourceType: string): void {
  const { name } = readTransform(transform)
  demand(sourcesOf[name]?.test(sourceType), () => `Invalid source type ${sourceType} for transform: ${transform}`)
}

function readTransform(transform: string): { name: string } {
  try {
    return parseTransform(transform)
  } catch (error) {
    demand(false, () => (error as Error).message)
    throw error
  }
}

function hasDefault(field: object): boolean {
  return ((field as { 'initial-default'?: unknown })['initial-default'] ?? null) !== null
}
