/** Values of the table format as DuckDB expressions: of a partition's tuple, and of a column's default (spec, "JSON single-value serialization"). */
import { decimalOf } from '../spec/schema.ts'
import { printUnscaled, type SingleValue } from '../spec/single-value.ts'
import type { NestedField, Type } from '../spec/types.ts'
import { duckdbType, quoteText } from './duckdb-types.ts'

/** A value in the shape of `single-value.ts`. */
export function valueSql(type: Type, value: SingleValue | null): string {
  const typed = (text: string) => `CAST(${text} AS ${duckdbType(type)})`
  if (value === null) return typed('NULL')
  switch (type) {
    case 'date': return typed(`DATE '1970-01-01' + ${Number(value)}::INTEGER`)
    case 'time': return typed(`TIME '00:00:00' + to_microseconds(${String(value)})`)
    case 'timestamp': return `make_timestamp(${String(value)}::BIGINT)`
    case 'timestamptz': return `make_timestamptz(${String(value)}::BIGINT)`
    case 'timestamp_ns': return `make_timestamp_ns(${String(value)}::BIGINT)`
    default: break
  }
  const scale = decimalOf(type)?.scale
  if (scale !== undefined) return typed(quoteText(printUnscaled(value as bigint, scale)))
  if (Buffer.isBuffer(value)) return `unhex('${value.toString('hex')}')`
  return typed(quoteText(String(value)))
}

/** What rows have in this field that were written before it was: its `initial-default`, else null. */
export function defaultSql({ type, 'initial-default': value }: NestedField): string {
  return jsonSql(type, value ?? null)
}

function jsonSql(type: Type, value: unknown): string {
  const typed = (text: string) => `CAST(${text} AS ${duckdbType(type)})`
  if (value === null || value === undefined) return typed('NULL')
  if (typeof type === 'string') {
    return type === 'binary' || type.startsWith('fixed[') ? `unhex(${quoteText(String(value))})` : typed(quoteText(String(value as string | number | boolean)))
  }
  switch (type.type) {
    case 'struct': {
      const members = value as Record<string, unknown>
      return typed(`{${type.fields.map(field => `${quoteText(field.name)}: ${String(field.id) in members ? jsonSql(field.type, members[field.id]) : defaultSql(field)}`).join(', ')}}`)
    }
    case 'list': return typed(`[${(value as unknown[]).map(item => jsonSql(type.element, item)).join(', ')}]`)
    case 'map': {
      const { keys, values } = value as { keys: unknown[], values: unknown[] }
      return typed(`MAP {${keys.map((key, index) => `${jsonSql(type.key, key)}: ${jsonSql(type.value, values[index])}`).join(', ')}}`)
    }
  }
}
