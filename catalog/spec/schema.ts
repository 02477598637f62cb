/**
 * Schemas: finding fields by id and by path, and giving out ids the way Iceberg's own library does (a level at a time,
 * all columns of a struct before what is nested in them), so that a table created here and one created by Java agree.
 *
 * Invariant: a field id is never used for two things; `last-column-id` never decreases.
 */
import type { NestedField, Schema, StructType, TableMetadata, Type } from './types.ts'

export interface FieldPath {
  readonly field: NestedField
  /** Names from the root; list and map parts are called `element`, `key`, `value`. */
  readonly path: readonly string[]
  /** True when a list or map lies between the root and this field: no bounds, no counts. */
  readonly repeated: boolean
  readonly leaf: boolean
}

/** The current schema of a table. */
export function currentSchema(metadata: TableMetadata): Schema {
  return schemaById(metadata, metadata['current-schema-id']) ?? { 'type': 'struct', 'fields': [] }
}

export function schemaById(metadata: TableMetadata, id: number | undefined): Schema | undefined {
  return metadata.schemas.find(schema => (schema['schema-id'] ?? 0) === id)
}

/** Every field of a schema, parents before children, in the schema's order. */
export function listFields(schema: Schema | StructType): FieldPath[] {
  const found: FieldPath[] = []
  visitStruct(schema.fields, [], false, found)
  return found
}

export function fieldById(schema: Schema, id: number): NestedField | undefined {
  return listFields(schema).find(entry => entry.field.id === id)?.field
}

/** The largest id in use, 0 for an empty schema. */
export function highestFieldId(schema: Schema): number {
  return listFields(schema).reduce((highest, entry) => Math.max(highest, entry.field.id), 0)
}

/** The same schema with ids given anew from `after` + 1, and the way from old ids to new ones. */
export function assignFieldIds(schema: Schema, after = 0): { schema: Schema, lastColumnId: number, newIds: Map<number, number> } {
  let last = after
  const newIds = new Map<number, number>()
  const next = (old: number | undefined) => { last += 1; if (old !== undefined) newIds.set(old, last); return last }
  const fields = assignStruct(schema.fields, next)
  const identifiers = schema['identifier-field-ids']
  const assigned: Schema = { ...schema, fields, ...(identifiers === undefined ? {} : { 'identifier-field-ids': identifiers.map(id => newIds.get(id) ?? id) }) }
  return { schema: assigned, lastColumnId: last, newIds }
}

/** Gives ids to a type that is added to an existing table. */
export function assignTypeIds(type: Type, next: () => number): Type {
  return assignType(type, () => next())
}

/** Schemas that differ in nothing a reader sees: fields, ids, docs, identifier fields. */
export function sameSchema(left: Schema, right: Schema): boolean {
  const bare = (schema: Schema) => JSON.stringify([schema.fields.map(fieldKey), [...schema['identifier-field-ids'] ?? []].sort((a, b) => a - b)])
  return bare(left) === bare(right)
}

/** `decimal(18, 2)` → precision and scale; undefined for any other type. */
export function decimalOf(type: Type): { precision: number, scale: number } | undefined {
  const match = typeof type === 'string' ? /^decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)$/.exec(type) : null
  return match === null ? undefined : { precision: Number(match[1]), scale: Number(match[2]) }
}

function visitStruct(fields: readonly NestedField[], path: readonly string[], repeated: boolean, found: FieldPath[]): void {
  for (const field of fields) visitField(field, [...path, field.name], repeated, found)
}

function visitField(field: NestedField, path: readonly string[], repeated: boolean, found: FieldPath[]): void {
  const type = field.type
  found.push({ field, path, repeated, leaf: typeof type === 'string' })
  if (typeof type === 'string') return
  if (type.type === 'struct') return visitStruct(type.fields, path, repeated, found)
  if (type.type === 'list') {
    return visitField({ 'id': type['element-id'], 'name': 'element', 'required': type['element-required'], 'type': type.element }, [...path, 'element'], true, found)
  }
  visitField({ 'id': type['key-id'], 'name': 'key', 'required': true, 'type': type.key }, [...path, 'key'], true, found)
  visitField({ 'id': type['value-id'], 'name': 'value', 'required': type['value-required'], 'type': type.value }, [...path, 'value'], true, found)
}

function assignStruct(fields: readonly NestedField[], next: (old?: number) => number): NestedField[] {
  const level = fields.map(field => ({ ...field, id: next(field.id) }))
  return level.map(field => ({ ...field, type: assignType(field.type, next) }))
}

function assignType(type: Type, next: (old?: number) => number): Type {
  if (typeof type === 'string') return type
  if (type.type === 'struct') return { ...type, fields: assignStruct(type.fields, next) }
  if (type.type === 'list') {
    const elementId = next(type['element-id'])
    return { ...type, 'element-id': elementId, 'element': assignType(type.element, next) }
  }
  const keyId = next(type['key-id'])
  const valueId = next(type['value-id'])
  return { ...type, 'key-id': keyId, 'value-id': valueId, 'key': assignType(type.key, next), 'value': assignType(type.value, next) }
}

function typeKey(type: Type): unknown {
  if (typeof type === 'string') return type.replaceAll(' ', '')
  switch (type.type) {
    case 'struct': return type.fields.map(field => [field.id, field.name, field.required, typeKey(field.type)])
    case 'list': return ['list', type['element-id'], type['element-required'], typeKey(type.element)]
    case 'map': return ['map', type['key-id'], typeKey(type.key), type['value-id'], type['value-required'], typeKey(type.value)]
  }
}

function fieldKey(field: NestedField): unknown {
  return [field.id, field.name, field.required, typeKey(field.type), field.doc ?? null]
}
