// What the table under test holds, read with DuckDB through our own catalog and scan.

import { DuckDBInstance, bringFiles, connectCatalog, duckdbScan, openStorage, scanFiles, type LoadedTable } from '../../catalog/index.ts'
import type { Line } from '../line.ts'

const events = { namespace: ['firn'], name: 'events' }

/** event_id → number of rows; empty while there is no table. */
export async function rowsById (line: Line): Promise<Map<string, number>> {
  const table = await loadEvents(line)
  if (table === null) return new Map()
  const rows = await query(line, table, 'select event_id, count(*) from source group by event_id')
  return new Map(rows.map(([id, count]) => [String(id), Number(count)]))
}

/** Reads every row of every file; returns their number. Throws when a file is missing or damaged. */
export async function filesReadable (line: Line): Promise<number> {
  const table = await loadEvents(line)
  if (table === null) return 0
  const rows = await query(line, table, 'select count(*), max(hash(source)) from source')
  return Number(rows[0]?.[0])
}

export async function currentSnapshot (line: Line): Promise<bigint> {
  return (await loadEvents(line))?.metadata['current-snapshot-id'] ?? -1n
}

async function loadEvents (line: Line): Promise<LoadedTable | null> {
  try {
    return await connectCatalog(line.catalogUrl).loadTable(events)
  } catch (error) {
    if ((error as { code?: string }).code === 'CATALOG_NO_SUCH_TABLE') return null
    throw error
  }
}

async function query (line: Line, table: LoadedTable, sql: string): Promise<unknown[][]> {
  const storage = openStorage(line.warehouseUrl)
  const { files } = await scanFiles(storage, table)
  const release = await bringFiles(table, files, storage)
  const db = await (await DuckDBInstance.create(':memory:')).connect()
  try {
    return (await db.runAndReadAll(`with source as (select * from ${duckdbScan(table, files, storage)}) ${sql}`)).getRows()
  } finally {
    db.closeSync()
    await release()
  }
}
