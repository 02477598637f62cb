// The DuckDB that judges: a database in a scratch folder, so that what is compared lies on disk, and a bound on memory that
// holds for any number of rows. What is compared is sorted (sorting spills) and read in order, one row beside the next; no
// hash table ever has as many entries as there are rows. Ids are compared as 128 bits under a salt of this run: equal ids are
// equal there, and two that are not could only meet by a chance of one in 10^20 for a thousand million ids.

import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { DuckDBInstance, quoteText } from '../../catalog/index.ts'

export const judgingThreads = 2
const salts = [randomBytes(12).toString('hex'), randomBytes(12).toString('hex')] as const

export interface JudgingEngine {
  readonly connection: DuckDBConnection
  readonly memoryMiBMax: number
  close(): void
}

export async function openJudgingEngine (memoryMiBMax: number): Promise<JudgingEngine> {
  const folder = mkdtempSync(join(tmpdir(), 'firn-verify-'))
  const instance = await DuckDBInstance.create(join(folder, 'judged.duckdb'), {
    memory_limit: `${memoryMiBMax}MiB`,
    temp_directory: folder,
    threads: String(judgingThreads),
    preserve_insertion_order: 'true',
    autoinstall_known_extensions: 'false'
  })
  const connection = await instance.connect()
  await connection.run("set TimeZone = 'UTC'; set parquet_metadata_cache = true")
  return {
    connection,
    memoryMiBMax,
    close () {
      connection.closeSync()
      instance.closeSync()
      rmSync(folder, { recursive: true, force: true })
    }
  }
}

/** What the engine says when its bound on memory does not suffice: no finding about the table. */
export function isMemoryShort (error: unknown): boolean {
  return /^Out of Memory Error/.test((error as Error).message)
}

/** The two halves of an id, as columns `hi` and `lo`; NULL for NULL. */
export function idColumns (column: string): string {
  const half = (salt: string): string => `case when ${column} is not null then hash(concat(${quoteText(salt)}, ${column})) end`
  return `${half(salts[0])} as hi, ${half(salts[1])} as lo`
}

/** Rows of a reading statement, each value as it is. */
export async function rowsOf (connection: DuckDBConnection, sql: string): Promise<unknown[][]> {
  return (await connection.runAndReadAll(sql)).getRows()
}

export async function countOf (connection: DuckDBConnection, from: string): Promise<bigint> {
  return BigInt(String((await rowsOf(connection, `select count(*) ${from}`))[0]![0]))
}
