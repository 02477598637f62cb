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

export interface SummaryCounts { addedFiles: number, addedRecords: bigint, addedBytes: bigint, changedPartitions: number, manifestsCreated: number, manifestsKept: number, manifestsReplaced: number }

export function summarizeAppend(parent: Snapshot | undefined, counts: SummaryCounts, extra: Record<string, string> = {}): SnapshotSummary {
  const totals: Record<string, string> = {}
  const total = (name: string, added: bigint) => {
    const before = parent === undefined ? '0' : parent.summary[name]
    if (before !== undefined && /^\d+$/.test(before)) totals[name] = String(BigInt(before) + added)
  }
  total('total-records', counts.addedRecords)
  total('total-files-size', counts.addedBytes)
  total('total-data-files', BigInt(counts.addedFiles))
  total('total-delete-files', 0n)
  total('total-position-deletes', 0n)
  total('total-equality-deletes', 0n)
  return {
    'operation': 'append',
    'added-data-files': String(counts.addedFiles),
    'added-records': String(counts.addedRecords),
    'added-files-size': String(counts.addedBytes),
    'changed-partition-count': String(counts.changedPartitions),
    ...totals,
    'manifests-created': String(counts.manifestsCreated),
    'manifests-kept': String(counts.manifestsKept),
    'manifests-replaced': String(counts.manifestsReplaced),
    ...extra
  }
}
