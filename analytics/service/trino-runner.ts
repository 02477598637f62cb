// Statements on Trino: checked, pinned to the snapshots that our catalog names, ended in Trino when they are ended here. Limits of
// memory are Trino's own (query.max-memory); rows and bytes are counted as the pages come.

import { pinTables, type KnownTables, type LakeTables } from '../query/duckdb-views.ts'
import type { QueryEngine } from '../query/engine.ts'
import type { QueryServiceConfig } from './config.ts'
import { answerFrames } from './formats/answer-frames.ts'
import { shapeOf, type StatementRunner } from './statement-runner.ts'
import { checkTrinoStatement } from './trino-check.ts'

/** `catalog`: as Trino calls the lake. The engine is closed by who opened it. */
export function openTrinoRunner (engine: QueryEngine, catalog: string, lake: LakeTables, config: QueryServiceConfig, known: KnownTables): StatementRunner {
  return {
    async start (statement, signal) {
      checkTrinoStatement(statement.sql, catalog)
      const pinned = await pinTables(lake, statement.sql, statement.asOf, known)
      signal.throwIfAborted()
      const answer = await engine.query(statement.sql, { signal, ...Object.keys(pinned).length === 0 ? {} : { asOf: pinned } })
      const snapshots = Object.fromEntries(Object.entries(pinned).flatMap(([name, id]) => id === null ? [] : [[name, id]]))
      return { snapshots, frames: answerFrames(answer, shapeOf(statement, config, snapshots)) as Awaited<ReturnType<StatementRunner['start']>>['frames'] }
    },
    async close () {}
  }
}
