// The seam to whoever answers questions: one reading statement in, rows in runs out. FIRN_QUERY_URL chooses: DuckDB in this
// process over the files of the tables, or Trino. The same statement gives the same values on both; values are DuckDB's,
// since those are exact.

import type { DuckDBValue } from '@duckdb/node-api'

export interface Answer {
  readonly names: readonly string[]
  /** In DuckDB's words: BIGINT, VARCHAR, DECIMAL(18,2), … */
  readonly types: readonly string[]
  /** Runs of rows, in order. Errors of a running statement come out here. */
  readonly chunks: AsyncIterable<readonly (readonly DuckDBValue[])[]>
}

/** A snapshot id or a time: the tables as they were then. Or the snapshot id of each table by name, `firn.events`; null is before its first one, others are as now. */
export type AsOf = string | Readonly<Record<string, string | null>>

export interface QueryOptions {
  readonly asOf?: AsOf
  /** Ends the statement where it runs. */
  readonly signal?: AbortSignal
}

export interface QueryEngine {
  /** Throws SQL_MISSING, SQL_INVALID, SQL_READ_ONLY, SQL_NO_SUCH_SNAPSHOT, SQL_CATALOG_AWAY, QUERY_AWAY, QUERY_UNAUTHORIZED, … */
  query(sql: string, options?: QueryOptions): Promise<Answer>
  close(): Promise<void>
}
