// Which views a statement needs: one for each table that it names, over exactly the files of one snapshot; where it names none
// (show tables, a typing mistake), the columns of all tables and no files. Plans only: whoever holds a DuckDB makes the views.
// What is remembered between statements is bounded, and at most tableMsMax old.

import { createHash } from 'node:crypto'
import { bringFiles, duckdbScan, isCatalogError, locationsRead, quoteIdentifier, quoteText, scanFiles, snapshotAtTime, type Catalog, type LoadedTable, type Schema, type Storage, type TableIdentifier } from '../../catalog/index.ts'
import { readTime } from '../../runtime/index.ts'
import { fail } from '../errors.ts'
import type { AsOf } from './engine.ts'

export interface LakeTables {
  readonly catalog: Catalog
  /** Named in what goes wrong. */
  readonly catalogUrl: string
  readonly storage: Storage
}

export interface View {
  readonly schema: string
  readonly name: string
  /** Goes behind FROM. */
  readonly relation: string
  /** Of the files that the relation reads. */
  readonly locations: readonly string[]
  /** null: no snapshot is read. */
  readonly snapshotId: string | null
}

export interface ViewPlan {
  /** Differs when the views differ. */
  readonly key: string
  readonly views: readonly View[]
  /** Statements that make the views in an empty DuckDB and let their names be found. */
  readonly setup: readonly { readonly sql: string, readonly table?: string }[]
  /** By table, of those that the statement names. */
  readonly snapshots: Readonly<Record<string, string>>
}

/** Where unqualified names are looked for. */
const homes = ['firn', 'analytics']
const shownTablesMax = 200
const listMsMax = 2_000
const tableMsMax = 500
const tablesMax = 1_000
const viewsMax = 128

/** What one process knows of the tables. Without one every statement asks the catalog and reads the manifests. */
export class KnownTables {
  readonly #tables = new Map<string, { readonly atMs: number, readonly table: Promise<LoadedTable> }>()
  readonly #views = new Map<string, Promise<View>>()
  #list: { readonly atMs: number, readonly ids: Promise<TableIdentifier[]> } | undefined

  async list (catalog: Catalog, mayBeOld: (ids: readonly TableIdentifier[]) => boolean): Promise<TableIdentifier[]> {
    if (this.#list !== undefined && performance.now() - this.#list.atMs < listMsMax) {
      const ids = await this.#list.ids.catch(() => [])
      if (mayBeOld(ids)) return ids
    }
    this.#list = { atMs: performance.now(), ids: listTables(catalog) }
    return await this.#list.ids
  }

  async table (catalog: Catalog, id: TableIdentifier): Promise<LoadedTable> {
    const name = nameOf(id)
    const known = this.#tables.get(name)
    if (known !== undefined && performance.now() - known.atMs < tableMsMax) return await known.table
    const before = await known?.table.catch(() => undefined)
    // The same object for the same state: what is remembered of it elsewhere holds on.
    const table = catalog.loadTable(id).then(table => before !== undefined && before.metadataLocation !== null && before.metadataLocation === table.metadataLocation ? before : table)
    remember(this.#tables, name, { atMs: performance.now(), table }, tablesMax)
    table.catch(() => { this.#tables.delete(name) })
    return await table
  }

  async view (key: string, make: () => Promise<View>): Promise<View> {
    const known = this.#views.get(key)
    const view = known ?? make()
    remember(this.#views, key, view, viewsMax)
    if (known === undefined) view.catch(() => { this.#views.delete(key) })
    return await view
  }
}

/** Throws SQL_CATALOG_AWAY, SQL_NO_TABLES, SQL_NO_SUCH_SNAPSHOT, SQL_TABLE_UNREADABLE. */
export async function planViews (lake: LakeTables, sql: string, asOf: AsOf | undefined, known = new KnownTables()): Promise<ViewPlan> {
  const { tables, named } = await loadTables(lake, sql, known)
  const at = asOf === undefined ? () => undefined : snapshotsAt(named, asOf)
  const views: View[] = []
  const keys: string[] = []
  for (const table of tables) {
    const isNamed = named.includes(table)
    const snapshot = isNamed ? at(table) : null
    try {
      const key = [table.metadata['table-uuid'], nameOf(table.id), table.metadata['current-schema-id'], snapshot === undefined ? table.metadata['current-snapshot-id'] : snapshot?.snapshotId, isNamed && snapshot === undefined].join('@')
      keys.push(key)
      views.push(await known.view(key, async () => await makeView(lake.storage, table, snapshot)))
    } catch (error) {
      if (isNamed) throw unreadable(nameOf(table.id), error)
    }
  }
  return { key: createHash('sha256').update(keys.sort().join()).digest('hex'), views, setup: setupOf(views), snapshots: Object.fromEntries(views.flatMap(view => view.snapshotId === null ? [] : [[`${view.schema}.${view.name}`, view.snapshotId]])) }
}

/** The snapshot of each table that the statement names, for an engine that finds the files itself; null before its first one. Throws as planViews does. */
export async function pinTables (lake: LakeTables, sql: string, asOf: AsOf | undefined, known = new KnownTables()): Promise<Record<string, string | null>> {
  const { named } = await loadTables(lake, sql, known)
  const at = asOf === undefined ? () => undefined : snapshotsAt(named, asOf)
  return Object.fromEntries(named.flatMap(table => {
    const found = at(table)
    const id = found === null ? null : found?.snapshotId ?? table.metadata['current-snapshot-id']
    return id === undefined || (id !== null && BigInt(id) < 0n) || (id === null && found !== null) ? [] : [[nameOf(table.id), id === null ? null : String(id)]]
  }))
}

export function unreadable (table: string, error: unknown): Error {
  return fail('SQL_TABLE_UNREADABLE', { table, reason: error instanceof Error ? error.message : String(error) }, error)
}

/** `at`: undefined is now, null is before the table was. */
async function makeView (storage: Storage, table: LoadedTable, at: SnapshotAt | null | undefined): Promise<View> {
  const files = at === null ? [] : (await scanFiles(storage, table, at === undefined ? {} : { snapshotId: at.snapshotId })).files
  const id = at === undefined ? table.metadata['current-snapshot-id'] : at?.snapshotId
  // Their footers say how they are read; the files themselves are brought when the statement runs.
  const release = await bringFiles(table, files, storage, [])
  const relation = at === null || at === undefined ? duckdbScan(table, files, storage) : duckdbScan(table, files, storage, at.schema)
  await release()
  return {
    schema: table.id.namespace.join('.'),
    name: table.id.name,
    relation,
    locations: locationsRead(files),
    snapshotId: id === undefined || id === null || BigInt(id) < 0n ? null : String(id)
  }
}

function setupOf (views: readonly View[]): ViewPlan['setup'] {
  const made = [...new Set(views.map(({ schema }) => schema))]
  const schemas = [...homes.filter(schema => made.includes(schema)), ...made.filter(schema => !homes.includes(schema))]
  return [
    { sql: `attach ':memory:' as lake; ${made.map(schema => `create schema if not exists lake.${quoteIdentifier(schema)}`).join('; ')}` },
    ...views.map(({ schema, name, relation }) => ({ sql: `create view lake.${quoteIdentifier(schema)}.${quoteIdentifier(name)} as select * from ${relation}`, table: `${schema}.${name}` })),
    { sql: `set search_path = ${quoteText(schemas.map(schema => `lake.${quoteIdentifier(schema)}`).join(','))}` }
  ]
}

/** The tables that the statement names; where it names none, all of ours and as many others as are looked at. */
async function loadTables ({ catalog, catalogUrl: url }: LakeTables, sql: string, known: KnownTables): Promise<{ tables: LoadedTable[], named: LoadedTable[] }> {
  const isOurs = ({ namespace }: TableIdentifier): boolean => homes.includes(namespace.join('.'))
  // A catalog may be shared: a table of somebody else is meant only when its namespace is named as well.
  const isNamed = (id: TableIdentifier): boolean => namesWord(sql, id.name) && (isOurs(id) || namesWord(sql, id.namespace.at(-1) ?? ''))
  try {
    const all = await known.list(catalog, ids => ids.some(isNamed))
    if (all.length === 0) throw fail('SQL_NO_TABLES', { url })
    const wanted = all.filter(isNamed)
    const shown = wanted.length > 0 ? wanted : [...all.filter(isOurs), ...all.filter(id => !isOurs(id))].slice(0, shownTablesMax)
    const tables = await Promise.all(shown.map(async id => await known.table(catalog, id).catch((error: unknown) => {
      // Shown beside what was asked for, a table that cannot be read is left out.
      if (wanted.length > 0 || isCatalogError(error, 'CATALOG_UNREACHABLE')) throw error
      return null
    })))
    const found = tables.filter(table => table !== null)
    return { tables: found, named: wanted.length > 0 ? found : [] }
  } catch (error) {
    if (isCatalogError(error, 'CATALOG_UNREACHABLE')) throw fail('SQL_CATALOG_AWAY', { url, reason: error.values.reason ?? 'no answer' }, error)
    throw error
  }
}

async function listTables (catalog: Catalog): Promise<TableIdentifier[]> {
  const namespaces = await catalog.listNamespaces()
  const unread = (error: unknown): TableIdentifier[] => {
    // Dropped meanwhile, or of a name that no address can hold: nothing of it can be asked for, and all else can.
    if (isCatalogError(error, 'CATALOG_NO_SUCH_NAMESPACE') || isCatalogError(error, 'CATALOG_NAME_REFUSED')) return []
    throw error
  }
  return (await Promise.all(namespaces.map(async namespace => await catalog.listTables(namespace).catch(unread)))).flat()
}

/** Whether the name occurs as a word of the statement, in any case. A miss would hide rows, so comments and texts count too. */
function namesWord (sql: string, name: string): boolean {
  // As it stands between quotes.
  const literal = name.replaceAll('"', '""').replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`)
  return new RegExp(`(?<![\\p{L}\\p{N}_])${literal}(?![\\p{L}\\p{N}_])`, 'iu').test(sql)
}

interface SnapshotAt { readonly snapshotId: bigint, readonly schema: Schema }

/** What each table was. A snapshot is one table's; the others are taken as they were when it was made. Throws SQL_NO_SUCH_SNAPSHOT. */
function snapshotsAt (named: readonly LoadedTable[], asOf: AsOf): (table: LoadedTable) => SnapshotAt | null | undefined {
  if (typeof asOf === 'object') {
    return table => {
      const id = asOf[nameOf(table.id)]
      if (id === undefined || id === null) return id
      return snapshotOf(table, id) ?? refuse(id)
    }
  }
  const owner = /^\d+$/.test(asOf) ? named.find(table => snapshotOf(table, asOf) !== undefined) : undefined
  const time = owner === undefined
    ? readTime(asOf)?.getTime() ?? NaN
    : owner.metadata.snapshots.find(one => String(one['snapshot-id']) === asOf)!['timestamp-ms']
  const found = new Map(named.map(table => [table, snapshotOf(table, asOf) ?? (/^\d+$/.test(asOf) && owner === undefined ? undefined : snapshotAt(table, time))]))
  if ([...found.values()].every(one => one === undefined)) refuse(asOf)
  return table => found.get(table) ?? null
}

function refuse (asOf: string): never {
  throw fail('SQL_NO_SUCH_SNAPSHOT', { asOf })
}

function snapshotAt (table: LoadedTable, time: number): SnapshotAt | undefined {
  if (Number.isNaN(time)) return undefined
  const found = snapshotAtTime(table.metadata, time)
  // Rows that are gone must not look like rows that never were.
  if (found === 'expired') refuse(`${new Date(time).toISOString()} of ${nameOf(table.id)}`)
  return found === null ? undefined : snapshotOf(table, String(found['snapshot-id']))
}

function snapshotOf ({ metadata }: LoadedTable, id: string): SnapshotAt | undefined {
  const snapshot = metadata.snapshots.find(one => String(one['snapshot-id']) === id)
  if (snapshot === undefined) return undefined
  const schemaId = snapshot['schema-id'] ?? metadata['current-schema-id']
  const schema = metadata.schemas.find(one => one['schema-id'] === schemaId) ?? metadata.schemas.at(-1)
  return schema === undefined ? undefined : { snapshotId: snapshot['snapshot-id'], schema }
}

function nameOf ({ namespace, name }: TableIdentifier): string {
  return [...namespace, name].join('.')
}

/** As the newest; the oldest is forgotten. */
function remember<V> (map: Map<string, V>, key: string, value: V, max: number): void {
  map.delete(key)
  map.set(key, value)
  if (map.size > max) map.delete(map.keys().next().value as string)
}
