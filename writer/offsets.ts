// The recorded progress: the table property `firn.offsets`, changed only together with the data of the same commit.
// Pure: parses, prints, merges and judges; never touches a network. It refuses to guess: whatever does not add up comes
// back as a halt with one reason and the choices of the operator.
// Invariant: `next` of a partition never goes back but by an operator's decision, and no batch is merged that does not
// start exactly where the base's record ends.

import type { TableMetadata } from '../catalog/index.ts'
import { choices, type Advice } from './choices.ts'
import { judgeLineage } from './lineage.ts'

export const offsetsProperty = 'firn.offsets'
/** Marks snapshots of the writer in their summary. */
export const batchSummaryKey = 'firn.batch'
/** Names the writer process in the summary of its snapshots: who owned a partition when. */
export const writerSummaryKey = 'firn.writer'
/** What a batch consumed, in the summary of both its snapshots: together with the writer it names the batch. */
export const rangesSummaryKey = 'firn.ranges'

export interface PartitionProgress {
  readonly start: bigint
  readonly next: bigint
  /** The log's evidence of what was consumed before `next`; empty when there is none. */
  readonly fingerprint: string
  /** Below this offset the partition was read before an operator's decision: what is listed there may be of another log. */
  readonly rereadTo?: bigint
}
export interface TopicProgress { readonly id: string, readonly partitions: ReadonlyMap<number, PartitionProgress> }

/** The newest commit that brought rows: what has to be in the table wherever the record is true. */
export interface Tail {
  readonly snapshotId: bigint
  readonly sequenceNumber: bigint
  readonly rows: bigint
  /** Rows of the whole table then; 0 when that was not known. */
  readonly totalRows: bigint
  readonly ranges: readonly OffsetRange[]
}
export interface OffsetRange { readonly topic: string, readonly partition: number, readonly start: bigint, readonly end: bigint }

export interface RecordedOffsets {
  readonly tableUuid: string
  /** The snapshot that carried this value, and its sequence number. */
  readonly snapshotId: bigint
  readonly sequenceNumber: bigint
  readonly clusterId: string
  readonly topics: ReadonlyMap<string, TopicProgress>
  /** Null before the first rows, and in records of the first format. */
  readonly tail: Tail | null
}

export interface LogIds { readonly clusterId: string, readonly topicIds: ReadonlyMap<string, string> }

/** What one batch consumed of one partition: [start, end), with the log's evidence at both ends. */
export interface ConsumedRange extends OffsetRange { readonly before: string, readonly fingerprint: string }

export interface Carrier { readonly tableUuid: string, readonly snapshotId: bigint, readonly sequenceNumber: bigint, readonly log: LogIds }

export type Progress =
  | { readonly kind: 'fresh' }
  | { readonly kind: 'recorded', readonly offsets: RecordedOffsets }
  /** The snapshots that would tell are gone: the rows themselves have to. `reason` is why it halts if they do not. */
  | { readonly kind: 'unclear', readonly offsets: RecordedOffsets, readonly reason: string }
  | { readonly kind: 'halt', readonly about: 'table' | 'log', readonly reason: string, readonly choices: string }

/** Reads a table's progress and judges whether it can be trusted with this log. Its partitions are judged one by one. */
export function readProgress (metadata: TableMetadata, log: LogIds): Progress {
  const text = metadata.properties[offsetsProperty]
  const main = currentSnapshot(metadata)
  if (text === undefined) {
    const ours = metadata.snapshots.find(snapshot => snapshot.summary[batchSummaryKey] !== undefined)
    if (ours !== undefined) {
      const reason = `the table has snapshots of this writer (such as ${ours['snapshot-id']}), but its property ${offsetsProperty} is gone`
      return haltOf(reason, 'data', 'earliest')
    }
    if (main !== undefined && main.summary['total-records'] !== '0') {
      return haltOf(`the table holds rows, but no property ${offsetsProperty} says how far the log was read`, 'data', 'earliest')
    }
    return { kind: 'fresh' }
  }
  const offsets = parseOffsets(text)
  if (offsets === null) return haltOf(`the property ${offsetsProperty} cannot be read (${text.slice(0, 80)})`, 'data', 'earliest')
  if (offsets.tableUuid !== metadata['table-uuid']) {
    return haltOf(`the recorded offsets belong to table ${offsets.tableUuid}, but this table is ${metadata['table-uuid']}: it is a copy, or was replaced`)
  }
  const lineage = judgeLineage(metadata, offsets)
  if (lineage.kind === 'broken') return haltOf(lineage.reason)
  if (offsets.clusterId !== log.clusterId) {
    const reason = `the recorded offsets belong to log ${offsets.clusterId}, but the log is ${log.clusterId}: offsets of one log mean nothing in another`
    return { ...haltOf(reason, 'earliest', 'restore'), about: 'log' }
  }
  return lineage.kind === 'unclear' ? { kind: 'unclear', offsets, reason: lineage.reason } : { kind: 'recorded', offsets }
}

/** A halt of the whole table with these choices, or the three that a table offers. */
export function haltOf (reason: string, ...kinds: readonly Advice[]): Extract<Progress, { kind: 'halt' }> {
  return { kind: 'halt', about: 'table', reason, choices: choices(...kinds.length === 0 ? ['recorded', 'data', 'earliest'] as const : kinds) }
}

export type Fence =
  | { readonly kind: 'ok' }
  /** Every partition of the batch is recorded at or past its end: an earlier attempt or a rival committed it. */
  | { readonly kind: 'committed' }
  | { readonly kind: 'fenced', readonly reason: string }

/** Compares a batch with the record on the very metadata that will be asserted. */
export function fenceBatch (recorded: RecordedOffsets | null, batch: readonly ConsumedRange[], log?: LogIds): Fence {
  let committed = 0
  for (const { topic, partition, start, end } of batch) {
    const found = recorded?.topics.get(topic)
    const id = log?.topicIds.get(topic)
    if (found !== undefined && id !== undefined && found.id !== id) return { kind: 'fenced', reason: `topic ${topic} is recorded with id ${found.id}, the batch was read from ${id}` }
    const next = found?.partitions.get(partition)?.next
    if (next === undefined || next === start) continue
    if (next < end) return { kind: 'fenced', reason: `partition ${partition} of ${topic} is recorded at ${next}, the batch starts at ${start}` }
    committed++
  }
  if (committed === 0) return { kind: 'ok' }
  if (committed === batch.length) return { kind: 'committed' }
  return { kind: 'fenced', reason: `${committed} of ${batch.length} partitions of the batch are already committed` }
}

/** Ranges that another writer brought to where they start, with other evidence than ours: the log has to be asked. */
export function differingEvidence (recorded: RecordedOffsets | null, batch: readonly ConsumedRange[]): { range: ConsumedRange, recorded: string }[] {
  return batch.flatMap(range => {
    const found = recorded?.topics.get(range.topic)?.partitions.get(range.partition)?.fingerprint ?? ''
    return found === '' || range.before === '' || found === range.before ? [] : [{ range, recorded: found }]
  })
}

/** The base's record with only this batch's partitions moved. */
export function mergeOffsets (base: RecordedOffsets | null, batch: readonly ConsumedRange[], carrier: Carrier, tail?: Tail): RecordedOffsets {
  const topics = new Map<string, TopicProgress>([...base?.topics ?? []])
  for (const { topic, partition, start, end, fingerprint } of batch) {
    const id = carrier.log.topicIds.get(topic)
    if (id === undefined) throw new TypeError(`topic ${topic} has no id`)
    const partitions = new Map(topics.get(topic)?.partitions ?? [])
    const before = partitions.get(partition)
    if (before !== undefined && before.next !== start) throw new TypeError(`partition ${partition} of ${topic} is at ${before.next}, not ${start}`)
    partitions.set(partition, { start: before?.start ?? start, next: end, fingerprint, ...stillReread(before?.rereadTo, end) })
    topics.set(topic, { id, partitions })
  }
  const { tableUuid, snapshotId, sequenceNumber, log: { clusterId } } = carrier
  return { tableUuid, snapshotId, sequenceNumber, clusterId, topics, tail: tail ?? base?.tail ?? null }
}

/** The same for dead_letters, which may be ahead after a crash: `next` only rises. */
export function advanceOffsets (base: RecordedOffsets | null, batch: readonly ConsumedRange[], carrier: Carrier): RecordedOffsets {
  const next = (topic: string, partition: number): bigint | undefined => base?.topics.get(topic)?.partitions.get(partition)?.next
  const rising = batch.filter(({ topic, partition, end }) => (next(topic, partition) ?? -1n) < end)
  return mergeOffsets(base, rising.map(range => ({ ...range, start: next(range.topic, range.partition) ?? range.start })), carrier)
}

interface PrintedPartition { start: string, next: string, fp?: string, reread?: string }
type PrintedRanges = Record<string, Record<string, [string, string]>>
interface Printed {
  'v': number
  'table-uuid': string
  'snap': string
  'snap-seq': string
  'log': { cluster: string, topics: Record<string, { id: string, p: Record<string, PrintedPartition> }> }
  'tail'?: { 'snap': string, 'snap-seq': string, 'rows': string, 'total': string, 'ranges': PrintedRanges }
}

/** Null when the text is not a value that this version understands: formats 1 (without evidence) and 2. */
export function parseOffsets (text: string): RecordedOffsets | null {
  try {
    const value = JSON.parse(text) as Printed
    if ((value.v !== 1 && value.v !== 2) || typeof value['table-uuid'] !== 'string' || typeof value.log.cluster !== 'string') return null
    const topics = new Map<string, TopicProgress>()
    for (const [topic, { id, p }] of Object.entries(value.log.topics)) {
      if (typeof id !== 'string') return null
      const partitions = new Map<number, PartitionProgress>()
      for (const [partition, printed] of Object.entries(p)) {
        const progress = parsePartition(partition, printed)
        if (progress === null) return null
        partitions.set(Number(partition), progress)
      }
      topics.set(topic, { id, partitions })
    }
    const carrier = { snapshotId: BigInt(value.snap), sequenceNumber: BigInt(value['snap-seq']) }
    return { tableUuid: value['table-uuid'], ...carrier, clusterId: value.log.cluster, topics, tail: parseTail(value.tail) }
  } catch {
    return null
  }
}

export function printOffsets (offsets: RecordedOffsets): string {
  const topics = Object.fromEntries([...offsets.topics].sort(([a], [b]) => a < b ? -1 : 1).map(([topic, { id, partitions }]) => [topic, {
    id,
    p: Object.fromEntries([...partitions].sort(([a], [b]) => a - b).map(([partition, progress]) => [partition, printPartition(progress)]))
  }]))
  const printed: Printed = {
    'v': 2,
    'table-uuid': offsets.tableUuid,
    'snap': String(offsets.snapshotId),
    'snap-seq': String(offsets.sequenceNumber),
    'log': { cluster: offsets.clusterId, topics },
    ...offsets.tail === null ? {} : { tail: printTail(offsets.tail) }
  }
  return JSON.stringify(printed)
}

export function printRanges (ranges: readonly OffsetRange[]): PrintedRanges {
  const topics: PrintedRanges = {}
  for (const { topic, partition, start, end } of ranges) (topics[topic] ??= {})[partition] = [String(start), String(end)]
  return topics
}

function parsePartition (partition: string, { start, next, fp = '', reread }: PrintedPartition): PartitionProgress | null {
  if (!/^\d+$/.test(partition) || BigInt(start) > BigInt(next) || BigInt(start) < 0n || typeof fp !== 'string') return null
  return { start: BigInt(start), next: BigInt(next), fingerprint: fp, ...stillReread(reread === undefined ? undefined : BigInt(reread), BigInt(next)) }
}

function printPartition ({ start, next, fingerprint, rereadTo }: PartitionProgress): PrintedPartition {
  return { start: String(start), next: String(next), fp: fingerprint, ...rereadTo === undefined ? {} : { reread: String(rereadTo) } }
}

function stillReread (rereadTo: bigint | undefined, next: bigint): { rereadTo?: bigint } {
  return rereadTo === undefined || rereadTo <= next ? {} : { rereadTo }
}

function parseTail (tail: Printed['tail']): Tail | null {
  if (tail === undefined) return null
  const ranges = Object.entries(tail.ranges).flatMap(([topic, partitions]) =>
    Object.entries(partitions).map(([partition, [start, end]]) => ({ topic, partition: Number(partition), start: BigInt(start), end: BigInt(end) })))
  const place = { snapshotId: BigInt(tail.snap), sequenceNumber: BigInt(tail['snap-seq']) }
  return { ...place, rows: BigInt(tail.rows), totalRows: BigInt(tail.total), ranges }
}

function printTail ({ snapshotId, sequenceNumber, rows, totalRows, ranges }: Tail): NonNullable<Printed['tail']> {
  return { 'snap': String(snapshotId), 'snap-seq': String(sequenceNumber), 'rows': String(rows), 'total': String(totalRows), 'ranges': printRanges(ranges) }
}

export function currentSnapshot (metadata: TableMetadata): TableMetadata['snapshots'][number] | undefined {
  const id = metadata.refs['main']?.['snapshot-id'] ?? metadata['current-snapshot-id']
  return metadata.snapshots.find(snapshot => snapshot['snapshot-id'] === id)
}
