/**
 * Rows of ours in the shape that a table has now: each column under the name and type that it has there, and the values that its
 * partition spec is made of. SQL text only; `FileLayout` says what the table wants.
 */
import type { FileLayout } from '../spec/file-layout.ts'
import { listFields } from '../spec/schema.ts'
import type { NestedField, Schema, StructType, Type } from '../spec/types.ts'
import { duckdbType, quoteIdentifier, quoteText } from './duckdb-types.ts'

/** A column of ours as SQL: its own name → an expression. */
export type OwnSql = (name: string) => string

/** A partition field: where its source value stands, and what is made of it. */
export interface PlacingTerm { readonly name: string, readonly transform: string, readonly type: Type, readonly sql: string }

/** `expression AS "column"`, one for each column that is written. */
export function writtenColumns({ schema, ownNames }: FileLayout, own: OwnSql): string {
  return schema.fields.map(field => `${fieldSql(field, ownNames, own)} AS ${quoteIdentifier(field.name)}`).join(', ')
}

/** The spec's fields over our rows; a column of others has its default, or null. */
export function placingTerms({ spec, ownNames }: FileLayout, schema: Schema, own: OwnSql): PlacingTerm[] {
  const fields = listFields(schema)
  return spec.fields.map(({ name, transform, 'source-id': source }) => {
    const found = fields.find(({ field }) => field.id === source)
    // Only void may outlive its column.
    if (found === undefined) return { name, transform, type: 'string', sql: 'NULL::VARCHAR' }
    const { field, path } = found
    return { name, transform, type: field.type, sql: `CAST(${sourceSql(path.length, field, fields, path, ownNames, own)} AS ${duckdbType(field.type)})` }
  })
}

function sourceSql(depth: number, field: NestedField, fields: ReturnType<typeof listFields>, path: readonly string[], ownNames: ReadonlyMap<number, string>, own: OwnSql): string {
  const parents = Array.from({ length: depth }, (_, at) => fields.find(other => other.path.length === at + 1 && other.path.every((part, index) => part === path[index]))?.field)
  const names = parents.map(parent => parent === undefined ? undefined : ownNames.get(parent.id))
  if (names.some(name => name === undefined)) return writeDefaultSql(field)
  const [first, ...rest] = names as string[]
  return [own(first!), ...rest.map(quoteIdentifier)].join('.')
}

function fieldSql(field: NestedField, ownNames: ReadonlyMap<number, string>, own: OwnSql): string {
  const name = ownNames.get(field.id)
  if (name === undefined) return writeDefaultSql(field)
  const { type } = field
  const value = own(name)
  // DuckDB casts a struct by the names of its members: a renamed one would become null.
  if (isStruct(type) && !keepsNames(type, ownNames)) return structSql(type, ownNames, value)
  return `CAST(${value} AS ${duckdbType(type)})`
}

function structSql(type: StructType, ownNames: ReadonlyMap<number, string>, value: string): string {
  const members = type.fields.map(field => `${quoteIdentifier(field.name)} := ${fieldSql(field, ownNames, name => `${value}.${quoteIdentifier(name)}`)}`)
  return `CASE WHEN ${value} IS NOT NULL THEN struct_pack(${members.join(', ')}) END`
}

function keepsNames(type: StructType, ownNames: ReadonlyMap<number, string>): boolean {
  return type.fields.every(field => ownNames.get(field.id) === field.name && (!isStruct(field.type) || keepsNames(field.type, ownNames)))
}

function isStruct(type: Type): type is StructType {
  return typeof type !== 'string' && type.type === 'struct'
}

/** What a writer without a value writes (v3), else null. */
function writeDefaultSql({ type, 'write-default': value }: NestedField): string {
  const text = value === undefined || value === null || typeof type !== 'string' ? 'NULL' : type === 'binary' || type.startsWith('fixed[') ? `unhex(${quoteText(String(value))})` : quoteText(String(value as string | number | boolean))
  return `CAST(${text} AS ${duckdbType(type)})`
}
