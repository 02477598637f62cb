// DuckDB as the engine: in this process, over views of the live tables, frozen when a statement starts.

import { openSession, type Lake } from './duckdb-session.ts'
import { explainSqlError, prepareReading } from './duckdb-statement.ts'
import type { QueryEngine } from './engine.ts'

export function openDuckdbEngine (lake: Lake): QueryEngine {
  return {
    async query (sql, { asOf, signal } = {}) {
      const connection = await openSession(lake, sql, asOf)
      const prepared = await prepareReading(connection, sql)
      const interrupt = (): void => { connection.interrupt() }
      signal?.addEventListener('abort', interrupt, { once: true })
      const result = await prepared.stream().catch((error: unknown) => { throw explainSqlError(error, sql) })
      return {
        names: result.deduplicatedColumnNames(),
        types: result.columnTypes().map(String),
        chunks: (async function * () {
          try {
            for (;;) {
              const chunk = await result.fetchChunk()
              if (chunk === null || chunk.rowCount === 0) return
              yield chunk.getRows()
            }
          } catch (error) {
            throw explainSqlError(error, sql)
          } finally {
            signal?.removeEventListener('abort', interrupt)
            connection.closeSync()
          }
        })()
      }
    },
    async close () {}
  }
}
