/** DuckDB reads what DuckDB wrote, through our manifests: columns by field id, whatever happened to the schema in between. */
import { DuckDBInstance } from '../files/duckdb.ts'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import t from 'tap'
import { stageAppend } from '../actions/append.ts'
import type { LoadedTable } from '../catalogs/catalog.ts'
import { openMemoryCatalog } from '../catalogs/memory.ts'
import { commitSnapshot } from '../commit/commit.ts'
import { evolveSchema } from '../commit/change.ts'
import { dataFileFromDuckDB, type DuckDBStatsRow } from '../files/duckdb-statistics.ts'
import { fieldIdsForDuckDB, quoteText } from '../files/duckdb-types.ts'
import { dataFileLocation } from '../spec/names.ts'
import { specById } from '../spec/partition.ts'
import { schemaOfColumns } from '../spec/schema-evolution.ts'
import { currentSchema } from '../spec/schema.ts'
import { createSnapshotId } from '../spec/snapshot.ts'
import { openLocalStorage } from '../storage/local.ts'
import { duckdbScan } from './duckdb-scan.ts'
import { scanFiles } from './scan-files.ts'

const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'firn scan [x]*-'))
t.teardown(() => { rmSync(folder, { recursive: true }) })
const instance = await DuckDBInstance.create(':memory:')
const db = await instance.connect()
t.teardown(() => { db.closeSync(); instance.closeSync() })
await db.run('SET TimeZone = \'UTC\'')
const storage = openLocalStorage()
const catalog = openMemoryCatalog({ warehouse: `file://${folder}` })

async function create(name: string): Promise<LoadedTable> {
  return await catalog.createTable({ namespace: ['firn'], name }, {
    schema: schemaOfColumns([
      { name: 'event_id', type: 'string', required: true }, { name: 'quantity', type: 'int' }, { name: 'amount', type: 'decimal(9, 2)' },
      { name: 'device', type: { type: 'struct', fields: [{ name: 'type', type: 'string' }, { name: 'os', type: 'string' }] } }
    ])
  })
}

async function write(table: LoadedTable, query: string): Promise<LoadedTable> {
  const location = dataFileLocation(table.metadata, {}, `${createSnapshotId()}.parquet`)
  mkdirSync(dirname(storage.toEnginePath(location)), { recursive: true })
  const schema = currentSchema(table.metadata)
  const result = await db.runAndReadAll(`COPY (${query}) TO ${quoteText(storage.toEnginePath(location))} (FORMAT parquet, RETURN_STATS, FIELD_IDS ${fieldIdsForDuckDB(schema)})`)
  const spec = specById(table.metadata, 0)
  if (spec === undefined) throw new Error('no spec')
  const file = dataFileFromDuckDB(result.getRowObjects()[0] as unknown as DuckDBStatsRow, schema, spec, {})
  await storage.makeDurable([file.location])
  const snapshotId = createSnapshotId(table.metadata)
  const outcome = await commitSnapshot({ catalog, storage, table }, snapshotId, base => stageAppend({ storage }, base, { snapshotId, files: [file] }))
  if (outcome.kind !== 'landed') throw new Error('not landed')
  return outcome.table
}

const rows = async (sql: string) => (await db.runAndReadAll(sql)).getRowObjectsJson()

t.test('files written before and after the schema grew read as one table', async t => {
  let table = await create('grown')
  table = await write(table, 'SELECT \'old\' AS event_id, 1 AS quantity, 1.25::DECIMAL(9, 2) AS amount, {type: \'mobile\', os: \'é\'} AS device')
  const early = table
  table = await evolveSchema({ catalog, storage, table }, [
    { name: 'event_id', type: 'string', required: true }, { name: 'quantity', type: 'long' }, { name: 'amount', type: 'decimal(18, 2)' },
    { name: 'device', type: { type: 'struct', fields: [{ name: 'browser', type: 'string' }] } }, { name: 'note', type: 'string' }
  ])
  table = await write(table, 'SELECT \'new\' AS event_id, 5000000000 AS quantity, -0.01::DECIMAL(18, 2) AS amount, {type: NULL, os: NULL, browser: \'b\'} AS device, \'n\' AS note')
  const scan = await scanFiles(storage, table)
  t.same(await rows(`SELECT * FROM ${duckdbScan(table, scan.files, storage)} ORDER BY quantity`), [
    { event_id: 'old', quantity: '1', amount: '1.25', device: { type: 'mobile', os: 'é', browser: null }, note: null },
    { event_id: 'new', quantity: '5000000000', amount: '-0.01', device: { type: null, os: null, browser: 'b' }, note: 'n' }
  ])
  t.same(await rows(`SELECT event_id FROM ${duckdbScan(table, scan.files, storage)} WHERE amount < 0`), [{ event_id: 'new' }])
  const before = await scanFiles(storage, table, { snapshotId: early.metadata['current-snapshot-id'] })
  t.same(await rows(`SELECT event_id FROM ${duckdbScan(table, before.files, storage, currentSchema(early.metadata))}`), [{ event_id: 'old' }])
})

t.test('a renamed column keeps its values, because columns are found by id', async t => {
  const table = await write(await create('renamed'), 'SELECT \'a\' AS event_id, 7 AS quantity, NULL::DECIMAL(9, 2) AS amount, NULL::STRUCT("type" VARCHAR, os VARCHAR) AS device')
  const schema = currentSchema(table.metadata)
  const renamed = { ...schema, fields: schema.fields.map(field => field.name === 'quantity' ? { ...field, name: 'pieces' } : field) }
  const scan = await scanFiles(storage, table)
  t.same(await rows(`SELECT pieces FROM ${duckdbScan(table, scan.files, storage, renamed)}`), [{ pieces: 7 }])
})

t.test('a table without files is a relation without rows, with all columns', async t => {
  const table = await create('empty')
  const scan = await scanFiles(storage, table)
  t.same(scan, { files: [], deleteFiles: [] })
  t.same((await rows(`DESCRIBE SELECT * FROM ${duckdbScan(table, [], storage)}`)).map(row => [row['column_name'], row['column_type']]),
    [['event_id', 'VARCHAR'], ['quantity', 'INTEGER'], ['amount', 'DECIMAL(9,2)'], ['device', 'STRUCT("type" VARCHAR, os VARCHAR)']])
  t.same(await rows(`SELECT count(*)::INT AS n FROM ${duckdbScan(table, [], storage)}`), [{ n: 0 }])
})
