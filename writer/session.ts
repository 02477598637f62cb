// Where the writer stands before it reads: tables open, progress judged against the log, what a crash left between the
// two tables loaded, the duplicate index complete. Everything comes from the tables; nothing is remembered elsewhere.
// Halts (WRITER_HALTED) instead of guessing; a partition whose records the log does not hold halts alone. A halt is set
// in the table before it is said, and stands until an operator's decision takes it out.

import { setProperties, type Catalog, type LoadedTable } from '../catalog/index.ts'
import type { Log } from '../log/index.ts'
import { lettersProgress } from './commit.ts'
import type { BatchParts } from './batch-work.ts'
import { decide, type Resume } from './decide.ts'
import { fail } from './errors.ts'
import { haltsProperty, isPartitionHalt, mergeHalts, parseHalts, placeOf, printHalts, type Halt, type PartitionHalt } from './halts.ts'
import { DecidedLetters, lettersAhead } from './letters.ts'
import { settledProgress } from './lineage-evidence.ts'
import { judgeLineage } from './lineage.ts'
import { judgeTopic, type IsRead } from './log-comparison.ts'
import { offsetsProperty, parseOffsets, type LogIds, type RecordedOffsets } from './offsets.ts'
import { retractOrphans } from './orphan-letters.ts'
import { eventsId, openTables, type WriterTables } from './tables.ts'

export type HaltedPartition = PartitionHalt

export interface Session {
  readonly tables: WriterTables
  readonly log: LogIds
  readonly offsets: RecordedOffsets | null
  readonly decided: DecidedLetters
  readonly halted: readonly HaltedPartition[]
}

export type SessionParts = Omit<BatchParts, 'log' | 'source'> & { readonly source: Log }

export interface SessionOptions {
  readonly resume: Resume | null
  /** The partitions whose records are compared now; others are when they are assigned. */
  readonly isRead?: IsRead
  /** Told as soon as the log was compared with the table: what stands, before anything is loaded. */
  readonly onCompared?: (halts: readonly Halt[]) => void
}

export async function openSession (parts: SessionParts, topics: readonly string[], { resume, isRead = () => true, onCompared }: SessionOptions): Promise<Session> {
  const { source: log, logger } = parts
  for (const topic of topics) await log.ensureTopic(topic)
  const ids = await log.identity(topics)
  let tables = await openTables(parts, { log, topics })
  let standing = await judge(parts, tables.events, ids, isRead)
  if (resume !== null && standing.halts.length === 0) logger.warn({ resume: resume.choice }, 'nothing is halted: the recorded offsets are sound and are used')
  if (resume !== null && standing.halts.length > 0) {
    tables = await decide(parts, tables, ids, standing.halts, resume)
    standing = await judge(parts, tables.events, ids, isRead)
  }
  tables = { ...tables, events: await keepHalts(parts, tables.events, standing.halts) }
  onCompared?.(standing.halts)
  const whole = standing.halts.find(halt => !isPartitionHalt(halt))
  if (whole !== undefined) throw fail('WRITER_HALTED', { reason: whole.reason, choices: whole.choices })
  tables = { ...tables, letters: await retractOrphans(parts, tables), rereadTo: rereadOf(standing.offsets) }
  const decided = await loadDecided(parts, tables, standing.offsets)
  await parts.duplicates.follow(tables.events)
  return { tables, log: ids, offsets: standing.offsets, decided, halted: standing.halts.filter(isPartitionHalt) }
}

/** Whether the table is further on these partitions than the session knows: then the session has to be opened anew. */
export async function isOvertaken (catalog: Catalog, session: Session, topic: string, partitions: readonly number[]): Promise<boolean> {
  const { metadata } = await catalog.loadTable(eventsId)
  const found = parseOffsets(metadata.properties[offsetsProperty] ?? '')?.topics.get(topic)?.partitions
  const known = session.offsets?.topics.get(topic)?.partitions
  return partitions.some(partition => found?.get(partition)?.next !== known?.get(partition)?.next)
}

/** Whether other halts stand in the table than these: an operator decided, or another writer found something. */
export async function areHaltsOther (catalog: Catalog, halted: readonly Halt[]): Promise<boolean> {
  const { metadata } = await catalog.loadTable(eventsId)
  const known = new Set(halted.map(placeOf))
  const found = parseHalts(metadata.properties[haltsProperty])
  return found.length !== known.size || found.some(halt => !known.has(placeOf(halt)))
}

/** Sets what was found beside what stands. A table that cannot be written to is no reason not to halt. */
export async function keepHalts (parts: Pick<SessionParts, 'catalog' | 'storage' | 'signal' | 'logger'>, table: LoadedTable, halts: readonly Halt[]): Promise<LoadedTable> {
  const standing = parseHalts(table.metadata.properties[haltsProperty])
  if (mergeHalts(standing, halts).length === standing.length) return table
  const { catalog, storage, signal } = parts
  try {
    const current = await catalog.loadTable(table.id)
    const merged = mergeHalts(parseHalts(current.metadata.properties[haltsProperty]), halts)
    return await setProperties({ catalog, storage, table: current, signal }, { [haltsProperty]: printHalts(merged) })
  } catch (error) {
    parts.logger.error({ err: error }, 'a halt could not be set in the table: it stands in this process alone until it can')
    return table
  }
}

/** Newly assigned partitions whose log is not the one that was consumed. */
export async function judgeAssigned ({ source, nowMs }: SessionParts, { offsets, log: ids }: Session, topic: string, partitions: readonly number[]): Promise<PartitionHalt[]> {
  const recorded = offsets?.topics.get(topic)
  if (recorded === undefined) return []
  const assigned = new Map([...recorded.partitions].filter(([partition]) => partitions.includes(partition)))
  return await judgeTopic(source, ids, topic, { ...recorded, partitions: assigned }, () => true, nowMs)
}

interface Standing { readonly offsets: RecordedOffsets | null, readonly halts: readonly Halt[] }

/** What stands in the table, and what is found now. */
async function judge (parts: SessionParts, events: LoadedTable, ids: LogIds, isRead: IsRead): Promise<Standing> {
  const durable = parseHalts(events.metadata.properties[haltsProperty])
  const progress = await settledProgress(parts, events, ids)
  if (progress.kind === 'fresh') return { offsets: null, halts: durable }
  if (progress.kind === 'halt') {
    const { about: kind, reason, choices } = progress
    const whole: Halt = { topic: null, partition: null, kind, reason, choices, since: new Date(parts.nowMs()).toISOString(), evidence: {} }
    return { offsets: null, halts: mergeHalts(durable, [whole]) }
  }
  const { offsets } = progress
  const found: Halt[] = []
  for (const [topic, recorded] of offsets.topics) found.push(...await judgeTopic(parts.source, ids, topic, recorded, isRead, parts.nowMs))
  return { offsets, halts: mergeHalts(durable, found) }
}

function rereadOf (offsets: RecordedOffsets | null): Map<string, bigint> {
  const known = [...offsets?.topics ?? []].flatMap(([topic, { partitions }]) =>
    [...partitions].flatMap(([partition, { rereadTo }]) => rereadTo === undefined ? [] : [[`${partition}/${topic}`, rereadTo] as const]))
  return new Map(known)
}

async function loadDecided (parts: SessionParts, { letters }: WriterTables, offsets: RecordedOffsets | null): Promise<DecidedLetters> {
  const recorded = lettersProgress(letters)
  const ahead = lettersAhead(recorded, offsets)
  const lineage = recorded === null || ahead.length === 0 ? null : judgeLineage(letters.metadata, recorded)
  if (recorded !== null && lineage?.kind === 'broken') {
    throw fail('WRITER_HALTED', {
      reason: `firn.dead_letters is ahead of firn.events and cannot be trusted: ${lineage.reason}`,
      choices: `set firn.dead_letters back to snapshot ${recorded.snapshotId}; or drop firn.dead_letters and start with --writer-start-anew firn.dead_letters, then its records are judged again`
    })
  }
  return await DecidedLetters.load(parts.engine, parts.storage, letters, ahead)
}
