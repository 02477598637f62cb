/**
 * Snapshots: random ids, ancestry, and summaries with totals.
 *
 * Every summary value is a string (numbers break Java's and DuckDB's parsers). Totals continue the parent's; when the parent
 * lacks one, ours is left out rather than invented. The first snapshot starts from 0.
 */
import { randomBytes } from 'node:crypto'
import type { Snapshot, SnapshotSummary, TableMetadata } from './types.ts'

/** A random positive 63-bit id. Zero and ids already in `metadata` are not given. */
export function createSnapshotId(metadata?: TableMetadata): bigint {
  for (;;) {
    const id = randomBytes(8).readBigInt64BE(0) & 0x7fffffffffffffffn
    if (id !== 0n && (metadata === undefined || snapshotById(metadata, id) === undefined)) return id
  }
}

export function snapshotById(metadata: TableMetadata, id: bigint): Snapshot | undefined {
  return metadata.snapshots.findLast(snapshot => snapshot['snapshot-id'] === id)
}

export function currentSnapshot(metadata: TableMetadata): Snapshot | undefined {
  return metadata['current-snapshot-id'] === -1n ? undefined : snapshotById(metadata, metadata['current-snapshot-id'])
}

/** main's snapshot id, or null while there is none: the value that `assert-ref-snapshot-id` wants. */
export function mainSnapshotId(metadata: TableMetadata): bigint | null {
  return metadata.refs['main']?.['snapshot-id'] ?? null
}

/** What a snapshot adds or removes: files, their rows and bytes. */
export interface FileCounts { readonly files: number, readonly records: bigint, readonly bytes: bigint }
export interface SummaryCounts { readonly added: FileCounts, readonly removed: FileCounts, readonly changedPartitions: number, readonly manifestsCreated: number, readonly manifestsKept: number, readonly manifestsReplaced: number }

export function countFiles(files: readonly { readonly recordCount: bigint, readonly fileSizeBytes: bigint }[]): FileCounts {
  return {
    files: files.length,
    records: files.reduce((sum, file) => sum + file.recordCount, 0n),
    bytes: files.reduce((sum, file) => sum + file.fileSizeBytes, 0n)
  }
}

export function summarizeSnapshot(operation: SnapshotSummary['operation'], parent: Snapshot | undefined, { added, removed, ...counts }: SummaryCounts, extra: Readonly<Record<string, string>> = {}): SnapshotSummary {
  const totals: Record<string, string> = {}
  const total = (name: string, change: bigint) => {
    const before = parent === undefined ? '0' : parent.summary[name]
    if (before === undefined || !/^\d+$/.test(before)) return
    // A total that would fall below zero was wrong before us: it ends here.
    const after = BigInt(before) + change
    if (after >= 0n) totals[name] = String(after)
  }
  total('total-records', added.records - removed.records)
  total('total-files-size', added.bytes - removed.bytes)
  total('total-data-files', BigInt(added.files - removed.files))
  total('total-delete-files', 0n)
  total('total-position-deletes', 0n)
  total('total-equality-deletes', 0n)
  return {
    'operation': operation,
    'added-data-files': String(added.files),
    'added-records': String(added.records),
    'added-files-size': String(added.bytes),
    ...removed.files === 0 ? {} : {
      'deleted-data-files': String(removed.files),
      'deleted-records': String(removed.records),
      'removed-files-size': String(removed.bytes)
    },
    'changed-partition-count': String(counts.changedPartitions),
    ...totals,
    'manifests-created': String(counts.manifestsCreated),
    'manifests-kept': String(counts.manifestsKept),
    'manifests-replaced': String(counts.manifestsReplaced),
    ...extra
  }
}

/**
 * The snapshot that `main` was at then (spec, "Point in Time Reads"): the greatest time of the log that is not later, the last of equal
 * ones; clocks of several committers leave the log out of order. null: the table had none yet. `expired`: it had one that is gone.
 */
export function snapshotAtTime(metadata: Pick<TableMetadata, 'snapshot-log' | 'snapshots'>, timeMs: number): Snapshot | null | 'expired' {
  const byId = (id: bigint) => metadata.snapshots.find(snapshot => snapshot['snapshot-id'] === id)
  type Entry = TableMetadata['snapshot-log'][number]
  const at = metadata['snapshot-log'].reduce<Entry | null>((best, entry) => {
    const isLater = entry['timestamp-ms'] <= timeMs && (best === null || entry['timestamp-ms'] >= best['timestamp-ms'])
    return isLater ? entry : best
  }, null)
  if (at !== null) return byId(at['snapshot-id']) ?? 'expired'
  const first = metadata['snapshot-log'][0]
  // A log that begins with a child of another snapshot was cut by an expiry.
  return first !== undefined && byId(first['snapshot-id'])?.['parent-snapshot-id'] !== undefined ? 'expired' : null
}
