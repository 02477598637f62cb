// Rows on their way out: a neat table for people, CSV (RFC 4180) and JSON for programs.
// Nothing passes through a float on the way: integers, decimals and times are printed from DuckDB's own exact values.
// A text in CSV that a spreadsheet would take for a formula (`=HYPERLINK(…)` as a product's name) gets an apostrophe in front,
// which spreadsheets show as text; whoever wants the bytes asks for them raw.

import { DuckDBBlobValue, DuckDBDecimalValue, DuckDBListValue, DuckDBMapValue, DuckDBStructValue, DuckDBArrayValue, type DuckDBValue } from '@duckdb/node-api'
import type { Answer } from '../query/engine.ts'

export type Write = (text: string) => void | Promise<void>

const cellWidthMax = 60
const numeric = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL)/

/** A table with a rule under its head, numbers to the right; cells are cut at 60 characters, rows at `rowsMax`. */
export async function printTable (rows: Answer, write: Write, rowsMax: number): Promise<void> {
  const cells: string[][] = []
  let total = 0
  for await (const chunk of rows.chunks) {
    total += chunk.length
    for (const row of chunk) {
      if (cells.length >= rowsMax) break
      cells.push(row.map(value => cut(onOneLine(textOf(value, 'null')))))
    }
  }
  const names = rows.names.map(onOneLine)
  const widths = names.map((name, i) => Math.max(width(name), ...cells.map(row => width(row[i] ?? ''))))
  const line = (row: readonly string[]): string => row.map((cell, i) => {
    const pad = ' '.repeat((widths[i] as number) - width(cell))
    return numeric.test(rows.types[i] ?? '') ? pad + cell : cell + pad
  }).join('  ').trimEnd() + '\n'
  await write(line(names))
  await write(widths.map(n => '─'.repeat(n)).join('  ') + '\n')
  for (const row of cells) await write(line(row))
  const hidden = total - cells.length
  await write(`(${total} ${total === 1 ? 'row' : 'rows'}${hidden > 0 ? `, ${hidden} not shown: use --rows N, --csv or --json` : ''})\n`)
}

/** RFC 4180 with a header; null is an empty field, an empty text is quoted. */
export async function printCsv (rows: Answer, write: Write, { raw }: CsvForm = { raw: false }): Promise<void> {
  await write(csvHead(rows.names, { raw }))
  for await (const chunk of rows.chunks) await write(chunk.map(row => csvLine(row, { raw })).join(''))
}

/** `raw`: texts as they are, for programs. Otherwise none is a formula, for people. */
export interface CsvForm { readonly raw: boolean }

export function csvHead (names: readonly string[], { raw }: CsvForm): string {
  return names.map(name => csvField(raw ? name : noFormula(name))).join(',') + '\r\n'
}

export function csvLine (row: readonly DuckDBValue[], { raw }: CsvForm): string {
  return row.map(value => {
    if (value === null) return ''
    const text = textOf(value, '')
    return csvField(raw || isNumber(value) ? text : noFormula(text))
  }).join(',') + '\r\n'
}

/** A number below zero is one, whatever it begins with. */
function isNumber (value: DuckDBValue): boolean {
  return typeof value === 'number' || typeof value === 'bigint' || value instanceof DuckDBDecimalValue
}

/** Blanks, marks that are not seen and wide forms before the sign do not keep every program from calculating. */
function noFormula (text: string): string {
  return /^[\s\0\p{Cf}]*[=+\-@\uff1d\uff0b\uff0d\uff20]|^[\t\r\n]/u.test(text) ? `'${text}` : text
}

/**
 * Quoted also where a reader may take the bare text for something else: a byte order mark, a line's end of its own, blanks to
 * trim, what other programs part columns by.
 */
function csvField (text: string): string {
  return text === '' || /[",;\t\n\r\v\f\u0085\u2028\u2029\0]|^[\s\ufeff]|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** One JSON array, one row a line. Integers and decimals are JSON numbers with all their digits; times are texts. */
export async function printJsonRows (rows: Answer, write: Write): Promise<void> {
  const names = rows.names.map(name => JSON.stringify(name))
  let before = '['
  for await (const chunk of rows.chunks) {
    let text = ''
    for (const row of chunk) {
      text += `${before}\n{${row.map((value, i) => `${names[i]}:${jsonOf(value)}`).join(',')}}`
      before = ','
    }
    await write(text)
  }
  await write(before === '[' ? '[]\n' : '\n]\n')
}

/** JSON text of a DuckDB value; infinite and undefined numbers become null. `exact` says how integers of 64 bits and decimals stand there. */
export function jsonOf (value: DuckDBValue, exact: 'numbers' | 'texts' = 'numbers'): string {
  if (value === null) return 'null'
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'null'
  if (typeof value === 'bigint' || value instanceof DuckDBDecimalValue) return exact === 'numbers' ? String(value) : `"${String(value)}"`
  if (typeof value === 'boolean') return String(value)
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue) return `[${value.items.map(item => jsonOf(item, exact)).join(',')}]`
  if (value instanceof DuckDBStructValue) return `{${Object.entries(value.entries).map(([name, entry]) => `${JSON.stringify(name)}:${jsonOf(entry, exact)}`).join(',')}}`
  if (value instanceof DuckDBMapValue) return `{${value.entries.map(({ key, value: entry }) => `${JSON.stringify(textOf(key, 'null'))}:${jsonOf(entry, exact)}`).join(',')}}`
  return JSON.stringify(textOf(value, ''))
}

export function textOf (value: DuckDBValue, ofNull: string): string {
  if (value === null) return ofNull
  if (value instanceof DuckDBBlobValue) return blobText(value.bytes)
  return typeof value === 'object' && (value instanceof DuckDBStructValue || value instanceof DuckDBListValue) ? jsonOf(value) : String(value)
}

/** Bytes that are a text are shown as that text, others as \x hex. */
function blobText (bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return '\\x' + Buffer.from(bytes).toString('hex')
  }
}

/** What would move a terminal's cursor, or turn the order of what it shows, is a blank there; JSON and CSV have it. */
function onOneLine (text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, ' ')
}

/** By characters: half of a surrogate pair is none. */
function cut (text: string): string {
  if (text.length <= cellWidthMax) return text
  const characters = Array.from(text.slice(0, 2 * cellWidthMax))
  return characters.length > cellWidthMax ? characters.slice(0, cellWidthMax - 1).join('') + '…' : text
}

/** Columns on a terminal: wide East Asian characters and emoji take two, combining marks none. */
function width (text: string): number {
  if (/^[\x20-\x7e─…]*$/.test(text)) return text.length
  let columns = 0
  for (const char of text) columns += /\p{Mn}|\p{Cf}/u.test(char) ? 0 : /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}/u.test(char) ? 2 : 1
  return columns
}
