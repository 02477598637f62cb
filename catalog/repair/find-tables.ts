/**
 * What the warehouse itself holds, whatever a catalog says: folders with metadata files, what each file would give back, and whether it can be
 * read down to its manifests. Reads only.
 */
import { dirname } from 'node:path/posix'
import { reasonOf } from '../errors.ts'
import { decodeManifestList } from '../files/manifest-list.ts'
import { decodeManifest } from '../files/manifest.ts'
import { decodeMetadataFile } from '../spec/metadata-file.ts'
import { mainSnapshotId, snapshotById } from '../spec/snapshot.ts'
import type { TableIdentifier, TableMetadata } from '../spec/types.ts'
import { numberOf } from '../server/behind.ts'
import type { Storage } from '../storage/storage.ts'

export interface MetadataFile { readonly location: string, readonly number: number, readonly modifiedMs: number }

/** A folder with metadata files, the newest first. */
export interface TableFolder {
  readonly folder: string
  /** By its place in the warehouse; null where the place tells no name. */
  readonly name: TableIdentifier | null
  readonly files: readonly MetadataFile[]
}

/** What registering a file would give back. */
export interface FileReport {
  readonly file: MetadataFile
  readonly uuid: string | null
  readonly snapshots: number
  readonly newestMs: number | null
  readonly rows: string | null
  /** Null: it can be read down to its manifests. */
  readonly unreadable: string | null
  readonly metadata: TableMetadata | null
}

export async function findTables(storage: Storage, warehouse: string): Promise<TableFolder[]> {
  const folders = new Map<string, MetadataFile[]>()
  for await (const { location, modifiedMs } of storage.list(warehouse)) {
    if (!/\.metadata\.json(\.gz)?$/.test(location)) continue
    const folder = dirname(dirname(location))
    folders.set(folder, [...folders.get(folder) ?? [], { location, modifiedMs, number: numberOf(location) ?? -1 }])
  }
  return [...folders].sort(([a], [b]) => a < b ? -1 : 1).map(([folder, files]) => ({
    folder,
    name: nameOf(folder, warehouse),
    files: files.sort((a, b) => b.number - a.number || b.modifiedMs - a.modifiedMs)
  }))
}

/** `<warehouse>/<namespace>/<name>`, or `…/<name>-<8 hex digits>` where the plain place was taken. */
function nameOf(folder: string, warehouse: string): TableIdentifier | null {
  const parts = folder.slice(warehouse.length).split('/').filter(part => part !== '')
  const name = parts.pop()?.replace(/-[0-9a-f]{8}$/, '')
  return name === undefined || parts.length === 0 ? null : { namespace: parts, name }
}

/** `without`: a data file that is there and cannot be read; only an engine that reads it can find that out. */
export async function inspectFile(storage: Storage, file: MetadataFile, without: string | null = null): Promise<FileReport> {
  const nothing = { file, uuid: null, snapshots: 0, newestMs: null, rows: null, metadata: null }
  let metadata: TableMetadata
  try {
    metadata = decodeMetadataFile(file.location, await storage.read(file.location))
  } catch (error) {
    return { ...nothing, unreadable: reasonOf(error) }
  }
  const main = mainSnapshotId(metadata)
  const snapshot = main === null ? undefined : snapshotById(metadata, main)
  return {
    file,
    uuid: metadata['table-uuid'],
    snapshots: metadata.snapshots.length,
    newestMs: Number(snapshot?.['timestamp-ms'] ?? metadata['last-updated-ms']),
    rows: snapshot === undefined ? '0' : snapshot.summary?.['total-records'] ?? null,
    unreadable: snapshot === undefined ? null : await unreadablePart(storage, metadata, snapshot['manifest-list'], without),
    metadata
  }
}

/** The first file below the metadata that is missing or damaged. Data files are asked for their size, not read. */
async function unreadablePart(storage: Storage, metadata: TableMetadata, list: string, without: string | null): Promise<string | null> {
  try {
    for (const manifest of await decodeManifestList(await storage.read(list), list)) {
      const entries = await decodeManifest(await storage.read(manifest.location), manifest, metadata)
      for (const { status, file } of entries) {
        if (status === 'deleted') continue
        if (file.location === without) return `it names ${without}`
        const bytes = await storage.size(file.location)
        if (BigInt(bytes) !== file.fileSizeBytes) return `${file.location} has ${bytes} bytes, its manifest says ${file.fileSizeBytes}`
      }
    }
    return null
  } catch (error) {
    return reasonOf(error)
  }
}
