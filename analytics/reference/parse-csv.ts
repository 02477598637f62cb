// A reference file as typed rows: CSV by RFC 4180 (quotes, line breaks inside them), a header line, every value checked by its
// column's type. An empty value is null. Refuses, by line and column: a value that is not of its type, too few or too many
// values, a key that is missing or comes twice, an unclosed quote. Pure.

import { readTime } from '../../runtime/index.ts'
import { fail } from '../errors.ts'
import type { Reference } from './declaration.ts'

interface Cell { readonly text: string, readonly quoted: boolean, readonly line: number, readonly column: number }

export const rowsMax = 1_000_000

const bareEnd = /,|\r?\n/g

/** Rows as texts that DuckDB casts exactly. Throws REFERENCE_INVALID. */
export function parseReference ({ file, columns, key }: Pick<Reference, 'file' | 'columns' | 'key'>, text: string): (string | null)[][] {
  const refuse = ({ line, column }: { line: number, column: number | string }, reason: string): never => { throw fail('REFERENCE_INVALID', { file, line, column, reason }) }
  const [header = [], ...records] = splitCsv(text.replace(/^\uFEFF/, ''), at => refuse(at, 'a quote is opened and never closed'))
  if (header.length === 0) refuse({ line: 1, column: 1 }, 'the file is empty: its first line names the columns')
  const names = header.map(({ text }) => text.trim())
  for (const [i, name] of names.entries()) {
    if (!/^[a-z][a-z0-9_]{0,62}$/.test(name)) refuse(header[i]!, `"${name}" is not a column name: lower case letters, digits and _`)
    if (names.indexOf(name) !== i) refuse(header[i]!, `column ${name} is there twice`)
  }
  for (const { name } of columns) if (!names.includes(name)) refuse({ line: 1, column: name }, `the header has no column ${name}: it has ${names.join(', ')}`)
  for (const name of key) if (!names.includes(name)) refuse({ line: 1, column: name }, `the key ${name} is no column of the file`)
  if (records.length > rowsMax) refuse({ line: rowsMax + 2, column: 1 }, `it has more than ${rowsMax} rows: load it as events, or as a table of its own`)
  const types = names.map(name => columns.find(column => column.name === name)?.type ?? 'string')
  const seen = new Map<string, number>()
  return records.map(record => {
    const first = record[0]!
    if (record.length !== names.length) refuse({ line: first.line, column: Math.min(record.length, names.length + 1) }, `there are ${record.length} values for ${names.length} columns`)
    const row = record.map((cell, i) => {
      const value = cell.text === '' && !cell.quoted ? null : cell.text
      const wrong = value === null ? null : whyNot(value, types[i]!)
      if (wrong !== null) refuse({ line: cell.line, column: names[i]! }, `"${value}" ${wrong}`)
      return value !== null && types[i] === 'timestamptz' ? value.toUpperCase() : value // engines read T and Z alone
    })
    for (const name of key) if (row[names.indexOf(name)] === null) refuse({ line: first.line, column: name }, 'the key is empty')
    const printed = JSON.stringify(key.map(name => row[names.indexOf(name)]))
    if (key.length > 0 && seen.has(printed)) refuse({ line: first.line, column: key[0]! }, `${key.map(name => row[names.indexOf(name)]).join(', ')} stands in line ${seen.get(printed)} as well`)
    seen.set(printed, first.line)
    return row
  })
}

/** What is wrong with a value, or null. */
function whyNot (value: string, type: string): string | null {
  const decimal = /^decimal\((\d+),(\d+)\)$/.exec(type)
  if (decimal !== null) {
    const number = /^-?(\d+)(?:\.(\d+))?$/.exec(value)
    const [precision, scale] = [Number(decimal[1]), Number(decimal[2])]
    if (number === null) return 'is no number such as 12.50'
    if ((number[2]?.length ?? 0) > scale) return `has more than ${scale} decimals`
    return number[1]!.replace(/^0+/, '').length > precision - scale ? `has more than ${precision - scale} digits before the point` : null
  }
  switch (type) {
    case 'int': return /^-?\d{1,10}$/.test(value) && Math.abs(Number(value)) <= 2_147_483_647 ? null : 'is no whole number of 32 bits'
    case 'long': return /^-?\d{1,19}$/.test(value) && BigInt.asIntN(64, BigInt(value)) === BigInt(value) ? null : 'is no whole number'
    case 'double': return /^-?\d+(\.\d+)?([eE][+-]?\d{1,3})?$/.test(value) ? null : 'is no number'
    case 'boolean': return /^(true|false)$/.test(value) ? null : 'is neither true nor false'
    case 'date': return /^\d{4}-\d\d-\d\d$/.test(value) && isDay(value) ? null : 'is no day such as 2026-01-31'
    case 'timestamptz': return /[ T]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:\d\d)$/i.test(value) && readTime(value) !== null ? null : 'is no time such as 2026-01-31T12:00:00Z'
    default: return null
  }
}

function isDay (text: string): boolean {
  const time = new Date(text + 'T00:00:00Z')
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(text)
}

/** Records of cells; lines without anything are none. Line and column are where a cell begins, both from 1. */
function splitCsv (text: string, unclosed: (at: Cell) => never): Cell[][] {
  const records: Cell[][] = []
  let record: Cell[] = []
  let [line, at] = [1, 0]
  while (at < text.length) {
    const begun = line
    let value = ''
    const quoted = text[at] === '"'
    if (quoted) {
      for (at++; ; at++) {
        if (at >= text.length) unclosed({ text: value, quoted, line: begun, column: record.length + 1 })
        if (text[at] === '"') {
          if (text[at + 1] !== '"') break
          at++
        }
        if (text[at] === '\n') line++
        value += text[at]
      }
      at++
    }
    // Behind a closing quote nothing is expected; what stands there belongs to the value. So does a CR that no LF follows.
    bareEnd.lastIndex = at
    const end = bareEnd.exec(text)?.index ?? text.length
    value += text.slice(at, end)
    at = end
    record.push({ text: value, quoted, line: begun, column: record.length + 1 })
    if (text[at] === ',') {
      at++
      if (at < text.length && text[at] !== '\n' && !text.startsWith('\r\n', at)) continue
      record.push({ text: '', quoted: false, line, column: record.length + 1 })
    }
    if (text[at] === '\r' && text[at + 1] === '\n') at++
    at++
    line++
    if (record.length > 1 || record[0]!.text !== '' || quoted) records.push(record)
    record = []
  }
  return records
}
