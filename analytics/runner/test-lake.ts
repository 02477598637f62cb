// For tests: a lake of its own in a temporary folder, with events that somebody appends, compacts, deletes and expires, and
// the full recompute of a model at the snapshots that its table names, to compare the table with.

import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import { DuckDBInstance, applyTransform, bringFiles, commitSnapshot, connectCatalog, copyToDataFile, createSnapshotId, currentSchema, dataFileLocation, duckdbScan, duckdbType, mainSnapshotId, openStorage, partitionSpecOf, quoteText, scanFiles, schemaOfColumns, stageAppend, stageOverwrite, startCatalogServer, type Catalog, type DataFile, type LoadedTable, type Partition, type Storage, type TableIdentifier } from '../../catalog/index.ts'
import { contractColumns, rowColumns } from '../../openapi/index.ts'
import type { Model } from '../models/model-file.ts'
import { renderModel } from '../models/render.ts'
import { letterColumns, type SourceColumn } from '../models/source-columns.ts'
import { readState } from './model-state.ts'
import { identifierOf, tableNameOf } from './model-table.ts'

export const eventsId: TableIdentifier = { namespace: ['firn'], name: 'events' }
const lettersId: TableIdentifier = { namespace: ['firn'], name: 'dead_letters' }

export interface EventRow { readonly [column: string]: string | number | null }

export interface TestLake {
  readonly catalog: Catalog
  readonly storage: Storage
  readonly dataDir: string
  readonly catalogUrl: string
  /** Settings by which another process reaches it. */
  readonly env: Readonly<Record<string, string>>
  readonly connection: DuckDBConnection
  /** One snapshot of firn.events, which is created when it is missing. */
  append(rows: readonly EventRow[]): Promise<void>
  /** One snapshot of firn.dead_letters, which is created when it is missing; a payload is text. */
  appendLetters(rows: readonly EventRow[]): Promise<void>
  /** Files of each partition become one, as a foreign engine does it: the sequence numbers are new. */
  compact(id: TableIdentifier): Promise<void>
  /** Rewrites the files without the rows of the condition. */
  deleteRows(id: TableIdentifier, condition: string): Promise<void>
  /** Every snapshot but the current one. */
  expire(id: TableIdentifier): Promise<void>
  /** The model's rows as they stand, and as a full recompute at the recorded snapshots gives them; both as sorted JSON. */
  compare(model: Model): Promise<{ stands: string[], should: string[] }>
  rows(sql: string): Promise<unknown[]>
}

/** A test, or whatever closes what it opened. */
export interface Owner { teardown(close: () => unknown): unknown }

export type LakeParts = Pick<TestLake, 'catalog' | 'storage' | 'dataDir' | 'catalogUrl' | 'env'>

export async function openTestLake (t: Owner, given?: LakeParts): Promise<TestLake> {
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run("set TimeZone = 'UTC'")
  t.teardown(() => { connection.closeSync(); instance.closeSync() })
  const parts = given ?? await openLocal(t)
  const { catalog, storage } = parts

  const rows = async (sql: string): Promise<unknown[]> => (await connection.runAndReadAll(sql)).getRowObjectsJson()
  const write = async (table: LoadedTable, select: string, partition: Partition): Promise<DataFile> => {
    const schema = currentSchema(table.metadata)
    const location = dataFileLocation(table.metadata, partition, `${crypto.randomUUID()}.parquet`)
    const file = await copyToDataFile(connection, storage, table, { select: `select ${schema.fields.map(({ name, type }) => `cast(${name} as ${duckdbType(type)}) as ${name}`).join(', ')} from (${select})`, partition, location })
    await storage.makeDurable([location])
    return file
  }
  const rewrite = async (id: TableIdentifier, condition: string, operation?: 'replace'): Promise<void> => {
    const table = await catalog.loadTable(id)
    const { files } = await scanFiles(storage, table)
    if (files.length === 0) return
    const release = await bringFiles(table, files, storage)
    const added: DataFile[] = []
    for (const group of Map.groupBy(files, file => JSON.stringify(Object.values(file.partition).map(String))).values()) {
      const select = `select * from ${duckdbScan(table, group, storage)} where ${condition}`
      const [count] = await rows(`select count(*)::int as n from (${select})`) as [{ n: number }]
      if (count.n > 0) added.push(await write(table, select, group[0]!.partition))
    }
    await release()
    const snapshotId = createSnapshotId(table.metadata)
    const outcome = await commitSnapshot({ catalog, storage, table }, snapshotId, async base => {
      const staged = await stageOverwrite({ storage }, base, { snapshotId, plannedOn: mainSnapshotId(table.metadata), added, removed: files })
      if (staged.kind === 'staged' && operation !== undefined) staged.snapshot.summary.operation = operation
      return staged
    })
    if (outcome.kind !== 'landed') throw new Error(`the rewrite did not land: ${outcome.kind}`)
  }

  const appendFiles = async (table: LoadedTable, files: readonly DataFile[]): Promise<void> => {
    const snapshotId = createSnapshotId(table.metadata)
    const outcome = await commitSnapshot({ catalog, storage, table }, snapshotId, async base => await stageAppend({ storage }, base, { snapshotId, files }))
    if (outcome.kind !== 'landed') throw new Error(`the rows of ${table.id.name} did not land`)
  }

  return {
    ...parts,
    connection,
    rows,
    async append (events) {
      const table = await catalog.loadTable(eventsId).catch(() => createEvents(catalog))
      const files: DataFile[] = []
      for (const group of Map.groupBy(events, event => `${event['event_type']} ${String(event['event_time']).slice(0, 10)}`).values()) {
        const partition = { event_type: String(group[0]!['event_type']), event_date: applyTransform('day', 'timestamptz', BigInt(Date.parse(String(group[0]!['event_time']))) * 1000n) }
        files.push(await write(table, group.map(event => eventSql(event)).join(' union all by name '), partition))
      }
      await appendFiles(table, files)
    },
    async appendLetters (letters) {
      const table = await catalog.loadTable(lettersId).catch(() => createLetters(catalog))
      const files: DataFile[] = []
      for (const [day, group] of Map.groupBy(letters, letter => String(letter['committed_at']).slice(0, 10))) {
        files.push(await write(table, group.map(letter => rowSql(letterColumns, letter)).join(' union all by name '), { dead_date: applyTransform('day', 'timestamptz', BigInt(Date.parse(day)) * 1000n) }))
      }
      await appendFiles(table, files)
    },
    async compact (id) { await rewrite(id, 'true', 'replace') },
    async deleteRows (id, condition) { await rewrite(id, `not (${condition})`) },
    async expire (id) {
      const table = await catalog.loadTable(id)
      const current = mainSnapshotId(table.metadata)
      const gone = table.metadata.snapshots.map(snapshot => snapshot['snapshot-id']).filter(one => one !== current)
      if (gone.length > 0) await catalog.commitTable(id, { requirements: [], updates: [{ 'action': 'remove-snapshots', 'snapshot-ids': gone }] })
    },
    async compare (model) {
      const table = await catalog.loadTable(identifierOf(model))
      const state = readState(table)
      if (state === null) throw new Error(`${tableNameOf(model)} has no state`)
      const columns = model.columns.map(({ name }) => name).join(', ')
      const near: (() => Promise<void>)[] = []
      const relation = async (table: LoadedTable, snapshotId?: bigint): Promise<string> => {
        const { files } = await scanFiles(storage, table, snapshotId === undefined ? {} : { snapshotId })
        near.push(await bringFiles(table, files, storage))
        return duckdbScan(table, files, storage)
      }
      const sources = new Map<string, string>()
      for (const read of model.reads) {
        const parts = read.table.split('.')
        const source = await catalog.loadTable({ namespace: parts.slice(0, -1), name: parts.at(-1)! })
        const recorded = state.sources.get(read.table)
        const scan = recorded === null || recorded === undefined ? duckdbScan(source, [], storage) : await relation(source, recorded.snapshotId)
        const unit = model.unit.kind !== 'full' && read.by !== null ? `${read.by} is not null` : 'true'
        sources.set(read.table, `(select * from ${scan} where ${unit}${read.eventTypes === null ? '' : ` and event_type in (${read.eventTypes.map(type => `'${type}'`).join(', ')})`})`)
      }
      const unit = model.unit.kind === 'key' ? model.unit.column : model.unit.kind === 'full' ? null : model.time
      const print = async (sql: string): Promise<string[]> => (await rows(`select ${columns} from ${sql}`)).map(row => JSON.stringify(row)).sort()
      const should = await print(`(${renderModel(model, 'duckdb', state.watermark, read => sources.get(read.table)!)})${unit === null ? '' : ` where ${unit} is not null`}`)
      const stands = await print(await relation(table))
      for (const release of near) await release()
      return { stands, should }
    }
  }
}

async function openLocal (t: Owner): Promise<LakeParts> {
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'firn-models-'))
  const warehouse = `file://${folder}/warehouse`
  const server = await startCatalogServer({ dataDir: folder, warehouse, host: '127.0.0.1', port: 0, logger: { info () {}, warn () {}, error () {} } })
  const storage = openStorage(warehouse)
  t.teardown(async () => { await server.close(); rmSync(folder, { recursive: true, force: true }) })
  return {
    catalog: connectCatalog(server.url, { storage, warehouseUrl: warehouse }), storage, dataDir: folder, catalogUrl: server.url,
    env: { FIRN_CATALOG_URL: server.url, FIRN_WAREHOUSE_URL: warehouse }
  }
}

async function createEvents (catalog: Catalog): Promise<LoadedTable> {
  await catalog.ensureNamespace(eventsId.namespace)
  const schema = schemaOfColumns([...contractColumns, ...rowColumns])
  const spec = partitionSpecOf(schema, [{ column: 'event_type', transform: 'identity' }, { column: 'event_time', transform: 'day' }])
  return await catalog.createTable(eventsId, { schema, 'partition-spec': { ...spec, fields: spec.fields.map(field => field.transform === 'day' ? { ...field, name: 'event_date' } : field) } })
}

async function createLetters (catalog: Catalog): Promise<LoadedTable> {
  await catalog.ensureNamespace(lettersId.namespace)
  const schema = schemaOfColumns(letterColumns.map(({ name, type }) => ({ name, wire: name, type, required: false, doc: '', since: 1 })))
  const spec = partitionSpecOf(schema, [{ column: 'committed_at', transform: 'day' }])
  return await catalog.createTable(lettersId, { schema, 'partition-spec': { ...spec, fields: spec.fields.map(field => ({ ...field, name: 'dead_date' })) } })
}

/** Columns that an event does not name are null, those of its place in the log the same for all. */
function eventSql (event: EventRow): string {
  return rowSql([...contractColumns, ...rowColumns], { received_at: event['event_time']!, committed_at: event['event_time']!, log_topic: 't', log_partition: 0, log_offset: 0, ...event })
}

function rowSql (columns: readonly SourceColumn[], given: EventRow): string {
  return `select ${columns.map(({ name, type }) => {
    const value = given[name] ?? null
    return `cast(${value === null ? 'null' : quoteText(String(value))} as ${duckdbType(type as never)}) as ${name}`
  }).join(', ')}`
}
