// Trino's JSON as exact values: integers beyond 2^53 and decimals keep every digit, times and structures look as DuckDB's do.
// Pure.

import { DuckDBBlobValue, DuckDBDecimalValue, DuckDBListValue, DuckDBMapValue, DuckDBStructValue, type DuckDBValue } from '@duckdb/node-api'

/** The type of a column as Trino describes it beside its text. */
export interface TypeSignature {
  readonly rawType: string
  readonly arguments: readonly { readonly kind: string, readonly value: unknown }[]
}

interface NamedType { readonly fieldName?: { readonly name: string }, readonly typeSignature: TypeSignature }

/** JSON whose integers beyond 2^53 become bigints: JSON.parse alone would round them. */
export function parseExactly (text: string): unknown {
  const parse = JSON.parse as unknown as (text: string, revive: (name: string, value: unknown, context: { source?: string }) => unknown) => unknown
  return parse(text, (_, value, { source }) => typeof value === 'number' && !Number.isSafeInteger(value) && /^-?\d+$/.test(source ?? '') ? BigInt(source!) : value)
}

const names: Readonly<Record<string, string>> = {
  'varchar': 'VARCHAR', 'char': 'VARCHAR', 'json': 'VARCHAR', 'uuid': 'UUID', 'boolean': 'BOOLEAN', 'varbinary': 'BLOB', 'date': 'DATE', 'time': 'TIME',
  'tinyint': 'TINYINT', 'smallint': 'SMALLINT', 'integer': 'INTEGER', 'bigint': 'BIGINT', 'real': 'FLOAT', 'double': 'DOUBLE',
  'timestamp': 'TIMESTAMP', 'timestamp with time zone': 'TIMESTAMP WITH TIME ZONE'
}

/** DuckDB's name of a Trino type. */
export function typeName ({ rawType, arguments: given }: TypeSignature): string {
  if (rawType === 'decimal') return `DECIMAL(${given.map(({ value }) => String(value)).join(',')})`
  if (rawType === 'array') return `${typeName(given[0]!.value as TypeSignature)}[]`
  if (rawType === 'map') return `MAP(${given.map(({ value }) => typeName(value as TypeSignature)).join(', ')})`
  if (rawType === 'row') return `STRUCT(${given.map(({ value }, i) => `${fieldName(value as NamedType, i)} ${typeName((value as NamedType).typeSignature)}`).join(', ')})`
  return names[rawType] ?? rawType.toUpperCase()
}

export function readValue (value: unknown, type: TypeSignature): DuckDBValue {
  if (value === null || value === undefined) return null
  const { rawType, arguments: given } = type
  switch (rawType) {
    case 'bigint': return BigInt(value as number | bigint)
    case 'decimal': return decimalOf(String(value), Number(given[0]?.value ?? 38), Number(given[1]?.value ?? 0))
    case 'double': case 'real': return Number(value)
    case 'timestamp': return trimFraction(String(value))
    case 'timestamp with time zone': return trimFraction(String(value).replace(/ UTC$/, '+00'))
    case 'varbinary': return new DuckDBBlobValue(new Uint8Array(Buffer.from(String(value), 'base64')))
    case 'array': return new DuckDBListValue((value as unknown[]).map(item => readValue(item, given[0]!.value as TypeSignature)))
    case 'map': return new DuckDBMapValue(Object.entries(value as object).map(([key, entry]) => ({ key: readValue(key, given[0]!.value as TypeSignature), value: readValue(entry, given[1]!.value as TypeSignature) })))
    case 'row': return new DuckDBStructValue(Object.fromEntries(given.map(({ value: field }, i) => [fieldName(field as NamedType, i), readValue((value as unknown[])[i], (field as NamedType).typeSignature)])))
    default: return typeof value === 'object' ? JSON.stringify(value) : value as DuckDBValue
  }
}

function decimalOf (text: string, width: number, scale: number): DuckDBDecimalValue {
  const [whole = '0', fraction = ''] = text.split('.')
  return new DuckDBDecimalValue(BigInt(whole + fraction.padEnd(scale, '0')), width, scale)
}

function fieldName ({ fieldName: found }: NamedType, i: number): string {
  return found?.name ?? `field${i}`
}

/** 05:20:59.120000 → 05:20:59.12 */
function trimFraction (text: string): string {
  return text.replace(/(\.\d*?)0+(?=\D|$)/, (_, digits: string) => digits === '.' ? '' : digits)
}
