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
  const files: LiveFile[] = []
  const deleteFiles: DeleteFile[] = []
  for (let index = 0; index < manifests.length; index += manifestsAtOnce) {
    const group = manifests.slice(index, index + manifestsAtOnce)
    const decoded = await Promise.all(group.map(async manifest => ({ manifest, entries: await readManifest(storage, table, manifest) })))
    for (const { entries } of decoded) collect(entries, after, options, files, deleteFiles)
  }
  if (deleteFiles.length > 0 && options.withDeleteFiles !== true) {
    throw new CatalogError('CATALOG_DELETE_FILES', { table: printIdentifier(table.id), count: deleteFiles.length, location: deleteFiles[0]?.location })
  }
  return { files, deleteFiles }
}

function collect(entries: readonly ManifestEntry[], after: bigint, options: ScanOptions, files: LiveFile[], deleteFiles: DeleteFile[]): void {
  for (const entry of entries) {
    if (entry.status === 'deleted') continue
    const sequenceNumber = entry.sequenceNumber ?? 0n
    const { file } = entry
    if (entry.content !== 'data') {
      deleteFiles.push({ location: file.location, content: entry.content, dataSequenceNumber: sequenceNumber, partition: file.partition, equalityIds: entry.equalityIds })
    } else if (sequenceNumber > after && (options.filter === undefined || options.filter(file.partition, file.specId))) {
      files.push({ ...file, dataSequenceNumber: sequenceNumber, snapshotId: entry.snapshotId })
    }
  }
}

async function readManifest(storage: Storage, table: LoadedTable, manifest: ManifestFile): Promise<ManifestEntry[]> {
  return await decodeManifest(await storage.read(manifest.location), manifest, table.metadata)
}
