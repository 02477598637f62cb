// A DuckDB in memory whose views are the live tables of the catalog: `events`, `firn.events` and `lake.firn.events` are one.
// Only the tables that a statement names have their files listed. UTC, no downloaded extension. The views are frozen at the
// snapshot read at the start.

import type { DuckDBConnection } from '@duckdb/node-api'
import { DuckDBInstance } from '../../catalog/index.ts'
import type { AsOf } from './engine.ts'
import { planViews, unreadable, type LakeTables } from './duckdb-views.ts'

export interface Lake extends LakeTables {
  readonly memoryMiBMax: number
}

/** What every DuckDB that answers questions begins with. */
export const noExtensions = { autoinstall_known_extensions: 'false', autoload_known_extensions: 'false', allow_community_extensions: 'false' }

export interface DuckdbSession {
  readonly connection: DuckDBConnection
  /** Frees its memory. An instance that is only forgotten keeps it until V8 collects a few small objects, which is late. */
  close(): void
}

/** Connects, with views for what `sql` names. `asOf`: a snapshot id or a time. Throws what planViews throws. */
export async function openSession (lake: Lake, sql: string, asOf?: AsOf): Promise<DuckdbSession> {
  const plan = await planViews(lake, sql, asOf)
  // Near until the process ends: the views are read when the statement runs.
  await lake.storage.bringNear(plan.views.flatMap(view => view.locations))
  const session = await connect(lake.memoryMiBMax)
  try {
    await makeViews(session.connection, plan.setup, table => plan.snapshots[table] !== undefined)
    return session
  } catch (error) {
    session.close()
    throw error
  }
}

/** Runs the statements of a plan. A view that nobody asked for may fail. */
export async function makeViews (connection: DuckDBConnection, setup: readonly { readonly sql: string, readonly table?: string }[], isNamed: (table: string) => boolean): Promise<void> {
  for (const { sql, table } of setup) {
    try {
      await connection.run(sql)
    } catch (error) {
      if (table === undefined) throw error
      if (isNamed(table)) throw unreadable(table, error)
    }
  }
}

async function connect (memoryMiBMax: number): Promise<DuckdbSession> {
  const instance = await DuckDBInstance.create(':memory:', { ...noExtensions, memory_limit: `${memoryMiBMax}MiB` })
  const connection = await instance.connect()
  await connection.run("set TimeZone = 'UTC'")
  return {
    connection,
    close () {
      connection.closeSync()
      instance.closeSync()
    }
  }
}
