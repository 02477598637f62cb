/**
 * Deletes the files of expired snapshots, after the commit that expired them has surely landed.
 *
 * Reachability decides: a manifest goes only when no manifest list of any snapshot that is still in the metadata names it, whichever ref it
 * belongs to. Until every such list has been read nothing is deleted. Data files go only out of a history that removed files; what appends and
 * merges leave behind are lists and superseded manifests. Work per call is bounded; the rest waits for the next call, as does everything when a
 * file that is needed to decide cannot be read (another process may be cleaning as well).
 */
import type { LoadedTable } from '../catalogs/catalog.ts'
import { isCatalogError } from '../errors.ts'
import type { ManifestFile } from '../spec/data-file.ts'
import { decodeMetadataFile } from '../spec/metadata-file.ts'
import type { Snapshot, TableMetadata } from '../spec/types.ts'
import type { Storage } from '../storage/storage.ts'
import { memoryOf, type TableMemory } from './table-memory.ts'
import { findUnreachable, ignoreMissing } from './unreachable-files.ts'

export interface CleanupOptions {
  /** Manifest lists read in one call. */
  readonly listsReadMax?: number
  /** Bytes of manifests read in one call, to know which data files are still alive. */
  readonly bytesReadMax?: bigint
  /** Expired snapshots cleaned in one call. */
  readonly snapshotsMax?: number
  /**
   * Only snapshots that landed commits of this process expired. Whoever else expires snapshots deletes their files by itself and reads their
   * lists for that: taking those away makes it retry for minutes and leave data files behind.
   */
  readonly onlyOwn?: boolean
}

export interface CleanupResult { readonly deletedFiles: number, readonly pendingSnapshots: number }

const defaults = { listsReadMax: 64, bytesReadMax: 16n * 1_048_576n, snapshotsMax: 64, onlyOwn: false }
/** Beyond this the oldest are left to the removal of orphans. */
const pendingMax = 20_000
/** `before` and `after` are states of one table, `after` the newer and landed. Never throws for a file that is already gone. */
export async function deleteExpiredFiles(storage: Storage, before: LoadedTable, after: LoadedTable, options: CleanupOptions = {}): Promise<CleanupResult> {
  const limits = { ...defaults, ...options }
  const { metadata } = after
  const memory = memoryOf(storage, metadata['table-uuid'])
  if (metadata.properties['gc.enabled'] === 'false' || before.metadata['table-uuid'] !== metadata['table-uuid']) return { deletedFiles: 0, pendingSnapshots: 0 }
  const retained = new Set(metadata.snapshots.map(snapshot => snapshot['snapshot-id']))
  for (const snapshot of before.metadata.snapshots) {
    const id = snapshot['snapshot-id']
    if (limits.onlyOwn && !memory.expiredByUs.has(id)) continue
    if (!retained.has(id) && memory.expired.size < pendingMax) memory.expired.set(id, snapshot['manifest-list'])
  }
  if (memory.expired.size === 0) return { deletedFiles: 0, pendingSnapshots: 0 }
  try {
    return { deletedFiles: await cleanUp(storage, memory, before.metadata, metadata, limits), pendingSnapshots: memory.expired.size }
  } catch (error) {
    if (!isCatalogError(error)) throw error
    return { deletedFiles: 0, pendingSnapshots: memory.expired.size }
  }
}

/**
 * To be called once when a process begins, by the only one that expires this table's snapshots: files that an earlier process left behind when it
 * died between a commit and its clean-up. Older metadata files name the snapshots that are gone.
 */
export async function resumeCleanup(storage: Storage, table: LoadedTable, options: Omit<CleanupOptions, 'onlyOwn'> = {}): Promise<CleanupResult> {
  // What was removed before this process began can have left the metadata long ago.
  memoryOf(storage, table.metadata['table-uuid']).removedFiles = true
  const log = table.metadata['metadata-log'].map(entry => entry['metadata-file'])
  let result: CleanupResult = { deletedFiles: 0, pendingSnapshots: 0 }
  for (const location of new Set([log.at(0), log.at(-1)])) {
    if (location === undefined) continue
    const bytes = await storage.read(location).catch(ignoreMissing)
    if (bytes === null) continue
    const { deletedFiles, pendingSnapshots } = await deleteExpiredFiles(storage, { ...table, metadata: decodeMetadataFile(location, bytes) }, table, options)
    result = { deletedFiles: result.deletedFiles + deletedFiles, pendingSnapshots }
  }
  return result
}

async function cleanUp(storage: Storage, memory: TableMemory, before: TableMetadata, after: TableMetadata, limits: Required<CleanupOptions>): Promise<number> {
  if (!await readRetained(memory, after.snapshots, limits.listsReadMax)) return 0
  const retainedLists = new Set(after.snapshots.map(snapshot => snapshot['manifest-list']))
  const batch = [...memory.expired].slice(0, limits.snapshotsMax)
  const candidates = new Map<string, ManifestFile>()
  for (const [, list] of batch) {
    for (const manifest of await memory.readList(list).catch(ignoreMissing) ?? []) candidates.set(manifest.location, manifest)
  }
  const kept = reachable(memory, after.snapshots)
  const superseded = [...candidates.values()].filter(manifest => !kept.has(manifest.location))
  // Skipped as long as nobody was seen to remove files: where every snapshot only appended, each file is still listed. Once seen it stays so: the
  // snapshot that removed a file may go long before the one that still shows it.
  memory.removedFiles ||= ![...before.snapshots, ...after.snapshots].every(snapshot => snapshot.summary?.operation === 'append')
  const dataFiles = superseded.length === 0 || !memory.removedFiles ? [] : await findUnreachable(storage, memory, after, superseded, [...kept.values()], limits.bytesReadMax)
  if (dataFiles === null) return 0
  const lists = batch.map(([, list]) => list).filter(list => !retainedLists.has(list))
  // From the leaves up: whoever dies in between finds by what is left what there is still to delete.
  for (const locations of [dataFiles, superseded.map(manifest => manifest.location), lists]) {
    if (locations.length > 0) await storage.delete(locations)
  }
  for (const [id, list] of batch) { memory.expired.delete(id); memory.expiredByUs.delete(id); memory.forgetList(list) }
  for (const manifest of superseded) memory.forgetLive(manifest.location)
  return dataFiles.length + superseded.length + lists.length
}

/** True once all lists of retained snapshots are known. A list that cannot be read throws: then nothing is deleted. */
async function readRetained(memory: TableMemory, snapshots: readonly Snapshot[], readsMax: number): Promise<boolean> {
  const unread = snapshots.filter(snapshot => memory.knownList(snapshot['manifest-list']) === undefined)
  for (const snapshot of unread.slice(0, readsMax)) await memory.readList(snapshot['manifest-list'])
  return unread.length <= readsMax && snapshots.every(snapshot => memory.knownList(snapshot['manifest-list']) !== undefined)
}

function reachable(memory: TableMemory, snapshots: readonly Snapshot[]): Map<string, ManifestFile> {
  const kept = new Map<string, ManifestFile>()
  const seen = new Set<readonly ManifestFile[]>()
  // The newest first: most of what is alive at all is alive there.
  for (const snapshot of snapshots.toReversed()) {
    const list = memory.knownList(snapshot['manifest-list']) ?? []
    if (seen.has(list)) continue
    seen.add(list)
    for (const manifest of list) kept.set(manifest.location, manifest)
  }
  return kept
}
