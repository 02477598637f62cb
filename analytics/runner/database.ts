// The runner's DuckDB: one instance in memory for as long as the runner lives, so that what it learned about Parquet files
// stays; a session (a connection) for each run, whose temporary tables go with it. UTC, no extension, spills to a folder.
// What a session reads is brought near and let go when it closes. A file that cannot be read is named, with its way back.

import { mkdir } from 'node:fs/promises'
import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import { DuckDBInstance, bringFiles, duckdbScan, mayBeOfFile, namingDamaged, quoteIdentifier, recordedSchema, type LiveFile, type LoadedTable, type Storage } from '../../catalog/index.ts'
import { noExtensions } from '../query/duckdb-session.ts'

export interface DatabaseOptions { readonly memoryMiBMax: number, readonly tempDir: string }

export interface Database {
  session(storage: Storage): Promise<Session>
  close(): Promise<void>
}

export interface Session {
  readonly connection: DuckDBConnection
  run(sql: string): Promise<void>
  rows(sql: string): Promise<DuckDBValue[][]>
  /** The files as a table expression, columns under their recorded names. `columns`: only these are read. */
  scan(table: LoadedTable, files: readonly LiveFile[], columns?: readonly string[]): Promise<string>
  close(): Promise<void>
}

export function openDatabase (options: DatabaseOptions): Database {
  let opened: Promise<DuckDBInstance> | undefined
  return {
    async session (storage) {
      const instance = await (opened ??= openInstance(options))
      const connection = await instance.connect()
      await connection.run("set TimeZone = 'UTC'; set parquet_metadata_cache = true")
      const releases: (() => Promise<void>)[] = []
      const scans: Array<{ files: readonly LiveFile[], again: (some: readonly LiveFile[]) => Promise<void> }> = []
      const naming = async <T>(ask: () => Promise<T>): Promise<T> => {
        try {
          return await ask()
        } catch (error) {
          if (mayBeOfFile(error)) for (const { files, again } of scans) await namingDamaged(files, again)
          throw error
        }
      }
      return {
        connection,
        async run (sql) { await naming(async () => await connection.run(sql)) },
        async rows (sql) { return (await naming(async () => await connection.runAndReadAll(sql))).getRows() },
        async scan (table, files, columns) {
          const schema = recordedSchema(table.metadata)
          releases.push(await bringFiles(table, files, storage, columns, schema))
          const counts = (columns ?? schema.fields.map(({ name }) => name)).map(name => `count(${quoteIdentifier(name)})`).join(', ')
          const again = async (some: readonly LiveFile[]): Promise<void> => { await connection.run(`select ${counts} from ${duckdbScan(table, some, storage, schema)}`) }
          scans.push({ files, again })
          return duckdbScan(table, files, storage, schema)
        },
        async close () {
          connection.closeSync()
          await Promise.allSettled(releases.map(release => release()))
        }
      }
    },
    async close () {
      (await opened)?.closeSync()
    }
  }
}

async function openInstance ({ memoryMiBMax, tempDir }: DatabaseOptions): Promise<DuckDBInstance> {
  await mkdir(tempDir, { recursive: true })
  return await DuckDBInstance.create(':memory:', {
    memory_limit: `${memoryMiBMax}MiB`,
    temp_directory: tempDir,
    preserve_insertion_order: 'false',
    // Files are local, or brought near: the system's cache has their bytes. DuckDB's own would fill the whole limit with files that are gone.
    enable_external_file_cache: 'false',
    ...noExtensions
  })
}
