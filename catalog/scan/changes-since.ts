/**
 * What came into a table since a recorded state, for who recomputes only what is new.
 *
 * `appended` is a safe superset: every row that came since is in its files, and nothing that was there before is gone or changed. It is said
 * only when that is established: by the ancestors up to the recorded snapshot (all append or replace; metadata alone), by the live files of
 * both snapshots, or, when the recorded one has expired, by the rows of the older files, which are as many as they were. Compaction is no
 * change: a file that Spark or our own compaction wrote carries the sequence number of the state that it was made from, so its rows are at most
 * as old as that number says; one without (a new number) comes as new once more.
 *
 * Not established by counting: a table that was rolled back over an overwrite of equally many rows, when both snapshots have expired since.
 */
import { memoryOf } from '../actions/table-memory.ts'
import type { LoadedTable } from '../catalogs/catalog.ts'
import type { LiveFile, ManifestFile } from '../spec/data-file.ts'
import { currentSnapshot, snapshotById } from '../spec/snapshot.ts'
import type { Snapshot, TableMetadata } from '../spec/types.ts'
import type { Storage } from '../storage/storage.ts'
import { readLive } from './scan-files.ts'

/** A state of a source: table, snapshot, its sequence number and its rows (-1 when the snapshot does not say). */
export interface SourceRecord { readonly uuid: string, readonly snapshotId: bigint, readonly sequence: bigint, readonly records: bigint }

export type SourceChanges =
  | { readonly kind: 'unchanged' }
  /** `by`: what establishes it. Counting rows alone does not see what the header names. */
  | { readonly kind: 'appended', readonly files: LiveFile[], readonly by: 'lineage' | 'files' | 'count' }
  | { readonly kind: 'replaced', readonly removed: LiveFile[], readonly added: LiveFile[] }
  | { readonly kind: 'unknown', readonly reason: string }

/** The current state; null while the table has no snapshot. */
export function recordOf({ metadata }: LoadedTable): SourceRecord | null {
  const snapshot = currentSnapshot(metadata)
  if (snapshot === undefined) return null
  const records = snapshot.summary?.['total-records'] ?? ''
  return { uuid: metadata['table-uuid'], snapshotId: snapshot['snapshot-id'], sequence: snapshot['sequence-number'], records: /^\d+$/.test(records) ? BigInt(records) : -1n }
}

export async function changesSince(storage: Storage, table: LoadedTable, record: SourceRecord): Promise<SourceChanges> {
  const { metadata } = table
  if (metadata['table-uuid'] !== record.uuid) return unknown(`the table was created anew: its uuid was ${record.uuid} and is ${metadata['table-uuid']}`)
  const current = currentSnapshot(metadata)
  if (current === undefined) return unknown(`the table has no snapshot any more and had ${record.snapshotId}`)
  if (current['snapshot-id'] === record.snapshotId) return { kind: 'unchanged' }
  if (current['sequence-number'] <= record.sequence) return unknown(`the table was rolled back: its sequence number was ${record.sequence} and is ${current['sequence-number']}`)
  const lineage = traceLineage(metadata, current, record)
  if (lineage.kind === 'parted') return unknown(`the table was rolled back: snapshot ${record.snapshotId} is not among the ancestors of ${current['snapshot-id']}`)
  const manifests = await memoryOf(storage, record.uuid).readList(current['manifest-list'])
  const keptRows = lineage.kind === 'descends' && lineage.keptRows
  const recorded = keptRows ? undefined : snapshotById(metadata, record.snapshotId)
  const before = recorded === undefined ? undefined : await memoryOf(storage, record.uuid).readList(recorded['manifest-list'])
  const deletes = await deletesSince(storage, table, manifests, before, record)
  if (deletes.reason !== null) return unknown(deletes.reason)
  if (keptRows) return { kind: 'appended', by: 'lineage', files: (await filesSince(storage, table, manifests, record)).files }
  if (before !== undefined) return await compareLive(storage, table, before, manifests)
  const { files, olderRows } = await filesSince(storage, table, manifests, record)
  // Delete files of before may have been taken away since: rows of the older files would then be back, uncounted.
  if (deletes.count > 0) return unknown(`the table has ${deletes.count} delete files, and snapshot ${record.snapshotId} has expired`)
  if (olderRows === record.records) return { kind: 'appended', by: 'count', files }
  return unknown(`rows were removed or changed since snapshot ${record.snapshotId}, which has expired (files up to sequence number ${record.sequence} had ${record.records} rows and have ${olderRows})`)
}

type Lineage = { readonly kind: 'descends', readonly keptRows: boolean } | { readonly kind: 'parted' } | { readonly kind: 'unclear' }

/** From the current snapshot back to the recorded one, by the metadata alone. `unclear`: an ancestor in between has expired, or there is no parent. */
function traceLineage(metadata: TableMetadata, current: Snapshot, record: SourceRecord): Lineage {
  let keptRows = true
  for (let at: Snapshot | undefined = current; at !== undefined;) {
    if (at['snapshot-id'] === record.snapshotId) return { kind: 'descends', keptRows }
    // Sequence numbers fall from child to parent: below the recorded one it cannot come any more.
    if (at['sequence-number'] <= record.sequence) return { kind: 'parted' }
    // A root: the table was replaced under its uuid, or the catalog keeps no parents (Nessie).
    const parent: bigint | undefined = at['parent-snapshot-id']
    if (parent === undefined) return { kind: 'unclear' }
    keptRows &&= at.summary?.operation === 'append' || at.summary?.operation === 'replace'
    // The recorded one is known by its id, even when it has expired.
    if (parent === record.snapshotId) return { kind: 'descends', keptRows }
    at = snapshotById(metadata, parent)
  }
  return { kind: 'unclear' }
}

/** How many delete files there are, and why they forbid to say what changed. Those that were there before cannot reach newer files. */
async function deletesSince(storage: Storage, table: LoadedTable, manifests: readonly ManifestFile[], before: readonly ManifestFile[] | undefined, record: SourceRecord): Promise<{ count: number, reason: string | null }> {
  const now = manifests.filter(manifest => manifest.content === 'deletes')
  const { deleteFiles } = await readLive(storage, table, now)
  const count = deleteFiles.length
  const newer = deleteFiles.filter(file => file.dataSequenceNumber > record.sequence)
  if (newer.length > 0) return { count, reason: `rows were deleted since snapshot ${record.snapshotId} by ${newer.length} delete files (first: ${newer[0]?.location})` }
  const then = await readLive(storage, table, (before ?? []).filter(manifest => manifest.content === 'deletes' && !now.some(each => each.location === manifest.location)))
  const here = new Set(deleteFiles.map(file => file.location))
  const gone = then.deleteFiles.filter(file => !here.has(file.location)).length
  return { count, reason: gone === 0 ? null : `${gone} delete files were taken away since snapshot ${record.snapshotId}` }
}

/** Files above the recorded sequence number, and the rows of all others. Reads only manifests that were written since. */
async function filesSince(storage: Storage, table: LoadedTable, manifests: readonly ManifestFile[], { sequence }: SourceRecord): Promise<{ files: LiveFile[], olderRows: bigint }> {
  const data = manifests.filter(manifest => manifest.content === 'data')
  let olderRows = data.reduce((rows, manifest) => manifest.sequenceNumber <= sequence ? rows + manifest.addedRows + manifest.existingRows : rows, 0n)
  const { files } = await readLive(storage, table, data.filter(manifest => manifest.sequenceNumber > sequence), file => {
    if (file.dataSequenceNumber > sequence) return true
    olderRows += file.recordCount
    return false
  })
  return { files, olderRows }
}

/** The difference of the live files of two snapshots. Manifests that are in both lists say nothing new. */
async function compareLive(storage: Storage, table: LoadedTable, before: readonly ManifestFile[], after: readonly ManifestFile[]): Promise<SourceChanges> {
  const own = (some: readonly ManifestFile[], others: readonly ManifestFile[]) => {
    const known = new Set(others.map(manifest => manifest.location))
    return some.filter(manifest => manifest.content === 'data' && !known.has(manifest.location))
  }
  const was = await readLive(storage, table, own(before, after))
  const is = await readLive(storage, table, own(after, before))
  const [wasAt, isAt] = [new Set(was.files.map(file => file.location)), new Set(is.files.map(file => file.location))]
  const removed = was.files.filter(file => !isAt.has(file.location))
  const added = is.files.filter(file => !wasAt.has(file.location))
  return removed.length === 0 ? { kind: 'appended', by: 'files', files: added } : { kind: 'replaced', removed, added }
}

function unknown(reason: string): SourceChanges {
  return { kind: 'unknown', reason }
}
