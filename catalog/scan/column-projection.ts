/**
 * How the columns of a schema come out of files with one layout, by field id at every level (spec, "Column Projection"): renamed, moved,
 * dropped, added and widened columns and members are right, and so are files without ids. Pure: SQL expressions.
 *
 * DuckDB finds top-level columns by id itself; members of nested columns it finds by name, so they are taken apart and put together where
 * that would go wrong. A column that a file lacks is the partition's value (identity transforms), else its default, else null.
 */
import { defaultSql } from '../files/duckdb-literals.ts'
import { duckdbType, quoteIdentifier, quoteText } from '../files/duckdb-types.ts'
import type { NestedField, Schema, Type } from '../spec/types.ts'
import type { FileColumn, FileColumns } from './file-columns.ts'

export interface ReadPlan {
  /** Options of `read_parquet`, and what they call the columns of the file. */
  readonly options: string
  /** In the schema's order, over the file's rows `d` and the facts of the file `c`. */
  readonly expressions: readonly string[]
  /** Fields whose value is that of the partition: `constantName` of the facts. */
  readonly constants: readonly NestedField[]
  /** DuckDB reads such files right by itself. */
  readonly isBare: boolean
}

/** What the facts of a file call the value of its partition. */
export function constantName({ id }: Pick<NestedField, 'id'>): string {
  return `v${id}`
}

/** Options to read files whose plans are bare: the columns have the schema's names. */
export function bareOptions(schema: Schema): string {
  return mapOf(schema.fields.map(field => ({ id: field.id, name: field.name, type: duckdbType(field.type) })))
}

/**
 * `schema`: names that DuckDB can tell apart (`engineSchema`). `file`: null when it is not there, which DuckDB will say. `isConstant`: fields
 * that the partition of the file has a value for.
 */
export function planRead(schema: Schema, file: FileColumns | null, isConstant: (id: number) => boolean): ReadPlan {
  const found = new Map((file?.columns ?? []).flatMap(column => column.id === null ? [] : [[column.id, column] as const]))
  const hasIds = file?.hasIds ?? true
  const constants = file === null ? [] : schema.fields.filter(field => !found.has(field.id) && isConstant(field.id))
  const isBare = hasIds && constants.length === 0 && (file === null || schema.fields.every(field => {
    const column = found.get(field.id)
    return column === undefined ? !hasDefault(field) : readsPlainly(field.type, column)
  }))
  const read: { id: number, name: string, type: string }[] = []
  const expressions = schema.fields.map(field => {
    const column = found.get(field.id)
    if (column === undefined && constants.includes(field)) return `c.${constantName(field)}`
    if (column === undefined && file !== null) return defaultSql(field)
    read.push({ id: field.id, name: `f${field.id}`, type: column === undefined ? duckdbType(field.type) : readType(field.type, column) })
    const source = column === undefined || hasIds ? `d.f${field.id}` : `d.${quoteIdentifier(column.engineName)}`
    return column === undefined ? source : `CAST(${project(field.type, column, source, 0)} AS ${duckdbType(field.type)})`
  })
  // A file of which nothing is read still has as many rows.
  const options = !hasIds ? '' : mapOf(read.length > 0 ? read : [{ id: 0, name: 'f0', type: 'VARCHAR' }])
  return { options, expressions, constants, isBare }
}

function mapOf(columns: readonly { readonly id: number, readonly name: string, readonly type: string }[]): string {
  return `, schema = MAP {${columns.map(({ id, name, type }) => `${id}: {name: ${quoteText(name)}, type: ${quoteText(type)}, default_value: NULL}`).join(', ')}}`
}

function hasDefault(field: NestedField): boolean {
  return (field['initial-default'] ?? null) !== null
}

/** Whether DuckDB, which finds members by name, gives what their ids say. */
function readsPlainly(type: Type, column: FileColumn): boolean {
  if (typeof type === 'string') return column.kind === 'leaf' && (type !== 'string' || column.isText)
  if (type.type !== column.kind) return false
  return partsOf(type).every(part => {
    const child = column.children.find(({ id }) => id === part.id)
    if (child !== undefined) return (type.type !== 'struct' || child.engineName === part.name) && readsPlainly(part.type, child)
    // One that is missing must not be mistaken for another of its name.
    return type.type === 'struct' && !hasDefault(part) && column.children.every(({ engineName }) => engineName.toLowerCase() !== part.name.toLowerCase())
  })
}

/** The type to read a column as: the file's own members with the wanted types. */
function readType(type: Type, column: FileColumn): string {
  if (typeof type === 'string') return type === 'string' && !column.isText ? 'BLOB' : duckdbType(type)
  const parts = partsOf(type).flatMap(part => {
    const child = column.children.find(({ id }) => id === part.id)
    return child === undefined ? [] : [{ name: child.engineName, type: readType(part.type, child) }]
  })
  switch (type.type) {
    case 'struct': {
      // Of a struct without any wanted member it still matters whether it is null.
      const members = parts.length > 0 ? parts : column.children.slice(0, 1).map(child => ({ name: child.engineName, type: 'VARCHAR' }))
      return `STRUCT(${members.map(({ name, type }) => `${quoteIdentifier(name)} ${type}`).join(', ')})`
    }
    case 'list': return `${parts[0]?.type ?? 'VARCHAR'}[]`
    case 'map': return `MAP(${parts[0]?.type ?? 'VARCHAR'}, ${parts[1]?.type ?? 'VARCHAR'})`
  }
}

/** The wanted value from the file's. */
function project(type: Type, column: FileColumn, source: string, depth: number): string {
  if (typeof type === 'string') return type === 'string' && !column.isText ? `decode(${source})` : source
  if (isSame(type, column)) return source
  const each = `x${depth}`
  const part = (field: NestedField, member: (child: FileColumn) => string) => {
    const child = column.children.find(({ id }) => id === field.id)
    return child === undefined ? defaultSql(field) : `CAST(${project(field.type, child, member(child), depth + 1)} AS ${duckdbType(field.type)})`
  }
  const parts = partsOf(type)
  switch (type.type) {
    case 'struct': {
      const members = parts.map(field => `${quoteText(field.name)}: ${part(field, child => `struct_extract(${source}, ${quoteText(child.engineName)})`)}`)
      return `CASE WHEN ${source} IS NULL THEN NULL ELSE {${members.join(', ')}} END`
    }
    case 'list': return `list_transform(${source}, lambda ${each}: ${part(parts[0]!, () => each)})`
    case 'map': {
      const [key, value] = [part(parts[0]!, () => `struct_extract(${each}, 'key')`), part(parts[1]!, () => `struct_extract(${each}, 'value')`)]
      return `CASE WHEN ${source} IS NULL THEN NULL ELSE map_from_entries(list_transform(map_entries(${source}), lambda ${each}: {'k': ${key}, 'v': ${value}})) END`
    }
  }
}

function isSame(type: Type, column: FileColumn): boolean {
  if (typeof type === 'string') return type !== 'string' || column.isText
  const parts = partsOf(type)
  return parts.length === column.children.length && parts.every((part, index) => {
    const child = column.children[index]
    return child !== undefined && child.id === part.id && (type.type !== 'struct' || child.engineName === part.name) && isSame(part.type, child)
  })
}

function partsOf(type: Exclude<Type, string>): NestedField[] {
  switch (type.type) {
    case 'struct': return type.fields
    case 'list': return [{ id: type['element-id'], name: 'element', required: false, type: type.element }]
    case 'map': return [{ id: type['key-id'], name: 'key', required: true, type: type.key }, { id: type['value-id'], name: 'value', required: false, type: type.value }]
  }
}
