/**
 * A partition transform as a DuckDB expression, for telling rows of many partitions apart without a JavaScript object for each row.
 *
 * Gives what `applyTransform` gives, for every value that DuckDB holds (`infinity` too). What DuckDB cannot compute (buckets: it has no
 * Murmur3) is null: the caller applies the transform to the distinct values itself. Does not depend on the session's time zone.
 */
import { decimalOf } from '../spec/schema.ts'
import { printUnscaled } from '../spec/single-value.ts'
import { applyTransform, parseTransform } from '../spec/transforms.ts'
import type { Transform, Type } from '../spec/types.ts'

const greatestLong = 9_223_372_036_854_775_807n
const greatestInt = 2_147_483_647

/** `column`: an expression of the type `duckdbType(type)`. Throws TypeError for what is no transform of the spec. */
export function transformSql(transform: Transform, type: Type, column: string): string | null {
  const { name, width } = parseTransform(transform)
  switch (name) {
    case 'identity': return column
    case 'void': return 'NULL'
    case 'bucket': return null
    case 'truncate': return truncateSql(type, column, width)
    case 'hour': return isMicros(type) ? `CAST(${wrap(`${floorDivide(microsSql(type, column), '3600000000')}::HUGEINT`, 32)} AS INTEGER)` : null
    case 'day': return dateSql(type, column)
    case 'month': case 'year': return calendarSql(name, type, column)
  }
}

function isMicros(type: Type): type is 'timestamp' | 'timestamptz' {
  return type === 'timestamp' || type === 'timestamptz'
}

/** Microseconds as they are stored: DuckDB's own function has none for infinity. */
function microsSql(type: 'timestamp' | 'timestamptz', column: string): string {
  const typed = type.toUpperCase()
  return `CASE WHEN ${column} = '-infinity'::${typed} THEN -${greatestLong} WHEN ${column} = 'infinity'::${typed} THEN ${greatestLong} ELSE epoch_us(${column}) END`
}

/** Days since 1970, an integer: what DuckDB's DATE cannot hold is a day of an instant all the same. */
function dateSql(type: Type, column: string): string | null {
  if (type === 'date') return `CAST(${column} - DATE '1970-01-01' AS INTEGER)`
  return isMicros(type) ? `CAST(${floorDivide(microsSql(type, column), '86400000000')} AS INTEGER)` : null
}

function calendarSql(part: 'month' | 'year', type: Type, column: string): string | null {
  if (type !== 'date' && !isMicros(type)) return null
  const typed = type.toUpperCase()
  const [least, greatest] = [-1n, 1n].map(sign => applyTransform(part, type, type === 'date' ? Number(sign) * greatestInt : sign * greatestLong))
  const finite = type === 'date' ? column : `make_timestamp(epoch_us(${column}))`
  const count = `datediff('${part}', ${type === 'date' ? 'DATE' : 'TIMESTAMP'} '1970-01-01', ${finite})`
  return `CAST(CASE WHEN ${column} = '-infinity'::${typed} THEN ${String(least)} WHEN ${column} = 'infinity'::${typed} THEN ${String(greatest)} ELSE ${count} END AS INTEGER)`
}

function truncateSql(type: Type, column: string, width: number): string | null {
  switch (type) {
    case 'string': return `left(${column}, ${width})`
    case 'binary': return `${column}[1:${width}]`
    case 'int': return `CAST(${wrap(floorTo(`${column}::HUGEINT`, String(width)), 32)} AS INTEGER)`
    case 'long': return `CAST(${wrap(floorTo(`${column}::HUGEINT`, String(width)), 64)} AS BIGINT)`
    default: return truncateDecimal(type, column, width)
  }
}

/** A step below the least value has more digits than the column, and so has the result; with 38 it would not fit. */
function truncateDecimal(type: Type, column: string, width: number): string | null {
  const decimal = decimalOf(type)
  if (decimal === undefined || decimal.precision > 27) return null
  const { scale } = decimal
  const step = `'${printUnscaled(BigInt(width), scale)}'::DECIMAL(38, ${scale})`
  return `CAST(${floorTo(`${column}::DECIMAL(38, ${scale})`, step)} AS DECIMAL(38, ${scale}))`
}

function floorTo(value: string, step: string): string {
  return `(${value} - ((${value} % ${step} + ${step}) % ${step}))`
}

function floorDivide(value: string, by: string): string {
  return `((${value}) // ${by} - CASE WHEN (${value}) % ${by} < 0 THEN 1 ELSE 0 END)`
}

/** Two's complement of so many bits, of a HUGEINT. */
function wrap(value: string, bits: 32 | 64): string {
  const [half, all] = [1n << BigInt(bits - 1), 1n << BigInt(bits)]
  return `(((${value} + ${half}) % ${all}::HUGEINT + ${all}::HUGEINT) % ${all}::HUGEINT - ${half})`
}
