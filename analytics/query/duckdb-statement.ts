// What a statement may be and where it is wrong: one statement, one that only reads, and an error that carries line and
// column. The check is DuckDB's own classification of the prepared statement, never a look at the text.

import { StatementType, type DuckDBConnection, type DuckDBPreparedStatement } from '@duckdb/node-api'
import { fail } from '../errors.ts'

const readingKinds: ReadonlySet<StatementType> = new Set([StatementType.SELECT, StatementType.EXPLAIN])

/** Prepares the only statement in `sql`. Throws SQL_MISSING, SQL_INVALID (with line and column) or SQL_READ_ONLY. */
export async function prepareReading (connection: DuckDBConnection, sql: string): Promise<DuckDBPreparedStatement> {
  if (withoutComments(sql).replaceAll(';', '').trim() === '') throw fail('SQL_MISSING')
  const statements = await connection.extractStatements(sql).catch((error: unknown) => { throw explainSqlError(error, sql) })
  if (statements.count !== 1) throw fail('SQL_INVALID', { reason: `there are ${statements.count} statements: send them one at a time`, place: '' })
  const prepared = await statements.prepare(0).catch((error: unknown) => {
    const kind = writingWord(sql)
    throw kind === undefined ? explainSqlError(error, sql) : fail('SQL_READ_ONLY', { kind })
  })
  if (!readingKinds.has(prepared.statementType)) throw fail('SQL_READ_ONLY', { kind: StatementType[prepared.statementType] ?? 'writing' })
  return prepared
}

/** DuckDB's message as one SQL_INVALID: the reason in a line, then line and column of the caret it drew. `linesBefore`: of `sql`, before the statement as it was given. */
export function explainSqlError (error: unknown, sql: string, linesBefore = 0): Error {
  const message = error instanceof Error ? error.message : String(error)
  const [head = '', drawn] = message.replace(/^Failed to extract statements: /, '').split(/\n+(?=LINE \d+: )/, 2)
  const reason = head.trim().replaceAll(/\s*\n+\s*/g, '; ')
  const place = drawn === undefined ? undefined : placeOf(drawn, sql)
  return fail('SQL_INVALID', { reason, place: place === undefined ? '' : ` (line ${place.line - linesBefore}, column ${place.column})` }, error)
}

/** Line and column, both from 1, of the caret under `LINE n: …`. The drawn line may begin with `...` when it was cut. */
function placeOf (drawn: string, sql: string): { line: number, column: number } | undefined {
  const [first = '', caret = ''] = drawn.split('\n')
  const label = /^LINE (\d+): /.exec(first)
  if (label === null || !caret.includes('^')) return undefined
  const line = Number(label[1])
  const shown = first.slice(label[0].length)
  const at = caret.indexOf('^') - label[0].length
  if (!shown.startsWith('...')) return { line, column: at + 1 }
  const whole = sql.split('\n')[line - 1] ?? ''
  const cut = whole.indexOf(shown.slice(3).replace(/\.\.\.$/, ''))
  return { line, column: cut < 0 ? at + 1 : cut + at - 3 + 1 }
}

/** The first word when it is one that writes: DuckDB may refuse such a statement for another reason first. */
function writingWord (sql: string): string | undefined {
  return /^\s*(insert|update|delete|create|drop|alter|copy|attach|detach|install|load|truncate|merge|vacuum|export|import)\b/i
    .exec(withoutComments(sql))?.[1]?.toUpperCase()
}

function withoutComments (sql: string): string {
  return sql.replaceAll(/--[^\n]*|\/\*[\s\S]*?\*\//g, ' ')
}
