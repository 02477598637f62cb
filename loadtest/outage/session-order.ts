// The rows of the numbered sessions, read from the table as any engine would: whether each session lies in one partition
// of the log with its numbers rising, and which of some event_ids are rows already.

import type { DuckDBConnection } from '@duckdb/node-api'
import { DuckDBInstance, connectCatalog, duckdbScan, isCatalogError, openStorage, scanFiles } from '../../catalog/index.ts'

export interface TableAddress { readonly catalogUrl: string, readonly warehouseUrl: string }

export interface SessionOrder {
  readonly sessions: number
  readonly events: number
  /** The first places where a session's order is broken. */
  readonly broken: readonly string[]
}

/** Reads the rows of `events` under the name `rows`; `ask` gets a connection that knows them. */
export async function withRows<T> ({ catalogUrl, warehouseUrl }: TableAddress, ask: (connection: DuckDBConnection) => Promise<T>): Promise<T> {
  const storage = openStorage(warehouseUrl)
  const instance = await DuckDBInstance.create(':memory:', { threads: '1', autoinstall_known_extensions: 'false' })
  const connection = await instance.connect()
  try {
    await connection.run("set TimeZone = 'UTC'")
    const table = await connectCatalog(catalogUrl).loadTable({ namespace: ['firn'], name: 'events' }).catch((error: unknown) => {
      if (isCatalogError(error, 'CATALOG_NO_SUCH_TABLE')) return null
      throw error
    })
    const source = table === null
      ? '(select null::varchar event_id, null::varchar session_id, null::varchar log_topic, null::int log_partition, null::bigint log_offset where false)'
      : duckdbScan(table, (await scanFiles(storage, table)).files, storage)
    await connection.run(`create view rows as select * from ${source}`)
    return await ask(connection)
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

/** Strays carry another session's number and are not asked. */
export async function checkSessionOrder (connection: DuckDBConnection): Promise<SessionOrder> {
  await connection.run(`create or replace temp table numbered as
    select session_id, log_topic, log_partition, log_offset, try_cast(substr(event_id, length(session_id) + 3) as bigint) as n
    from rows where starts_with(event_id, session_id || '-n')`)
  const [counted] = (await connection.runAndReadAll('select count(distinct session_id), count(*) from numbered')).getRows()
  const broken = (await connection.runAndReadAll(`
    with placed as (select *, lag(n) over w as n_before, lag(log_partition) over w as partition_before, lag(log_topic) over w as topic_before
      from numbered window w as (partition by session_id order by log_topic, log_partition, log_offset))
    select session_id || ': number ' || n || ' at ' || log_topic || '/' || log_partition || '@' || log_offset || ' comes after number ' || n_before || ' in partition ' || partition_before
    from placed where n_before >= n or partition_before <> log_partition or topic_before <> log_topic
    order by session_id, n limit 10`)).getRows().map(([text]) => String(text))
  return { sessions: Number(counted?.[0]), events: Number(counted?.[1]), broken }
}

/** How many of these ids are not rows yet. */
export async function countMissing (address: TableAddress, ids: ReadonlySet<string>): Promise<number> {
  return await withRows(address, async connection => {
    const landed = new Set((await connection.runAndReadAll('select event_id from rows')).getRows().map(([id]) => String(id)))
    return [...ids].filter(id => !landed.has(id)).length
  })
}
