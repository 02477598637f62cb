// The two commits of a batch: its dead letters, then its rows with the new offsets. What decides is here (fence,
// lineage, duplicates on the very base that is asserted); the catalog's commit loop alone retries.
// Refuses to commit on a base that it has not judged. Deletes nothing.

import { commitSnapshot, createSnapshotId, stageAppend, type Catalog, type DataFile, type LoadedTable, type Storage } from '../catalog/index.ts'
import type { Logger } from '../runtime/index.ts'
import { fail } from './errors.ts'
import { advanceOffsets, batchSummaryKey, fenceBatch, mergeOffsets, offsetsProperty, parseOffsets, printOffsets, readProgress, writerSummaryKey, type ConsumedRange, type LogIds, type RecordedOffsets } from './offsets.ts'
import type { WriterTables } from './tables.ts'

export interface CommitParts { readonly catalog: Catalog, readonly storage: Storage, readonly logger: Logger, readonly nowMs: () => number, readonly signal: AbortSignal, readonly writerId: string }

export type RowsOutcome =
  | { readonly kind: 'landed', readonly snapshotId: bigint, readonly table: LoadedTable }
  /** The base holds ids or types that the files were not checked against: filter again, write again, commit again. */
  | { readonly kind: 'stale', readonly table: LoadedTable }
  /** The batch is not ours to write (any more): discard it and read on from the table. */
  | { readonly kind: 'fenced', readonly reason: string }

export interface RowsBatch {
  readonly ranges: readonly ConsumedRange[]
  readonly files: readonly DataFile[]
  readonly log: LogIds
  /** False when the batch has to be filtered again on this base. */
  readonly isCheckedOn: (base: LoadedTable) => Promise<boolean>
  readonly rows: number
  readonly letters: number
}

export async function commitRows (parts: CommitParts, table: LoadedTable, batch: RowsBatch): Promise<RowsOutcome> {
  const snapshotId = createSnapshotId(table.metadata)
  let stale = false
  const outcome = await commitSnapshot({ ...contextOf(parts), table }, snapshotId, async base => {
    const progress = readProgress(base.metadata, batch.log)
    if (progress.kind === 'halt') throw fail('WRITER_HALTED', { reason: progress.reason, choices: progress.choices })
    const recorded = progress.kind === 'recorded' ? progress.offsets : null
    const fence = fenceBatch(recorded, batch.ranges)
    if (fence.kind !== 'ok') return { kind: 'abandon', reason: fence.kind === 'fenced' ? fence.reason : 'the batch is committed already' }
    if (!await batch.isCheckedOn(base)) {
      stale = true
      return { kind: 'abandon', reason: 'the table has ids that the batch was not checked against' }
    }
    const offsets = mergeOffsets(recorded, batch.ranges, carrierOf(base, snapshotId, batch.log))
    return await stageAppend(contextOf(parts), base, {
      snapshotId,
      files: batch.files,
      properties: { [offsetsProperty]: printOffsets(offsets) },
      summary: summaryOf(parts, batch.ranges, { 'firn.rows': String(batch.rows), 'firn.dead-letters': String(batch.letters) }),
      expire: { keepIds: recorded === null ? [] : [recorded.snapshotId] }
    })
  })
  if (outcome.kind === 'landed') return outcome
  if (outcome.kind === 'failed') throw fail('WRITER_COMMIT_FAILED', { table: 'firn.events', reason: outcome.error.message }, outcome.error)
  return stale ? { kind: 'stale', table: outcome.table } : { kind: 'fenced', reason: outcome.reason }
}

/** `known` is what the batch was read with: if dead_letters moved since, a rival decided about the same records. Returns the tables as they are then. */
export async function commitLetters (parts: CommitParts, { letters: table, lettersNext: known }: Pick<WriterTables, 'letters' | 'lettersNext'>, batch: { ranges: readonly ConsumedRange[], files: readonly DataFile[], log: LogIds, letters: number }): Promise<Pick<WriterTables, 'letters' | 'lettersNext'>> {
  const snapshotId = createSnapshotId(table.metadata)
  const outcome = await commitSnapshot({ ...contextOf(parts), table }, snapshotId, async base => {
    const recorded = lettersProgress(base)
    for (const { topic, partition, start } of batch.ranges) {
      const next = recorded?.topics.get(topic)?.partitions.get(partition)?.next ?? 0n
      if (next > start && next !== known.get(`${partition}/${topic}`)) return { kind: 'abandon', reason: `another writer listed dead letters of partition ${partition} of ${topic}` }
    }
    const offsets = advanceOffsets(recorded, batch.ranges, carrierOf(base, snapshotId, batch.log))
    return await stageAppend(contextOf(parts), base, {
      snapshotId,
      files: batch.files,
      properties: { [offsetsProperty]: printOffsets(offsets) },
      summary: summaryOf(parts, batch.ranges, { 'firn.dead-letters': String(batch.letters) }),
      expire: {}
    })
  })
  if (outcome.kind === 'landed') {
    const lettersNext = new Map(known)
    for (const { topic, partition, end } of batch.ranges) {
      const key = `${partition}/${topic}`
      if (end > (known.get(key) ?? 0n)) lettersNext.set(key, end)
    }
    return { letters: outcome.table, lettersNext }
  }
  if (outcome.kind === 'failed') throw fail('WRITER_COMMIT_FAILED', { table: 'firn.dead_letters', reason: outcome.error.message }, outcome.error)
  throw fail('WRITER_FENCED', { reason: outcome.reason })
}

/** An operator's decision as a commit of its own: the table as it is, the offsets as decided. */
export async function commitDecision (parts: CommitParts, table: LoadedTable, decide: (base: LoadedTable) => Promise<RecordedOffsets['topics']>, log: LogIds): Promise<LoadedTable> {
  const snapshotId = createSnapshotId(table.metadata)
  const outcome = await commitSnapshot({ ...contextOf(parts), table }, snapshotId, async base => {
    const { tableUuid, sequenceNumber } = carrierOf(base, snapshotId, log)
    const topics = await decide(base)
    return await stageAppend(contextOf(parts), base, {
      snapshotId,
      files: [],
      properties: { [offsetsProperty]: printOffsets({ tableUuid, snapshotId, sequenceNumber, clusterId: log.clusterId, topics }) },
      summary: { [batchSummaryKey]: 'decision' }
    })
  })
  if (outcome.kind === 'landed') return outcome.table
  throw fail('WRITER_COMMIT_FAILED', { table: 'firn.events', reason: outcome.kind === 'failed' ? outcome.error.message : outcome.reason })
}

/** The record on dead_letters; null when there is none, or it is another table's. */
export function lettersProgress ({ metadata }: LoadedTable): RecordedOffsets | null {
  const text = metadata.properties[offsetsProperty]
  const offsets = text === undefined ? null : parseOffsets(text)
  return offsets === null || offsets.tableUuid !== metadata['table-uuid'] ? null : offsets
}

function carrierOf (base: LoadedTable, snapshotId: bigint, log: LogIds): Parameters<typeof mergeOffsets>[2] {
  return { tableUuid: base.metadata['table-uuid'], snapshotId, sequenceNumber: base.metadata['last-sequence-number'] + 1n, log }
}

function summaryOf ({ writerId }: CommitParts, ranges: readonly ConsumedRange[], counts: Record<string, string>): Record<string, string> {
  const topics: Record<string, Record<string, [string, string]>> = {}
  for (const { topic, partition, start, end } of ranges) (topics[topic] ??= {})[partition] = [String(start), String(end)]
  return { [batchSummaryKey]: '1', [writerSummaryKey]: writerId, ...counts, 'firn.ranges': JSON.stringify(topics) }
}

function contextOf ({ catalog, storage, nowMs, signal }: CommitParts): { catalog: Catalog, storage: Storage, clock: () => number, signal: AbortSignal } {
  return { catalog, storage, clock: nowMs, signal }
}
