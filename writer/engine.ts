// DuckDB in process: one database in memory, one thread a connection, several connections. Coarse parallelism (one
// connection parses the next batch while the others write files) costs less CPU than threads inside a query, and one
// thread keeps rows in file order. Spills to the staging folder at its memory limit; loads no extension.

import { DuckDBInstance, quoteText } from '../catalog/index.ts'
import type { DuckDBConnection } from '@duckdb/node-api'

export interface EngineOptions { readonly memoryBytesMax: number, readonly stagingDir: string, readonly writers: number }

export interface Engine {
  /** Parses the next batch. */
  readonly parser: DuckDBConnection
  /** Everything about the batch in work. */
  readonly main: DuckDBConnection
  /** Runs statements on all writers at once, each on one of them; rows of the results in the order of the statements. */
  runAll(statements: readonly string[]): Promise<Record<string, unknown>[][]>
  /** Another engine like this one, with half of its memory: what breaks there breaks nothing here. */
  spare(): Promise<Engine>
  /** Opened anew, after an error that an engine does not survive; what it held is gone, and it is in the log. */
  renew(): Promise<void>
  close(): void
}

interface Opened { readonly parser: DuckDBConnection, readonly writers: readonly DuckDBConnection[], close(): void }

export async function openEngine (options: EngineOptions): Promise<Engine> {
  let opened = await open(options)
  return {
    get parser () { return opened.parser },
    get main () { return opened.writers[0]! },
    async runAll (statements) {
      const results = new Array<Record<string, unknown>[]>(statements.length)
      let next = 0
      const work = async (connection: DuckDBConnection): Promise<void> => {
        while (next < statements.length) {
          const at = next++
          results[at] = (await connection.runAndReadAll(statements[at]!)).getRowObjects()
        }
      }
      const outcomes = await Promise.allSettled(opened.writers.map(work))
      for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
      return results
    },
    async spare () {
      return await openEngine({ ...options, memoryBytesMax: options.memoryBytesMax / 2, writers: 1 })
    },
    // The dead one is not closed: statements may be under way in it, and it frees itself when they are done.
    async renew () { opened = await open(options) },
    close () { opened.close() }
  }
}

async function open (options: EngineOptions): Promise<Opened> {
  const instance = await DuckDBInstance.create(':memory:', {
    threads: '1',
    memory_limit: `${options.memoryBytesMax}B`,
    temp_directory: options.stagingDir,
    preserve_insertion_order: 'true',
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false'
  })
  const connections: DuckDBConnection[] = []
  for (let i = 0; i <= options.writers; i++) {
    const connection = await instance.connect()
    await connection.run("SET TimeZone = 'UTC'")
    connections.push(connection)
  }
  const [parser, ...writers] = connections as [DuckDBConnection, ...DuckDBConnection[]]
  await parser.run(`CREATE OR REPLACE MACRO add_member(object, name, member) AS CASE
    WHEN object IS NULL OR object = '{}' THEN concat('{"', name, '":', member, '}')
    ELSE concat(left(object, length(object) - 1), ',"', name, '":', member, '}') END`)
  return {
    parser,
    writers,
    close () {
      for (const connection of connections) connection.closeSync()
      instance.closeSync()
    }
  }
}

export function sqlList (texts: readonly string[]): string {
  return `[${texts.map(quoteText).join(', ')}]`
}
