/**
 * What a table's owner wants kept (spec, "Snapshot Retention Policy"): `history.expire.*` of its properties, and of each ref its own.
 *
 * Pure. Says what has to stay, never what has to go. A branch keeps its newest `min-snapshots-to-keep` ancestors and those that are younger
 * than `max-snapshot-age-ms`, as far back as neither fails; a tag keeps its snapshot; a ref that is older than `max-ref-age-ms` keeps its
 * snapshot alone, because it is not for us to drop it. A snapshot of another engine that no ref leads to is staged (write, audit, publish) or
 * was rolled back: it stays for the table's age, five days where it has none, as Iceberg's own expiry has it.
 */
import { snapshotById } from '../spec/snapshot.ts'
import type { Snapshot, SnapshotRef, TableMetadata } from '../spec/types.ts'

const stagedAgeMsDefault = 5 * 86_400_000

export interface OwnersRetention {
  /** Ids that have to stay. */
  readonly kept: ReadonlySet<bigint>
  /** The age that the owner set for the history of main; null where nothing is set. */
  readonly ageMs: number | null
}

export function ownersRetention(metadata: TableMetadata, nowMs: number): OwnersRetention {
  const { properties, refs, snapshots } = metadata
  const tableAgeMs = positive(properties['history.expire.max-snapshot-age-ms'])
  const tableMin = positive(properties['history.expire.min-snapshots-to-keep']) ?? 1
  const tableRefAgeMs = positive(properties['history.expire.max-ref-age-ms'])
  const ageMs = positive(refs['main']?.['max-snapshot-age-ms']) ?? tableAgeMs
  const ageOf = (snapshot: Snapshot): number => nowMs - snapshot['timestamp-ms']
  const kept = new Set<bigint>()
  const reached = new Set<bigint>()
  for (const [name, ref] of Object.entries(refs)) {
    kept.add(ref['snapshot-id'])
    const line = ancestors(metadata, ref)
    for (const snapshot of line) reached.add(snapshot['snapshot-id'])
    const refAgeMs = positive(ref['max-ref-age-ms']) ?? tableRefAgeMs
    const isAged = name !== 'main' && refAgeMs !== null && line[0] !== undefined && ageOf(line[0]) > refAgeMs
    if (ref.type === 'tag' || isAged) continue
    const min = positive(ref['min-snapshots-to-keep']) ?? tableMin
    const youngerMs = positive(ref['max-snapshot-age-ms']) ?? tableAgeMs ?? -1
    for (const [index, snapshot] of line.entries()) {
      if (index >= min && ageOf(snapshot) > youngerMs) break
      kept.add(snapshot['snapshot-id'])
    }
  }
  for (const snapshot of snapshots) {
    const id = snapshot['snapshot-id']
    // Of what was main once, expiry may have taken the links: it is as old as it is.
    const wantedMs = !reached.has(id) && mayBeStaged(snapshot) ? tableAgeMs ?? stagedAgeMsDefault : ageMs
    if (wantedMs !== null && ageOf(snapshot) <= wantedMs) kept.add(id)
  }
  return { kept, ageMs }
}

function ancestors(metadata: TableMetadata, ref: SnapshotRef): Snapshot[] {
  const line: Snapshot[] = []
  for (let at = snapshotById(metadata, ref['snapshot-id']); at !== undefined; at = snapshotById(metadata, at['parent-snapshot-id'] ?? -1n)) line.push(at)
  return line
}

/** Ours are never staged: each was main. Where a catalog keeps no parents, only the mark of a staged one tells it. */
function mayBeStaged({ summary, 'parent-snapshot-id': parent }: Snapshot): boolean {
  if (summary?.['wap.id'] !== undefined) return true
  return parent !== undefined && !Object.keys(summary ?? {}).some(key => key.startsWith('firn.'))
}

/** What is no positive whole number is as if it were not set. */
function positive(value: string | number | bigint | undefined): number | null {
  if (value === undefined || !/^\d+$/.test(String(value))) return null
  const number = Number(value)
  return number > 0 ? number : null
}
