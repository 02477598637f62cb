// Where the writer stands before it reads: tables open, progress judged against the log, what a crash left between the
// two tables loaded, the duplicate index complete. Everything comes from the tables; nothing is remembered elsewhere.
// Halts (WRITER_HALTED) instead of guessing; a partition whose offsets the log does not have halts alone.

import { duckdbScan, scanFiles, type Catalog, type LoadedTable } from '../catalog/index.ts'
import type { Log, LogEvent } from '../log/index.ts'
import { commitDecision, lettersProgress } from './commit.ts'
import type { BatchParts } from './batch-work.ts'
import { fail } from './errors.ts'
import { DecidedLetters, lettersAhead } from './letters.ts'
import { choices, lineageBreak, offsetsProperty, parseOffsets, readProgress, type LogIds, type RecordedOffsets, type TopicProgress } from './offsets.ts'
import { eventsId, openTables, type WriterTables } from './tables.ts'

export type ResumeFrom = 'recorded' | 'data' | 'earliest'

export interface HaltedPartition { readonly topic: string, readonly partition: number, readonly reason: string, readonly choices: string }

export interface Session {
  readonly tables: WriterTables
  readonly log: LogIds
  readonly offsets: RecordedOffsets | null
  readonly decided: DecidedLetters
  readonly halted: readonly HaltedPartition[]
}

export async function openSession (parts: Omit<BatchParts, 'log'>, log: Log, topics: readonly string[], resume: ResumeFrom | null): Promise<Session> {
  for (const topic of topics) await log.ensureTopic(topic)
  const ids = await log.identity(topics)
  let tables = await openTables(parts)
  let progress = readProgress(tables.events.metadata, ids)
  let halted = progress.kind === 'recorded' ? await haltedPartitions(log, progress.offsets) : []
  if (resume !== null) {
    if (progress.kind === 'halt' || halted.length > 0) {
      parts.logger.warn({ resume, reason: progress.kind === 'halt' ? progress.reason : halted.map(({ reason }) => reason).join('; ') }, 'the operator decides')
      const only = progress.kind === 'halt' ? null : halted
      const events = await commitDecision(parts, tables.events, async base => await decideOffsets(parts, base, log, ids, resume, only), ids)
      tables = { ...tables, events }
      progress = readProgress(events.metadata, ids)
      halted = progress.kind === 'recorded' ? await haltedPartitions(log, progress.offsets) : []
    } else {
      parts.logger.warn({ resume }, 'nothing is halted: the recorded offsets are sound and are used')
    }
  }
  if (progress.kind === 'halt') throw fail('WRITER_HALTED', { reason: progress.reason, choices: progress.choices })
  const offsets = progress.kind === 'recorded' ? progress.offsets : null
  const decided = await loadDecided(parts, tables, offsets, ids)
  await parts.duplicates.follow(tables.events)
  return { tables, log: ids, offsets, decided, halted }
}

/** Whether the table is further on these partitions than the session knows: then the session has to be opened anew. */
export async function isOvertaken (catalog: Catalog, session: Session, topic: string, partitions: readonly number[]): Promise<boolean> {
  const { metadata } = await catalog.loadTable(eventsId)
  const found = parseOffsets(metadata.properties[offsetsProperty] ?? '')?.topics.get(topic)?.partitions
  const known = session.offsets?.topics.get(topic)?.partitions
  return partitions.some(partition => found?.get(partition)?.next !== known?.get(partition)?.next)
}

async function loadDecided (parts: Omit<BatchParts, 'log'>, { letters }: WriterTables, offsets: RecordedOffsets | null, ids: LogIds): Promise<DecidedLetters> {
  const recorded = lettersProgress(letters)
  if (recorded === null || recorded.clusterId !== ids.clusterId) return await DecidedLetters.load(parts.engine, parts.storage, letters, [])
  const ahead = lettersAhead(recorded, offsets).filter(({ topic }) => recorded.topics.get(topic)?.id === ids.topicIds.get(topic))
  const lost = ahead.length === 0 ? null : lineageBreak(letters.metadata, recorded)
  if (lost !== null) throw fail('WRITER_HALTED', { reason: `firn.dead_letters is ahead of firn.events and cannot be trusted: ${lost}`, choices: `set firn.dead_letters back to snapshot ${recorded.snapshotId}; or drop firn.dead_letters, then its records are judged again` })
  return await DecidedLetters.load(parts.engine, parts.storage, letters, ahead)
}

/** Partitions whose recorded offset the log does not have any more, or not yet. */
export async function haltedPartitions (log: Log, offsets: RecordedOffsets): Promise<HaltedPartition[]> {
  const halted: HaltedPartition[] = []
  for (const [topic, { partitions }] of offsets.topics) {
    const { first, end } = await log.ranges(topic)
    for (const [partition, { next }] of partitions) {
      const halt = outOfRange(topic, partition, next, first.get(partition) ?? 0n, end.get(partition) ?? 0n)
      if (halt !== null) halted.push(halt)
    }
  }
  return halted
}

export function outOfRange (topic: string, partition: number, wanted: bigint, first: bigint, end: bigint): HaltedPartition | null {
  if (wanted >= first && wanted <= end) return null
  const reason = wanted < first
    ? `the table was written up to offset ${wanted}, but the log begins at ${first}: ${first - wanted} records are gone from the log`
    : `the table was written up to offset ${wanted}, but the log ends at ${end}: the log was truncated or restored`
  return { topic, partition, reason, choices: `${choices.earliest}; or restore the log` }
}

/** Records that the log cannot read any more: nothing is skipped before an operator has decided. */
export function damaged ({ topic, partition, from, to, reason }: Extract<LogEvent, { kind: 'damaged' }>): HaltedPartition {
  return { topic, partition, reason: `the log cannot read its records ${from} to ${to - 1n} (${reason})`, choices: 'restore the log from a copy that holds them' }
}

/** The offsets that an operator's decision stands for; `only` limits it to halted partitions. */
async function decideOffsets (parts: Omit<BatchParts, 'log'>, base: LoadedTable, log: Log, ids: LogIds, resume: ResumeFrom, only: readonly HaltedPartition[] | null): Promise<RecordedOffsets['topics']> {
  const found = readRecorded(base)
  const topics = new Map<string, TopicProgress>()
  const data = resume === 'data' ? await newestRows(parts, base) : null
  for (const [topic, id] of ids.topicIds) {
    const { first, end } = await log.ranges(topic)
    const partitions = new Map<number, { start: bigint, next: bigint }>()
    for (const [partition, last] of end) {
      const recorded = found?.topics.get(topic)?.partitions.get(partition)
      const earliest = first.get(partition) ?? 0n
      const isHalted = only === null || only.some(halt => halt.topic === topic && halt.partition === partition)
      if (!isHalted) {
        if (recorded !== undefined) partitions.set(partition, recorded)
        continue
      }
      const next = resume === 'recorded' ? recorded?.next : resume === 'data' ? data?.get(`${partition}/${topic}`) : undefined
      const wanted = next === undefined || next < earliest || next > last ? earliest : next
      partitions.set(partition, { start: recorded !== undefined && recorded.start < wanted ? recorded.start : wanted, next: wanted })
    }
    topics.set(topic, { id, partitions })
  }
  return topics
}

function readRecorded ({ metadata }: LoadedTable): RecordedOffsets | null {
  const text = metadata.properties[offsetsProperty]
  return text === undefined ? null : parseOffsets(text)
}

async function newestRows (parts: Omit<BatchParts, 'log'>, table: LoadedTable): Promise<Map<string, bigint>> {
  const { files } = await scanFiles(parts.storage, table)
  const release = await parts.storage.bringNear(files.map(file => file.location), ['log_topic', 'log_partition', 'log_offset'])
  const result = await parts.engine.main.runAndReadAll(`SELECT log_topic, log_partition, max(log_offset) + 1 FROM ${duckdbScan(table, files, parts.storage)} GROUP BY ALL`).finally(release)
  const rows = result.getRows() as [string, number, bigint][]
  return new Map(rows.map(([topic, partition, next]) => [`${partition}/${topic}`, BigInt(next)]))
}
