/**
 * Which snapshots may go: all of the last minutes stay, then one an hour, then none, and always what a ref, a caller or the table's owner
 * (retention.ts) wants. An age that the owner set takes the place of the hours, in both directions; the last minutes stay for readers.
 *
 * Pure. `nowMs` is the clock of the caller, never a time out of the metadata: one engine with a fast clock would age all of the history. Keeps the metadata file under a bound, because every commit writes and returns it whole: when the retention would pass it, the
 * oldest of the dense window go first.
 */
import { printJson } from '../spec/json.ts'
import { currentSnapshot } from '../spec/snapshot.ts'
import type { Snapshot, TableMetadata } from '../spec/types.ts'
import { ownersRetention } from './retention.ts'

export interface ExpirePolicy {
  /** Every snapshot younger than this stays. */
  readonly keepAllMs?: number
  /** Older ones stay one an hour (the last of it) until this age. */
  readonly keepHourlyMs?: number
  /** Named by offsets, models, alerts: these stay. */
  readonly keepIds?: readonly bigint[]
  /** Bound of the metadata file. */
  readonly metadataBytesMax?: number
}

const keepAllMs = 30 * 60_000
const keepHourlyMs = 7 * 86_400_000
// Half of the 1 MiB that is promised: at one commit in 5 s the retention needs 420 kB, and every commit sends and stores all of it.
const metadataBytesMax = 512_000
const hourMs = 3_600_000
/** A snapshot-log row and a comma beside each snapshot. */
const logRowBytes = 70
const otherBytes = 40_000

/** Ids to put into `remove-snapshots`. Empty when the table forbids garbage collection (`gc.enabled=false`). */
export function planExpiry(metadata: TableMetadata, policy: ExpirePolicy, nowMs: number): bigint[] {
  if (metadata.properties['gc.enabled'] === 'false') return []
  const owner = ownersRetention(metadata, nowMs)
  const named = new Set<bigint>([...owner.kept, ...policy.keepIds ?? []])
  const current = currentSnapshot(metadata)
  if (current !== undefined) named.add(current['snapshot-id'])
  const hourly = lastOfEachHour(metadata.snapshots)
  const expired = new Set<bigint>()
  let bytes = otherBytes + metadata['metadata-log'].length * 200
  const dense: Snapshot[] = []
  for (const snapshot of metadata.snapshots) {
    const id = snapshot['snapshot-id']
    const ageMs = nowMs - snapshot['timestamp-ms']
    const isHourly = hourly.has(id) && ageMs <= (owner.ageMs ?? policy.keepHourlyMs ?? keepHourlyMs)
    if (!named.has(id) && !isHourly && ageMs > (policy.keepAllMs ?? keepAllMs)) { expired.add(id); continue }
    bytes += printJson(snapshot).length + logRowBytes
    if (!named.has(id) && !isHourly) dense.push(snapshot)
  }
  dense.sort((left, right) => left['timestamp-ms'] - right['timestamp-ms'])
  for (const snapshot of dense) {
    if (bytes <= (policy.metadataBytesMax ?? metadataBytesMax)) break
    bytes -= printJson(snapshot).length + logRowBytes
    expired.add(snapshot['snapshot-id'])
  }
  return [...expired]
}

function lastOfEachHour(snapshots: readonly Snapshot[]): Set<bigint> {
  const last = new Map<number, Snapshot>()
  for (const snapshot of snapshots) {
    const hour = Math.floor(snapshot['timestamp-ms'] / hourMs)
    const known = last.get(hour)
    if (known === undefined || known['timestamp-ms'] <= snapshot['timestamp-ms']) last.set(hour, snapshot)
  }
  return new Set(Array.from(last.values(), snapshot => snapshot['snapshot-id']))
}
