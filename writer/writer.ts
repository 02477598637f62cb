// The writer: opens a session on the table, reads the log until something makes it start over (reading.ts), and decides what
// then. Recovery is always the same: drop what is in memory and read on from the table. It says whether rows are written, how
// far the table is behind, and whether the log is the table's own.

import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { topicsFound } from '../log/index.ts'
import { complain, type FirnError } from '../runtime/index.ts'
import { isOfWriter, recoverFrom } from './after-error.ts'
import type { Resume } from './decide.ts'
import { isFatal } from './engine-fault.ts'
import { fail } from './errors.ts'
import { isPartitionHalt, type Halt } from './halts.ts'
import { HeldReader } from './held-reader.ts'
import { Progress, type Standing } from './progress.ts'
import { offsetsProperty, parseOffsets } from './offsets.ts'
import { haltError, haltedLookMsUsual, Reading, type ReadingParts, type WriterParts, type WriterSettings } from './reading.ts'
import { filesMaxDefault } from './row-files.ts'
import { openSession, type HaltedPartition, type Session } from './session.ts'
import { eventsId } from './tables.ts'

export type { WriterParts, WriterSettings } from './reading.ts'

/** The advice that a table's halt gives is carried out in the table: it is looked at often. */
const tableLookMs = 3_000
const stalledSecondsDefault = 30
/** Whoever asks how far the writer is waits at most this long for a log that does not answer. */
const rangesMsMax = 1_000

/** `isStuck`: it cannot be compared until an operator has mended something else. */
export interface LogComparison { readonly state: 'sound' | 'other' | 'unknown', readonly reason?: string, readonly isStuck?: boolean }

type WriterState =
  | { readonly at: 'starting' }
  | { readonly at: 'reading', readonly session: Session, readonly halted: readonly HaltedPartition[] }
  | { readonly at: 'recovering', readonly error: Error, readonly attempt: number }
  | { readonly at: 'halted', readonly error: FirnError }
  | { readonly at: 'ended', readonly halted: readonly HaltedPartition[] }

export class Writer {
  readonly #parts: WriterParts
  readonly #settings: WriterSettings
  #state: WriterState = { at: 'starting' }
  readonly #progress = new Progress()
  #reader: HeldReader | null = null
  #batches = 0
  /** Batches are this much smaller than the settings allow, since one did not fit into memory. */
  #squeeze = 1
  #resume: Resume | null
  /** Of the session that stands, those that were found included. */
  #topicsRead: readonly string[] | null = null
  /** What stood when the log was last compared with the table; null before that. */
  #found: readonly Halt[] | null = null

  constructor (parts: WriterParts, settings: WriterSettings) {
    this.#parts = parts
    this.#settings = settings
    this.#resume = settings.resumeFrom
  }

  /** Partitions that stand still until an operator decides. */
  get halted (): readonly HaltedPartition[] {
    return 'halted' in this.#state ? this.#state.halted : []
  }

  /** Whether the log is the one that the table was written from, for those that append to it. */
  get log (): LogComparison {
    const found = 'halted' in this.#state ? this.#state.halted : this.#found
    if (found === null) {
      const state = this.#state
      const isStuck = state.at === 'halted' || (state.at === 'recovering' && !isRetryable(state.error))
      return { state: 'unknown', reason: 'error' in state ? state.error.message : `the writer is ${state.at}`, ...isStuck ? { isStuck } : {} }
    }
    const other = found.find(({ kind }) => kind === 'log')
    if (other !== undefined) return { state: 'other', reason: isPartitionHalt(other) ? haltError(other).message : other.reason }
    // A table that is not what its record says tells nothing about the log.
    return found.some(halt => !isPartitionHalt(halt)) ? { state: 'unknown', reason: found[0]!.reason } : { state: 'sound' }
  }

  /** Rejects with the reason while rows are not being written. */
  async checkReady (): Promise<void> {
    const state = this.#state
    if (state.at === 'halted' || state.at === 'recovering') throw state.error
    if (state.at !== 'reading') throw new Error(`the writer is ${state.at}`)
    if (state.halted.length > 0) throw haltError(state.halted[0]!)
    const { stalledSeconds, lags } = await this.measure()
    const stalledMax = Math.max(this.#settings.stalledSecondsMax ?? stalledSecondsDefault, 3 * this.#settings.intervalMs / 1000)
    if (stalledSeconds > stalledMax) throw fail('WRITER_STALLED', { records: lags.reduce((sum, { lag }) => sum + lag, 0n), seconds: Math.round(stalledSeconds) })
  }

  /** How far the table is behind the log now; what it finds is told to the metrics. */
  async measure (): Promise<Standing> {
    const { source, metrics } = this.#parts
    const look = async (topic: string): Promise<void> => { this.#progress.look(topic, await source.ranges(topic), performance.now()) }
    // A log that does not answer has its last known end.
    const looked = Promise.allSettled((this.#topicsRead ?? this.#settings.topics).map(look))
    await Promise.race([looked, sleep(rangesMsMax, undefined, { ref: false })])
    const halted = this.halted
    // A writer that halted or cannot go on has left its group: then all that waits is told, whoever could take it.
    const isOut = this.#state.at !== 'starting' && this.#reader?.isOpen !== true
    const standing = this.#progress.standing(performance.now(), {
      isOurs: (topic, partition) => this.#settings.group === null || isOut || this.#reader?.holds(topic, partition) === true,
      isHalted: (topic, partition) => this.#state.at === 'halted' || halted.some(halt => halt.topic === topic && halt.partition === partition)
    })
    if (metrics === null) return standing
    metrics.lag.reset()
    for (const { topic, partition, lag } of standing.lags) metrics.lag.set({ topic, partition: String(partition) }, Number(lag))
    if (this.#settings.retentionSeconds !== undefined) metrics.retention.set(this.#settings.retentionSeconds)
    metrics.oldest.set(standing.oldestSeconds)
    metrics.stalled.set(standing.stalledSeconds)
    return standing
  }

  /** What the log gives at once is not cut: where smaller batches do not help, more files have to be allowed. */
  #squeezedParts (): ReadingParts {
    return { ...this.#parts, progress: this.#progress, filesMax: (this.#parts.filesMax ?? filesMaxDefault) * this.#squeeze }
  }

  #squeezed (): WriterSettings {
    const { rowsMax, bytesMax } = this.#settings
    return { ...this.#settings, rowsMax: Math.max(1, Math.floor(rowsMax / this.#squeeze)), bytesMax: Math.max(65_536, Math.floor(bytesMax / this.#squeeze)) }
  }

  /** Runs until the signal aborts, or with `untilEnd` until the log is drained. Throws what only an operator can mend. */
  async run (): Promise<void> {
    const { signal } = this.#parts
    await emptyStaging(this.#settings.dir)
    const reader = this.#reader = new HeldReader(this.#parts.source, this.#settings)
    const stop = (): void => { void reader.close() }
    signal.addEventListener('abort', stop, { once: true })
    try {
      await this.#runSessions(reader)
    } finally {
      signal.removeEventListener('abort', stop)
      await reader.close()
    }
  }

  async #findTopics (): Promise<string[]> {
    const { topics, topicsWhereFound = [] } = this.#settings
    return [...topics, ...await topicsFound(this.#parts.source, topicsWhereFound)]
  }

  /** Said once; the table has it already. */
  #halt (error: FirnError): void {
    const { logger, metrics } = this.#parts
    if (this.#state.at !== 'halted' || this.#state.error.message !== error.message) {
      logger.fatal({ code: error.code }, error.message)
      complain(error.message)
    }
    this.#state = { at: 'halted', error }
    metrics?.halted.set(-1)
  }

  /** How far the table is, as far as it says: no session tells it while the writer stands halted, and the log goes on. */
  async #hearProgress (): Promise<void> {
    try {
      const { metadata } = await this.#parts.catalog.loadTable(eventsId)
      const offsets = parseOffsets(metadata.properties[offsetsProperty] ?? '')
      for (const [topic, { partitions }] of offsets?.topics ?? []) {
        for (const [partition, { next }] of partitions) this.#progress.recorded(topic, partition, next)
      }
    } catch {
      // A table that cannot be read is what the halt says already.
    }
  }

  async #runSessions (reader: HeldReader): Promise<void> {
    const { signal, logger, metrics } = this.#parts
    for (let attempt = 1; !signal.aborted;) {
      try {
        await reader.hear()
        const topics = await this.#findTopics()
        this.#topicsRead = topics
        const session = await openSession(this.#parts, topics, {
          resume: this.#resume,
          isRead: (topic, partition) => this.#settings.group === null || reader.holds(topic, partition),
          onCompared: halts => { this.#found = halts }
        })
        this.#resume = null
        for (const [topic, { partitions }] of session.offsets?.topics ?? []) {
          for (const [partition, { next }] of partitions) this.#progress.recorded(topic, partition, next)
        }
        await reader.follow(session, topics)
        const reading = new Reading(this.#squeezedParts(), { ...this.#squeezed(), topics }, session, reader, () => `batch${this.#batches++}`)
        this.#found = reading.halted
        this.#state = { at: 'reading', session, halted: reading.halted }
        metrics?.halted.set(reading.halted.length)
        try {
          await reading.run()
          this.#state = { at: 'ended', halted: reading.halted }
          return
        } finally {
          if (reading.landed > 0) attempt = 1
        }
      } catch (error) {
        if (signal.aborted) return
        if (isFatal(error)) await this.#parts.engine.renew()
        const code = String((error as { code?: unknown } | null)?.code ?? '')
        if (!isOfWriter(code)) await reader.close()
        const recovery = recoverFrom({ code, isRetryable: isRetryable(error), attempt, isDrain: this.#settings.untilEnd, squeeze: this.#squeeze })
        if (recovery.kind === 'end') throw error
        if (recovery.kind === 'halt') {
          this.#halt(error as FirnError)
          await this.#hearProgress()
          await sleep(this.#settings.haltedLookMs ?? (code === 'WRITER_TABLE_HALTED' ? tableLookMs : haltedLookMsUsual), undefined, { signal }).catch(() => undefined)
          continue
        }
        const { waitMs, isSmaller } = recovery
        if (isSmaller) this.#squeeze *= 2
        this.#state = { at: 'recovering', error: error as Error, attempt }
        metrics?.fenced.inc({ reason: code })
        logger.warn({ code, attempt, waitMs }, (error as Error).message)
        attempt++
        await sleep(waitMs, undefined, { signal }).catch(() => undefined)
      }
    }
  }
}

function isRetryable (error: unknown): boolean {
  return (error as { retryable?: unknown } | null)?.retryable === true
}

/** Staging files belong to batches that died: everything in them is in the log. */
async function emptyStaging (dir: string): Promise<void> {
  try {
    await mkdir(dir, { recursive: true })
    for (const name of await readdir(dir)) if (name.endsWith('.lines') || name.startsWith('duckdb_temp')) await rm(join(dir, name), { force: true, recursive: true })
  } catch (error) {
    throw fail('WRITER_STAGING_UNWRITABLE', { dir }, error)
  }
}
