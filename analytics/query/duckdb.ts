// DuckDB as the engine: in this process, over views of the live tables, frozen when a statement starts.

import { openRows } from './duckdb-rows.ts'
import { openSession, type Lake } from './duckdb-session.ts'
import type { QueryEngine } from './engine.ts'

export function openDuckdbEngine (lake: Lake): QueryEngine {
  return {
    async query (sql, { asOf, signal } = {}) {
      const { connection, close } = await openSession(lake, sql, asOf)
      const answer = await openRows(connection, sql, signal).catch((error: unknown): never => {
        close()
        throw error
      })
      const interrupt = (): void => { connection.interrupt() }
      signal?.addEventListener('abort', interrupt, { once: true })
      return {
        ...answer,
        chunks: (async function * () {
          try {
            yield * answer.chunks
          } finally {
            signal?.removeEventListener('abort', interrupt)
            close()
          }
        })()
      }
    },
    async close () {}
  }
}
