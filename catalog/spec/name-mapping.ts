/**
 * Field ids for files that carry none (spec, "Column Projection" and "Name Mapping Serialization"): by the table's name mapping, at every
 * level and by any of a field's names; where a table has no mapping, by position, as Iceberg's Java library does.
 */
import { CatalogError } from '../errors.ts'
import type { NestedField, Schema, Type } from './types.ts'

export const nameMappingProperty = 'schema.name-mapping.default'

export interface MappedField { readonly 'field-id'?: number, readonly 'names': readonly string[], readonly 'fields'?: readonly MappedField[] }

/** A column of a file, or what lies in one. Parts of lists and maps are called `element`, `key`, `value`, whatever the file calls them. */
export interface NamedNode {
  readonly name: string
  readonly id: number | null
  readonly kind: 'leaf' | 'struct' | 'list' | 'map'
  readonly children: readonly this[]
}

/** undefined: the table has none. CATALOG_PROPERTY_UNSUPPORTED when it cannot be read: its files would be read as nothing. */
export function readNameMapping(properties: Readonly<Record<string, string>>): readonly MappedField[] | undefined {
  const text = properties[nameMappingProperty]
  if (text === undefined) return undefined
  try {
    const mapping = JSON.parse(text) as unknown
    if (isMapping(mapping)) return mapping
  } catch {
    // Said below.
  }
  throw new CatalogError('CATALOG_PROPERTY_UNSUPPORTED', { property: nameMappingProperty, value: text.slice(0, 200), advice: 'it is no list of {field-id, names, fields}; correct it' })
}

export function mapByName<N extends NamedNode>(nodes: readonly N[], mapping: readonly MappedField[]): N[] {
  return nodes.map(node => {
    const found = mapping.find(({ names }) => names.includes(node.name))
    return { ...node, id: found?.['field-id'] ?? null, children: mapByName(node.children as readonly N[], found?.fields ?? []) }
  })
}

/** The first column has id 1, the second 2; members of nested columns are those of the schema in its order. */
export function mapByPosition<N extends NamedNode>(nodes: readonly N[], schema: Schema): N[] {
  return nodes.map((node, index) => withIds(node, index + 1, schema.fields.find(field => field.id === index + 1)?.type))
}

function withIds<N extends NamedNode>(node: N, id: number | null, type: Type | undefined): N {
  const parts = partsOf(type)
  return { ...node, id, children: (node.children as readonly N[]).map((child, index) => withIds(child, parts[index]?.id ?? null, parts[index]?.type)) }
}

function partsOf(type: Type | undefined): readonly Pick<NestedField, 'id' | 'type'>[] {
  if (type === undefined || typeof type === 'string') return []
  switch (type.type) {
    case 'struct': return type.fields
    case 'list': return [{ id: type['element-id'], type: type.element }]
    case 'map': return [{ id: type['key-id'], type: type.key }, { id: type['value-id'], type: type.value }]
  }
}

function isMapping(value: unknown): value is MappedField[] {
  return Array.isArray(value) && value.every((field: unknown) => {
    const { 'names': names, 'fields': fields, 'field-id': id } = (field ?? {}) as { 'names'?: unknown, 'fields'?: unknown, 'field-id'?: unknown }
    return Array.isArray(names) && (id === undefined || id === null || Number.isInteger(id)) && (fields === undefined || fields === null || isMapping(fields))
  })
}
