// A table that is overwritten as models are: partitions by bucket and hour, files replaced with DELETED entries in their
// manifests, everything removed once and written anew. The judges must read the rows of each snapshot, and after Java's
// own expiry no file may be left of what was removed.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { DuckDBConnection } from '@duckdb/node-api'
import { DuckDBInstance } from '../../catalog/index.ts'
import {
  applyTransform, commitSnapshot, connectCatalog, copyToDataFile, createSnapshotId, dataFileLocation, openStorage, partitionSpecOf, scanFiles,
  schemaOfColumns, stageOverwrite, type Catalog, type DataFile, type LiveFile, type LoadedTable, type Storage
} from '../../catalog/index.ts'

export const overwrittenTable = { namespace: ['analytics'], name: 'overwritten' }
const buckets = 4
const bucketing = `bucket[${buckets}]`
const rowsPerFile = 50

export interface Overwritten { readonly snapshots: readonly string[], readonly rows: readonly number[] }

interface Parts { readonly catalog: Catalog, readonly storage: Storage, readonly db: DuckDBConnection }

/** The snapshots that were made and how many rows each must have. */
export async function makeOverwritten (catalogUrl: string, warehouseUrl: string): Promise<Overwritten> {
  const instance = await DuckDBInstance.create(':memory:')
  const parts: Parts = { catalog: connectCatalog(catalogUrl), storage: openStorage(warehouseUrl), db: await instance.connect() }
  await parts.db.run("set TimeZone = 'UTC'")
  const schema = schemaOfColumns([{ name: 'event_id', type: 'string', required: true }, { name: 'at', type: 'timestamptz' }, { name: 'quantity', type: 'long' }, { name: 'amount', type: 'decimal(38, 2)' }])
  await parts.catalog.ensureNamespace(overwrittenTable.namespace)
  let table = await parts.catalog.createTable(overwrittenTable, { schema, 'partition-spec': partitionSpecOf(schema, [{ transform: 'hour', column: 'at' }, { transform: bucketing, column: 'quantity' }]) })
  const snapshots: string[] = []
  const rows: number[] = []
  const step = async (version: number, chosen: (file: LiveFile) => boolean, buckets: readonly number[]): Promise<void> => {
    const { files } = await scanFiles(parts.storage, table)
    const added = []
    for (const bucket of buckets) added.push(await writeFile(parts, table, bucket, version))
    table = await overwrite(parts, table, added, files.filter(chosen))
    snapshots.push(String(table.metadata['current-snapshot-id']))
    rows.push((await scanFiles(parts.storage, table)).files.length * rowsPerFile)
  }
  const all = Array.from({ length: buckets }, (_, bucket) => bucket)
  await step(1, () => false, all)
  for (let version = 2; version < 6; version++) await step(version, file => file.partition['quantity_bucket'] === version % buckets, [version % buckets])
  await step(6, () => true, [])
  await step(7, () => true, all)
  await step(8, file => file.partition['quantity_bucket'] === 0, [])
  // Java deletes what expired snapshots removed; what the current one removed waits for its turn.
  await step(9, () => false, [0])
  parts.db.closeSync()
  instance.closeSync()
  return { snapshots, rows }
}

/** Data files that lie in the table's folder. */
export function countDataFiles (table: LoadedTable): number {
  return readdirSync(join(fileURLToPath(table.metadata.location), 'data'), { recursive: true }).filter(name => String(name).endsWith('.parquet')).length
}

async function writeFile ({ storage, db }: Parts, table: LoadedTable, bucket: number, version: number): Promise<DataFile> {
  // Java checks nothing of the bucket, and filters on the column must find the rows: the values are those that hash there.
  const values = valuesOf(bucket)
  const partition = { at_hour: 490_000, quantity_bucket: bucket }
  const location = dataFileLocation(table.metadata, partition, `${createSnapshotId()}.parquet`)
  const select = `select 'e' || q || '-${version}' as event_id, make_timestamptz(490000 * 3600000000 + row_number() over ()) as at, q::bigint as quantity, (q * ${version} + 0.01)::decimal(38, 2) as amount from (select unnest([${values.join(', ')}]) as q)`
  const file = await copyToDataFile(db, storage, table, { select, partition, location })
  await storage.makeDurable([file.location])
  return file
}

function valuesOf (bucket: number): number[] {
  const values: number[] = []
  for (let value = 0; values.length < rowsPerFile; value++) if (applyTransform(bucketing, 'long', BigInt(value)) === bucket) values.push(value)
  return values
}

async function overwrite ({ catalog, storage }: Parts, table: LoadedTable, added: readonly DataFile[], removed: readonly LiveFile[]): Promise<LoadedTable> {
  const snapshotId = createSnapshotId(table.metadata)
  const outcome = await commitSnapshot({ catalog, storage, table }, snapshotId, base => stageOverwrite({ storage }, base, { snapshotId, added, removed }))
  if (outcome.kind !== 'landed') throw new Error(`the overwrite did not land: ${outcome.kind === 'failed' ? outcome.error.message : outcome.reason}`)
  return outcome.table
}
