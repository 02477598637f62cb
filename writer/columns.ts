// From the contract to SQL, once at start: the JSON reader's structure, the typed expression of each column, and the
// predicate that says that a value could not be typed. The contract is the only list of fields; nothing is named here
// but the two objects that clients also send as plain strings.

import { quoteIdentifier, quoteText } from '../catalog/index.ts'
import { baseFields, contractColumns, eventTypes, type ContractColumn, type IcebergType } from '../openapi/index.ts'

/** A plain string in place of the object is stored as this member of it. */
const plainMember: Readonly<Record<string, string>> = { location: 'region', device: 'type' }

const declaredByType = new Map(eventTypes.map(type => [type.name, new Set<string>([...baseFields, ...type.fields])]))
const declaredByAll: ReadonlySet<string> = new Set(baseFields)
const membersByGroup = new Map(contractColumns.flatMap(({ wire, type }) => typeof type === 'string' ? [] : [[wire, new Set(type.fields.map(field => field.wire))]]))

/** The wire names that a type declares; of a type that the contract does not know, the base fields. */
export function declaredFields (eventType: string): ReadonlySet<string> {
  return declaredByType.get(eventType) ?? declaredByAll
}

/** The wire names inside a group such as `location`; undefined for a field that is none. */
export function declaredMembers (wire: string): ReadonlySet<string> | undefined {
  return membersByGroup.get(wire)
}

/** The structure argument of from_json: every scalar as text, typed afterwards. */
export function readerStructure (): string {
  return JSON.stringify(Object.fromEntries(contractColumns.map(column => [column.wire, structureOf(column)])))
}

function structureOf ({ name, type }: ContractColumn): unknown {
  if (name === 'properties') return 'JSON'
  return typeof type === 'string' ? 'VARCHAR' : Object.fromEntries(type.fields.map(field => [field.wire, structureOf(field)]))
}

/** `expression AS "column"` for each contract column, reading the struct `_e`. */
export function typedColumns (): string {
  return contractColumns.map(column => `${typedColumn(column)} AS ${quoteIdentifier(column.name)}`).join(',\n    ')
}

function typedColumn (column: ContractColumn): string {
  const { name, type, wire } = column
  const field = `_e.${quoteIdentifier(wire)}`
  if (name === 'properties') return `CASE WHEN _extra IS NULL THEN ${field}::VARCHAR ELSE add_member(${field}::VARCHAR, '$extra', _extra) END`
  if (typeof type !== 'string') return structColumn(column, type.fields)
  const parts = [cast(field, type)]
  for (const [kind, types] of defaultsOf(wire)) parts.push(`CASE WHEN ${field} IS NULL AND _e.event_type IN (${types.map(quoteText).join(', ')}) THEN ${kind} END`)
  return parts.length === 1 ? parts[0]! : `coalesce(${parts.join(', ')})`
}

/** SQL of each default of a field → the event types that have it. */
function defaultsOf (wire: string): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const type of eventTypes) {
    for (const value of type.defaults) {
      if (value.field !== wire || !type.fields.includes(wire)) continue
      const sql = 'constant' in value
        ? quoteText(value.constant)
        : `try_cast(${value.product.map(factor => cast(`_e.${quoteIdentifier(factor)}`, scalar(contractColumns.find(column => column.wire === factor)!.type))).join(' * ')} AS DECIMAL(18, 2))`
      found.set(sql, [...found.get(sql) ?? [], type.name])
    }
  }
  return found
}

function structColumn ({ name, wire }: ContractColumn, fields: ContractColumn[]): string {
  const empty = fields.map(field => `_e.${quoteIdentifier(wire)}.${quoteIdentifier(field.wire)} IS NULL`).join(' AND ')
  const packed = fields.map(field => `${quoteIdentifier(field.name)} := ${cast(`_e.${quoteIdentifier(wire)}.${quoteIdentifier(field.wire)}`, scalar(field.type))}`)
  const member = plainMember[wire]
  const plain = fields.map(field => `${quoteIdentifier(field.name)} := ${field.wire === member ? `_value->>'$.${wire}'` : `CAST(NULL AS ${duckdbType(field.type)})`}`)
  const otherwise = member === undefined ? '' : ` WHEN contains(_value, '"${wire}"') AND json_type(_value, '$.${wire}') = 'VARCHAR' THEN struct_pack(${plain.join(', ')})`
  return `CASE WHEN NOT (${empty}) THEN struct_pack(${packed.join(', ')})${otherwise} ELSE CAST(NULL AS ${structType(fields)}) END /* ${name} */`
}

/** True where a value is there that its column cannot hold. Fields added after the first version never refuse a row. */
export function untypable (): string {
  const parts = contractColumns
    .filter(({ type, since, name }) => typeof type === 'string' && type !== 'string' && since <= 1 && name !== 'properties')
    .map(({ name, wire }) => `CASE WHEN _e.${quoteIdentifier(wire)} IS NOT NULL AND ${quoteIdentifier(name)} IS NULL THEN '${wire}' END`)
  return parts.length === 0 ? 'NULL' : `coalesce(${parts.join(', ')})`
}

/** The first required field that a type lacks, or NULL. */
export function missingRequired (): string {
  const typesOf = new Map<string, string[]>()
  for (const { name, required } of eventTypes) for (const field of required) if (!declaredByAll.has(field)) typesOf.set(field, [...typesOf.get(field) ?? [], name])
  const parts = [...typesOf].map(([wire, types]) => `CASE WHEN ${quoteIdentifier(nameOf(wire))} IS NULL AND event_type IN (${types.map(quoteText).join(', ')}) THEN '${wire}' END`)
  return parts.length === 0 ? 'NULL' : `coalesce(${parts.join(', ')})`
}

/** DuckDB's name of an Iceberg type. */
export function duckdbType (type: IcebergType): string {
  if (typeof type !== 'string') return structType(type.fields)
  const simple: Record<string, string> = { string: 'VARCHAR', long: 'BIGINT', int: 'INTEGER', double: 'DOUBLE', float: 'FLOAT', boolean: 'BOOLEAN', date: 'DATE', timestamptz: 'TIMESTAMPTZ', timestamp: 'TIMESTAMP', binary: 'BLOB', uuid: 'UUID' }
  if (type.startsWith('decimal')) return type.toUpperCase()
  const found = simple[type]
  if (found === undefined) throw new TypeError(`no DuckDB type for Iceberg's ${type}`)
  return found
}

function structType (fields: ContractColumn[]): string {
  return `STRUCT(${fields.map(field => `${quoteIdentifier(field.name)} ${duckdbType(field.type)}`).join(', ')})`
}

function scalar (type: IcebergType): string {
  if (typeof type !== 'string') throw new TypeError('a struct within a struct is not supported')
  return type
}

function nameOf (wire: string): string {
  return contractColumns.find(column => column.wire === wire)?.name ?? wire
}

function cast (field: string, type: string): string {
  if (type === 'string') return field
  if (type === 'timestamptz') return `coalesce(try_cast(${field} AS TIMESTAMPTZ), try_cast(upper(${field}) AS TIMESTAMPTZ))`
  return `try_cast(${field} AS ${duckdbType(type)})`
}
