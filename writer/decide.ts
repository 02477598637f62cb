// An operator's decision carried out: each halt that the choice answers is ruled on by what the table and the log hold
// now, and what is decided lands in one commit on `firn.events`: offsets, the halts that are left, and the decision.
// Refuses (WRITER_HALTED stays) where the choice would lose what the log still holds; that halt then stands as it did.

import { scanFiles, type LoadedTable } from '../catalog/index.ts'
import { ruleOn, type Circumstances, type Ruling } from './circumstances.ts'
import { commitDecision, lettersProgress, resetLetters, type DecidedBase } from './commit.ts'
import type { Choice } from './choices.ts'
import { printLog, type DecidedPartition } from './decisions.ts'
import { isPartitionHalt, placeOf, type Halt } from './halts.ts'
import { tailOfTable } from './lineage-evidence.ts'
import { offsetsProperty, parseOffsets, type LogIds, type PartitionProgress, type RecordedOffsets, type TopicProgress } from './offsets.ts'
import { circumstancesOf } from './log-comparison.ts'
import type { SessionParts } from './session.ts'
import { readOwn, type WriterTables } from './tables.ts'
import { complain } from '../runtime/index.ts'

const refusalsSaidMax = 5

export interface Resume {
  readonly choice: Choice
  /** Limits the decision to these partitions (`partition/topic`); null: to whatever is halted. */
  readonly only: ReadonlySet<string> | null
}

interface Ruled { readonly found: Circumstances, readonly halt: Halt, readonly ruling: Exclude<Ruling, { kind: 'refused' }> }
interface Rulings { readonly ruled: readonly Ruled[], readonly refused: readonly string[], readonly left: readonly Halt[] }

/** Returns the tables as decided; unchanged when every halt refuses the choice. */
export async function decide (parts: SessionParts, tables: WriterTables, ids: LogIds, halts: readonly Halt[], resume: Resume): Promise<WriterTables> {
  const rule = async (base: LoadedTable): Promise<Rulings> => await ruleOnAll(parts, base, tables, ids, halts, resume)
  const first = await rule(tables.events)
  for (const reason of first.refused.slice(0, refusalsSaidMax)) say(parts, `\`--writer-resume-from ${resume.choice}\` was not carried out: ${reason}`)
  if (first.left.length === halts.length) return tables
  const reason = halts.map(halt => halt.reason).join('; ')
  parts.logger.warn({ resume: resume.choice, reason }, 'the operator decides')
  // First, since letters of what was read before must not be taken for letters of what is read now.
  const reread = first.ruled.flatMap(({ found: { topic, partition }, ruling }) => ruling.kind === 'go' && ruling.rereadTo > ruling.next ? [{ topic, partition, next: ruling.next }] : [])
  const letters = await resetLetters(parts, tables.letters, ids, reread)
  const events = await commitDecision(parts, tables.events, async base => {
    const { ruled, left } = await rule(base)
    return await decidedBase(parts, base, ids, resume.choice, reason, ruled, left)
  }, ids)
  const next = new Map(tables.lettersNext)
  for (const { topic, partition, next: at } of reread) next.set(`${partition}/${topic}`, at)
  return { ...tables, events, letters, lettersNext: next }
}

async function ruleOnAll (parts: SessionParts, base: LoadedTable, tables: WriterTables, ids: LogIds, halts: readonly Halt[], { choice, only }: Resume): Promise<Rulings> {
  const recorded = recordedOn(base)
  const whole = halts.find(halt => !isPartitionHalt(halt))
  const byPlace = new Map(halts.map(halt => [placeOf(halt), halt]))
  const newest = choice === 'data' ? await newestRows(parts, base) : new Map<string, bigint>()
  const listed = lettersProgress(tables.letters)
  const ruled: Ruled[] = []
  const refused: string[] = []
  const answered = new Set<string>()
  for (const found of await circumstancesOf(parts.source, ids, recorded)) {
    const place = `${found.partition}/${found.topic}`
    const halt = byPlace.get(place) ?? whole
    if (halt === undefined || (only !== null && !only.has(place))) continue
    // Of a table that stands still, what the record does not name has nothing to go on from: it begins anew.
    if (found.recorded === null && choice === 'recorded' && recorded !== null) continue
    const lettersNext = listed?.topics.get(found.topic)?.partitions.get(found.partition)?.next ?? 0n
    const ruling = ruleOn(choice, found, { halt, newestRow: newest.get(place) ?? null, lettersNext })
    if (ruling.kind === 'refused') {
      refused.push(`partition ${found.partition} of topic ${found.topic}: ${ruling.reason}`)
      continue
    }
    answered.add(place)
    ruled.push({ found, halt, ruling })
  }
  // A table as a whole goes on only when nothing of it refuses: its new record would vouch for every partition.
  if (whole !== undefined && refused.length > 0) return { ruled: [], refused, left: halts }
  return { ruled, refused, left: halts.filter(halt => isPartitionHalt(halt) && !answered.has(placeOf(halt))) }
}

async function decidedBase (parts: SessionParts, base: LoadedTable, ids: LogIds, choice: Choice, reason: string, ruled: readonly Ruled[], left: readonly Halt[]): Promise<DecidedBase> {
  const recorded = recordedOn(base)
  const topics = new Map<string, TopicProgress>(recorded?.topics ?? [])
  const partitions: DecidedPartition[] = []
  for (const { found, ruling } of ruled) {
    const { topic, partition, first, end, recorded: before } = found
    const limits = { topic, partition, first: String(first), end: String(end) }
    if (ruling.kind === 'skip') {
      partitions.push({ ...limits, from: String(ruling.from), to: String(ruling.to) })
      continue
    }
    partitions.push({ ...limits, from: before === null ? null : String(before.next), to: String(ruling.next) })
    const moved = new Map<number, PartitionProgress>(topics.get(topic)?.partitions ?? [])
    moved.set(partition, movedTo(before, ruling))
    topics.set(topic, { id: ids.topicIds.get(topic)!, partitions: moved })
  }
  const log = printLog(ids)
  const old = recorded === null ? null : printLog({ clusterId: recorded.clusterId, topicIds: new Map([...recorded.topics].map(([topic, { id }]) => [topic, id])) })
  const decision = { at: new Date(parts.nowMs()).toISOString(), choice, reason: reason.slice(0, 600), writer: parts.writerId, log, before: old, partitions }
  return { topics, tail: await tailOfTable(parts, base), halts: left, decision }
}

/** Where it goes on; evidence stays only with the offset that it belongs to. */
function movedTo (before: PartitionProgress | null, { next, rereadTo }: Extract<Ruling, { kind: 'go' }>): PartitionProgress {
  const start = before !== null && before.start < next ? before.start : next
  const fingerprint = before !== null && before.next === next ? before.fingerprint : ''
  return { start, next, fingerprint, ...rereadTo > next ? { rereadTo } : {} }
}

function recordedOn ({ metadata }: LoadedTable): RecordedOffsets | null {
  const text = metadata.properties[offsetsProperty]
  return text === undefined ? null : parseOffsets(text)
}

async function newestRows (parts: SessionParts, table: LoadedTable): Promise<Map<string, bigint>> {
  const { files } = await scanFiles(parts.storage, table)
  const result = await readOwn(parts.storage, table, files, ['log_topic', 'log_partition', 'log_offset'], async scan =>
    await parts.engine.main.runAndReadAll(`SELECT log_topic, log_partition, max(log_offset) + 1 FROM ${scan} GROUP BY ALL`))
  const rows = result.getRows() as [string, number, bigint][]
  return new Map(rows.map(([topic, partition, next]) => [`${partition}/${topic}`, BigInt(next)]))
}

function say ({ logger }: SessionParts, sentence: string): void {
  logger.error(sentence)
  complain(sentence)
}
