// Picks the engine for FIRN_QUERY_URL, and the settings that belong to it. An engine is loaded when it is chosen.

import { Type, type Static, type TObject } from 'typebox'
import { fail } from '../errors.ts'
import type { Lake } from './duckdb-session.ts'
import type { QueryEngine } from './engine.ts'

export const querySettings = {
  FIRN_QUERY_URL: Type.String({ default: 'duckdb:', minLength: 1, description: 'who answers questions: duckdb: is this process; trino://[user@]host:8080[/catalog] or trino+https://… is Trino' }),
  FIRN_QUERY_PASSWORD: Type.Optional(Type.String({ minLength: 1, secret: true, description: 'password of the Trino user; only over trino+https' })),
  FIRN_QUERY_CA_FILE: Type.Optional(Type.String({ minLength: 1, description: 'PEM file of who signed Trino\'s certificate; without it those that the system trusts' })),
  FIRN_SQL_MEMORY_MIB_MAX: Type.Integer({ default: 1024, minimum: 64, description: 'memory that DuckDB may use for a statement before it spills to a temporary folder' })
}

export type QueryConfig = Readonly<Static<TObject<typeof querySettings>>>

/** `lake` opens the tables where the engine reads them itself. Throws QUERY_URL_UNSUPPORTED, QUERY_PASSWORD_UNSAFE. */
export async function openQueryEngine (config: QueryConfig, lake: () => Pick<Lake, 'catalog' | 'catalogUrl' | 'storage'>): Promise<QueryEngine> {
  const { FIRN_QUERY_URL: url, FIRN_QUERY_PASSWORD: password, FIRN_QUERY_CA_FILE: caFile } = config
  if (/^duckdb:(\/\/)?$/.test(url)) {
    const { openDuckdbEngine } = await import('./duckdb.ts')
    return openDuckdbEngine({ ...lake(), memoryMiBMax: config.FIRN_SQL_MEMORY_MIB_MAX })
  }
  if (!url.startsWith('trino')) throw fail('QUERY_URL_UNSUPPORTED', { url })
  const { openTrinoEngine } = await import('./trino.ts')
  return openTrinoEngine({ url, ...password === undefined ? {} : { password }, ...caFile === undefined ? {} : { caFile } })
}
