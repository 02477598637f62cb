/**
 * A data file's Iceberg metrics from the row that DuckDB returns for `COPY … (FORMAT parquet, FIELD_IDS …, RETURN_STATS)`.
 *
 * DuckDB gives every minimum and maximum as text. What cannot be read back exactly gets no bound: a missing bound is slow, a wrong one
 * hides rows. Decimals and microseconds never pass through a double or a Date, and texts only through the decoder of `duckdb.ts`,
 * which changes none; bounds that contradict each other are a sign that something changed them, and are left out.
 */
import { CatalogError } from '../errors.ts'
import './duckdb.ts'
import { encodeLowerBound, encodeUpperBound } from '../spec/bounds.ts'
import type { DataFile } from '../spec/data-file.ts'
import type { Partition } from '../spec/partition.ts'
import { metricsModes, type MetricsMode } from '../spec/metrics-modes.ts'
import { decimalOf, listFields, type FieldPath } from '../spec/schema.ts'
import { compareSingleValues, type SingleValue } from '../spec/single-value.ts'
import type { PartitionSpec, Schema, Type } from '../spec/types.ts'
import { quoteIdentifier } from './duckdb-types.ts'

/** One row of RETURN_STATS, as any of the client's forms gives it (objects, JavaScript values, JSON). */
export interface DuckDBStatsRow { filename: string, count: bigint | number | string, file_size_bytes: bigint | number | string, column_statistics: unknown }

/**
 * `location` names the file in the table when it is not simply `file://` and DuckDB's own path; `properties` are the table's, which say
 * what metrics it wants.
 */
export function dataFileFromDuckDB(row: DuckDBStatsRow, schema: Schema, spec: PartitionSpec, partition: Partition, location?: string, properties: Readonly<Record<string, string>> = {}): DataFile {
  const file: DataFile = {
    location: location ?? (row.filename.startsWith('/') ? `file://${row.filename}` : row.filename),
    format: 'PARQUET',
    specId: spec['spec-id'],
    partition,
    recordCount: BigInt(row.count),
    fileSizeBytes: BigInt(row.file_size_bytes),
    columnSizes: new Map(),
    valueCounts: new Map(),
    nullValueCounts: new Map(),
    lowerBounds: new Map(),
    upperBounds: new Map(),
    splitOffsets: null,
    sortOrderId: 0
  }
  const leaves = leavesOf(schema)
  const modes = metricsModes(properties, schema)
  for (const [column, statistics] of entriesOf(row.column_statistics, row.filename)) {
    const leaf = leaves.get(column)
    if (leaf !== undefined) addMetrics(file, leaf, modes.get(leaf.field.id)!, new Map(entriesOf(statistics, row.filename)) as Map<string, string>)
  }
  return file
}

function addMetrics(file: DataFile, leaf: FieldPath, { counts, boundsMax }: MetricsMode, statistics: Map<string, string>): void {
  if (!counts) return
  const { id, type } = leaf.field
  const count = (name: string, into: Map<number, bigint>) => {
    const text = statistics.get(name)
    if (text !== undefined && /^\d+$/.test(text)) into.set(id, BigInt(text))
  }
  count('column_size_bytes', file.columnSizes)
  if (leaf.repeated) return
  count('num_values', file.valueCounts)
  count('null_count', file.nullValueCounts)
  if (boundsMax === 0) return
  const lengthMax = boundsMax ?? Infinity
  const least = readValue(type, statistics.get('min'))
  const greatest = readValue(type, statistics.get('max'))
  if (least === null || greatest === null || compareSingleValues(least, greatest) > 0) return
  file.lowerBounds.set(id, encodeLowerBound(type, least, lengthMax))
  const upper = encodeUpperBound(type, greatest, lengthMax)
  if (upper !== null) file.upperBounds.set(id, upper)
}

/** DuckDB's text of a value, or null when it is absent or not surely exact. */
function readValue(type: Type, text: string | undefined): SingleValue | null {
  if (text === undefined || text === null) return null
  switch (type) {
    case 'string': return text.includes('\ufffd') ? null : text
    case 'int': return /^-?\d{1,10}$/.test(text) ? Number(text) : null
    case 'long': return /^-?\d{1,19}$/.test(text) ? BigInt(text) : null
    case 'boolean': return text === '1' || text === 'true' ? true : text === '0' || text === 'false' ? false : null
    case 'float': case 'double': return readFloat(text)
    case 'date': return readDate(text)
    case 'timestamp': case 'timestamptz': return readTimestamp(text)
    default: {
      const decimal = decimalOf(type)
      return decimal === undefined ? null : readDecimal(text, decimal.scale)
    }
  }
}

function readFloat(text: string): number | null {
  if (/^-?inf(inity)?$/i.test(text)) return text.startsWith('-') ? -Infinity : Infinity
  return /^-?\d+(\.\d*)?(e[+-]?\d+)?$/i.test(text) ? Number(text) : null
}

function readDecimal(text: string, scale: number): bigint | null {
  const match = /^(-?)(\d*)(?:\.(\d*))?$/.exec(text)
  if (match === null || (match[3]?.length ?? 0) > scale) return null
  const unscaled = BigInt(`${match[2]}${(match[3] ?? '').padEnd(scale, '0')}`)
  return match[1] === '-' ? -unscaled : unscaled
}

function readDate(text: string): number | null {
  const match = /^(\d{4,6})-(\d\d)-(\d\d)$/.exec(text)
  return match === null ? null : daysOf(match[1], match[2], match[3])
}

function readTimestamp(text: string): bigint | null {
  const match = /^(\d{4,6})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:([+-])(\d\d)(?::?(\d\d))?(?::?(\d\d))?)?$/.exec(text)
  if (match === null) return null
  const [, year, month, day, hour, minute, second, fraction, sign, offsetHour, offsetMinute, offsetSecond] = match
  const seconds = BigInt(daysOf(year, month, day)) * 86_400n + BigInt(secondsOf(hour, minute, second))
  const offset = BigInt(secondsOf(offsetHour, offsetMinute, offsetSecond)) * (sign === '-' ? -1n : 1n)
  return (seconds - offset) * 1_000_000n + BigInt((fraction ?? '').padEnd(6, '0') || '0')
}

function daysOf(year?: string, month?: string, day?: string): number {
  // Date.UTC takes the years 0 to 99 for 1900 to 1999.
  return Math.floor(new Date(0).setUTCFullYear(Number(year), Number(month) - 1, Number(day)) / 86_400_000)
}

function secondsOf(hour = '0', minute = '0', second = '0'): number {
  return Number(hour) * 3_600 + Number(minute) * 60 + Number(second)
}

const leavesBySchema = new WeakMap<Schema, Map<string, FieldPath>>()

/** Leaves by DuckDB's name for them: `"device"."type"`. */
function leavesOf(schema: Schema): Map<string, FieldPath> {
  let leaves = leavesBySchema.get(schema)
  if (leaves === undefined) {
    leaves = new Map(listFields(schema).filter(field => field.leaf).map(field => [field.path.map(quoteIdentifier).join('.'), field]))
    leavesBySchema.set(schema, leaves)
  }
  return leaves
}

function entriesOf(map: unknown, filename: string): [string, unknown][] {
  const entries = Array.isArray(map) ? map : (map as { entries?: unknown } | null)?.entries
  if (!Array.isArray(entries)) throw new CatalogError('CATALOG_STATISTICS_UNREADABLE', { location: filename, reason: 'column_statistics is not a map' })
  return entries.map((entry: { key: string, value: unknown }) => [entry.key, entry.value])
}
