/** The table layer: everything that knows Iceberg. What is not exported here is nobody else's business. */
import type { CatalogServer, CatalogServerOptions } from './server/server.ts'

export type { CreateTableRequest, Catalog, CommitReply, LoadedTable } from './catalogs/catalog.ts'
export { printIdentifier } from './catalogs/catalog.ts'
export { connectCatalog } from './catalogs/connect.ts'
export { lakeSettings, storageSettings, type LakeConfig, type StorageConfig } from './settings.ts'
export { openLake, type Lake } from './lake.ts'
export { openStorageFrom } from './warehouse.ts'
export type { S3Options, Storage, StorageCredentials, StoredFile } from './storage/storage.ts'
export { openStorage } from './storage/open.ts'
export { resolveWarehouse } from './storage/local.ts'
export type * from './spec/types.ts'
export { parseJson, parseMetadata, printJson } from './spec/json.ts'
export type { DataFile, LiveFile, ManifestFile } from './spec/data-file.ts'
export { partitionPath, partitionColumns, type Partition } from './spec/partition.ts'
export { applyTransform, printDate, type PartitionValue } from './spec/transforms.ts'
export { dataFileLocation } from './spec/names.ts'
export { currentSchema, fieldById, listFields, schemaById } from './spec/schema.ts'
export { diffSchema, schemaOfColumns, type WantedColumn } from './spec/schema-evolution.ts'
export { createSnapshotId, currentSnapshot, mainSnapshotId, snapshotById } from './spec/snapshot.ts'
export { dataFileFromDuckDB, type DuckDBStatsRow } from './files/duckdb-statistics.ts'
export { duckdbType, fieldIdsForDuckDB } from './files/duckdb-types.ts'
export { stageAppend, type AppendBatch, type StagedChange } from './actions/append.ts'
export { planExpiry, type ExpirePolicy } from './actions/expire-snapshots.ts'
export { deleteExpiredFiles, type CleanupResult } from './actions/delete-expired.ts'
export { commitSnapshot, type CommitContext, type CommitOptions, type CommitOutcome } from './commit/commit.ts'
export { evolveSchema, setProperties } from './commit/change.ts'
export { scanFiles, type DeleteFile, type ScanOptions, type TableScan } from './scan/scan-files.ts'
export type { CatalogServer, CatalogServerOptions } from './server/server.ts'
export { duckdbScan } from './scan/duckdb-scan.ts'
export { CatalogError, catalogErrors, isCatalogError, type CatalogErrorCode } from './errors.ts'

/** The embedded REST catalog. Loaded when it is called: a writer does not carry the server in its memory. */
export async function startCatalogServer(options: CatalogServerOptions): Promise<CatalogServer> {
  return await (await import('./server/server.ts')).startCatalogServer(options)
}
