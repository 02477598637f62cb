// Reference files into Iceberg tables: regions.csv is analytics.ref_regions. A file whose hash is not the one that its table
// names (property firn.reference) replaces all rows in one commit; a wrong file is refused and the table keeps what it had.
// Models read these tables like any other, so they are recomputed when a file changes.

import { createHash } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { DuckDBInstance, commitSnapshot, copyToDataFile, createSnapshotId, currentSchema, dataFileLocation, discardFiles, duckdbType, evolveSchema, isCatalogError, mainSnapshotId, partitionSpecOf, quoteIdentifier, scanFiles, schemaOfColumns, stageOverwrite, type Catalog, type DataFile, type LoadedTable, type Storage, type TableIdentifier } from '../../catalog/index.ts'
import { fail } from '../errors.ts'
import { noExtensions } from '../query/duckdb-session.ts'
import { readReferences, referenceFolder, refusedEvents, type Reference } from './declaration.ts'
import { parseReference } from './parse-csv.ts'

export interface ReferenceOptions {
  readonly catalog: Catalog
  readonly storage: Storage
  readonly dir?: string
  /** A line for whoever watches. */
  readonly say?: (line: string) => void
}

export interface ReferenceLoad { readonly table: string, readonly outcome: 'fresh' | 'written' | 'refused', readonly rows: number, readonly error?: unknown }

export const referenceProperty = 'firn.reference'
const fileBytesMax = 64 * 1_048_576
/** For as long as a model may still count from an older state. */
const keepAllMs = 3_600_000
const metadataBytesMax = 256_000
const attemptsMax = 3
const properties = { 'write.metadata.delete-after-commit.enabled': 'true', 'write.metadata.previous-versions-max': '20', 'write.parquet.compression-codec': 'zstd' }

/** Cheap when nothing changed: a hash and a load of each table. One file's fault does not keep the others back. */
export async function loadReferences ({ catalog, storage, dir = referenceFolder, say = () => undefined }: ReferenceOptions): Promise<ReferenceLoad[]> {
  const loads: ReferenceLoad[] = []
  for (const reference of await readReferences(dir)) {
    try {
      const load = await loadReference(catalog, storage, reference)
      if (load.outcome === 'written') say(`${load.table} has ${load.rows} rows of ${basename(reference.file)}`)
      loads.push(load)
    } catch (error) {
      // The catalog's own trouble is not the file's: whoever called tries again.
      if (isCatalogError(error) && error.retryable) throw error
      say(`${reference.table} keeps its rows: ${error instanceof Error ? error.message : String(error)}`)
      loads.push({ table: reference.table, outcome: 'refused', rows: 0, error })
    }
  }
  if (await findTable(catalog, refusedEvents) === null) await createTable(catalog, refusedEvents)
  return loads
}

/** All rows of a table whose rows come from elsewhere than a file. */
export async function replaceReference (catalog: Catalog, storage: Storage, reference: Reference, rows: readonly (string | null)[][], hash: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const table = await evolveSchema({ catalog, storage, table: await findTable(catalog, reference) ?? await createTable(catalog, reference) }, columnsOf(reference))
    if (table.metadata.properties[referenceProperty] === hash) return
    if (await replaceRows(catalog, storage, table, await writeRows(storage, table, reference, rows), hash, attempt)) return
  }
}

async function loadReference (catalog: Catalog, storage: Storage, reference: Reference): Promise<ReferenceLoad> {
  const { file, columns, table: name } = reference
  const { size } = await stat(file)
  if (size > fileBytesMax) throw fail('REFERENCE_INVALID', { file: basename(file), line: 1, column: 1, reason: `it has ${size} bytes, and ${fileBytesMax} are read at most` })
  const bytes = await readFile(file)
  const hash = createHash('sha256').update(JSON.stringify(columns.map(({ name, type }) => [name, type]))).update(bytes).digest('hex')
  for (let attempt = 1; ; attempt++) {
    const found = await findTable(catalog, reference)
    if (found?.metadata.properties[referenceProperty] === hash) return { table: name, outcome: 'fresh', rows: 0 }
    const rows = parseReference({ ...reference, file: basename(file) }, textOf(bytes, basename(file)))
    const table = await evolveSchema({ catalog, storage, table: found ?? await createTable(catalog, reference) }, columnsOf(reference))
    if (await replaceRows(catalog, storage, table, await writeRows(storage, table, reference, rows), hash, attempt)) return { table: name, outcome: 'written', rows: rows.length }
  }
}

function textOf (bytes: Buffer, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (error) {
    throw fail('REFERENCE_INVALID', { file, line: 1, column: 1, reason: 'it is not UTF-8: save it as UTF-8' }, error)
  }
}

/** Whether it landed; not when somebody else changed the table meanwhile. */
async function replaceRows (catalog: Catalog, storage: Storage, table: LoadedTable, added: DataFile[], hash: string, attempt: number): Promise<boolean> {
  const snapshotId = createSnapshotId(table.metadata)
  const { files: removed } = await scanFiles(storage, table)
  const outcome = await commitSnapshot({ catalog, storage, table }, snapshotId, base => stageOverwrite({ storage }, base, {
    snapshotId, added, removed, plannedOn: mainSnapshotId(table.metadata), properties: { [referenceProperty]: hash }, expire: { keepAllMs, metadataBytesMax }
  }))
  if (outcome.kind === 'failed') throw outcome.error
  if (outcome.kind === 'landed') return true
  await discardFiles(storage, outcome, added)
  if (attempt >= attemptsMax) throw fail('REFERENCE_CONFLICT', { table: [...table.id.namespace, table.id.name].join('.'), attempts: attempt, reason: outcome.reason })
  return false
}

/** All rows in one file; none when there are none. */
async function writeRows (storage: Storage, table: LoadedTable, { columns, key }: Reference, rows: readonly (string | null)[][]): Promise<DataFile[]> {
  if (rows.length === 0) return []
  const schema = currentSchema(table.metadata)
  const location = dataFileLocation(table.metadata, {}, `${crypto.randomUUID()}.parquet`)
  const instance = await DuckDBInstance.create(':memory:', noExtensions)
  const connection = await instance.connect()
  try {
    await connection.run(`set TimeZone = 'UTC'; create table texts (${columns.map(({ name }) => `${quoteIdentifier(name)} varchar`).join(', ')})`)
    const appender = await connection.createAppender('texts')
    for (const row of rows) {
      for (const value of row) if (value === null) appender.appendNull(); else appender.appendVarchar(value)
      appender.endRow()
    }
    appender.closeSync()
    const select = schema.fields.map(({ name, type }) => `cast(${columns.some(column => column.name === name) ? quoteIdentifier(name) : 'null'} as ${duckdbType(type)}) as ${quoteIdentifier(name)}`).join(', ')
    const file = await copyToDataFile(connection, storage, table, { select: `select ${select} from texts order by ${key.map(quoteIdentifier).join(', ') || '1'}`, partition: {}, location })
    await storage.makeDurable([location])
    return [file]
  } finally {
    connection.closeSync()
    instance.closeSync()
  }
}

async function findTable (catalog: Catalog, reference: Reference): Promise<LoadedTable | null> {
  try {
    return await catalog.loadTable(identifierOf(reference))
  } catch (error) {
    if (isCatalogError(error, 'CATALOG_NO_SUCH_TABLE') || isCatalogError(error, 'CATALOG_NO_SUCH_NAMESPACE')) return null
    throw error
  }
}

async function createTable (catalog: Catalog, reference: Reference): Promise<LoadedTable> {
  const id = identifierOf(reference)
  await catalog.ensureNamespace(id.namespace)
  const schema = schemaOfColumns(columnsOf(reference))
  try {
    return await catalog.createTable(id, { schema, 'partition-spec': partitionSpecOf(schema, []), properties: { ...properties, comment: `Reference data from ${basename(reference.file)}.` } })
  } catch (error) {
    if (isCatalogError(error, 'CATALOG_ALREADY_EXISTS')) return await catalog.loadTable(id)
    throw error
  }
}

function identifierOf ({ table }: Reference): TableIdentifier {
  const [namespace, name] = table.split('.') as [string, string]
  return { namespace: [namespace], name }
}

function columnsOf ({ columns }: Reference): { name: string, type: string, doc: string }[] {
  return columns.map(({ name, type, doc }) => ({ name, type: type.replace(/^decimal\((\d+),(\d+)\)$/, 'decimal($1, $2)'), doc }))
}
