// For tests: `firn.events` and `firn.dead_letters` of any size, made by DuckDB from a SELECT and committed to an embedded
// catalog with the record of offsets that a writer would have left; and the options with which `verify` judges them.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { DuckDBInstance, commitSnapshot, copyToDataFile, createSnapshotId, dataFileLocation, openStorage, schemaOfColumns, setProperties, stageAppend, startCatalogServer, connectCatalog, type Catalog, type DataFile, type LoadedTable, type Storage } from '../../catalog/index.ts'
import { createLogger } from '../../runtime/index.ts'
import { progressProperty } from './progress-record.ts'
import type { VerifyOptions } from './verify.ts'

export const eventColumns = { event_id: 'string', received_at: 'timestamptz', committed_at: 'timestamptz', log_topic: 'string', log_partition: 'int', log_offset: 'long', properties: 'string' } as const
export const letterColumns = { reason: 'string', event_id: 'string', payload: 'binary', committed_at: 'timestamptz', log_topic: 'string', log_partition: 'int', log_offset: 'long' } as const

export interface MadeLake {
  readonly catalog: Catalog
  readonly storage: Storage
  readonly catalogUrl: string
  readonly options: VerifyOptions
  /** One file for each SELECT, all in one snapshot. */
  append(table: LoadedTable, selects: readonly string[]): Promise<LoadedTable>
  create(name: string, columns: Readonly<Record<string, string>>): Promise<LoadedTable>
  set(table: LoadedTable, properties: Readonly<Record<string, string>>): Promise<LoadedTable>
  close(): Promise<void>
}

export async function openMadeLake (dataDir: string, overrides: Partial<VerifyOptions> = {}): Promise<MadeLake> {
  mkdirSync(dataDir, { recursive: true })
  const warehouse = pathToFileURL(join(dataDir, 'warehouse')).href
  const server = await startCatalogServer({ dataDir, warehouse, host: '127.0.0.1', port: 0, logger: createLogger('made', 'silent') })
  const storage = openStorage(warehouse)
  const catalog = connectCatalog(server.url)
  const instance = await DuckDBInstance.create(':memory:', { memory_limit: '512MiB', threads: '1' })
  const connection = await instance.connect()
  await connection.run("set TimeZone = 'UTC'")
  return {
    catalog,
    storage,
    catalogUrl: server.url,
    options: {
      ledger: [],
      drained: false,
      memoryMib: 128,
      FIRN_DATA_DIR: dataDir,
      FIRN_CATALOG_URL: server.url,
      FIRN_WAREHOUSE_URL: warehouse,
      FIRN_LOG_URL: pathToFileURL(join(dataDir, 'log')).href,
      FIRN_LOG_TOPICS: ['x'],
      FIRN_EVENT_AGE_DAYS_MAX: 7,
      ...overrides
    },
    async create (name, columns) {
      await catalog.ensureNamespace(['firn'])
      const schema = schemaOfColumns(Object.entries(columns).map(([name, type]) => ({ name, type })))
      return await catalog.createTable({ namespace: ['firn'], name }, { schema })
    },
    async append (table, selects) {
      const files: DataFile[] = []
      for (const select of selects) {
        const location = dataFileLocation(table.metadata, {}, `${crypto.randomUUID()}.parquet`)
        files.push(await copyToDataFile(connection, storage, table, { select, partition: {}, location }))
      }
      const snapshotId = createSnapshotId(table.metadata)
      const outcome = await commitSnapshot({ catalog, storage, table }, snapshotId, async base => await stageAppend({ storage }, base, { snapshotId, files }))
      if (outcome.kind !== 'landed') throw new Error(`the rows did not land: ${outcome.kind}`)
      return outcome.table
    },
    async set (table, properties) {
      return await setProperties({ catalog, storage, table }, properties)
    },
    async close () {
      connection.closeSync()
      instance.closeSync()
      await server.close()
    }
  }
}

/** `n` rows over `partitions`, from offset 0, of which a row has `textBytes` of text that does not compress; `where` leaves some out. */
export function rowsSql (from: bigint, to: bigint, { partitions = 3, textBytes = 0, where = 'true' }: { partitions?: number, textBytes?: number, where?: string } = {}): string {
  const text = textBytes === 0 ? 'null' : `repeat(md5(n::varchar) || sha256(n::varchar), ${Math.ceil(textBytes / 96)})`
  return `select 'e-' || md5(n::varchar) as event_id, make_timestamptz(1790000000000000 + n * 1000) as received_at, make_timestamptz(1790000005000000 + n * 1000) as committed_at,
    'x' as log_topic, (n % ${partitions})::int as log_partition, n // ${partitions} as log_offset, ${text} as properties from range(${from}, ${to}) r(n) where ${where}`
}

/** The record of offsets of a writer that has taken [start, next) of each partition. */
export function progressOf (table: LoadedTable, ranges: Readonly<Record<number, readonly [start: bigint, next: bigint]>>, log: { cluster: string, topicId: string } = { cluster: 'made', topicId: 'x1' }): Record<string, string> {
  const p = Object.fromEntries(Object.entries(ranges).map(([partition, [start, next]]) => [partition, { start: String(start), next: String(next) }]))
  return { [progressProperty]: JSON.stringify({ 'v': 2, 'table-uuid': table.metadata['table-uuid'], 'snap': '1', 'snap-seq': '1', 'log': { cluster: log.cluster, topics: { x: { id: log.topicId, p } } } }) }
}
