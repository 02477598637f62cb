// One reading of the log from the table's offsets: fill a batch, seal it by time, rows or bytes, parse it beside the one
// before, land it. At most one batch is filling, one is parsed, one is landing; beyond that reading waits. Ends with an error
// when it has to start over from the table, and returns when the writer stops or the log is drained. Only a landed commit is
// acknowledged to the log; a partition that cannot be read on halts alone, in the table first.
// Where it can die: filling and parsing (nothing exists), flushing (files that nobody names), committing (the table
// knows), acknowledging (advisory).

import { deleteExpiredFiles } from '../catalog/index.ts'
import { topicsFound, type Log, type LogEvent, type RecordBatch } from '../log/index.ts'
import { complain, type FirnError } from '../runtime/index.ts'
import { landBatch, type BatchParts } from './batch-work.ts'
import { judgeDamage, judgePartition } from './circumstances.ts'
import { decidedSkip } from './commit.ts'
import type { Resume } from './decide.ts'
import { isDrained, notCommitted, type PartitionEnd, type Standing } from './drain.ts'
import { fail } from './errors.ts'
import { Framer, type FramerOptions } from './framer.ts'
import type { HeldReader } from './held-reader.ts'
import { IdleMark } from './idle-mark.ts'
import { haltAt } from './log-comparison.ts'
import type { WriterMetrics } from './metrics.ts'
import { dropBatch, explainEngine, parseBatch } from './pipeline.ts'
import type { Progress } from './progress.ts'
import { reportBatch } from './report.ts'
import { areHaltsOther, isOvertaken, judgeAssigned, keepHalts, type HaltedPartition, type Session } from './session.ts'
import type { WriterTables } from './tables.ts'

/** How often it is looked whether an operator decided about a halt elsewhere. */
export const haltedLookMsUsual = 30_000
const idlePollMs = 10_000
const busyPollMs = 100
/** Taken for the first batch, before one was measured. */
const landingMsFirst = 1000
const pollBytesMax = 4 * 1024 * 1024
/** How often the writer looks whether the log has come to have a topic that it would read. */
const topicsLookMsUsual = 10_000
/** How often a drain looks how far other writers of its group are, and how long they may stand still. */
const elsewhereLookMs = 500
const elsewhereMsMax = 60_000

export interface WriterSettings extends FramerOptions {
  readonly topics: readonly string[]
  /** Read as soon as the log has them. */
  readonly topicsWhereFound?: readonly string[]
  /** How often it is looked for them. */
  readonly topicsLookMs?: number
  readonly intervalMs: number
  readonly rowsMax: number
  readonly bytesMax: number
  readonly resumeFrom: Resume | null
  readonly untilEnd: boolean
  /** How often a halted writer looks whether an operator decided elsewhere. */
  readonly haltedLookMs?: number
  /** How long other writers of the group may stand still before a drain that waits for them gives up. */
  readonly elsewhereMsMax?: number
  /** How long records may wait while nothing lands until the writer is not ready. */
  readonly stalledSecondsMax?: number
  /** How long the log keeps records whether they are committed or not; it keeps them for as long as it takes when not set. */
  readonly retentionSeconds?: number
  /** Writers of one group share the partitions; null: all partitions are ours. */
  readonly group: string | null
}

export interface WriterParts extends Omit<BatchParts, 'log' | 'source'> { readonly source: Log, readonly metrics: WriterMetrics | null }

export type ReadingParts = WriterParts & { readonly progress: Progress }

/** One reading of the log from the table's offsets, until something makes it start over. */
export class Reading {
  readonly halted: HaltedPartition[]
  landed = 0
  readonly #parts: ReadingParts
  readonly #settings: WriterSettings
  readonly #session: Session
  readonly #reader: HeldReader
  readonly #name: () => string
  readonly #positions = new Map<string, bigint>()
  /** The log's evidence at those positions. */
  readonly #fingerprints = new Map<string, string>()
  /** Partitions of which the log had nothing more to read at some time since this reading began. */
  readonly #ended = new Set<string>()
  readonly #idleMark: IdleMark
  #lookedMs = performance.now()
  #topicsLookedMs = performance.now()
  #elsewhere = ''
  #elsewhereMs = performance.now()
  #elsewhereLookedMs = 0
  #tables: WriterTables
  #open: Framer
  #openedMs = 0
  /** What sealing to landed took lately: the longest, forgotten by a fifth with each batch. */
  #landingMs = landingMsFirst
  #unfinished = 0
  #tail: Promise<void> = Promise.resolve()
  #failure: unknown = null
  #settled: (() => void) | null = null

  constructor (parts: ReadingParts, settings: WriterSettings, session: Session, reader: HeldReader, name: () => string) {
    this.#parts = parts
    this.#settings = settings
    this.#session = session
    this.#reader = reader
    this.#tables = session.tables
    this.#name = name
    this.halted = [...session.halted]
    this.#idleMark = new IdleMark({ ...parts, topics: settings.topics })
    this.#open = new Framer(name(), settings)
    for (const halt of this.halted) this.#sayHalted(halt)
  }

  async run (): Promise<void> {
    const { signal } = this.#parts
    const ends = this.#settings.untilEnd ? await this.#ends() : null
    try {
      for (const { topic, partition } of this.halted) this.#reader.pause(topic, partition)
      await this.#read(ends)
      // Ending: what is filling is read again at the next start, what is landing lands.
      if (ends !== null && !signal.aborted && !this.#open.isEmpty) this.#seal()
      await this.#tail
      if (this.#failure !== null && !signal.aborted) throw this.#failure
    } finally {
      await this.#tail
      this.#open.discard()
    }
  }

  async #read (ends: readonly PartitionEnd[] | null): Promise<void> {
    const reader = this.#reader
    const { signal } = this.#parts
    while (!signal.aborted) {
      if (this.#failure !== null) throw this.#failure
      const full = this.#isFull()
      if (this.#isDue(full)) this.#seal()
      else if (full) {
        await this.#settles()
        continue
      }
      if (ends !== null && await this.#isDrained(ends)) return
      await this.#lookForDecision()
      await this.#idleMark.look(this.#isQuiet())
      await this.#lookForTopics()
      const event = await reader.poll(this.#waitMs(), Math.min(pollBytesMax, this.#settings.bytesMax)).catch((error: unknown) => {
        if (signal.aborted) return null
        throw error
      })
      if (event === null) continue
      const { topic } = event.kind === 'batch' ? event.batch : event
      switch (event.kind) {
        case 'batch':
          this.#take(event.batch)
          break
        case 'assigned':
          await this.#judgeAssigned(topic, event.partitions)
          break
        case 'revoked':
          throw fail('WRITER_FENCED', { reason: `partitions ${event.partitions.join(', ')} of ${topic} were given to another reader` })
        case 'end':
          this.#pass(event)
          break
        case 'out-of-range':
          await this.#judgeOutOfRange(event)
          break
        case 'damaged':
          await this.#judgeDamaged(event)
          break
      }
    }
  }

  #take (batch: RecordBatch): void {
    const { topic, partition } = batch
    if (this.#isHalted(topic, partition)) return
    const { key, position, fingerprint } = this.#placeOf(topic, partition, batch.firstOffset)
    if (this.#open.isEmpty) this.#openedMs = performance.now()
    this.#open.add(batch, position, this.#session.decided.of(batch), fingerprint)
    this.#positions.set(key, batch.nextOffset)
    this.#fingerprints.set(key, batch.fingerprint)
  }

  /** The log has nothing more of a partition. What takes room behind its last record is committed as read: it would count as lag. */
  #pass (event: Extract<LogEvent, { kind: 'end' }>): void {
    const { topic, partition, offset } = event
    if (this.#isHalted(topic, partition)) return
    const { key, position, fingerprint } = this.#placeOf(topic, partition, offset)
    this.#ended.add(key)
    if (offset <= position) return
    if (this.#open.isEmpty) this.#openedMs = performance.now()
    this.#open.pass(event, position, fingerprint)
    this.#positions.set(key, offset)
    if (event.fingerprint !== '') this.#fingerprints.set(key, event.fingerprint)
  }

  /** Where a partition was read up to, with the log's evidence there: `found` is where the log goes on. */
  #placeOf (topic: string, partition: number, found: bigint): { key: string, position: bigint, fingerprint: string } {
    const key = `${partition}/${topic}`
    const recorded = this.#session.offsets?.topics.get(topic)?.partitions.get(partition)
    const first = this.#reader.firstOf(topic, partition) ?? found
    const position = this.#positions.get(key) ?? recorded?.next ?? (first < found ? first : found)
    return { key, position, fingerprint: this.#fingerprints.get(key) ?? recorded?.fingerprint ?? '' }
  }

  /** The owner before may have landed more since this session was opened, and the log may not be what it read. */
  async #judgeAssigned (topic: string, partitions: readonly number[]): Promise<void> {
    for (const halt of this.halted) if (halt.topic === topic) this.#reader.pause(topic, halt.partition)
    const taken = `partitions ${partitions.join(', ')} of ${topic} were taken over`
    if (await isOvertaken(this.#parts.catalog, this.#session, topic, partitions)) throw fail('WRITER_FENCED', { reason: `${taken} and are further than this session knows` })
    // A writer that owns all partitions compared them when the session was opened.
    if (this.#settings.group === null) return
    for (const halt of await judgeAssigned(this.#parts, this.#session, topic, partitions)) await this.#halt(halt)
  }

  async #judgeOutOfRange ({ topic, partition, wanted, first, end }: Extract<LogEvent, { kind: 'out-of-range' }>): Promise<void> {
    const recorded = { start: wanted, next: wanted, fingerprint: '' }
    const found = judgePartition({ topic, partition, recorded, isSameId: true, verdict: 'unknown', first, end })
    if (found === null) throw fail('WRITER_FENCED', { reason: `partition ${partition} of ${topic} did not have offset ${wanted}, and has it now` })
    await this.#halt(haltAt(found, this.#parts.nowMs()))
  }

  async #judgeDamaged (event: Extract<LogEvent, { kind: 'damaged' }>): Promise<void> {
    const { topic, partition, from, to } = event
    const decided = decidedSkip(this.#tables.events, topic, partition, from, to)
    if (decided === null) {
      await this.#halt(haltAt(judgeDamage(event), this.#parts.nowMs()))
      return
    }
    this.#parts.logger.warn({ topic, partition, from: String(from), to: String(decided) }, 'damaged records are left out, as an operator decided')
    this.#reader.seek(topic, partition, decided)
  }

  #isHalted (topic: string, partition: number): boolean {
    return this.halted.some(halt => halt.topic === topic && halt.partition === partition)
  }

  /** Set in the table first: what was said once stands, whatever happens to this process. */
  async #halt (halt: HaltedPartition): Promise<void> {
    const { topic, partition } = halt
    this.#reader.pause(topic, partition)
    if (this.#isHalted(topic, partition)) return
    await keepHalts(this.#parts, this.#tables.events, [halt])
    this.halted.push(halt)
    this.#sayHalted(halt)
  }

  /** Somebody else's process may carry out the operator's decision. */
  async #lookForDecision (): Promise<void> {
    const lookMs = this.#settings.haltedLookMs ?? haltedLookMsUsual
    if (this.halted.length === 0 || performance.now() - this.#lookedMs < lookMs) return
    this.#lookedMs = performance.now()
    if (await areHaltsOther(this.#parts.catalog, this.halted)) throw fail('WRITER_FENCED', { reason: 'other halts stand in the table than this session knows' })
  }

  /** Nothing is read, parsed or landing, and nothing stands still. */
  #isQuiet (): boolean {
    return !this.#settings.untilEnd && this.#open.isEmpty && this.#unfinished === 0 && this.halted.length === 0
  }

  /** A direct producer may make its topic long after this writer was started. */
  async #lookForTopics (): Promise<void> {
    const { topics, topicsWhereFound = [], untilEnd, topicsLookMs = topicsLookMsUsual } = this.#settings
    const unread = topicsWhereFound.filter(topic => !topics.includes(topic))
    if (unread.length === 0 || untilEnd || performance.now() - this.#topicsLookedMs < topicsLookMs) return
    this.#topicsLookedMs = performance.now()
    const found = await topicsFound(this.#parts.source, unread)
    if (found.length > 0) throw fail('WRITER_FENCED', { reason: `the log has come to have topic ${found.join(', ')}, which is read as well` })
  }

  #isFull (): boolean {
    return this.#open.records >= this.#settings.rowsMax || this.#open.bytes >= this.#settings.bytesMax
  }

  /** Full: as soon as the parser is free. Old: as soon as nothing is under way, so that small batches stay few. */
  #isDue (full: boolean): boolean {
    if (this.#open.isEmpty) return false
    if (full) return this.#unfinished < 2
    return this.#unfinished === 0 && performance.now() - this.#openedMs >= this.#fillMsMax()
  }

  /** The interval is a promise about rows, not about when work begins: what landing takes is part of it, up to half. */
  #fillMsMax (): number {
    const { intervalMs } = this.#settings
    return intervalMs - Math.min(this.#landingMs, intervalMs / 2)
  }

  #waitMs (): number {
    if (this.#open.isEmpty) return this.#unfinished > 0 ? busyPollMs : this.#settings.untilEnd ? elsewhereLookMs : idlePollMs
    return Math.max(1, Math.min(idlePollMs, this.#unfinished > 0 ? busyPollMs : Infinity, this.#fillMsMax() - (performance.now() - this.#openedMs)))
  }

  #seal (): void {
    const sealedMs = performance.now()
    const framed = this.#open
    this.#open = new Framer(this.#name(), this.#settings)
    this.#unfinished++
    framed.seal()
    const parsing = parseBatch(this.#parts.engine.parser, framed)
    parsing.catch(() => undefined)
    this.#tail = this.#tail.then(async () => {
      try {
        if (this.#failure !== null) return
        try {
          const { landed, batch } = await landBatch({ ...this.#parts, log: this.#session.log }, this.#tables, framed, parsing)
          const before = this.#tables
          this.#tables = landed.tables
          this.landed++
          for (const { topic, partition, end } of framed.lanes) this.#parts.progress.landed(topic, partition, end, performance.now())
          this.#landingMs = Math.max(performance.now() - sealedMs, this.#landingMs * 0.8)
          await reportBatch(this.#parts, batch, landed, sealedMs)
          this.#cleanUp(before)
        } finally {
          await dropBatch(this.#parts.engine.main, framed)
        }
      } catch (error) {
        this.#failure ??= explainEngine(error, framed.lines) ?? error
      } finally {
        // The engine reads its files, and may be closed next.
        await parsing.catch(() => undefined)
        framed.discard()
        this.#unfinished--
        this.#settled?.()
      }
    })
  }

  async #settles (): Promise<void> {
    if (this.#unfinished === 0) return
    await new Promise<void>(resolve => { this.#settled = resolve })
    this.#settled = null
  }

  /** Files of snapshots that our commits expired; beside the next batch. Others delete what they expire. */
  #cleanUp (before: WriterTables): void {
    const { storage, logger } = this.#parts
    for (const [old, now] of [[before.events, this.#tables.events], [before.letters, this.#tables.letters]] as const) {
      if (old === now) continue
      deleteExpiredFiles(storage, old, now, { onlyOwn: true }).catch((error: unknown) => { logger.warn({ err: error }, 'files of expired snapshots were not deleted; it is tried again') })
    }
  }

  /** Every partition was read to where it ended when this began, here or by another writer. Throws WRITER_DRAIN_ELSEWHERE. */
  async #isDrained (ends: readonly PartitionEnd[]): Promise<boolean> {
    const left = ends.filter(each => !isDrained(each, this.#standingOf(each)))
    if (left.length === 0) return true
    if (left.some(({ topic, partition }) => this.#settings.group === null || this.#reader.holds(topic, partition))) return false
    return await this.#areDrainedElsewhere(left)
  }

  #standingOf ({ topic, partition }: PartitionEnd): Standing {
    const key = `${partition}/${topic}`
    return {
      isHalted: this.#isHalted(topic, partition),
      hasEnded: this.#ended.has(key),
      position: this.#positions.get(key) ?? this.#session.offsets?.topics.get(topic)?.partitions.get(partition)?.next
    }
  }

  /** What others of the group hold, they drain: the table says how far they are. */
  async #areDrainedElsewhere (left: readonly PartitionEnd[]): Promise<boolean> {
    const now = performance.now()
    if (now - this.#elsewhereLookedMs < elsewhereLookMs) return false
    this.#elsewhereLookedMs = now
    const waiting = await notCommitted(this.#parts.catalog, left)
    const print = waiting.map(({ topic, partition, end, next }) => `${topic}/${partition} at ${next} of ${end}`).join(', ')
    if (print !== this.#elsewhere) [this.#elsewhere, this.#elsewhereMs] = [print, now]
    if (now - this.#elsewhereMs > (this.#settings.elsewhereMsMax ?? elsewhereMsMax)) throw fail('WRITER_DRAIN_ELSEWHERE', { partitions: print, group: this.#settings.group })
    return waiting.length === 0
  }

  async #ends (): Promise<PartitionEnd[]> {
    const ends: PartitionEnd[] = []
    for (const topic of this.#settings.topics) {
      const { first, end } = await this.#parts.source.ranges(topic)
      for (const [partition, offset] of end) if (offset > (first.get(partition) ?? 0n)) ends.push({ topic, partition, end: offset })
    }
    return ends
  }

  #sayHalted (halt: HaltedPartition): void {
    const error = haltError(halt)
    this.#parts.logger.fatal({ code: error.code, topic: halt.topic, partition: halt.partition }, error.message)
    complain(error.message)
    this.#parts.metrics?.halted.set(this.halted.length)
  }
}

export function haltError (halt: HaltedPartition): FirnError {
  return fail('WRITER_PARTITION_HALTED', { ...halt })
}
