// The rows of a reading statement, run by run, all of them or an error. DuckDB's C API ends a stream that fails half-way as if it
// were complete (duckdb_fetch_chunk gives an empty chunk for an error, an interrupt and the end alike), so the statement is
// asked with one more row behind its own: without it, rows are missing, and the statement is run again for its error alone.

import type { DuckDBConnection, DuckDBPreparedStatement, DuckDBValue } from '@duckdb/node-api'
import { fail } from '../errors.ts'
import { explainSqlError, prepareReading } from './duckdb-statement.ts'
import type { Answer } from './engine.ts'
import { tokensOf } from './sql-tokens.ts'
import { uniqueNames } from './unique-names.ts'

/** `signal`: aborted before the connection is interrupted. Throws SQL_MISSING, SQL_INVALID, SQL_READ_ONLY; the chunks throw SQL_INVALID, QUERY_CANCELLED, QUERY_INCOMPLETE. */
export async function openRows (connection: DuckDBConnection, sql: string, signal?: AbortSignal): Promise<Answer> {
  const prepared = await prepareReading(connection, sql)
  const columns = Array.from({ length: prepared.columnCount }, (_, i) => i)
  const marked = markEnd(sql, columns.length)
  const statement = await connection.prepare(marked).catch(() => null)
  return {
    names: uniqueNames(columns.map(i => prepared.columnName(i))),
    types: columns.map(i => String(prepared.columnType(i))),
    chunks: statement === null ? wholeRows(prepared, sql) : markedRows(connection, statement, marked, signal)
  }
}

/** The statement on lines of its own, so that its places are one line further down. */
function markEnd (sql: string, columns: number): string {
  const last = tokensOf(sql).findLast(({ text }) => text !== ';')
  return `select *, false from (\n${sql.slice(0, last?.end)}\n) union all select ${'null, '.repeat(columns)}true`
}

async function * markedRows (connection: DuckDBConnection, statement: DuckDBPreparedStatement, marked: string, signal?: AbortSignal): AsyncGenerator<DuckDBValue[][]> {
  const result = await statement.stream().catch((error: unknown) => { throw explainSqlError(error, marked, 1) })
  for (;;) {
    const chunk = await result.fetchChunk()
    if (chunk === null || chunk.rowCount === 0) throw signal?.aborted === true ? fail('QUERY_CANCELLED') : await findError(connection, marked)
    const rows = chunk.getRows()
    const end = rows.at(-1)!.at(-1) === true
    if (end) rows.pop()
    for (const row of rows) row.pop()
    if (rows.length > 0) yield rows
    if (end) return
  }
}

/** EXPLAIN and the like are no part of another statement. They are short, so they are taken whole, which reports every error. */
async function * wholeRows (prepared: DuckDBPreparedStatement, sql: string): AsyncGenerator<DuckDBValue[][]> {
  const result = await prepared.runAndReadAll().catch((error: unknown) => { throw explainSqlError(error, sql) })
  yield result.getRows()
}

/** EXPLAIN ANALYZE runs a statement to its end and keeps no row. */
async function findError (connection: DuckDBConnection, marked: string): Promise<Error> {
  const error = await connection.run(`explain analyze ${marked}`).then(() => null, (error: unknown) => error)
  return error === null ? fail('QUERY_INCOMPLETE') : explainSqlError(error, marked, 1)
}
