// A statement on its way to Trino: refused when it does not read, and with its tables as they were when the caller asks for
// that. The first word decides what a statement of Trino is, so what is none of those known to read is never sent. Pure.

import { readTime } from '../../runtime/index.ts'
import { fail } from '../errors.ts'
import { tablesRead, tokensOf, type TableName } from './sql-tokens.ts'

const reading = new Set(['select', 'with', 'values', 'table', 'show', 'describe', 'desc'])
const writing = new Set(['alter', 'analyze', 'call', 'comment', 'commit', 'copy', 'create', 'deallocate', 'delete', 'deny', 'drop', 'execute', 'export', 'grant', 'import', 'insert', 'install', 'load', 'attach', 'detach', 'merge', 'prepare', 'refresh', 'reset', 'revoke', 'rollback', 'set', 'start', 'truncate', 'update', 'use', 'vacuum'])

/** The statement as Trino takes it, without a semicolon at its end. Throws SQL_MISSING, SQL_INVALID, SQL_READ_ONLY. */
export function readingStatement (sql: string): string {
  const tokens = tokensOf(sql).filter((token, i, all) => token.text !== ';' || all.slice(i).some(({ text }) => text !== ';'))
  const last = tokens.at(-1)
  if (last === undefined || tokens.every(({ text }) => text === ';')) throw fail('SQL_MISSING')
  if (tokens.some(({ text }) => text === ';')) throw fail('SQL_INVALID', { reason: 'there is more than one statement: send them one at a time', place: '' })
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

export type AsOf = { readonly snapshotId: string } | { readonly time: Date }

/** A snapshot id, or a time, in UTC unless it says otherwise. Throws SQL_NO_SUCH_SNAPSHOT. */
export function readAsOf (asOf: string): AsOf {
  if (/^\d+$/.test(asOf)) return { snapshotId: asOf }
  const time = readTime(asOf)
  if (time === null) throw fail('SQL_NO_SUCH_SNAPSHOT', { asOf })
  return { time }
}

/** Every table as `of` says it was. Tables that `of` knows nothing about are left as they are. */
export function tablesAsOf (sql: string, of: (table: TableName) => AsOf | undefined): string {
  let [text, end] = ['', 0]
  for (const table of tablesRead(tokensOf(sql))) {
    const at = of(table)
    if (at === undefined) continue
    text += sql.slice(end, table.end) + ('time' in at
      ? ` FOR TIMESTAMP AS OF TIMESTAMP '${at.time.toISOString().replace('T', ' ').replace('Z', ' UTC')}'`
      : ` FOR VERSION AS OF ${at.snapshotId}`)
    end = table.end
  }
  return text + sql.slice(end)
}

function placeOf (sql: string, at: number): { line: number, column: number } {
  const lines = sql.slice(0, at).split('\n')
  return { line: lines.length, column: lines.at(-1)!.length + 1 }
}
