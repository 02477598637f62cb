/**
 * Merging manifests so that commits stay flat: like the levels of a log-structured tree, eight manifests of about one size become one.
 *
 * A merge is prepared beside the commits, from manifests that are already in the table, and the next commit lists the result in place of
 * its inputs. So no commit waits for a merge (Java's rule stalls every hundredth), a file's entry is rewritten once per level, and a list
 * holds a few dozen manifests. Entries keep their snapshot ids and sequence numbers; entries of removed files are dropped.
 */
import { randomUUID } from 'node:crypto'
import { setImmediate as yieldToOthers } from 'node:timers/promises'
import { decodeManifest, encodeManifest } from '../files/manifest.ts'
import type { ManifestEntry, ManifestFile } from '../spec/data-file.ts'
import { manifestLocation } from '../spec/names.ts'
import { specById } from '../spec/partition.ts'
import { readCount } from '../spec/properties.ts'
import { currentSchema } from '../spec/schema.ts'
import type { TableMetadata } from '../spec/types.ts'
import type { Storage } from '../storage/storage.ts'
import type { TableMemory } from './table-memory.ts'

const manifestsPerMerge = 8
const manifestBytesTarget = 8_388_608

export interface PreparedMerge { readonly inputs: ReadonlySet<string>, readonly output: ManifestFile, used: boolean }

/** The next group worth merging, or undefined. Pure. The smallest level goes first, because it grows fastest. */
export function planMerge(manifests: readonly ManifestFile[], metadata: TableMetadata): ManifestFile[] | undefined {
  if (metadata.properties['commit.manifest-merge.enabled'] === 'false') return undefined
  const bytesMax = BigInt(manifestBytesOf(metadata))
  const countMin = Math.max(2, readCount(metadata.properties, 'commit.manifest.min-count-to-merge', manifestsPerMerge))
  const levels = new Map<string, ManifestFile[]>()
  for (const manifest of manifests) {
    if (manifest.content !== 'data' || manifest.lengthBytes >= bytesMax / 2n) continue
    const files = Math.max(1, manifest.addedFiles + manifest.existingFiles)
    const key = `${manifest.specId}/${Math.floor(Math.log(files) / Math.log(manifestsPerMerge)).toString().padStart(3, '0')}`
    const level = levels.get(key)
    if (level === undefined) levels.set(key, [manifest]); else level.push(manifest)
  }
  for (const key of [...levels.keys()].sort()) {
    const group = withinBytes(levels.get(key) ?? [], bytesMax)
    if (group.length >= countMin) return group
  }
  return undefined
}

/** How large a manifest shall become. Each overwrite writes those again that it touches: tables of many files that are overwritten want less. */
export function manifestBytesOf({ properties }: TableMetadata): number {
  return readCount(properties, 'commit.manifest.target-size-bytes', manifestBytesTarget)
}

/** Starts preparing a merge for the manifests of the current snapshot, unless one is under way or waiting. Never fails a commit. */
export function prepareMerge(memory: TableMemory, storage: Storage, metadata: TableMetadata, manifests: readonly ManifestFile[]): void {
  if (memory.merging !== undefined) return
  if (memory.merge !== undefined) {
    const listed = new Set(manifests.map(manifest => manifest.location))
    if ([...memory.merge.inputs].every(location => listed.has(location))) return
    const stale = memory.merge
    memory.merge = undefined
    if (!stale.used) void storage.delete([stale.output.location]).catch(() => undefined)
  }
  const group = planMerge(manifests, metadata)
  if (group === undefined) return
  // A merge that fails is dropped: the next commit plans it again, and reading the table will name what is damaged.
  memory.merging = mergeGroup(storage, metadata, group)
    .then(merge => { memory.merge = merge }, () => undefined)
    .finally(() => { memory.merging = undefined })
}

/** Puts a prepared merge in place of its inputs, when all of them are in the list. */
export function applyMerge(memory: TableMemory, manifests: readonly ManifestFile[], snapshotId: bigint): { manifests: ManifestFile[], created: number, replaced: number } {
  const merge = memory.merge
  const kept = merge === undefined ? [...manifests] : manifests.filter(manifest => !merge.inputs.has(manifest.location))
  if (merge === undefined || manifests.length - kept.length !== merge.inputs.size) return { manifests: [...manifests], created: 0, replaced: 0 }
  merge.used = true
  return { manifests: [{ ...merge.output, addedSnapshotId: snapshotId }, ...kept], created: 1, replaced: merge.inputs.size }
}

async function mergeGroup(storage: Storage, metadata: TableMetadata, group: readonly ManifestFile[]): Promise<PreparedMerge> {
  const spec = specById(metadata, group[0]?.specId ?? 0)
  if (spec === undefined) throw new TypeError('a manifest names a partition spec that the table does not have')
  const entries: ManifestEntry[] = []
  for (const manifest of group) {
    for (const entry of await decodeManifest(await storage.read(manifest.location), manifest, metadata)) {
      if (entry.status !== 'deleted') entries.push({ ...entry, status: 'existing' })
    }
    await yieldToOthers()
  }
  const location = manifestLocation(metadata, randomUUID(), 0)
  const { bytes, manifest } = await encodeManifest(location, entries, { schema: currentSchema(metadata), schemas: metadata.schemas, spec, snapshotId: 0n, formatVersion: metadata['format-version'] })
  await storage.writeDurably(location, bytes)
  return { inputs: new Set(group.map(input => input.location)), output: manifest, used: false }
}

function withinBytes(group: readonly ManifestFile[], bytesMax: bigint): ManifestFile[] {
  let bytes = 0n
  return group.filter(manifest => { bytes += manifest.lengthBytes; return bytes <= bytesMax })
}
