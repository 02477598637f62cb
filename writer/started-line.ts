// For tests: the whole line in one process on a temporary folder: the real embedded log, the real catalog server, real
// writers. Rows are read back through the catalog, as any engine would.

import { pathToFileURL } from 'node:url'
import { DuckDBInstance, bringFiles, connectCatalog, duckdbScan, openStorage, scanFiles, startCatalogServer, type Catalog, type LoadedTable, type Storage } from '../catalog/index.ts'
import { topicMappings } from '../openapi/index.ts'
import { openLog, type Log, type LogRecord, type RecordHeaders } from '../log/index.ts'
import { createLogger, type Logger } from '../runtime/index.ts'
import type { Choice } from './choices.ts'
import type { Resume } from './decide.ts'
import { Duplicates } from './duplicates.ts'
import { openEngine, type Engine } from './engine.ts'
import { openTableIds } from './table-ids.ts'
import { eventsId, lettersId } from './tables.ts'
import { Writer, type WriterSettings } from './writer.ts'

export const minute = 60
export const day = 86_400

export interface Sent { readonly topic?: string, readonly value: string | Buffer, readonly headers?: RecordHeaders, readonly key?: string }

export interface Line {
  readonly log: Log
  readonly catalog: Catalog
  readonly catalogUrl: string
  readonly storage: Storage
  readonly logger: Logger
  send (records: readonly Sent[]): Promise<void>
  /** Drains the log by a new writer, as a new process would. */
  drain (options?: DrainOptions): Promise<void>
  query (sql: string): Promise<Record<string, unknown>[]>
  table (name: 'events' | 'dead_letters'): Promise<LoadedTable>
  close (): Promise<void>
}

export interface DrainOptions extends Partial<Omit<WriterSettings, 'resumeFrom'>> { readonly resumeFrom?: Choice | Resume, readonly catalog?: Catalog, readonly source?: Log, readonly idsMax?: number, readonly typesMax?: number, readonly typeRowsMin?: number, readonly filesMax?: number, readonly filesUsualMax?: number, readonly signal?: AbortSignal, readonly faults?: (engine: Engine) => Engine, readonly startAnew?: readonly string[], readonly onWriter?: (writer: Writer) => void }

let engines = 0

export async function openLine (dir: string, topics: readonly string[] = ['ecommerce_events'], partitions = 3): Promise<Line> {
  const logger = createLogger('test')
  logger.level = 'silent'
  const warehouse = pathToFileURL(`${dir}/warehouse`).href
  const server = await startCatalogServer({ dataDir: dir, warehouse, host: '127.0.0.1', port: 0, logger })
  const catalog = connectCatalog(server.url)
  const storage = openStorage(warehouse)
  const log = await openLog(pathToFileURL(`${dir}/log`).href, { partitions })
  for (const topic of topics) await log.ensureTopic(topic)
  const table = async (name: 'events' | 'dead_letters'): Promise<LoadedTable> => await catalog.loadTable(name === 'events' ? eventsId : lettersId)
  return {
    log, catalog, catalogUrl: server.url, storage, logger, table,
    async send (records) {
      const now = Date.now()
      await log.append(records.map(({ topic = topics[0]!, value, headers, key = 'k' }): LogRecord =>
        ({ topic, key, value: Buffer.from(value), headers: headers ?? receivedAt(now / 1000), timestampMs: now })))
    },
    async drain (options = {}) {
      const stagingDir = `${dir}/staging-${engines++}`
      const writerId = stagingDir.slice(dir.length + 1)
      const sound = await openEngine({ memoryBytesMax: 512 * 1024 ** 2, stagingDir, writers: 2 })
      const engine = options.faults?.(sound) ?? sound
      try {
        const ageDaysMax = options.ageDaysMax ?? 7
        const duplicates = new Duplicates(openTableIds(engine, storage), { idsMax: options.idsMax ?? 1_000_000, windowSeconds: ageDaysMax * day, nowMs: Date.now })
        const newTables = { startAnew: new Set(options.startAnew ?? []), warehouseUrl: warehouse }
        const writer = new Writer({ newTables, catalog: options.catalog ?? catalog, storage, logger, nowMs: Date.now, signal: options.signal ?? new AbortController().signal, engine, duplicates, source: options.source ?? log, writerId, typesMax: options.typesMax ?? 200, typeRowsMin: options.typeRowsMin ?? 1, ...options.filesMax === undefined ? {} : { filesMax: options.filesMax }, ...options.filesUsualMax === undefined ? {} : { filesUsualMax: options.filesUsualMax }, metrics: null }, {
          topics, dir: stagingDir, intervalMs: 50, rowsMax: 100_000, bytesMax: 64 * 1024 ** 2, eventBytesMax: 65_536, futureMinutesMax: 60, ageDaysMax, mappings: topicMappings, untilEnd: true, group: null, ...options,
          resumeFrom: typeof options.resumeFrom === 'string' ? { choice: options.resumeFrom, only: null } : options.resumeFrom ?? null
        })
        options.onWriter?.(writer)
        await writer.run()
      } finally {
        engine.close()
      }
    },
    async query (sql) {
      const releases: (() => Promise<void>)[] = []
      const instance = await DuckDBInstance.create(':memory:')
      const connection = await instance.connect()
      await connection.run("SET TimeZone = 'UTC'")
      for (const name of ['events', 'dead_letters'] as const) {
        const loaded = await table(name)
        const { files } = await scanFiles(storage, loaded)
        releases.push(await bringFiles(loaded, files, storage))
        await connection.run(`CREATE VIEW ${name} AS SELECT * FROM ${duckdbScan(loaded, files, storage)}`)
      }
      const rows = (await connection.runAndReadAll(sql)).getRowObjectsJson()
      connection.closeSync()
      instance.closeSync()
      for (const release of releases) await release()
      return rows
    },
    async close () {
      await log.close()
      await server.close()
    }
  }
}

export function receivedAt (seconds: number, more: RecordHeaders = {}): RecordHeaders {
  return { received_at: String(Math.trunc(seconds * 1_000_000)), ip: '10.0.0.1', user_agent: 'test', source: 'gateway', ...more }
}

export function pageView (eventId: string, more: object = {}): string {
  return JSON.stringify({ event_id: eventId, event_type: 'page_view', timestamp: new Date().toISOString(), ...more })
}
