// A row of an answer with its values as the caller means them. Both engines give a time, a number or a text in a form of its
// own; here each form that an engine has is read, and what is no such value is an error. A default in its place would be
// believed: every alert happened in 1970 once, because a time came as a text.

import { DuckDBDateValue, DuckDBDecimalValue, DuckDBTimestampTZValue, type DuckDBValue } from '@duckdb/node-api'
import { fail } from '../errors.ts'
import type { Answer } from './engine.ts'

const instant = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d(?:\.\d{1,12})?)(?:\+00(?::?00)?|Z| UTC)$/

export class TypedRow {
  readonly #at: ReadonlyMap<string, number>
  readonly #values: readonly DuckDBValue[]

  constructor (at: ReadonlyMap<string, number>, values: readonly DuckDBValue[]) {
    this.#at = at
    this.#values = values
  }

  has (column: string): boolean {
    return this.#at.has(column)
  }

  /** Null where the value is null, as in all of these. Throws QUERY_VALUE. */
  text (column: string): string | null {
    const value = this.#value(column)
    if (value === null || typeof value === 'string') return value
    return this.#refuse(column, 'a text')
  }

  /** Whole numbers beyond 2^53 are no number here. */
  number (column: string): number | null {
    const value = this.#value(column)
    if (value === null || typeof value === 'number') return value
    const number = typeof value === 'bigint' ? Number(value) : value instanceof DuckDBDecimalValue ? Number(value.toString()) : NaN
    if (Number.isFinite(number) && Math.abs(number) <= Number.MAX_SAFE_INTEGER) return number
    return this.#refuse(column, 'a number')
  }

  /** Cut to milliseconds. */
  time (column: string): Date | null {
    const value = this.#value(column)
    if (value === null) return null
    if (value instanceof DuckDBTimestampTZValue) return new Date(Number(value.micros / 1000n))
    const match = typeof value === 'string' ? instant.exec(value) : null
    const time = match === null ? null : new Date(`${match[1]}T${match[2]!.slice(0, 12)}Z`)
    return time === null || Number.isNaN(time.getTime()) ? this.#refuse(column, 'a time in UTC') : time
  }

  /** A day as 2026-01-31. */
  day (column: string): string | null {
    const value = this.#value(column)
    if (value === null) return null
    const text = value instanceof DuckDBDateValue ? value.toString() : value
    return typeof text === 'string' && /^\d{4}-\d\d-\d\d$/.test(text) ? text : this.#refuse(column, 'a day')
  }

  #value (column: string): DuckDBValue {
    const at = this.#at.get(column)
    if (at === undefined) throw fail('QUERY_VALUE', { column, value: 'nothing', expected: 'there' })
    return this.#values[at] ?? null
  }

  #refuse (column: string, expected: string): never {
    throw fail('QUERY_VALUE', { column, value: String(this.#value(column)).slice(0, 100), expected })
  }
}

/** Runs of typed rows. The chunks' errors pass through. */
export async function * typedRows ({ names, chunks }: Answer): AsyncGenerator<readonly TypedRow[]> {
  const at = new Map(names.map((name, i) => [name, i]))
  for await (const rows of chunks) yield rows.map(row => new TypedRow(at, row))
}
