/**
 * Which data files of expired snapshots nothing reads any more: those that their manifests name, whatever their status there, less all that are
 * alive in a manifest of any snapshot that is still in the metadata.
 *
 * What is alive in a manifest is remembered as fingerprints (a manifest never changes and stays for many snapshots); two locations with one
 * fingerprint keep a file for longer than need be, never the other way round. Reading is bounded by call, and nothing is said before all is read.
 */
import { hash } from 'node:crypto'
import { isCatalogError } from '../errors.ts'
import { decodeManifest } from '../files/manifest.ts'
import type { ManifestFile } from '../spec/data-file.ts'
import type { TableMetadata } from '../spec/types.ts'
import type { Storage } from '../storage/storage.ts'
import { liveFilesMax, type TableMemory } from './table-memory.ts'

/** Null: there is more to read first; call again. A table with more live files than are remembered is left to the removal of orphans. */
export async function findUnreachable(storage: Storage, memory: TableMemory, metadata: TableMetadata, superseded: readonly ManifestFile[], kept: readonly ManifestFile[], bytesReadMax: bigint): Promise<string[] | null> {
  const doomed = new Map<number, string[]>()
  let [oldest, newest] = [-1n, -1n]
  for (const manifest of superseded) {
    // Gone already: an earlier call ended in the middle, after the data files that it names were deleted.
    const bytes = await storage.read(manifest.location).catch(ignoreMissing)
    if (bytes === null) continue
    for (const { file, sequenceNumber } of await decodeManifest(bytes, manifest, metadata)) {
      const print = fingerprint(file.location)
      const known = doomed.get(print)
      if (known === undefined) doomed.set(print, [file.location])
      else if (!known.includes(file.location)) known.push(file.location)
      const sequence = sequenceNumber ?? 0n
      if (oldest < 0n || sequence < oldest) oldest = sequence
      if (sequence > newest) newest = sequence
    }
  }
  // Live files of a manifest have sequence numbers between these two.
  const holders = kept.filter(manifest => manifest.minSequenceNumber <= newest && manifest.sequenceNumber >= oldest)
  if (holders.reduce((files, manifest) => files + manifest.addedFiles + manifest.existingFiles, 0) > liveFilesMax) return []
  let bytesLeft = bytesReadMax
  for (const manifest of holders) {
    if (doomed.size === 0) break
    let live = memory.knownLive(manifest.location)
    if (live === undefined) {
      if (bytesLeft <= 0n) return null
      bytesLeft -= manifest.lengthBytes
      const entries = await decodeManifest(await storage.read(manifest.location), manifest, metadata)
      live = Float64Array.from(entries.filter(entry => entry.status !== 'deleted'), entry => fingerprint(entry.file.location))
      memory.rememberLive(manifest.location, live)
    }
    for (const print of live) doomed.delete(print)
  }
  return [...doomed.values()].flat()
}

export function ignoreMissing(error: unknown): null {
  if (isCatalogError(error, 'STORAGE_NOT_FOUND')) return null
  throw error
}

/** 48 bits, which a number holds exactly. */
function fingerprint(location: string): number {
  return hash('sha1', location, 'buffer').readUIntBE(0, 6)
}
