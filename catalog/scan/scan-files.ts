/**
 * The files that a table holds at a snapshot: manifests are read with what they inherit, removed entries left out. Each data file carries
 * what deletes rows of it; `duckdbScan` applies that.
 *
 * Refuses a table whose delete files cannot be applied, unless the caller says that it takes its files all the same: reading them would
 * show deleted rows.
 */
import { refuseVersion } from '../actions/refuse-version.ts'
import { memoryOf } from '../actions/table-memory.ts'
import { printIdentifier, type LoadedTable } from '../catalogs/catalog.ts'
import { CatalogError, reasonOf } from '../errors.ts'
import { decodeDeletionVector } from '../files/deletion-vector.ts'
import { decodeManifest } from '../files/manifest.ts'
import type { DeleteFile, DeletionVector, LiveFile, ManifestEntry, ManifestFile } from '../spec/data-file.ts'
import { formatVersionsRead } from '../spec/format-version.ts'
import type { Partition } from '../spec/partition.ts'
import { currentSnapshot, snapshotById } from '../spec/snapshot.ts'
import type { Storage } from '../storage/storage.ts'
import { indexDeletes, isVector } from './applicable-deletes.ts'

export interface ScanOptions {
  /** The current snapshot when absent. */
  readonly snapshotId?: bigint | undefined
  /** Only files with a data sequence number above this one. */
  readonly afterSequenceNumber?: bigint | undefined
  readonly filter?: ((partition: Partition, specId: number) => boolean) | undefined
  /** By statistics, see file-bounds.ts. */
  readonly fileFilter?: ((file: LiveFile) => boolean) | undefined
  /** Return the files of a table whose delete files cannot be applied, instead of refusing it. */
  readonly withDeleteFiles?: boolean | undefined
}

export interface TableScan { readonly files: LiveFile[], readonly deleteFiles: DeleteFile[] }

const manifestsAtOnce = 8

export async function scanFiles(storage: Storage, table: LoadedTable, options: ScanOptions = {}): Promise<TableScan> {
  refuseVersion(table, formatVersionsRead, 'read')
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
  return scan.deleteFiles.length === 0 ? scan : await attachDeletes(storage, table, scan, options.withDeleteFiles === true)
}

/** Gives each data file what deletes rows of it. */
async function attachDeletes(storage: Storage, table: LoadedTable, scan: TableScan, isLenient: boolean): Promise<TableScan> {
  const vectors = new Map<DeleteFile, DeletionVector>()
  const wanted = new Set<DeleteFile>()
  const strange = scan.deleteFiles.find(file => !(file.format === 'PARQUET' || isVector(file)))
  if (strange !== undefined && !isLenient) throw refusal(table, scan, strange, `its format is ${strange.format}`)
  const none: DeletionVector = new Map()
  const applied = scan.deleteFiles.filter(file => file.format === 'PARQUET' || isVector(file))
  const index = indexDeletes(table.metadata, applied, vector => { wanted.add(vector); return vectors.get(vector) ?? none })
  // Once to see which vectors are needed, and again when they are there.
  for (const file of scan.files) index.deletesOf(file)
  const needed = [...wanted]
  for (let at = 0; at < needed.length; at += manifestsAtOnce) {
    await Promise.all(needed.slice(at, at + manifestsAtOnce).map(async file => {
      try {
        vectors.set(file, await readVector(storage, file))
      } catch (error) {
        if (!isLenient) throw refusal(table, scan, file, reasonOf(error), error)
      }
    }))
  }
  const files = scan.files.map(file => {
    const deletes = index.deletesOf(file)
    return deletes === undefined ? file : { ...file, deletes }
  })
  return { files, deleteFiles: scan.deleteFiles }
}

async function readVector(storage: Storage, { location, contentOffset, contentSizeBytes, recordCount }: DeleteFile): Promise<DeletionVector> {
  if (contentOffset === null || contentSizeBytes === null) throw new TypeError('the manifest does not say where it lies')
  return decodeDeletionVector(await storage.readRange(location, Number(contentOffset), Number(contentSizeBytes)), recordCount)
}

function refusal(table: LoadedTable, scan: TableScan, { location }: DeleteFile, reason: string, cause?: unknown): CatalogError {
  return new CatalogError('CATALOG_DELETE_FILES', { table: printIdentifier(table.id), count: scan.deleteFiles.length, location, reason }, cause)
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
  for (const entry of entries) {
    if (entry.status === 'deleted') continue
    if (entry.content !== 'data') { deleteFiles.push(deleteFileOf(entry)); continue }
    const live = { ...entry.file, dataSequenceNumber: entry.sequenceNumber ?? 0n, snapshotId: entry.snapshotId }
    if (keep(live)) files.push(live)
  }
}

function deleteFileOf({ content, sequenceNumber, equalityIds, referencedDataFile, contentOffset, contentSizeBytes, file }: ManifestEntry): DeleteFile {
  const { location, format, specId, partition, recordCount, lowerBounds, upperBounds } = file
  return {
    location, format, content, dataSequenceNumber: sequenceNumber ?? 0n, specId, partition, recordCount,
    equalityIds, referencedDataFile, contentOffset, contentSizeBytes, lowerBounds, upperBounds
  }
}
