// Which partition each row of a session's table belongs to: distinct source values are transformed by catalog/, the only one
// that knows the transforms, and joined back. The rows stand afterwards in a table with their partition's number in `_part`.

import { DuckDBDateValue, DuckDBDecimalValue, DuckDBTimestampTZValue, type DuckDBValue } from '@duckdb/node-api'
import { applyTransform, currentSchema, fieldById, partitionKey, quoteIdentifier, type LoadedTable, type NestedField, type Partition, type PartitionValue } from '../../catalog/index.ts'
import type { Session } from './database.ts'
import { unitSql, unitUs } from './time-ranges.ts'

export interface PlacedRows {
  readonly table: string
  readonly parts: readonly { readonly partition: Partition, readonly rows: bigint, /** Which rows of the table. */ readonly where: string }[]
}

interface Term { readonly name: string, readonly transform: string, readonly field: NestedField, readonly sql: string, /** Of what `sql` gives. */ readonly isUs: boolean }

export async function placeRows (session: Session, { metadata }: LoadedTable, table: string): Promise<PlacedRows> {
  const spec = metadata['partition-specs'].find(({ 'spec-id': id }) => id === metadata['default-spec-id'])!
  const terms = spec.fields.map(({ name, transform, 'source-id': id }) => termOf(name, transform, fieldById(currentSchema(metadata), id)!))
  if (terms.length === 0) {
    const [[rows]] = await session.rows(`select count(*) from ${table}`) as [[bigint]]
    return { table, parts: rows === 0n ? [] : [{ partition: {}, rows, where: 'true' }] }
  }
  const raw = `${table}_raw`
  await session.run(`create or replace temp table ${raw} as select cast(row_number() over () - 1 as integer) as _id, * from (select ${terms.map(({ sql }, i) => `${sql} as _r${i}`).join(', ')}, count(*) as _rows from ${table} group by all)`)
  const parts = new Map<string, { partition: Partition, rows: bigint, part: number }>()
  const partOf: number[] = []
  for (const [id, rows, ...values] of await session.rows(`select _id, _rows, ${terms.map((_, i) => `_r${i}`).join(', ')} from ${raw}`)) {
    const partition: Partition = {}
    for (const [i, { name, transform, field, isUs }] of terms.entries()) partition[name] = applyTransform(transform, isUs ? 'timestamptz' : field.type, singleValue(values[i]!))
    const key = partitionKey(terms, partition)
    const known = parts.get(key) ?? { partition, rows: 0n, part: parts.size }
    parts.set(key, { ...known, rows: known.rows + (rows as bigint) })
    partOf[id as number] = known.part
  }
  const placed = `${table}_placed`
  await session.run(`create or replace temp table ${raw}_part (_id integer, _part integer)`)
  const appender = await session.connection.createAppender(`${raw}_part`)
  for (const [id, part] of partOf.entries()) {
    appender.appendInteger(id)
    appender.appendInteger(part)
    appender.endRow()
  }
  appender.closeSync()
  await session.run(`create or replace temp table ${placed} as select t.*, p._part from ${table} t join ${raw} r on ${terms.map(({ sql }, i) => `r._r${i} is not distinct from ${sql}`).join(' and ')} join ${raw}_part p on p._id = r._id`)
  return { table: placed, parts: Array.from(parts.values(), ({ partition, rows, part }) => ({ partition, rows, where: `_part = ${part}` })) }
}

function termOf (name: string, transform: string, field: NestedField): Term {
  const column = quoteIdentifier(field.name)
  const isTime = /^(hour|day|month|year)$/.test(transform)
  return { name, transform, field, isUs: isTime, sql: isTime ? unitSql(column, transform === 'hour' ? unitUs.hour : unitUs.day) : column }
}

/** As catalog/ has values of its types. */
function singleValue (value: DuckDBValue): PartitionValue {
  if (value instanceof DuckDBDateValue) return value.days
  if (value instanceof DuckDBTimestampTZValue) return value.micros
  if (value instanceof DuckDBDecimalValue) return value.value
  return value as PartitionValue
}
