/**
 * What a table's schema must change to hold the wanted columns: add optional columns (nested ones too), widen, relax required.
 *
 * Columns are matched by name. Refused, with the reason: removing nothing is ever asked; narrowing, re-typing, adding a required column.
 * A wanted schema that is older than the table's (fewer columns, a narrower type, still required) changes nothing.
 */
import { CatalogError } from '../errors.ts'
import { assignFieldIds, assignTypeIds, decimalOf } from './schema.ts'
import type { NestedField, Schema, Type } from './types.ts'

/** A column without ids: those of its type are ignored. */
export interface WantedColumn { readonly name: string, readonly type: unknown, readonly required?: boolean, readonly doc?: string }

/** A schema for `createTable` from columns without ids; ids are provisional, the catalog gives its own. */
export function schemaOfColumns(columns: readonly WantedColumn[]): Schema {
  return assignFieldIds({ 'type': 'struct', 'schema-id': 0, 'fields': columns.map(fieldOf) }).schema
}

export interface SchemaDiff { readonly schema: Schema, readonly lastColumnId: number, readonly changes: readonly string[] }

/** null when the table already holds every wanted column. */
export function diffSchema(current: Schema, lastColumnId: number, wanted: readonly WantedColumn[]): SchemaDiff | null {
  const state = { last: lastColumnId, changes: [] as string[] }
  const fields = mergeFields(current.fields, wanted.map(fieldOf), '', state)
  if (state.changes.length === 0) return null
  return { schema: { ...current, fields }, lastColumnId: state.last, changes: state.changes }
}

interface DiffState { last: number, changes: string[] }

function mergeFields(current: readonly NestedField[], wanted: readonly NestedField[], prefix: string, state: DiffState): NestedField[] {
  const merged = current.map(field => {
    const want = wanted.find(candidate => candidate.name === field.name)
    return want === undefined ? field : mergeField(field, want, prefix, state)
  })
  for (const want of wanted) {
    if (current.some(field => field.name === want.name)) continue
    const path = prefix + want.name
    const rival = current.find(field => field.name.toLowerCase() === want.name.toLowerCase())
    if (rival !== undefined) throw refused(path, `column ${rival.name} differs only in case, which several engines cannot tell apart`)
    if (want.required) throw refused(path, 'a required column cannot be added to a table that has rows; make it optional')
    const id = state.last += 1
    merged.push({ ...want, id, type: assignTypeIds(want.type, () => state.last += 1) })
    state.changes.push(`add ${path}`)
  }
  return merged
}

function mergeField(field: NestedField, want: NestedField, prefix: string, state: DiffState): NestedField {
  const path = prefix + field.name
  const type = mergeType(field.type, want.type, path, state)
  const relaxed = field.required && !want.required
  if (relaxed) state.changes.push(`relax ${path}`)
  return type === field.type && !relaxed ? field : { ...field, type, required: relaxed ? false : field.required }
}

function mergeType(current: Type, want: Type, path: string, state: DiffState): Type {
  if (typeof current === 'string' && typeof want === 'string') {
    if (sameTypeName(current, want) || widens(want, current)) return current
    if (!widens(current, want)) throw refused(path, `type ${current} cannot become ${want}; allowed: int to long, float to double, more decimal precision`)
    state.changes.push(`widen ${path} to ${want}`)
    return want
  }
  if (typeof current === 'string' || typeof want === 'string' || current.type !== want.type) throw refused(path, `type ${nameOfType(current)} cannot become ${nameOfType(want)}`)
  if (current.type === 'struct' && want.type === 'struct') {
    const before = state.changes.length
    const fields = mergeFields(current.fields, want.fields, `${path}.`, state)
    return state.changes.length === before ? current : { ...current, fields }
  }
  if (current.type === 'list' && want.type === 'list') {
    const element = mergeType(current.element, want.element, `${path}.element`, state)
    return element === current.element ? current : { ...current, element }
  }
  if (current.type === 'map' && want.type === 'map') {
    const value = mergeType(current.value, want.value, `${path}.value`, state)
    return value === current.value ? current : { ...current, value }
  }
  return current
}

/** Whether a column of the one type may become one of the other. */
export function widens(from: string, to: string): boolean {
  if ((from === 'int' && to === 'long') || (from === 'float' && to === 'double')) return true
  const [before, after] = [decimalOf(from as Type), decimalOf(to as Type)]
  return before !== undefined && after !== undefined && before.scale === after.scale && after.precision > before.precision
}

export function sameTypeName(left: string, right: string): boolean {
  return left.replaceAll(' ', '') === right.replaceAll(' ', '')
}

export function nameOfType(type: Type): string {
  return typeof type === 'string' ? type : type.type
}

/** The wanted column as a field; its ids are none yet. */
export function fieldOf(column: WantedColumn): NestedField {
  return { id: 0, name: column.name, required: column.required ?? false, type: toType(column.type), ...(column.doc === undefined ? {} : { doc: column.doc }) }
}

function toType(type: unknown): Type {
  if (typeof type === 'string') return type as Type
  const nested = type as Exclude<Type, string>
  if (nested.type === 'struct') return { type: 'struct', fields: nested.fields.map(fieldOf) }
  if (nested.type === 'list') return { 'type': 'list', 'element-id': 0, 'element-required': nested['element-required'], 'element': toType(nested.element) }
  return { 'type': 'map', 'key-id': 0, 'key': toType(nested.key), 'value-id': 0, 'value-required': nested['value-required'], 'value': toType(nested.value) }
}

function refused(column: string, reason: string): CatalogError {
  return new CatalogError('CATALOG_SCHEMA_CHANGE_REFUSED', { column, reason })
}
