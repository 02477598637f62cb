// A value that a stranger typed as a literal of its type, in words that DuckDB and Trino share. What is not of the type is
// refused; nothing of the text becomes SQL. Pure.

import { quoteText } from '../../../catalog/index.ts'
import { readTime } from '../../../runtime/index.ts'
import { fail } from '../../errors.ts'
import { timeLiteral } from '../../models/render.ts'

export type ParameterType = 'string' | 'long' | 'int' | 'double' | 'decimal' | 'boolean' | 'date' | 'timestamptz'

const textCharsMax = 1_000
const integerMax = { long: 2n ** 63n - 1n, int: 2n ** 31n - 1n }

const literals: Readonly<Record<ParameterType, (text: string) => string | null>> = {
  string: text => text.length > textCharsMax || text.includes('\0') || !text.isWellFormed() ? null : quoteText(text),
  long: text => integer(text, 'long', 'bigint'),
  int: text => integer(text, 'int', 'integer'),
  double: text => /^-?\d{1,17}(\.\d{1,17})?([eE][+-]?\d{1,3})?$/.test(text) && Number.isFinite(Number(text)) ? `cast('${text}' as double)` : null,
  decimal: text => /^-?\d{1,20}(\.\d{1,18})?$/.test(text) ? `cast('${text}' as decimal(38, 18))` : null,
  boolean: text => text === 'true' || text === 'false' ? text : null,
  date: text => /^\d{4}-\d\d-\d\d$/.test(text) && isDay(text) ? `date '${text}'` : null,
  timestamptz: text => {
    const time = /\.\d{4}/.test(text) ? null : readTime(text) // a literal has milliseconds
    return time === null ? null : timeLiteral(time)
  }
}

export function isParameterType (type: string): type is ParameterType {
  return Object.hasOwn(literals, type)
}

/** Throws SAVED_PARAMETER. */
export function literalOf (query: string, { name, type }: { readonly name: string, readonly type: ParameterType }, value: unknown): string {
  const literal = typeof value === 'string' ? literals[type](value) : null
  if (literal !== null) return literal
  throw fail('SAVED_PARAMETER', { query, reason: value === undefined ? `${name} is missing: it is a ${type}` : `${name}=${String(value).slice(0, 100)} is no ${type}` })
}

/** A cast, since `- -5` without the blank would be a comment. */
function integer (text: string, type: keyof typeof integerMax, name: string): string | null {
  if (!/^-?\d{1,19}$/.test(text)) return null
  const value = BigInt(text)
  return value > integerMax[type] || value < -integerMax[type] ? null : `cast('${value}' as ${name})`
}

function isDay (text: string): boolean {
  const day = new Date(text + 'T00:00:00Z')
  return !Number.isNaN(day.getTime()) && day.toISOString().startsWith(text)
}
