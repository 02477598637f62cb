// A statement on its way to Trino: refused when it does not read, and with its tables as they were when the caller asks for
// that. The first word decides what a statement of Trino is, so what is none of those known to read is never sent. Pure.

import { quoteIdentifier } from '../../catalog/index.ts'
import { readTime } from '../../runtime/index.ts'
import { fail } from '../errors.ts'
import { tablesRead, tokensOf, type TableName, type Token } from './sql-tokens.ts'

const reading = new Set(['select', 'with', 'values', 'table', 'show', 'describe', 'desc'])
const writing = new Set(['alter', 'analyze', 'call', 'comment', 'commit', 'copy', 'create', 'deallocate', 'delete', 'deny', 'drop', 'execute', 'export', 'grant', 'import', 'insert', 'install', 'load', 'attach', 'detach', 'merge', 'pragma', 'prepare', 'refresh', 'reset', 'revoke', 'rollback', 'set', 'start', 'truncate', 'update', 'use', 'vacuum'])

const depthMax = 200

/** The statement as Trino takes it, without a semicolon at its end. Throws SQL_MISSING, SQL_INVALID, SQL_READ_ONLY. */
export function readingStatement (sql: string): string {
  const tokens = tokensOf(sql).filter((token, i, all) => token.text !== ';' || all.slice(i).some(({ text }) => text !== ';'))
  const last = tokens.at(-1)
  if (last === undefined || tokens.every(({ text }) => text === ';')) throw fail('SQL_MISSING')
  if (tokens.some(({ text }) => text === ';')) throw fail('SQL_INVALID', { reason: 'there is more than one statement: send them one at a time', place: '' })
  checkDepth(sql, tokens)
  let first = tokens.findIndex(({ text }) => text !== '(')
  if (tokens[first]?.text.toLowerCase() === 'explain') {
    first++
    while (/^(analyze|verbose)$/i.test(tokens[first]?.text ?? '')) first++
    if (tokens[first]?.text === '(' && !reading.has(tokens[first + 1]?.text.toLowerCase() ?? '')) first = tokens.findIndex(({ text }, i) => i > first && text === ')') + 1
    while (tokens[first]?.text === '(') first++
  }
  const word = tokens[first]
  if (word === undefined || !reading.has(word.text.toLowerCase())) {
    if (word !== undefined && writing.has(word.text.toLowerCase())) throw fail('SQL_READ_ONLY', { kind: word.text.toUpperCase() })
    const at = placeOf(sql, (word ?? last).start)
    throw fail('SQL_INVALID', { reason: `syntax error at "${(word ?? last).text}": a statement begins with SELECT, WITH, VALUES, TABLE, SHOW, DESCRIBE or EXPLAIN`, place: ` (line ${at.line}, column ${at.column})` })
  }
  return sql.slice(0, last.end)
}

/** Trino's parser is busy for minutes with what is nested ten thousand deep, whatever the time limit says. */
function checkDepth (sql: string, tokens: readonly Token[]): void {
  let depth = 0
  for (const { kind, text, start } of tokens) {
    if (kind !== 'sign') continue
    if (text === '(' || text === '[') depth++
    if (text === ')' || text === ']') depth--
    if (depth <= depthMax) continue
    const { line, column } = placeOf(sql, start)
    throw fail('SQL_INVALID', { reason: `it is nested more than ${depthMax} deep`, place: ` (line ${line}, column ${column})` })
  }
}

export type AsOf = { readonly snapshotId: string } | { readonly time: Date }

/** A snapshot id, or a time, in UTC unless it says otherwise. Throws SQL_NO_SUCH_SNAPSHOT. */
export function readAsOf (asOf: string): AsOf {
  if (/^\d+$/.test(asOf)) return { snapshotId: asOf }
  const time = readTime(asOf)
  if (time === null) throw fail('SQL_NO_SUCH_SNAPSHOT', { asOf })
  return { time }
}

/** How a table is read: of another schema than the session's, as it was, or as it was before it had rows. */
export interface Reading {
  readonly schema?: string
  readonly at?: AsOf
  readonly isEmpty?: boolean
}

export interface SentStatement {
  readonly text: string
  /** Where a place of `text` stands in the statement as it was asked; both from 1. */
  placeAsked(place: Place): Place
}

export interface Place { readonly line: number, readonly column: number }

/** Words that follow a table and are no alias of it. */
const afterTable = new Set(['on', 'using', 'where', 'group', 'having', 'order', 'limit', 'offset', 'fetch', 'window', 'union', 'except', 'intersect', 'join', 'left', 'right', 'full', 'inner', 'cross', 'natural', 'tablesample', 'for', 'match_recognize'])

/** Every table as `of` says. Tables that `of` knows nothing about are left as they are. */
export function withReadings (sql: string, of: (table: TableName) => Reading | undefined): SentStatement {
  const tokens = tokensOf(sql)
  const edits: { readonly start: number, readonly end: number, readonly text: string }[] = []
  // What is said of a table is said of it as it is: SHOW takes no time.
  const isShown = tokens[0]?.text.toLowerCase() === 'show'
  for (const table of tablesRead(tokens)) {
    const asked = of(table)
    if (asked === undefined) continue
    const reading: Reading = isShown ? { ...asked.schema === undefined ? {} : { schema: asked.schema } } : asked
    const written = sql.slice(table.start, table.end)
    const name = reading.schema === undefined ? written : `${reading.schema}.${written}`
    const next = tokens.find(({ start }) => start >= table.end)
    const hasAlias = next !== undefined && (next.kind === 'quoted' || (next.kind === 'word' && !afterTable.has(next.text.toLowerCase())))
    const alias = hasAlias ? '' : ` ${quoteIdentifier(table.parts.at(-1)!)}`
    edits.push({ start: table.start, end: table.end, text: reading.isEmpty === true ? `(SELECT * FROM ${name} WHERE false)${alias}` : `${name}${asOfSql(reading.at)}` })
  }
  let [text, end] = ['', 0]
  for (const edit of edits) {
    text += sql.slice(end, edit.start) + edit.text
    end = edit.end
  }
  text += sql.slice(end)
  return { text, placeAsked: place => placeOf(sql, askedAt(edits, offsetOf(text, place))) }
}

function asOfSql (at: AsOf | undefined): string {
  if (at === undefined) return ''
  return 'time' in at
    ? ` FOR TIMESTAMP AS OF TIMESTAMP '${at.time.toISOString().replace('T', ' ').replace('Z', ' UTC')}'`
    : ` FOR VERSION AS OF ${at.snapshotId}`
}

/** What lies in an edit stands where the edit begins. */
function askedAt (edits: readonly { readonly start: number, readonly end: number, readonly text: string }[], at: number): number {
  let grown = 0
  for (const { start, end, text } of edits) {
    if (at < start + grown) break
    if (at < start + grown + text.length) return start
    grown += text.length - (end - start)
  }
  return at - grown
}

function offsetOf (text: string, { line, column }: Place): number {
  const before = text.split('\n').slice(0, line - 1)
  return before.reduce((sum, one) => sum + one.length + 1, 0) + column - 1
}

function placeOf (sql: string, at: number): Place {
  const lines = sql.slice(0, at).split('\n')
  return { line: lines.length, column: lines.at(-1)!.length + 1 }
}
