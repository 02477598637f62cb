/**
 * The files that a table holds at a snapshot: manifests are read with what they inherit, removed entries left out.
 *
 * Refuses a table with delete files unless the caller says that it deals with them: reading its data files alone would show deleted rows.
 */
import { memoryOf } from '../actions/table-memory.ts'
import { printIdentifier, type LoadedTable } from '../catalogs/catalog.ts'
import { CatalogError } from '../errors.ts'
import { decodeManifest } from '../files/manifest.ts'
import type { LiveFile, ManifestEntry, ManifestFile } from '../spec/data-file.ts'
import type { Partition } from '../spec/partition.ts'
import { currentSnapshot, snapshotById } from '../spec/snapshot.ts'
import type { Storage } from '../storage/storage.ts'

export interface ScanOptions {
  /** The current snapshot when absent. */
  readonly snapshotId?: bigint | undefined
  /** Only files with a data sequence number above this one. */
  readonly afterSequenceNumber?: bigint | undefined
  readonly filter?: ((partition: Partition, specId: number) => boolean) | undefined
  /** By statistics, see file-bounds.ts. */
  readonly fileFilter?: ((file: LiveFile) => boolean) | undefined
  /** Return delete files instead of refusing the table. */
  readonly withDeleteFiles?: boolean | undefined
}

export interface DeleteFile { readonly location: string, readonly content: ManifestEntry['content'], readonly dataSequenceNumber: bigint, readonly partition: Partition, readonly equalityIds: number[] | null }
export interface TableScan { readonly files: LiveFile[], readonly deleteFiles: DeleteFile[] }

const manifestsAtOnce = 8

export async function scanFiles(storage: Storage, table: LoadedTable, options: ScanOptions = {}): Promise<TableScan> {
  const { metadata } = table
  const snapshot = options.snapshotId === undefined ? currentSnapshot(metadata) : snapshotById(metadata, options.snapshotId)
  if (snapshot === undefined) {
    if (options.snapshotId === undefined) return { files: [], deleteFiles: [] }
    throw new CatalogError('CATALOG_SNAPSHOT_UNKNOWN', { snapshotId: options.snapshotId, table: printIdentifier(table.id) })
  }
  const after = options.afterSequenceNumber ?? -1n
  const manifests = (await memoryOf(storage, metadata['table-uuid']).readList(snapshot['manifest-list']))
    .filter(manifest => manifest.content === 'deletes' || (manifest.sequenceNumber > after && manifest.addedFiles + manifest.existingFiles > 0))
  const { filter, fileFilter } = options
  const scan = await readLive(storage, table, manifests, file => file.dataSequenceNumber > after && (filter === undefined || filter(file.partition, file.specId)) && (fileFilter === undefined || fileFilter(file)))
  if (scan.deleteFiles.length > 0 && options.withDeleteFiles !== true) {
    throw new CatalogError('CATALOG_DELETE_FILES', { table: printIdentifier(table.id), count: scan.deleteFiles.length, location: scan.deleteFiles[0]?.location })
  }
  return scan
}

/** What is alive in these manifests, with what it inherits. Data files that `keep` leaves out take no memory. */
export async function readLive(storage: Storage, table: LoadedTable, manifests: readonly ManifestFile[], keep: (file: LiveFile) => boolean = () => true): Promise<TableScan> {
  const files: LiveFile[] = []
  const deleteFiles: DeleteFile[] = []
  for (let index = 0; index < manifests.length; index += manifestsAtOnce) {
    const group = manifests.slice(index, index + manifestsAtOnce)
    const decoded = await Promise.all(group.map(async manifest => decodeManifest(await storage.read(manifest.location), manifest, table.metadata)))
    for (const entries of decoded) collect(entries, keep, files, deleteFiles)
  }
  return { files, deleteFiles }
}

function collect(entries: readonly ManifestEntry[], keep: (file: LiveFile) => boolean, files: LiveFile[], deleteFiles: DeleteFile[]): void {
  for (const { status, content, sequenceNumber, snapshotId, equalityIds, file } of entries) {
    if (status === 'deleted') continue
    const dataSequenceNumber = sequenceNumber ?? 0n
    if (content !== 'data') { deleteFiles.push({ location: file.location, content, dataSequenceNumber, partition: file.partition, equalityIds }); continue }
    const live = { ...file, dataSequenceNumber, snapshotId }
    if (keep(live)) files.push(live)
  }
}
