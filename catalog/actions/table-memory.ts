/**
 * What a process remembers of a table between commits, so that commit 10,000 reads as little as commit 100: manifest lists by location
 * (they never change), the manifests staged for a batch, what is alive in a manifest, and a merge of manifests prepared beside the commits.
 *
 * All of it can be lost: it is read again from the table.
 */
import { decodeManifestList } from '../files/manifest-list.ts'
import type { Storage } from '../storage/storage.ts'
import type { ManifestFile } from '../spec/data-file.ts'
import type { PreparedMerge } from './merge-manifests.ts'

/** Lists remembered for a table: more than its snapshots are under the retention of DESIGN.md §8. */
const listsMax = 2_048
const stagedMax = 16
/** Beyond this the oldest are left to the removal of orphans. */
const expiredByUsMax = 20_000
const tablesMax = 64
/** Live data files, counted in every manifest that holds them: what a clean-up needs again and again. 8 bytes each. */
export const liveFilesMax = 250_000

export interface StagedManifests { readonly locations: readonly string[], readonly manifests: readonly ManifestFile[] }

export class TableMemory {
  readonly staged = new Map<bigint, StagedManifests>()
  readonly #lists = new Map<string, readonly ManifestFile[]>()
  readonly #storage: Storage
  /** Expired snapshots whose files are still to be deleted: list location by snapshot id. */
  readonly expired = new Map<bigint, string>()
  /** What a staged commit would expire, and what landed ones of this process did expire. */
  readonly expiring = new Map<bigint, readonly bigint[]>()
  readonly expiredByUs = new Set<bigint>()
  /** Whether this process saw a snapshot that removed files. */
  removedFiles = false
  readonly #live = new Map<string, Float64Array>()
  #liveCount = 0
  readonly #plannedOn = new Map<bigint, bigint | null>()
  merge: PreparedMerge | undefined
  merging: Promise<void> | undefined

  constructor(storage: Storage) { this.#storage = storage }

  async readList(location: string): Promise<readonly ManifestFile[]> {
    const known = this.#lists.get(location)
    if (known !== undefined) return known
    const manifests = await decodeManifestList(await this.#storage.read(location), location)
    this.rememberList(location, manifests)
    return manifests
  }

  knownList(location: string): readonly ManifestFile[] | undefined {
    return this.#lists.get(location)
  }

  rememberList(location: string, manifests: readonly ManifestFile[]): void {
    this.#lists.delete(location)
    this.#lists.set(location, manifests)
    forgetOldest(this.#lists, listsMax)
  }

  forgetList(location: string): void {
    this.#lists.delete(location)
  }

  rememberExpiring(snapshotId: bigint, expired: readonly bigint[]): void {
    this.expiring.set(snapshotId, expired)
    forgetOldest(this.expiring, stagedMax)
  }

  /** The commit of this snapshot landed. */
  settleExpiring(snapshotId: bigint): void {
    for (const id of this.expiring.get(snapshotId) ?? []) this.expiredByUs.add(id)
    this.expiring.delete(snapshotId)
    for (const id of this.expiredByUs) {
      if (this.expiredByUs.size <= expiredByUsMax) return
      this.expiredByUs.delete(id)
    }
  }

  rememberStaged(snapshotId: bigint, staged: StagedManifests): void {
    this.staged.set(snapshotId, staged)
    forgetOldest(this.staged, stagedMax)
  }

  knownLive(manifest: string): Float64Array | undefined {
    return this.#live.get(manifest)
  }

  rememberLive(manifest: string, fingerprints: Float64Array): void {
    this.forgetLive(manifest)
    this.#live.set(manifest, fingerprints)
    this.#liveCount += fingerprints.length
    for (const [oldest] of this.#live) {
      if (this.#liveCount <= liveFilesMax) return
      this.forgetLive(oldest)
    }
  }

  forgetLive(manifest: string): void {
    this.#liveCount -= this.#live.get(manifest)?.length ?? 0
    this.#live.delete(manifest)
  }

  /** The main that a batch was first staged on. */
  plannedOn(snapshotId: bigint, main: bigint | null): bigint | null {
    const known = this.#plannedOn.get(snapshotId)
    if (known !== undefined) return known
    this.#plannedOn.set(snapshotId, main)
    forgetOldest(this.#plannedOn, stagedMax)
    return main
  }

  forgetStaged(snapshotId: bigint): void {
    this.staged.delete(snapshotId)
    this.#plannedOn.delete(snapshotId)
  }
}

const memories = new WeakMap<Storage, Map<string, TableMemory>>()

export function memoryOf(storage: Storage, tableUuid: string): TableMemory {
  let tables = memories.get(storage)
  if (tables === undefined) memories.set(storage, tables = new Map<string, TableMemory>())
  let memory = tables.get(tableUuid)
  if (memory === undefined) tables.set(tableUuid, memory = new TableMemory(storage))
  forgetOldest(tables, tablesMax)
  return memory
}

function forgetOldest<K>(map: Map<K, unknown>, max: number): void {
  for (const key of map.keys()) {
    if (map.size <= max) return
    map.delete(key)
  }
}
