// From a contract to SQL, once at start: the JSON reader's structure, the typed expression of each column, and the
// predicates that say what could not be typed and what is missing. The contract is the only list of fields; nothing is
// named here.
// Invariant: what the contract's reader accepts is typed to the value that it read. A value that the reader keeps aside
// never comes here: the framer has put it into `_extra`, by the same judgement.

import { quoteIdentifier, quoteText } from '../catalog/index.ts'
import { blanks, columnsOf, contract, type Contract, type ContractColumn, type Default, type IcebergType } from '../openapi/index.ts'

/** What parse.sql wants to know of a contract. */
export interface ContractSql {
  /** The structure argument of from_json: every scalar as text, typed afterwards. */
  readonly structure: string
  /** `expression AS "column"` for each contract column, reading the struct `_e`. */
  readonly columns: string
  /** The first field whose value is there and whose column cannot hold it, or NULL. */
  readonly untypable: string
  /** The first field of the first contract that a type requires and lacks, or NULL. */
  readonly missing: string
}

export function contractSql (of: Contract): ContractSql {
  const columns = columnsOf(of)
  return {
    structure: JSON.stringify(Object.fromEntries(columns.map(column => [column.wire, structureOf(of, column)]))),
    columns: columns.map(column => `${typedColumn(of, column)} AS ${quoteIdentifier(column.name)}`).join(',\n    '),
    untypable: firstOf(columns.filter(({ type }) => typeof type === 'string' && type !== 'string').map(untypable)),
    missing: firstOf(missingOf(of, columns))
  }
}

/** Which names a contract declares where: what is not declared goes to `$extra`. */
export interface DeclaredNames {
  /** The wire names that a type declares; of a type that the contract does not know, the base fields. */
  ofType (eventType: string): ReadonlySet<string>
  /** The wire names inside a group such as `location`; undefined for a field that is none. */
  ofGroup (wire: string): ReadonlySet<string> | undefined
}

export function declaredNames (of: Contract): DeclaredNames {
  const byAll: ReadonlySet<string> = new Set(of.baseFields)
  const byType = new Map(of.eventTypes.map(type => [type.name, new Set<string>([...of.baseFields, ...type.fields])]))
  const byGroup = new Map(Object.entries(of.fields).flatMap(([wire, { kind }]) => kind.is === 'struct' ? [[wire, new Set(Object.keys(kind.children))] as const] : []))
  return { ofType: eventType => byType.get(eventType) ?? byAll, ofGroup: wire => byGroup.get(wire) }
}

export const shippedSql: ContractSql = contractSql(contract)

function structureOf (of: Contract, { wire, type }: ContractColumn): unknown {
  if (of.fields[wire]!.kind.is === 'object') return 'JSON'
  return typeof type === 'string' ? 'VARCHAR' : Object.fromEntries(type.fields.map(field => [field.wire, 'VARCHAR']))
}

function typedColumn (of: Contract, column: ContractColumn): string {
  const { type, wire } = column
  const field = fieldOf(wire)
  if (wire === 'properties') return `CASE WHEN _extra IS NULL THEN ${field}::VARCHAR ELSE add_member(${field}::VARCHAR, '$extra', _extra) END`
  if (typeof type !== 'string') return structColumn(of, column, type.fields)
  const parts = [scalarValue(of, wire, type)]
  for (const [value, types] of defaultsOf(of, column)) parts.push(`CASE WHEN ${isAbsent(of, column)} AND ${isTypeOf(types)} THEN ${value} END`)
  return parts.length === 1 ? parts[0]! : `coalesce(${parts.join(', ')})`
}

function scalarValue (of: Contract, wire: string, type: string): string {
  const { kind } = of.fields[wire]!
  if (kind.is === 'object') return `${fieldOf(wire)}::VARCHAR`
  // What is no currency was put aside: here is nothing but a code, in whatever spelling.
  return kind.is === 'text' && kind.sense === 'currency' ? `upper(trim(${fieldOf(wire)}, ${quoteText(blanks)}))` : cast(fieldOf(wire), type)
}

/** SQL of each default of a field → the event types that have it. */
function defaultsOf (of: Contract, { wire }: ContractColumn): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const type of of.eventTypes) {
    for (const value of type.defaults) {
      if (value.field !== wire || 'withdrawnSince' in value || !type.fields.includes(wire)) continue
      const sql = defaultValue(of, value)
      found.set(sql, [...found.get(sql) ?? [], type.name])
    }
  }
  return found
}

function defaultValue (of: Contract, value: Exclude<Default, { withdrawnSince: number }>): string {
  if ('constant' in value) return quoteText(value.constant)
  const factors = value.product.map(factor => cast(fieldOf(factor), scalar(of.fields[factor]!.iceberg)))
  return `try_cast(${factors.join(' * ')} AS DECIMAL(18, 2))`
}

/** A plain string in place of a group is stored as one member of it. The text is looked at first: to parse it again is dear. */
function structColumn (of: Contract, { name, wire }: ContractColumn, fields: ContractColumn[]): string {
  const kind = of.fields[wire]!.kind
  const memberOf = (field: ContractColumn): string => `${fieldOf(wire)}.${quoteIdentifier(field.wire)}`
  const empty = fields.map(field => `${memberOf(field)} IS NULL`).join(' AND ')
  const packed = fields.map(field => `${quoteIdentifier(field.name)} := ${cast(memberOf(field), scalar(field.type))}`)
  const path = quoteText(`$."${wire}"`)
  const plain = fields.map(field => `${quoteIdentifier(field.name)} := ${kind.is === 'struct' && field.wire === kind.textBecomes ? `_value->>${path}` : `CAST(NULL AS ${duckdbType(field.type)})`}`)
  // Letters can be spelled in two ways: as they are, and as \u followed by their code.
  const mayBeThere = `(contains(_value, '"${wire}"') OR contains(_value, '\\u'))`
  return `CASE WHEN NOT (${empty}) THEN struct_pack(${packed.join(', ')})
      WHEN ${mayBeThere} AND json_type(_value, ${path}) = 'VARCHAR' THEN struct_pack(${plain.join(', ')})
      ELSE CAST(NULL AS ${structType(fields)}) END /* ${name} */`
}

function untypable ({ name, wire }: ContractColumn): string {
  return `CASE WHEN ${fieldOf(wire)} IS NOT NULL AND ${quoteIdentifier(name)} IS NULL THEN ${quoteText(wire)} END`
}

/** A later field's absence refuses no row: a gateway of an older contract has accepted it, or its value lies in `$extra`. */
function missingOf (of: Contract, columns: readonly ContractColumn[]): string[] {
  return columns.filter(({ wire, since }) => since <= 1 && !of.baseFields.includes(wire)).flatMap(({ name, wire }) => {
    const types = of.eventTypes.filter(({ required }) => required.includes(wire)).map(({ name }) => name)
    return types.length === 0 ? [] : [`CASE WHEN ${quoteIdentifier(name)} IS NULL AND ${isTypeOf(types, 'event_type')} THEN ${quoteText(wire)} END`]
  })
}

/** The client sent nothing. What was put aside, a later field's value or a currency that is none, is in `_extra`, and is not nothing. */
function isAbsent (of: Contract, { wire, since }: ContractColumn): string {
  const { kind } = of.fields[wire]!
  const isNeverAside = since <= 1 && !(kind.is === 'text' && kind.sense === 'currency')
  const isNull = `${fieldOf(wire)} IS NULL`
  return isNeverAside ? isNull : `${isNull} AND NOT coalesce(json_exists(_extra, ${quoteText(`$."${wire}"`)}), false)`
}

function isTypeOf (types: readonly string[], field = '_e.event_type'): string {
  return `${field} IN (${types.map(quoteText).join(', ')})`
}

function firstOf (parts: readonly string[]): string {
  return parts.length === 0 ? 'NULL' : `coalesce(${parts.join(', ')})`
}

function fieldOf (wire: string): string {
  return `_e.${quoteIdentifier(wire)}`
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

/** DuckDB reads T and Z in upper case alone. */
function cast (field: string, type: string): string {
  if (type === 'string') return field
  if (type === 'timestamptz') return `coalesce(try_cast(${field} AS TIMESTAMPTZ), try_cast(upper(${field}) AS TIMESTAMPTZ))`
  return `try_cast(${field} AS ${duckdbType(type)})`
}
