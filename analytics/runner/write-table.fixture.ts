// For tests: rows of a table of any columns, made from SELECTs of DuckDB's, beside what stands in it or in its place.

import { commitSnapshot, copyToDataFile, createSnapshotId, currentSchema, dataFileLocation, duckdbType, mainSnapshotId, partitionSpecOf, scanFiles, schemaOfColumns, stageAppend, stageOverwrite, type DataFile, type Partition, type WantedColumn } from '../../catalog/index.ts'
import type { TestLake } from './test-lake.ts'

export interface NewFile { readonly select: string, readonly partition?: Partition }

export interface WriteOptions {
  /** Of a table that is created. */
  readonly terms?: readonly { readonly transform: string, readonly column: string }[]
  /** What stood there goes. */
  readonly replace?: boolean
}

/** One snapshot, whose id is given; the table is created when it is missing. */
export async function writeTable ({ catalog, storage, connection }: TestLake, name: string, columns: readonly WantedColumn[], files: readonly NewFile[], { terms = [], replace = false }: WriteOptions = {}): Promise<bigint> {
  const id = { namespace: name.split('.').slice(0, -1), name: name.split('.').at(-1)! }
  const made = schemaOfColumns(columns)
  await catalog.ensureNamespace(id.namespace)
  const table = await catalog.loadTable(id).catch(async () => await catalog.createTable(id, { 'schema': made, 'partition-spec': partitionSpecOf(made, terms) }))
  const schema = currentSchema(table.metadata)
  const added: DataFile[] = []
  for (const { select, partition = {} } of files) {
    const location = dataFileLocation(table.metadata, partition, `${crypto.randomUUID()}.parquet`)
    const typed = schema.fields.map(({ name, type }) => `cast("${name}" as ${duckdbType(type)}) as "${name}"`).join(', ')
    added.push(await copyToDataFile(connection, storage, table, { select: `select ${typed} from (${select})`, partition, location }))
    await storage.makeDurable([location])
  }
  const snapshotId = createSnapshotId(table.metadata)
  const removed = replace ? (await scanFiles(storage, table)).files : []
  const outcome = await commitSnapshot({ catalog, storage, table }, snapshotId, async base => removed.length === 0
    ? await stageAppend({ storage }, base, { snapshotId, files: added })
    : await stageOverwrite({ storage }, base, { snapshotId, plannedOn: mainSnapshotId(table.metadata), added, removed }))
  if (outcome.kind !== 'landed') throw new Error('the rows did not land')
  return snapshotId
}
