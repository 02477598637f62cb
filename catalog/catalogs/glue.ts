/**
 * AWS Glue as a catalog of Iceberg tables, by its own API: Glue holds the pointer, this library makes the metadata (iceberg.md §2.5).
 *
 * The version id of a Glue table is the compare-and-set: a commit names the version whose metadata it checked its requirements against, so of
 * two that met one loses. After an unknown outcome the same request is sent with the same version id, our metadata file is looked for in the
 * table before a conflict is believed, and no file is deleted while any attempt may still land.
 */
import { randomUUID } from 'node:crypto'
import type { Database, Table, TableInput } from '@aws-sdk/client-glue'
import { CatalogError, isCatalogError } from '../errors.ts'
import { applyUpdates } from '../spec/metadata-update.ts'
import { createMetadata } from '../spec/new-table.ts'
import { ChangeRefused } from '../spec/refused.ts'
import { checkRequirements } from '../spec/requirements.ts'
import type { TableChange, TableIdentifier, TableMetadata } from '../spec/types.ts'
import type { Storage } from '../storage/storage.ts'
import type { AwsKeys } from './aws-credentials.ts'
import { printIdentifier, type Catalog, type CommitReply, type CreateTableRequest, type LoadedTable } from './catalog.ts'
import { GlueConnection, refusalOf } from './glue-connection.ts'
import { GlueMetadata } from './glue-metadata.ts'
import { gluePattern, metadataLocationOf, tableInputOf } from './glue-table.ts'

export interface GlueCatalogOptions extends Partial<AwsKeys> {
  /** Reads and writes metadata files. */
  readonly storage: Storage
  /** The account whose catalog it is, when it is not the caller's own. */
  readonly warehouse?: string
  /** Where tables get their files unless they or their database name a place. */
  readonly warehouseUrl?: string
  readonly endpoint?: string
  readonly requestMsMax?: number
  readonly readAttemptsMax?: number
  readonly clock?: () => number
}

/** A table as Glue had it at one version. */
interface Found { readonly id: TableIdentifier, readonly table: Table, readonly version: string, readonly metadataLocation: string, readonly metadata: TableMetadata }

/** A commit that is ready to be sent, or was: the same change is never staged twice. */
interface Staged { readonly base: Found, readonly next: LoadedTable & { readonly metadataLocation: string }, readonly input: TableInput, mayHaveLanded: boolean }

export function openGlueCatalog(catalogUrl: string, options: GlueCatalogOptions): Catalog {
  const region = /^glue:\/\/([a-z0-9-]+)\/?$/.exec(catalogUrl)?.[1]
  if (region === undefined) throw new CatalogError('CATALOG_URL_UNSUPPORTED', { url: catalogUrl })
  const glue = new GlueCatalog(new GlueConnection({ ...options, region }), options)
  return {
    loadTable: async id => toLoaded(await glue.find(id)),
    createTable: (id, request) => glue.create(id, request),
    commitTable: (id, change) => glue.commit(id, change),
    ensureNamespace: namespace => glue.ensureDatabase(namespace),
    listNamespaces: () => glue.listDatabases(),
    listTables: namespace => glue.listTables(namespace),
    dropTable: (id, purge = false) => glue.drop(id, purge)
  }
}

class GlueCatalog {
  readonly #glue: GlueConnection
  readonly #options: GlueCatalogOptions
  readonly #files: GlueMetadata
  readonly #account: { CatalogId?: string }
  readonly #staged = new WeakMap<TableChange, Staged>()

  constructor(glue: GlueConnection, options: GlueCatalogOptions) {
    this.#glue = glue
    this.#options = options
    this.#files = new GlueMetadata(options.storage)
    this.#account = options.warehouse === undefined ? {} : { CatalogId: options.warehouse }
  }

  async find(id: TableIdentifier): Promise<Found> {
    for (let attempt = 1; ; attempt++) {
      const table = await this.#getTable(id)
      const metadataLocation = metadataLocationOf(table)
      if (metadataLocation === null) throw new CatalogError('CATALOG_NOT_ICEBERG', { table: printIdentifier(id), url: this.#glue.address })
      // A server that counts no versions could not tell two committers apart.
      const version = table.VersionId
      if (version === undefined) throw new CatalogError('CATALOG_BAD_REPLY', { url: this.#glue.address, request: 'GetTable', reason: 'the table has no VersionId' })
      try {
        return { id, table, version, metadataLocation, metadata: await this.#files.read(metadataLocation) }
      } catch (error) {
        // Others committed since, and cleaned up behind them: the pointer is somewhere else by now.
        if (!isCatalogError(error, 'STORAGE_NOT_FOUND') || attempt > 1) throw error
      }
    }
  }

  async create(id: TableIdentifier, request: CreateTableRequest): Promise<LoadedTable> {
    const name = this.#nameOf(id)
    const database = await this.#getDatabase(name.DatabaseName)
    const location = (request.location ?? await this.#chooseLocation(database, name.Name)).replace(/(?<=[^/])\/+$/, '')
    const metadata = this.#make(id, () => createMetadata(request, { location, uuid: randomUUID(), nowMs: this.#nowMs() }))
    const metadataLocation = await this.#files.write(metadata, null)
    try {
      await this.#glue.send({ ...valuesOf(id), namespace: name.DatabaseName, request: 'CreateTable', what: `table ${printIdentifier(id)}` }, (client, sdk) => client.send(new sdk.CreateTableCommand({
        ...this.#account, DatabaseName: name.DatabaseName, TableInput: tableInputOf(name.Name, metadata, metadataLocation, null)
      })))
    } catch (error) {
      // Nobody heard whether it was made: it may be there, and it is ours when it points to our file.
      if (!isDefinite(error) || isCatalogError(error, 'CATALOG_ALREADY_EXISTS')) {
        const found = await this.find(id).catch(() => null)
        if (found?.metadataLocation === metadataLocation) return toLoaded(found)
      }
      if (isDefinite(error)) this.#files.discard([metadataLocation])
      throw error
    }
    return { id, metadata, metadataLocation }
  }

  async commit(id: TableIdentifier, change: TableChange): Promise<CommitReply> {
    let staged = this.#staged.get(change)
    try {
      if (staged === undefined) {
        const made = await this.#stage(id, change)
        if ('kind' in made) return made
        this.#staged.set(change, staged = made)
      }
    } catch (error) {
      return outcomeOf(error)
    }
    return await this.#swap(change, staged)
  }

  async ensureDatabase(namespace: readonly string[]): Promise<void> {
    const name = this.#databaseOf(namespace)
    try {
      // Asked first: who may write tables is not always allowed to make databases.
      await this.#getDatabase(name)
    } catch (error) {
      if (!isCatalogError(error, 'CATALOG_NO_SUCH_NAMESPACE')) throw error
      await this.#glue.read({ namespace: name, request: 'CreateDatabase', what: `namespace ${name}` }, (client, sdk) => client.send(new sdk.CreateDatabaseCommand({ ...this.#account, DatabaseInput: { Name: name } })))
        .catch((error: unknown) => { if (!isCatalogError(error, 'CATALOG_ALREADY_EXISTS')) throw error })
    }
  }

  async listDatabases(): Promise<string[][]> {
    return await this.#pages(async NextToken => {
      const page = await this.#glue.read({ request: 'GetDatabases' }, (client, sdk) => client.send(new sdk.GetDatabasesCommand({ ...this.#account, ...NextToken })))
      return { items: (page.DatabaseList ?? []).map(database => [database.Name ?? '']), next: page.NextToken }
    })
  }

  async listTables(namespace: readonly string[]): Promise<TableIdentifier[]> {
    const DatabaseName = this.#databaseOf(namespace)
    return await this.#pages(async NextToken => {
      const page = await this.#glue.read({ namespace: DatabaseName, request: 'GetTables' }, (client, sdk) => client.send(new sdk.GetTablesCommand({ ...this.#account, DatabaseName, ...NextToken })))
      return { items: (page.TableList ?? []).filter(table => metadataLocationOf(table) !== null).map(table => ({ namespace, name: table.Name ?? '' })), next: page.NextToken }
    })
  }

  async drop(id: TableIdentifier, purge: boolean): Promise<void> {
    if (purge) throw new CatalogError('CATALOG_PURGE_UNSUPPORTED', { table: printIdentifier(id) })
    const name = this.#nameOf(id)
    await this.find(id)
    await this.#glue.send({ ...valuesOf(id), request: 'DeleteTable' }, (client, sdk) => client.send(new sdk.DeleteTableCommand({ ...this.#account, ...name })))
  }

  async #stage(id: TableIdentifier, change: TableChange): Promise<Staged | Exclude<CommitReply, { kind: 'unknown' }>> {
    const base = await this.find(id)
    let metadata: TableMetadata
    try {
      checkRequirements(base.metadata, change.requirements)
      metadata = applyUpdates(base.metadata, [...change.updates], { nowMs: this.#nowMs(), baseLocation: base.metadataLocation })
    } catch (error) {
      if (!(error instanceof ChangeRefused)) throw error
      return error.kind === 'conflict' ? { kind: 'conflict', reason: error.message } : { kind: 'refused', error: this.#refused(id, error) }
    }
    if (metadata === base.metadata) return { kind: 'landed', table: toLoaded(base) }
    const metadataLocation = await this.#files.write(metadata, base.metadataLocation)
    return { base, next: { id, metadata, metadataLocation }, input: tableInputOf(this.#nameOf(id).Name, metadata, metadataLocation, base), mayHaveLanded: false }
  }

  async #swap(change: TableChange, staged: Staged): Promise<CommitReply> {
    const { base, next, input } = staged
    const wasUnknown = staged.mayHaveLanded
    staged.mayHaveLanded = true
    try {
      await this.#glue.send({ ...valuesOf(next.id), request: 'UpdateTable' }, (client, sdk) => client.send(new sdk.UpdateTableCommand({
        ...this.#account, DatabaseName: this.#nameOf(next.id).DatabaseName, TableInput: input, SkipArchive: true, VersionId: base.version
      })))
    } catch (error) {
      if (/^(ConcurrentModification|VersionMismatch)Exception$/.test(refusalOf(error) ?? '')) return await this.#explainConflict(change, staged, wasUnknown)
      const outcome = outcomeOf(error)
      staged.mayHaveLanded = wasUnknown || outcome.kind === 'unknown'
      if (!staged.mayHaveLanded) this.#giveUp(change, staged)
      return outcome
    }
    this.#trim(base.metadata, next.metadata)
    return { kind: 'landed', table: next }
  }

  /** The version moved: a rival was first, or it was we, unheard. Ours is looked for before the loss is believed. */
  async #explainConflict(change: TableChange, staged: Staged, wasUnknown: boolean): Promise<CommitReply> {
    let found: Found
    try {
      found = await this.find(staged.next.id)
    } catch (error) {
      return isCatalogError(error) && !error.retryable && !wasUnknown ? { kind: 'refused', error } : { kind: 'unknown', cause: error }
    }
    const ours = staged.next.metadataLocation
    if (found.metadataLocation === ours || found.metadata['metadata-log'].some(entry => entry['metadata-file'] === ours)) return { kind: 'landed', table: toLoaded(found) }
    // With the version gone, no copy of the request can land any more; files of attempts that were unknown stay all the same.
    staged.mayHaveLanded = wasUnknown
    if (!wasUnknown) this.#giveUp(change, staged)
    return { kind: 'conflict', reason: `version ${staged.base.version} of table ${printIdentifier(staged.next.id)} is no longer the current one in Glue, which is at ${found.version}` }
  }

  /** No copy of the request can land: its metadata goes, and the same change sent again starts anew. */
  #giveUp(change: TableChange, { next }: Staged): void {
    this.#staged.delete(change)
    this.#files.discard([next.metadataLocation])
  }

  /** Deletes the metadata files that fell off the log, for tables that ask for it. */
  #trim(base: TableMetadata, next: TableMetadata): void {
    if (next.properties['write.metadata.delete-after-commit.enabled'] !== 'true') return
    const kept = new Set(next['metadata-log'].map(entry => entry['metadata-file']))
    this.#files.discard(base['metadata-log'].map(entry => entry['metadata-file']).filter(file => !kept.has(file)))
  }

  async #getTable(id: TableIdentifier): Promise<Table> {
    const name = this.#nameOf(id)
    const { Table: table } = await this.#glue.read({ ...valuesOf(id), request: 'GetTable' }, (client, sdk) => client.send(new sdk.GetTableCommand({ ...this.#account, ...name })))
    if (table === undefined) throw new CatalogError('CATALOG_NO_SUCH_TABLE', valuesOf(id))
    return table
  }

  async #getDatabase(name: string): Promise<Database> {
    const { Database: database } = await this.#glue.read({ namespace: name, request: 'GetDatabase' }, (client, sdk) => client.send(new sdk.GetDatabaseCommand({ ...this.#account, Name: name })))
    return database ?? { Name: name }
  }

  async #pages<T>(read: (token: { NextToken?: string }) => Promise<{ items: T[], next: string | undefined }>): Promise<T[]> {
    const all: T[] = []
    for (let token: string | undefined, first = true; first || token !== undefined; first = false) {
      const { items, next } = await read(token === undefined ? {} : { NextToken: token })
      all.push(...items)
      token = next
    }
    return all
  }

  async #chooseLocation(database: Database, name: string): Promise<string> {
    const own = database.LocationUri === undefined || database.LocationUri === '' ? undefined : database.LocationUri.replace(/\/+$/, '')
    const warehouse = this.#options.warehouseUrl?.replace(/\/+$/, '')
    if (own === undefined && warehouse === undefined) throw new CatalogError('CATALOG_LOCATION_MISSING', { table: `${database.Name}.${name}` })
    const plain = own === undefined ? `${warehouse}/${database.Name}.db/${name}` : `${own}/${name}`
    return await this.#files.isTaken(plain) ? `${plain}-${randomUUID().slice(0, 8)}` : plain
  }

  #nameOf(id: TableIdentifier): { DatabaseName: string, Name: string } {
    const DatabaseName = this.#databaseOf(id.namespace)
    if (!gluePattern.test(id.name)) throw new CatalogError('CATALOG_NAME_UNSUPPORTED', { name: id.name, url: this.#glue.address })
    return { DatabaseName, Name: id.name }
  }

  #databaseOf(namespace: readonly string[]): string {
    const [name] = namespace
    if (name === undefined || namespace.length !== 1 || !gluePattern.test(name)) throw new CatalogError('CATALOG_NAME_UNSUPPORTED', { name: namespace.join('.'), url: this.#glue.address })
    return name
  }

  #make(id: TableIdentifier, make: () => TableMetadata): TableMetadata {
    try {
      return make()
    } catch (error) {
      throw error instanceof ChangeRefused ? this.#refused(id, error) : error
    }
  }

  #refused(id: TableIdentifier, error: ChangeRefused): CatalogError {
    return new CatalogError('CATALOG_REFUSED', { url: this.#glue.address, request: `a change of ${printIdentifier(id)}`, status: 400, reason: error.message }, error)
  }

  #nowMs(): number {
    return (this.#options.clock ?? Date.now)()
  }
}

function valuesOf(id: TableIdentifier): Record<string, unknown> {
  return { table: printIdentifier(id) }
}

function toLoaded({ id, metadata, metadataLocation }: Found): LoadedTable {
  return { id, metadata, metadataLocation }
}

/** Glue said no, and means it: nothing of the request can happen any more. */
function isDefinite(error: unknown): boolean {
  return isCatalogError(error) && !error.retryable
}

/** What a failed request says about a commit: refused for certain, or nobody knows. What may succeed when sent again counts as unknown. */
function outcomeOf(error: unknown): CommitReply {
  if (!isCatalogError(error)) throw error
  if (isDefinite(error)) return { kind: 'refused', error }
  const retryAfterMs = error.values['retryAfterMs']
  return { kind: 'unknown', cause: error, ...(typeof retryAfterMs === 'number' ? { retryAfterMs } : {}) }
}
