/** The table layer: everything that knows Iceberg. What is not exported here is nobody else's business. */
import type { Registered, RepairPlace, WarehouseReport } from './repair/repair.ts'
import type { Relocated, RelocateOptions } from './relocate/relocate.ts'
import type { CatalogServer, CatalogServerOptions } from './server/server.ts'
import type { TableIdentifier } from './spec/types.ts'

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
export type { DataFile, DeleteFile, LiveFile, ManifestFile } from './spec/data-file.ts'
export { identityValue, partitionColumns, partitionKey, partitionPath, partitionSpecOf, sharedSpecOf, specById, type Partition, type PartitionColumn } from './spec/partition.ts'
export type { SingleValue } from './spec/single-value.ts'
export { applyTransform, parseTransform, printDate, transformedType, type PartitionValue } from './spec/transforms.ts'
export { ownColumnsOf, recordedSchema } from './spec/own-columns.ts'
export { decideLayout, judgeBase, ownSchema, type FileLayout, type TableHalt } from './spec/file-layout.ts'
export { dataFileLocation } from './spec/names.ts'
export { currentSchema, fieldById, listFields, schemaById } from './spec/schema.ts'
export { diffSchema, schemaOfColumns, type WantedColumn } from './spec/schema-evolution.ts'
export { adviceFor, formatVersionsWritten } from './spec/format-version.ts'
export { createSnapshotId, currentSnapshot, mainSnapshotId, snapshotAtTime, snapshotById } from './spec/snapshot.ts'
export { DuckDBInstance } from './files/duckdb.ts'
export { copyToDataFile } from './files/duckdb-copy.ts'
export { dataFileFromDuckDB, type DuckDBStatsRow } from './files/duckdb-statistics.ts'
export { placeRows, type PlacedPart, type Placement } from './files/duckdb-placement.ts'
export { placingTerms, writtenColumns, type OwnSql, type PlacingTerm } from './files/duckdb-rows.ts'
export { transformSql } from './files/duckdb-transforms.ts'
export { duckdbType, engineSchema, fieldIdsForDuckDB, quoteIdentifier, quoteText } from './files/duckdb-types.ts'
export { stageAppend, type AppendBatch } from './actions/append.ts'
export { stageOverwrite, type OverwriteBatch } from './actions/overwrite.ts'
export type { StageAbandoned, StageContext, StagedChange } from './actions/stage-snapshot.ts'
export { planExpiry, type ExpirePolicy } from './actions/expire-snapshots.ts'
export { deleteExpiredFiles, resumeCleanup, type CleanupResult } from './actions/delete-expired.ts'
export { commitSnapshot, discardFiles, type CommitContext, type CommitOptions, type CommitOutcome } from './commit/commit.ts'
export { evolveSchema, keepOwnColumns, keepSharedSpec, setProperties } from './commit/change.ts'
export { bringFiles, locationsRead } from './scan/bring-files.ts'
export { mayBeOfFile, namingDamaged } from './scan/damaged-file.ts'
export { readFiles } from './scan/read-files.ts'
export { scanFiles, type ScanOptions, type TableScan } from './scan/scan-files.ts'
export type { FileReport } from './repair/find-tables.ts'
export type { FolderReport, Registered, RepairPlace, StateReport, WarehouseReport } from './repair/repair.ts'
export type { CatalogServer, CatalogServerOptions } from './server/server.ts'
export { changesSince, recordOf, type SourceChanges, type SourceRecord } from './scan/changes-since.ts'
export { mayHold, upperBound } from './scan/file-bounds.ts'
export { duckdbScan } from './scan/duckdb-scan.ts'
export { tableFigures, type TableFigures } from './scan/table-figures.ts'
export { CatalogError, catalogErrors, isCatalogError, type CatalogErrorCode } from './errors.ts'

/** The embedded REST catalog. Loaded when it is called: a writer does not carry the server in its memory. */
export async function startCatalogServer(options: CatalogServerOptions): Promise<CatalogServer> {
  return await (await import('./server/server.ts')).startCatalogServer(options)
}

/** See `npm run relocate`. */
export async function relocateFolder(options: RelocateOptions): Promise<Relocated> {
  return await (await import('./relocate/relocate.ts')).relocateFolder(options)
}

/** These four: see `npm run repair`. */
export async function inspectWarehouse(place: RepairPlace, filesMax: number, without: string | null = null): Promise<WarehouseReport> {
  return await (await import('./repair/repair.ts')).inspectWarehouse(place, filesMax, without)
}

export async function registerFile(place: RepairPlace, location: string, as: TableIdentifier | null): Promise<Registered> {
  return await (await import('./repair/repair.ts')).registerFile(place, location, as)
}

export async function registerAll(place: RepairPlace, filesMax: number): Promise<Registered[]> {
  return await (await import('./repair/repair.ts')).registerAll(place, filesMax)
}

export async function takeOlder(dataDir: string): Promise<number> {
  return (await import('./repair/repair.ts')).takeOlder(dataDir)
}
