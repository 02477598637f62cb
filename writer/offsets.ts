// The recorded progress: the table property `firn.offsets`, changed only together with the data of the same commit.
// Pure: parses, prints, merges and judges; never touches a network. It refuses to guess: whatever does not add up comes
// back as a halt with one reason and the choices of the operator.
// Invariant: `next` of a partition never goes back but by an operator's decision, and no batch is merged that does not
// start exactly where the base's record ends.

import type { TableMetadata } from '../catalog/index.ts'

export const offsetsProperty = 'firn.offsets'
/** Marks snapshots of the writer in their summary. */
export const batchSummaryKey = 'firn.batch'
/** Names the writer process in the summary of its snapshots: who owned a partition when. */
export const writerSummaryKey = 'firn.writer'

export interface PartitionProgress { readonly start: bigint, readonly next: bigint }
export interface TopicProgress { readonly id: string, readonly partitions: ReadonlyMap<number, PartitionProgress> }
export interface RecordedOffsets {
  readonly tableUuid: string
  /** The snapshot that carried this value, and its sequence number. */
  readonly snapshotId: bigint
  readonly sequenceNumber: bigint
  readonly clusterId: string
  readonly topics: ReadonlyMap<string, TopicProgress>
}

export interface LogIds { readonly clusterId: string, readonly topicIds: ReadonlyMap<string, string> }

/** What one batch consumed of one partition: [start, end). */
export interface ConsumedRange { readonly topic: string, readonly partition: number, readonly start: bigint, readonly end: bigint }

export type Progress =
  | { readonly kind: 'fresh' }
  | { readonly kind: 'recorded', readonly offsets: RecordedOffsets }
  | { readonly kind: 'halt', readonly reason: string, readonly choices: string }

export const choices = {
  recorded: '`--writer-resume-from recorded` goes on at the recorded offsets and leaves the table as it is',
  data: '`--writer-resume-from data` goes on after the newest row of each partition that the table holds, so that rows which a rollback removed are written again',
  earliest: '`--writer-resume-from earliest` reads the whole log again; events that the table still holds within the duplicate window are not doubled'
}
const allChoices = [choices.recorded, choices.data, choices.earliest].join('; or ')

/** Reads a table's progress and judges whether it can be trusted with this log. */
export function readProgress (metadata: TableMetadata, log: LogIds): Progress {
  const halt = (reason: string, ...kinds: (keyof typeof choices)[]): Progress =>
    ({ kind: 'halt', reason, choices: kinds.length === 0 ? allChoices : kinds.map(kind => choices[kind]).join('; or ') })
  const text = metadata.properties[offsetsProperty]
  const main = currentSnapshot(metadata)
  if (text === undefined) {
    const ours = metadata.snapshots.find(snapshot => snapshot.summary[batchSummaryKey] !== undefined)
    if (ours !== undefined) return halt(`the table has snapshots of this writer (such as ${ours['snapshot-id']}), but its property ${offsetsProperty} is gone`, 'data', 'earliest')
    if (main !== undefined && main.summary['total-records'] !== '0') return halt(`the table holds rows, but no property ${offsetsProperty} says how far the log was read`, 'data', 'earliest')
    return { kind: 'fresh' }
  }
  const offsets = parseOffsets(text)
  if (offsets === null) return halt(`the property ${offsetsProperty} cannot be read (${text.slice(0, 80)})`, 'data', 'earliest')
  if (offsets.tableUuid !== metadata['table-uuid']) return halt(`the recorded offsets belong to table ${offsets.tableUuid}, but this table is ${metadata['table-uuid']}: it is a copy, or was replaced`)
  const lost = lineageBreak(metadata, offsets)
  if (lost !== null) return halt(lost)
  if (offsets.clusterId !== log.clusterId) return halt(`the recorded offsets belong to log ${offsets.clusterId}, but the log is ${log.clusterId}: offsets of one log mean nothing in another`, 'earliest', 'recorded')
  for (const [topic, { id }] of offsets.topics) {
    const found = log.topicIds.get(topic)
    if (found !== undefined && found !== id) return halt(`topic ${topic} was recreated: its id is ${found}, the recorded offsets belong to ${id}`, 'earliest', 'recorded')
  }
  return { kind: 'recorded', offsets }
}

/** Why the snapshot that carried the offsets is no longer part of main, or null when it is (or merely expired). */
export function lineageBreak (metadata: TableMetadata, offsets: RecordedOffsets): string | null {
  const main = currentSnapshot(metadata)
  const known = metadata.snapshots.some(snapshot => snapshot['snapshot-id'] === offsets.snapshotId)
  if (main === undefined) return `the table is empty, but the recorded offsets were committed with snapshot ${offsets.snapshotId}: it was replaced or emptied`
  const byId = new Map(metadata.snapshots.map(snapshot => [snapshot['snapshot-id'], snapshot]))
  for (let at: typeof main | undefined = main; at !== undefined; at = byId.get(at['parent-snapshot-id'] ?? -1n)) {
    if (at['snapshot-id'] === offsets.snapshotId) return null
    if (at['sequence-number'] <= offsets.sequenceNumber || at['parent-snapshot-id'] === undefined) {
      // Walked past the place where it would have to be. Sequence numbers only rise, so this is no expiry.
      return `the table was rolled back or replaced: snapshot ${offsets.snapshotId} (sequence number ${offsets.sequenceNumber}), which carried the recorded offsets, is not an ancestor of the current snapshot ${main['snapshot-id']} (sequence number ${main['sequence-number']})`
    }
  }
  if (known) return `the table was rolled back or rewritten: snapshot ${offsets.snapshotId}, which carried the recorded offsets, is in the table but not an ancestor of the current snapshot ${main['snapshot-id']}`
  return null
}

export type Fence =
  | { readonly kind: 'ok' }
  /** Every partition of the batch is recorded at or past its end: an earlier attempt or a rival committed it. */
  | { readonly kind: 'committed' }
  | { readonly kind: 'fenced', readonly reason: string }

/** Compares a batch with the record on the very metadata that will be asserted. */
export function fenceBatch (recorded: RecordedOffsets | null, batch: readonly ConsumedRange[]): Fence {
  let committed = 0
  for (const { topic, partition, start, end } of batch) {
    const next = recorded?.topics.get(topic)?.partitions.get(partition)?.next
    if (next === undefined || next === start) continue
    if (next < end) return { kind: 'fenced', reason: `partition ${partition} of ${topic} is recorded at ${next}, the batch starts at ${start}` }
    committed++
  }
  if (committed === 0) return { kind: 'ok' }
  if (committed === batch.length) return { kind: 'committed' }
  return { kind: 'fenced', reason: `${committed} of ${batch.length} partitions of the batch are already committed` }
}

/** The base's record with only this batch's partitions moved. */
export function mergeOffsets (base: RecordedOffsets | null, batch: readonly ConsumedRange[], carrier: { tableUuid: string, snapshotId: bigint, sequenceNumber: bigint, log: LogIds }): RecordedOffsets {
  const topics = new Map<string, TopicProgress>([...base?.topics ?? []])
  for (const { topic, partition, start, end } of batch) {
    const id = carrier.log.topicIds.get(topic)
    if (id === undefined) throw new TypeError(`topic ${topic} has no id`)
    const partitions = new Map(topics.get(topic)?.partitions ?? [])
    const before = partitions.get(partition)
    if (before !== undefined && before.next !== start) throw new TypeError(`partition ${partition} of ${topic} is at ${before.next}, not ${start}`)
    partitions.set(partition, { start: before?.start ?? start, next: end })
    topics.set(topic, { id, partitions })
  }
  return { tableUuid: carrier.tableUuid, snapshotId: carrier.snapshotId, sequenceNumber: carrier.sequenceNumber, clusterId: carrier.log.clusterId, topics }
}

/** The same for dead_letters, which may be ahead after a crash: `next` only rises. */
export function advanceOffsets (base: RecordedOffsets | null, batch: readonly ConsumedRange[], carrier: Parameters<typeof mergeOffsets>[2]): RecordedOffsets {
  const next = (topic: string, partition: number): bigint | undefined => base?.topics.get(topic)?.partitions.get(partition)?.next
  const rising = batch.filter(({ topic, partition, end }) => (next(topic, partition) ?? -1n) < end)
  return mergeOffsets(base, rising.map(range => ({ ...range, start: next(range.topic, range.partition) ?? range.start })), carrier)
}

/** Null when the text is not a value that this version understands. */
export function parseOffsets (text: string): RecordedOffsets | null {
  try {
    const value = JSON.parse(text) as { v: number, 'table-uuid': string, snap: string, 'snap-seq': string, log: { cluster: string, topics: Record<string, { id: string, p: Record<string, { start: string, next: string }> }> } }
    if (value.v !== 1 || typeof value['table-uuid'] !== 'string' || typeof value.log.cluster !== 'string') return null
    const topics = new Map<string, TopicProgress>()
    for (const [topic, { id, p }] of Object.entries(value.log.topics)) {
      if (typeof id !== 'string') return null
      const partitions = new Map<number, PartitionProgress>()
      for (const [partition, { start, next }] of Object.entries(p)) {
        if (!/^\d+$/.test(partition) || BigInt(start) > BigInt(next) || BigInt(start) < 0n) return null
        partitions.set(Number(partition), { start: BigInt(start), next: BigInt(next) })
      }
      topics.set(topic, { id, partitions })
    }
    return { tableUuid: value['table-uuid'], snapshotId: BigInt(value.snap), sequenceNumber: BigInt(value['snap-seq']), clusterId: value.log.cluster, topics }
  } catch {
    return null
  }
}

export function printOffsets (offsets: RecordedOffsets): string {
  const topics = Object.fromEntries([...offsets.topics].sort(([a], [b]) => a < b ? -1 : 1).map(([topic, { id, partitions }]) => [topic, {
    id,
    p: Object.fromEntries([...partitions].sort(([a], [b]) => a - b).map(([partition, { start, next }]) => [partition, { start: String(start), next: String(next) }]))
  }]))
  return JSON.stringify({ v: 1, 'table-uuid': offsets.tableUuid, snap: String(offsets.snapshotId), 'snap-seq': String(offsets.sequenceNumber), log: { cluster: offsets.clusterId, topics } })
}

function currentSnapshot (metadata: TableMetadata): TableMetadata['snapshots'][number] | undefined {
  const id = metadata.refs['main']?.['snapshot-id'] ?? metadata['current-snapshot-id']
  return metadata.snapshots.find(snapshot => snapshot['snapshot-id'] === id)
}
