// Puts millions of ids into the writer's window as another engine would: Parquet files appended to `events` beside the writer.

import { DuckDBInstance } from '../../catalog/index.ts'
import {
  commitSnapshot, connectCatalog, copyToDataFile, createSnapshotId, currentSchema, dataFileLocation, duckdbType, openStorage, scanFiles, stageAppend,
  type DataFile
} from '../../catalog/index.ts'
import type { Line } from '../line.ts'

const identifier = { namespace: ['firn'], name: 'events' }
const filesWanted = 20

/** Appends `count` rows of one type in one commit, received over the last hour. */
export async function appendIds (line: Line, count: number): Promise<void> {
  const [catalog, storage] = [connectCatalog(line.catalogUrl), openStorage(line.warehouseUrl)]
  const table = await catalog.loadTable(identifier)
  const schema = currentSchema(table.metadata)
  const spec = table.metadata['partition-specs'].find(s => s['spec-id'] === table.metadata['default-spec-id'])
  const partition = (await scanFiles(storage, table)).files[0]?.partition
  if (spec === undefined || partition === undefined) throw new Error('the table has no file to take a partition from')
  const db = await (await DuckDBInstance.create(':memory:', { threads: '2', memory_limit: '1GB' })).connect()
  await db.run("set TimeZone = 'UTC'")
  const values: Record<string, string> = {
    event_id: "'w-' || lpad(n::varchar, 12, '0') || '-4c1f-9e0a'",
    event_type: `'${String(partition['event_type'])}'`,
    event_time: `timestamptz 'epoch' + to_days(${String(partition['event_date'])}) + to_microseconds(n % 3600000000)`,
    received_at: 'to_timestamp((epoch_ms(now()) - n % 3600000) / 1000.0)',
    committed_at: 'now()',
    log_topic: "'elsewhere'",
    log_partition: '0',
    log_offset: 'n'
  }
  const columns = schema.fields.map(field => `(${values[field.name] ?? 'null'})::${duckdbType(field.type)} as "${field.name}"`).join(', ')
  const perFile = Math.ceil(count / filesWanted)
  const files: DataFile[] = []
  for (let from = 0; from < count; from += perFile) {
    const location = dataFileLocation(table.metadata, partition, `ids-${from}.parquet`)
    const select = `select ${columns} from range(${from}, ${Math.min(count, from + perFile)}) r(n)`
    files.push(await copyToDataFile(db, storage, table, { select, partition, location }))
  }
  db.closeSync()
  await storage.makeDurable(files.map(file => file.location))
  const snapshotId = createSnapshotId(table.metadata)
  const outcome = await commitSnapshot({ catalog, storage, table }, snapshotId, async base => await stageAppend({ storage }, base, { snapshotId, files }))
  if (outcome.kind !== 'landed') throw new Error(`the ids could not be appended: ${JSON.stringify(outcome)}`)
}
