/**
 * Which partition each row belongs to, by any spec and from the row's own values.
 *
 * Rows are copied into a table that is sorted by the number of their partition (`_part`), so that a file reads one run of rows. What DuckDB
 * can compute, it does; buckets are computed here, once for each distinct value. Refuses more partitions than the caller has a bound for
 * before any file is written.
 */
import type { DuckDBValue } from '@duckdb/node-api'
import { DuckDBDateValue, DuckDBDecimalValue, DuckDBTimestampTZValue, DuckDBTimestampValue, DuckDBTimeValue, DuckDBBlobValue, DuckDBUUIDValue } from '@duckdb/node-api'
import { partitionKey, type Partition } from '../spec/partition.ts'
import { applyTransform, type PartitionValue } from '../spec/transforms.ts'
import type { PlacingTerm } from './duckdb-rows.ts'
import { transformSql } from './duckdb-transforms.ts'

/** What is used of a connection of @duckdb/node-api. */
export interface PlacingDuckDB {
  run(sql: string): Promise<unknown>
  runAndReadAll(sql: string): Promise<{ getRows(): DuckDBValue[][] }>
  createAppender(table: string): Promise<{ appendInteger(value: number): void, endRow(): void, closeSync(): void }>
}

export interface Placement {
  /** A base table, its rows in the order that files shall have. */
  readonly table: string
  /** Which of its rows. */
  readonly where: string
  readonly terms: readonly PlacingTerm[]
  /** A new table: the rows with their `_part`. */
  readonly into: string
  readonly isTemporary: boolean
  readonly partsMax: number
}

export interface PlacedPart { readonly partition: Partition, readonly rows: bigint, readonly part: number }

/** More than `partsMax`: how many there are at least, and nothing is placed. */
export async function placeRows(connection: PlacingDuckDB, { table, where, terms, into, isTemporary, partsMax }: Placement): Promise<readonly PlacedPart[] | { readonly tooMany: number }> {
  const make = `CREATE OR REPLACE ${isTemporary ? 'TEMP ' : ''}TABLE`
  const keys = terms.map((term, i) => ({ ...term, key: `_k${i}`, sql: transformSql(term.transform, term.type, term.sql), raw: term.sql }))
  const groups = `_groups_${into.replace(/\W/g, '_')}`
  const columns = keys.map(({ key, sql, raw }) => `${sql ?? raw} AS ${key}`).join(', ')
  try {
    await connection.run(`CREATE OR REPLACE TEMP TABLE ${groups} AS SELECT CAST(row_number() OVER () - 1 AS INTEGER) AS _id, * FROM (SELECT ${columns === '' ? '' : `${columns}, `}count(*) AS _rows FROM ${table} WHERE ${where} GROUP BY ALL HAVING count(*) > 0)`)
    if (keys.every(({ sql }) => sql !== null)) {
      const [[count]] = (await connection.runAndReadAll(`SELECT count(*) FROM ${groups}`)).getRows() as [[bigint]]
      if (count > BigInt(partsMax)) return { tooMany: Number(count) }
    }
    const parts = new Map<string, { partition: Partition, rows: bigint, part: number }>()
    const partOf: number[] = []
    for (const [id, rows, ...values] of (await connection.runAndReadAll(`SELECT _id, _rows${keys.map(({ key }) => `, ${key}`).join('')} FROM ${groups}`)).getRows() as [number, bigint, ...DuckDBValue[]][]) {
      const partition: Partition = {}
      for (const [i, { name, sql, transform, type }] of keys.entries()) {
        const value = singleValue(values[i]!)
        partition[name] = sql === null ? applyTransform(transform, type, value) : value
      }
      const key = partitionKey(keys, partition)
      const known = parts.get(key) ?? { partition, rows: 0n, part: parts.size }
      parts.set(key, { ...known, rows: known.rows + rows })
      partOf[id] = known.part
      if (parts.size > partsMax) return { tooMany: parts.size }
    }
    await connection.run(`CREATE OR REPLACE TEMP TABLE ${groups}_parts (_id INTEGER, _part INTEGER)`)
    const appender = await connection.createAppender(`${groups}_parts`)
    for (const [id, part] of partOf.entries()) {
      appender.appendInteger(id)
      appender.appendInteger(part)
      appender.endRow()
    }
    appender.closeSync()
    const equal = keys.map(({ key }) => `r.${key} IS NOT DISTINCT FROM g.${key}`).join(' AND ')
    await connection.run(`${make} ${into} AS SELECT r.* EXCLUDE (_row${keys.map(({ key }) => `, ${key}`).join('')}), p._part
      FROM (SELECT *, rowid AS _row${columns === '' ? '' : `, ${columns}`} FROM ${table} WHERE ${where}) r JOIN ${groups} g ON ${equal === '' ? 'true' : equal} JOIN ${groups}_parts p ON p._id = g._id
      ORDER BY p._part, r._row`)
    return [...parts.values()]
  } finally {
    await connection.run(`DROP TABLE IF EXISTS ${groups}; DROP TABLE IF EXISTS ${groups}_parts`)
  }
}

/** As `single-value.ts` has values of their types. */
function singleValue(value: DuckDBValue): PartitionValue {
  if (value instanceof DuckDBDateValue) return value.days
  if (value instanceof DuckDBTimestampTZValue || value instanceof DuckDBTimestampValue || value instanceof DuckDBTimeValue) return value.micros
  if (value instanceof DuckDBDecimalValue) return value.value
  if (value instanceof DuckDBBlobValue) return Buffer.from(value.bytes)
  if (value instanceof DuckDBUUIDValue) return value.toString()
  return value as PartitionValue
}
