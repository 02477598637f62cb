/** The seam to a catalog: who holds the pointer to a table's current metadata. One request per call; nothing here retries a commit. */
import type { CatalogError } from '../errors.ts'
import type { PartitionSpec, Schema, SortOrder, TableChange, TableIdentifier, TableMetadata } from '../spec/types.ts'
import type { StorageCredentials } from '../storage/storage.ts'

export interface Catalog {
  /** CATALOG_NO_SUCH_TABLE when it is missing. */
  loadTable(id: TableIdentifier): Promise<LoadedTable>
  /** CATALOG_ALREADY_EXISTS, CATALOG_NO_SUCH_NAMESPACE. Field ids of the request are re-assigned: go on with those of the reply. */
  createTable(id: TableIdentifier, request: CreateTableRequest): Promise<LoadedTable>
  /** One request. The same `change` object sent again is sent byte for byte. */
  commitTable(id: TableIdentifier, change: TableChange): Promise<CommitReply>
  ensureNamespace(namespace: readonly string[]): Promise<void>
  listNamespaces(): Promise<string[][]>
  listTables(namespace: readonly string[]): Promise<TableIdentifier[]>
  dropTable(id: TableIdentifier, purge?: boolean): Promise<void>
  /** Where the catalog hands out credentials for files: those for this file of the table, good for minutes at least; null when it has none. */
  storageCredentials?(id: TableIdentifier, location: string): Promise<StorageCredentials | null>
}

export interface CreateTableRequest {
  'schema': Schema
  'partition-spec'?: PartitionSpec
  'write-order'?: SortOrder
  'properties'?: Record<string, string>
  'location'?: string
}

export interface LoadedTable { readonly id: TableIdentifier, readonly metadata: TableMetadata, readonly metadataLocation: string | null }

/** `unknown` may have landed: look for the snapshot id, delete nothing. */
export type CommitReply =
  | { kind: 'landed', table: LoadedTable }
  | { kind: 'conflict', reason: string }
  | { kind: 'unknown', cause: unknown, retryAfterMs?: number }
  | { kind: 'refused', error: CatalogError }

export function printIdentifier(id: TableIdentifier): string {
  return [...id.namespace, id.name].join('.')
}

/** A key that is equal for equal identifiers only: names may hold dots. */
export function keyOf({ namespace, name }: TableIdentifier): string {
  return JSON.stringify([namespace, name])
}
