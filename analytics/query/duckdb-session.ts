// A DuckDB in memory whose views are the live tables of the catalog: `events`, `firn.events` and `lake.firn.events` are one.
// Only the tables that a statement names have their files listed; a statement that names none (show tables, a typing
// mistake) gets the columns of all. UTC, no downloaded extension. The views are frozen at the snapshot read at the start.

import { DuckDBInstance, type DuckDBConnection } from '@duckdb/node-api'
import { duckdbScan, isCatalogError, scanFiles, type Catalog, type LoadedTable, type Schema, type Storage, type TableIdentifier } from '../../catalog/index.ts'
import { fail } from '../errors.ts'

/** Where unqualified names are looked for. */
const homes = ['firn', 'analytics']
const shownTablesMax = 200

export interface Lake {
  readonly catalog: Catalog
  /** Named in what goes wrong. */
  readonly catalogUrl: string
  readonly storage: Storage
  readonly memoryMiBMax: number
}

/** Connects, with views for what `sql` names. `asOf`: a snapshot id or a time. Throws SQL_CATALOG_AWAY, SQL_NO_TABLES, SQL_NO_SUCH_SNAPSHOT. */
export async function openSession ({ catalog, catalogUrl, storage, memoryMiBMax }: Lake, sql: string, asOf?: string): Promise<DuckDBConnection> {
  const [connection, { tables, named }] = await Promise.all([connect(memoryMiBMax), loadTables(catalog, catalogUrl, sql)])
  if (asOf !== undefined && !named.some(table => snapshotAt(table, asOf) !== undefined)) throw fail('SQL_NO_SUCH_SNAPSHOT', { asOf })
  await connection.run(`attach ':memory:' as lake; ${[...new Set(tables.map(({ id }) => id.namespace.join('.')))].map(schema => `create schema if not exists lake.${quote(schema)}`).join('; ')}`)
  for (const table of tables) {
    const name = [...table.id.namespace, table.id.name].join('.')
    try {
      const at = asOf === undefined ? undefined : snapshotAt(table, asOf)
      const snapshotId = asOf === undefined ? undefined : at?.snapshotId
      const wanted = named.includes(table) && !(asOf !== undefined && at === undefined)
      const files = wanted ? (await scanFiles(storage, table, snapshotId === undefined ? {} : { snapshotId })).files : []
      // Near until the process ends: the views are read when the statement runs.
      await storage.bringNear(files.map(file => file.location))
      const relation = at === undefined ? duckdbScan(table, files, storage) : duckdbScan(table, files, storage, at.schema)
      await connection.run(`create view lake.${quote(table.id.namespace.join('.'))}.${quote(table.id.name)} as select * from ${relation}`)
    } catch (error) {
      if (named.includes(table)) throw fail('SQL_TABLE_UNREADABLE', { table: name, reason: error instanceof Error ? error.message : String(error) }, error)
    }
  }
  const schemas = [...new Set([...homes, ...tables.map(({ id }) => id.namespace.join('.'))])].filter(schema => tables.some(({ id }) => id.namespace.join('.') === schema))
  await connection.run(`set search_path = '${schemas.map(schema => `lake.${quote(schema)}`).join(',').replaceAll("'", "''")}'`)
  return connection
}

async function connect (memoryMiBMax: number): Promise<DuckDBConnection> {
  const instance = await DuckDBInstance.create(':memory:', { autoinstall_known_extensions: 'false', autoload_known_extensions: 'false', memory_limit: `${memoryMiBMax}MiB` })
  const connection = await instance.connect()
  await connection.run("set TimeZone = 'UTC'")
  return connection
}

/** The tables that the statement names; where it names none, all of ours and as many others as are looked at. */
async function loadTables (catalog: Catalog, url: string, sql: string): Promise<{ tables: LoadedTable[], named: LoadedTable[] }> {
  try {
    const namespaces = await catalog.listNamespaces()
    const all = (await Promise.all(namespaces.map(namespace => catalog.listTables(namespace)))).flat()
    if (all.length === 0) throw fail('SQL_NO_TABLES', { url })
    const isOurs = ({ namespace }: TableIdentifier): boolean => homes.includes(namespace.join('.'))
    // A catalog may be shared: a table of somebody else is meant only when its namespace is named as well.
    const wanted = all.filter(id => namesWord(sql, id.name) && (isOurs(id) || namesWord(sql, id.namespace.at(-1) ?? '')))
    const shown = wanted.length > 0 ? wanted : [...all.filter(isOurs), ...all.filter(id => !isOurs(id))].slice(0, shownTablesMax)
    const tables = await Promise.all(shown.map(id => catalog.loadTable(id)))
    return { tables, named: wanted.length > 0 ? tables : [] }
  } catch (error) {
    if (isCatalogError(error, 'CATALOG_UNREACHABLE')) throw fail('SQL_CATALOG_AWAY', { url, reason: error.values.reason ?? 'no answer' }, error)
    throw error
  }
}

/** Whether the name occurs as a word of the statement, in any case. A miss would hide rows, so comments and texts count too. */
function namesWord (sql: string, name: string): boolean {
  const literal = name.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`)
  return new RegExp(`(?<![\\p{L}\\p{N}_])${literal}(?![\\p{L}\\p{N}_])`, 'iu').test(sql)
}

function snapshotAt ({ metadata }: LoadedTable, asOf: string): { snapshotId: bigint, schema: Schema } | undefined {
  const time = /^\d+$/.test(asOf) ? undefined : Date.parse(/T\d|\d \d/.test(asOf) && !/(Z|[+-]\d\d:?\d\d)$/i.test(asOf) ? asOf + 'Z' : asOf)
  const id = time === undefined
    ? BigInt(asOf)
    : metadata['snapshot-log'].filter(entry => entry['timestamp-ms'] <= time).at(-1)?.['snapshot-id']
  const snapshot = metadata.snapshots.find(one => one['snapshot-id'] === id)
  if (snapshot === undefined) return undefined
  const schemaId = snapshot['schema-id'] ?? metadata['current-schema-id']
  const schema = metadata.schemas.find(one => one['schema-id'] === schemaId) ?? metadata.schemas.at(-1)
  return schema === undefined ? undefined : { snapshotId: snapshot['snapshot-id'], schema }
}

function quote (name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
