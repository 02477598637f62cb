/**
 * Overwrite (copy on write): data files go and others come in one snapshot on `main`.
 *
 * A manifest that holds a removed file is written again: that file DELETED by this snapshot with its sequence numbers kept (Java's expiry finds
 * files to delete by such entries), the others EXISTING. Whoever recomputed rows did so from one state of the table, so the stage abandons on
 * every other: after a conflict the caller reads and computes again. It abandons as well when a removed file is not there.
 */
import { randomUUID } from 'node:crypto'
import type { LoadedTable } from '../catalogs/catalog.ts'
import { decodeManifest } from '../files/manifest.ts'
import type { DataFile, LiveFile, ManifestEntry, ManifestFile } from '../spec/data-file.ts'
import { manifestLocation } from '../spec/names.ts'
import { mainSnapshotId } from '../spec/snapshot.ts'
import type { SnapshotSummary } from '../spec/types.ts'
import { applyMerge, manifestBytesOf } from './merge-manifests.ts'
import { openBase, sealSnapshot, stageAdded, writeManifest, type OpenBase, type SnapshotBatch, type StageAbandoned, type StageContext, type StagedChange } from './stage-snapshot.ts'

export interface OverwriteBatch extends SnapshotBatch {
  readonly added: readonly DataFile[]
  /** As a scan of the base gave them. */
  readonly removed: readonly LiveFile[]
  /**
   * The snapshot of `main` that the batch was computed on (null: there was none). When absent: that of the first base it is staged on.
   * `any`: staged again on whatever holds all removed files, for changes that keep every row.
   */
  readonly plannedOn?: bigint | null | 'any'
}

const manifestsAtOnce = 8

export async function stageOverwrite(context: StageContext, base: LoadedTable, batch: OverwriteBatch): Promise<StagedChange | StageAbandoned> {
  return await stageRewrite(context, base, batch, { operation: operationOf(batch), dataSequenceNumber: null })
}

/** How a rewrite calls itself, and the data sequence number of what it adds (null: that of the commit). */
export interface RewriteKind { readonly operation: SnapshotSummary['operation'], readonly dataSequenceNumber: bigint | null }

export async function stageRewrite(context: StageContext, base: LoadedTable, batch: OverwriteBatch, kind: RewriteKind): Promise<StagedChange | StageAbandoned> {
  const opened = await openBase(context, base)
  const { memory } = opened
  const main = mainSnapshotId(base.metadata)
  const planned = batch.plannedOn === undefined ? memory.plannedOn(batch.snapshotId, main) : batch.plannedOn
  if (planned !== 'any' && planned !== main) {
    return { kind: 'abandon', reason: `main is at snapshot ${main ?? 'none'} and no longer at ${planned ?? 'none'}, which the overwrite was computed on` }
  }
  const holders = await findHolders(opened, batch.removed)
  if ('missing' in holders) return { kind: 'abandon', reason: `${holders.missing.length} of the ${batch.removed.length} files to remove are not in the table (first: ${holders.missing[0]})` }
  const { manifests: added } = await stageAdded(opened, batch.snapshotId, batch.added, kind.dataSequenceNumber)
  const rewritten = await rewrite(opened, holders.found, batch)
  const merged = applyMerge(memory, opened.inherited.filter(manifest => !holders.found.has(manifest)), batch.snapshotId)
  return await sealSnapshot(opened, batch, {
    operation: kind.operation,
    added: batch.added,
    removed: holders.removed,
    manifests: [...added, ...rewritten, ...merged.manifests],
    created: added.length + rewritten.length + merged.created,
    replaced: holders.found.size + merged.replaced,
    attemptFiles: rewritten.map(manifest => manifest.location)
  })
}

/** As Java names it: readers that follow appends need not stop at an overwrite that removed nothing. */
function operationOf({ added, removed }: OverwriteBatch): SnapshotSummary['operation'] {
  return removed.length === 0 ? 'append' : added.length === 0 ? 'delete' : 'overwrite'
}

type Holders = { readonly found: ReadonlyMap<ManifestFile, readonly ManifestEntry[]>, readonly removed: readonly DataFile[] } | { readonly missing: readonly string[] }

/** The manifests in which the removed files are alive, with their entries. */
async function findHolders({ context, base, inherited }: OpenBase, removed: readonly LiveFile[]): Promise<Holders> {
  const wanted = new Map(removed.map(file => [file.location, file]))
  const found = new Map<ManifestFile, readonly ManifestEntry[]>()
  const alive: DataFile[] = []
  const candidates = inherited.filter(manifest => manifest.content === 'data' && removed.some(file => mayHold(manifest, file)))
  for (let index = 0; index < candidates.length && alive.length < wanted.size; index += manifestsAtOnce) {
    const read = await Promise.all(candidates.slice(index, index + manifestsAtOnce).map(async manifest => ({ manifest, entries: await decodeManifest(await context.storage.read(manifest.location), manifest, base.metadata) })))
    for (const { manifest, entries } of read) {
      const here = entries.filter(entry => entry.status !== 'deleted' && wanted.has(entry.file.location))
      if (here.length === 0) continue
      found.set(manifest, entries)
      alive.push(...here.map(entry => entry.file))
    }
  }
  const there = new Set(alive.map(file => file.location))
  return there.size === wanted.size ? { found, removed: alive } : { missing: [...wanted.keys()].filter(location => !there.has(location)) }
}

function mayHold(manifest: ManifestFile, file: LiveFile): boolean {
  return manifest.specId === file.specId && manifest.minSequenceNumber <= file.dataSequenceNumber && file.dataSequenceNumber <= manifest.sequenceNumber
}

async function rewrite(opened: OpenBase, holders: ReadonlyMap<ManifestFile, readonly ManifestEntry[]>, { snapshotId, removed }: OverwriteBatch): Promise<ManifestFile[]> {
  const gone = new Set(removed.map(file => file.location))
  const commitUuid = randomUUID()
  const rewritten: ManifestFile[] = []
  for (const [specId, group] of Map.groupBy(holders, ([manifest]) => manifest.specId)) {
    for (const part of partsOf(group, BigInt(manifestBytesOf(opened.base.metadata)) / 2n)) {
      const entries = part.flatMap(([, held]) => held.filter(entry => entry.status !== 'deleted').map((entry): ManifestEntry =>
        gone.has(entry.file.location) ? { ...entry, status: 'deleted', snapshotId } : { ...entry, status: 'existing' }))
      rewritten.push(await writeManifest(opened, manifestLocation(opened.base.metadata, commitUuid, rewritten.length), specId, entries, snapshotId))
    }
  }
  return rewritten
}

/** Small ones are put together, up to half of what a manifest shall be: what is larger is not merged any more. */
function partsOf<T extends readonly [ManifestFile, unknown]>(group: readonly T[], bytesMax: bigint): T[][] {
  const parts: T[][] = []
  let bytes = 0n
  for (const each of group) {
    bytes += each[0].lengthBytes
    if (bytes > bytesMax || parts.length === 0) { parts.push([]); bytes = each[0].lengthBytes }
    parts.at(-1)?.push(each)
  }
  return parts
}
