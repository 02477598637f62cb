// The two commits of a batch: its dead letters, then its rows with the new offsets. What decides is here (fence, halts,
// lineage, evidence of the log, duplicates on the very base that is asserted); the catalog's commit loop alone retries.
// Refuses to commit on a base that it has not judged. Deletes nothing.

import { commitSnapshot, createSnapshotId, printIdentifier, specById, stageAppend, type Catalog, type DataFile, type LoadedTable, type Storage } from '../catalog/index.ts'
import type { Log } from '../log/index.ts'
import type { Logger } from '../runtime/index.ts'
import { addDecision, decisionsProperty, parseDecisions, printDecisions, skippedTo, type Decision } from './decisions.ts'
import type { Engine } from './engine.ts'
import { fail } from './errors.ts'
import { haltsProperty, parseHalts, printHalts, type Halt } from './halts.ts'
import type { NewTables } from './lost-tables.ts'
import { rowsOf, settledProgress } from './lineage-evidence.ts'
import {
  advanceOffsets, batchSummaryKey, differingEvidence, fenceBatch, mergeOffsets, offsetsProperty, parseOffsets, printOffsets, printRanges,
  rangesSummaryKey, writerSummaryKey, type Carrier, type ConsumedRange, type LogIds, type RecordedOffsets, type Tail
} from './offsets.ts'
import { demandLayout, eventsShape, lettersShape, type WriterTables } from './tables.ts'
import { addUnlisted, parseUnlisted, printUnlisted, unlistedProperty, type TypeRows } from './unlisted-types.ts'

export interface CommitParts {
  readonly catalog: Catalog
  readonly storage: Storage
  readonly engine: Engine
  readonly logger: Logger
  readonly nowMs: () => number
  readonly signal: AbortSignal
  readonly writerId: string
  /** Asked when another writer's evidence differs from ours. */
  readonly source: Pick<Log, 'compareFingerprint'>
  readonly newTables?: NewTables
}

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
  /** Why another writer's dead letters contradict the batch, or null. Asked on each base. */
  readonly lettersAgainst: () => Promise<string | null>
  readonly rows: number
  readonly letters: number
  /** Rows of undeclared types that lie in `unlisted`, and the types that have a partition of their own. */
  readonly unlisted?: TypeRows
  readonly listed?: ReadonlySet<string>
}

export async function commitRows (parts: CommitParts, table: LoadedTable, batch: RowsBatch): Promise<RowsOutcome> {
  const snapshotId = createSnapshotId(table.metadata)
  let stale = false
  const outcome = await commitSnapshot({ ...contextOf(parts), table }, snapshotId, async base => {
    const judged = await judgeBase(parts, base, batch)
    if ('refused' in judged) return { kind: 'abandon', reason: judged.refused }
    demandLayout(table, base, eventsShape)
    demandSpecs(base, batch.files)
    if (!await batch.isCheckedOn(base)) {
      stale = true
      return { kind: 'abandon', reason: 'the table has ids that the batch was not checked against' }
    }
    const { recorded } = judged
    const carrier = carrierOf(base, snapshotId, batch.log)
    const offsets = mergeOffsets(recorded, batch.ranges, carrier, tailOf(base, carrier, batch))
    return await stageAppend(contextOf(parts), base, {
      snapshotId,
      files: batch.files,
      properties: { [offsetsProperty]: printOffsets(offsets), ...unlistedOf(base, batch) },
      summary: summaryOf(parts, batch.ranges, { 'firn.rows': String(batch.rows), 'firn.dead-letters': String(batch.letters) }),
      expire: { keepIds: recorded === null ? [] : [recorded.snapshotId] }
    })
  })
  if (outcome.kind === 'landed') return outcome
  if (outcome.kind === 'failed') throw fail('WRITER_COMMIT_FAILED', { table: 'firn.events', reason: outcome.error.message }, outcome.error)
  return stale ? { kind: 'stale', table: outcome.table } : { kind: 'fenced', reason: outcome.reason }
}

/** How many rows came of each undeclared type that has no partition, where that changes. */
function unlistedOf ({ metadata }: LoadedTable, { unlisted = new Map(), listed = new Set() }: RowsBatch): Record<string, string> {
  const text = metadata.properties[unlistedProperty]
  const now = printUnlisted(addUnlisted(parseUnlisted(text), unlisted, listed))
  return now === (text ?? printUnlisted(new Map())) ? {} : { [unlistedProperty]: now }
}

/** A spec that no file was written with may be removed by another engine. */
function demandSpecs ({ id, metadata }: LoadedTable, files: readonly DataFile[]): void {
  const gone = files.find(({ specId }) => specById(metadata, specId) === undefined)
  if (gone !== undefined) throw fail('WRITER_TABLE_CHANGED', { table: printIdentifier(id), changes: `partition spec ${gone.specId} is gone` })
}

/** The record that the batch goes on from, or why this base does not take it. */
async function judgeBase (parts: CommitParts, base: LoadedTable, { ranges, log, lettersAgainst }: RowsBatch): Promise<{ recorded: RecordedOffsets | null } | { refused: string }> {
  const progress = await settledProgress(parts, base, log)
  // The next session finds the same, sets it in the table and says it.
  if (progress.kind === 'halt') return { refused: progress.reason }
  const halted = haltAgainst(parseHalts(base.metadata.properties[haltsProperty]), ranges)
  if (halted !== null) return { refused: halted }
  const recorded = progress.kind === 'recorded' ? progress.offsets : null
  const fence = fenceBatch(recorded, ranges, log)
  if (fence.kind !== 'ok') return { refused: fence.kind === 'fenced' ? fence.reason : 'the batch is committed already' }
  for (const { range: { topic, partition, start }, recorded: fingerprint } of differingEvidence(recorded, ranges)) {
    const verdict = await parts.source.compareFingerprint(topic, partition, start, fingerprint)
    if (verdict === 'other') return { refused: `partition ${partition} of ${topic} was brought to ${start} by a writer of another log` }
  }
  const letters = await lettersAgainst()
  return letters === null ? { recorded } : { refused: letters }
}

/** Another writer found what this one did not (yet): nothing lands on a halted partition. */
function haltAgainst (halts: readonly Halt[], ranges: readonly ConsumedRange[]): string | null {
  const found = halts.find(halt => halt.topic === null || ranges.some(range => range.topic === halt.topic && range.partition === halt.partition && !isBeforeDamage(halt, range)))
  if (found === undefined) return null
  return found.topic === null ? `the table is halted: ${found.reason}` : `partition ${found.partition} of ${found.topic} is halted: ${found.reason}`
}

/** Records before damaged ones are sound. */
function isBeforeDamage ({ kind, evidence }: Halt, { end }: ConsumedRange): boolean {
  return kind === 'damaged' && evidence.from !== undefined && end <= BigInt(evidence.from)
}

function tailOf (base: LoadedTable, { snapshotId, sequenceNumber }: Carrier, { ranges, files, rows }: RowsBatch): Tail | undefined {
  if (files.length === 0) return undefined
  const before = rowsOf(base)
  return { snapshotId, sequenceNumber, rows: BigInt(rows), totalRows: before === null ? 0n : before + BigInt(rows), ranges }
}

/** `known` is what the batch was read with: if dead_letters moved since, a rival decided about the same records. Returns the tables as they are then. */
export async function commitLetters (parts: CommitParts, { letters: table, lettersNext: known }: Pick<WriterTables, 'letters' | 'lettersNext'>, batch: { ranges: readonly ConsumedRange[], files: readonly DataFile[], log: LogIds, letters: number }): Promise<Pick<WriterTables, 'letters' | 'lettersNext'>> {
  const snapshotId = createSnapshotId(table.metadata)
  const outcome = await commitSnapshot({ ...contextOf(parts), table }, snapshotId, async base => {
    const against = lettersAgainst(base, known, batch.ranges)
    if (against !== null) return { kind: 'abandon', reason: against }
    demandLayout(table, base, lettersShape)
    const offsets = advanceOffsets(lettersProgress(base), batch.ranges, carrierOf(base, snapshotId, batch.log))
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

/** Why what dead_letters lists now contradicts a batch that was read when it was at `known`, or null. */
export function lettersAgainst (letters: LoadedTable, known: WriterTables['lettersNext'], ranges: readonly ConsumedRange[]): string | null {
  const recorded = lettersProgress(letters)
  for (const { topic, partition, start } of ranges) {
    const next = recorded?.topics.get(topic)?.partitions.get(partition)?.next ?? 0n
    if (next > start && next !== known.get(`${partition}/${topic}`)) return `another writer listed dead letters of partition ${partition} of ${topic}`
  }
  return null
}

/** After a decision to read again: dead_letters counts from where reading goes on, so that what a rival lists shows. */
export async function resetLetters (parts: CommitParts, table: LoadedTable, log: LogIds, places: readonly { topic: string, partition: number, next: bigint }[]): Promise<LoadedTable> {
  const snapshotId = createSnapshotId(table.metadata)
  const ahead = (base: LoadedTable): typeof places => {
    const recorded = lettersProgress(base)
    return places.filter(({ topic, partition, next }) => (recorded?.topics.get(topic)?.partitions.get(partition)?.next ?? next) > next)
  }
  if (ahead(table).length === 0) return table
  const outcome = await commitSnapshot({ ...contextOf(parts), table }, snapshotId, async base => {
    const recorded = lettersProgress(base)
    if (recorded === null) return { kind: 'abandon', reason: 'nothing is recorded' }
    const topics = new Map(recorded.topics)
    for (const { topic, partition, next } of ahead(base)) {
      const partitions = new Map(topics.get(topic)!.partitions)
      const { start } = partitions.get(partition)!
      partitions.set(partition, { start: start < next ? start : next, next, fingerprint: '' })
      topics.set(topic, { id: log.topicIds.get(topic)!, partitions })
    }
    const { tableUuid, sequenceNumber } = carrierOf(base, snapshotId, log)
    const offsets: RecordedOffsets = { tableUuid, snapshotId, sequenceNumber, clusterId: log.clusterId, topics, tail: recorded.tail }
    return await stageAppend(contextOf(parts), base, { snapshotId, files: [], properties: { [offsetsProperty]: printOffsets(offsets) }, summary: { [batchSummaryKey]: 'decision' } })
  })
  if (outcome.kind === 'landed' || outcome.kind === 'abandoned') return outcome.table
  throw fail('WRITER_COMMIT_FAILED', { table: 'firn.dead_letters', reason: outcome.error.message }, outcome.error)
}

/** What an operator's decision makes of a base. */
export interface DecidedBase {
  readonly topics: RecordedOffsets['topics']
  readonly tail: Tail | null
  readonly halts: readonly Halt[]
  readonly decision: Decision
}

/** An operator's decision as a commit of its own: the rows as they are; offsets, halts and decisions as decided. */
export async function commitDecision (parts: CommitParts, table: LoadedTable, decide: (base: LoadedTable) => Promise<DecidedBase>, log: LogIds): Promise<LoadedTable> {
  const snapshotId = createSnapshotId(table.metadata)
  const outcome = await commitSnapshot({ ...contextOf(parts), table }, snapshotId, async base => {
    const { tableUuid, sequenceNumber } = carrierOf(base, snapshotId, log)
    const { topics, tail, halts, decision } = await decide(base)
    const { properties } = base.metadata
    const offsets: RecordedOffsets = { tableUuid, snapshotId, sequenceNumber, clusterId: log.clusterId, topics, tail }
    const decisions = addDecision(parseDecisions(properties[decisionsProperty]), decision, each => isStillNeeded(each, topics))
    return await stageAppend(contextOf(parts), base, {
      snapshotId,
      files: [],
      properties: { [offsetsProperty]: printOffsets(offsets), [haltsProperty]: printHalts(halts), [decisionsProperty]: printDecisions(decisions) },
      summary: { [batchSummaryKey]: 'decision' }
    })
  })
  if (outcome.kind === 'landed') return outcome.table
  throw fail('WRITER_COMMIT_FAILED', { table: 'firn.events', reason: outcome.kind === 'failed' ? outcome.error.message : outcome.reason })
}

/** Records that are left out and were not passed yet. */
function isStillNeeded (decision: Decision, topics: RecordedOffsets['topics']): boolean {
  return decision.choice === 'skip' && decision.partitions.some(({ topic, partition, to }) => (topics.get(topic)?.partitions.get(partition)?.next ?? 0n) < BigInt(to))
}

/** Where reading goes on when an operator left these damaged records out; null when nobody decided that. */
export function decidedSkip ({ metadata }: LoadedTable, topic: string, partition: number, from: bigint, to: bigint): bigint | null {
  return skippedTo(parseDecisions(metadata.properties[decisionsProperty]), topic, partition, from, to)
}

/** The record on dead_letters; null when there is none, or it is another table's. */
export function lettersProgress ({ metadata }: LoadedTable): RecordedOffsets | null {
  const text = metadata.properties[offsetsProperty]
  const offsets = text === undefined ? null : parseOffsets(text)
  return offsets === null || offsets.tableUuid !== metadata['table-uuid'] ? null : offsets
}

function carrierOf (base: LoadedTable, snapshotId: bigint, log: LogIds): Carrier {
  return { tableUuid: base.metadata['table-uuid'], snapshotId, sequenceNumber: base.metadata['last-sequence-number'] + 1n, log }
}

function summaryOf ({ writerId }: CommitParts, ranges: readonly ConsumedRange[], counts: Record<string, string>): Record<string, string> {
  return { [batchSummaryKey]: '1', [writerSummaryKey]: writerId, ...counts, [rangesSummaryKey]: JSON.stringify(printRanges(ranges)) }
}

function contextOf ({ catalog, storage, nowMs, signal }: CommitParts): { catalog: Catalog, storage: Storage, clock: () => number, signal: AbortSignal } {
  return { catalog, storage, clock: nowMs, signal }
}
