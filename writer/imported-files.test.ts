// Another engine puts files into `events` that carry no field ids (add_files, a migrated Hive table): their rows are rows,
// and an event that is in one of them is not admitted a second time.

import { stat } from 'node:fs/promises'
import t from 'tap'
import { DuckDBInstance, commitSnapshot, createSnapshotId, currentSchema, dataFileLocation, duckdbScan, quoteText, scanFiles, stageOverwrite, type DataFile, type NestedField } from '../catalog/index.ts'
import { openLine, pageView, type Line } from './started-line.ts'
import { eventsId } from './tables.ts'

const send = async (line: Line): Promise<void> => {
  await line.send(Array.from({ length: 10 }, (_, i) => ({ value: pageView(`e${i}`, { title: 'once', location: { city: 'Bonn' } }) })))
  await line.drain()
}

const mappingOf = (fields: readonly NestedField[]): object[] => fields.map(({ id, name, type }) => ({
  'field-id': id, 'names': [name], ...typeof type === 'string' || type.type !== 'struct' ? {} : { fields: mappingOf(type.fields) }
}))

/** The files of the table anew, as an engine writes them that knows nothing of field ids; `left`: columns that it leaves out. */
async function importFiles (line: Line, left: readonly string[]): Promise<void> {
  const table = await line.table('events')
  const { files: removed } = await scanFiles(line.storage, table)
  const instance = await DuckDBInstance.create(':memory:')
  const connection = await instance.connect()
  await connection.run("SET TimeZone = 'UTC'")
  const added: DataFile[] = []
  for (const file of removed) {
    const location = dataFileLocation(table.metadata, file.partition, 'part-00000.parquet')
    const path = line.storage.toEnginePath(location)
    await connection.run(`COPY (SELECT * ${left.length === 0 ? '' : `EXCLUDE (${left.join()})`} FROM ${duckdbScan(table, [file], line.storage)}) TO ${quoteText(path)} (FORMAT parquet)`)
    added.push({ ...file, location, fileSizeBytes: BigInt((await stat(path)).size), lowerBounds: new Map(), upperBounds: new Map() })
  }
  connection.closeSync()
  instance.closeSync()
  const snapshotId = createSnapshotId(table.metadata)
  const context = { catalog: line.catalog, storage: line.storage, table }
  const outcome = await commitSnapshot(context, snapshotId, async base => await stageOverwrite(context, base, { snapshotId, added, removed }))
  t.equal(outcome.kind, 'landed')
  const mapping = JSON.stringify(mappingOf(currentSchema(table.metadata).fields))
  await line.catalog.commitTable(eventsId, { requirements: [], updates: [{ 'action': 'set-properties', 'updates': { 'schema.name-mapping.default': mapping } }] })
}

for (const left of [[], ['event_type']]) {
  void t.test(`an event in an imported file is a duplicate${left.length === 0 ? '' : `; ${left.join()} is in the partition alone`}`, async t => {
    const line = await openLine(t.testdir({}), ['ecommerce_events'], 1)
    try {
      await send(line)
      await importFiles(line, left)
      const rows = "SELECT count(*)::INT AS rows, count(DISTINCT event_id)::INT AS ids, min(event_type) AS type, min(location.city) AS city FROM events WHERE title = 'once'"
      t.same(await line.query(rows), [{ rows: 10, ids: 10, type: 'page_view', city: 'Bonn' }])
      await send(line)
      t.same(await line.query(rows), [{ rows: 10, ids: 10, type: 'page_view', city: 'Bonn' }])
      t.same(await line.query("SELECT count(*)::INT AS letters FROM dead_letters WHERE reason = 'duplicate'"), [{ letters: 10 }])
    } finally {
      await line.close()
    }
  })
}
