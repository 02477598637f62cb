// Delivers one file: lines → checked events → append → report → ledger, batch by batch. The order is the guarantee: the ledger
// moves only after the append is durable and the report is on the disk, so a crash repeats a batch, whose events carry the
// same event_ids, and the writer drops what it has already.

import { setTimeout as sleep } from 'node:timers/promises'
import { stat } from 'node:fs/promises'
import type { Log } from '../../log/index.ts'
import { checkEvent, type CheckOptions } from '../../openapi/index.ts'
import { sentenceOf, type FirnError } from '../../runtime/index.ts'
import { appendEvents } from '../accept.ts'
import { fail } from '../errors.ts'
import { createOrigins, type AcceptedEvent, type Source } from '../records.ts'
import type { TopicOf } from '../topic-routes.ts'
import { readerOf } from './input-files.ts'
import type { Ledger, Progress } from './ledger.ts'
import { addEventId } from './line-id.ts'
import { reportRejected, type RejectedLine } from './rejected-report.ts'
import { SourceFile } from './source-file.ts'
import type { ReadLines, SourceLine } from './source-line.ts'

export interface DeliveryContext {
  readonly log: Log
  readonly ledger: Ledger
  readonly topicOf: TopicOf
  readonly source: Extract<Source, 'ingest' | 'import'>
  readonly futureMinutesMax: number
  readonly ageDaysMax: number | null
  readonly moneyRound: boolean
  readonly eventBytesMax: number
  readonly waitSecondsMax: number
  /** A file that grows: its unfinished last line waits until it is finished or the file rests. */
  readonly growing: boolean
  readonly signal: AbortSignal
  readonly now: () => number
  /** Called after each batch. */
  readonly progressed?: (progress: Progress, fileBytes: number, events: number) => void
}

export interface Delivered {
  readonly path: string
  readonly accepted: number
  readonly rejected: number
}

const batchEventsMax = 5000
const batchBytesMax = 1024 * 1024
const restMs = 2000
const lineOverheadBytes = 4096

/** Takes what is new in a file. Throws INGEST_FILE, INGEST_REPORT, INGEST_LOG, INGEST_KIND. */
export async function deliverFile (path: string, context: DeliveryContext): Promise<Delivered> {
  const read = readerOf(path)
  const totals = { path, accepted: 0, rejected: 0 }
  try {
    if (context.ledger.isUntouched(path, await stat(path))) return totals
    const file = await SourceFile.open(path)
    try {
      await deliverLines(read, file, context, totals)
    } finally {
      await file.close()
    }
    return totals
  } catch (error) {
    if (typeof (error as FirnError).retryable === 'boolean') throw error
    throw fail('INGEST_FILE', { path, reason: (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'it does not exist' : sentenceOf(error) }, error)
  }
}

async function deliverLines (read: ReadLines, file: SourceFile, context: DeliveryContext, totals: { accepted: number, rejected: number }): Promise<void> {
  const { ledger, signal, growing, now, eventBytesMax } = context
  const progress = await ledger.find(file)
  const batch = new Batch(progress, file, context, totals)
  let unfinished = false
  for await (const line of read(file, progress.offset, eventBytesMax + lineOverheadBytes)) {
    if (signal.aborted) break
    if (!line.complete && growing && (now() - file.stats.mtimeMs < restMs || !batch.wouldTake(line))) {
      unfinished = true
      break
    }
    batch.add(line)
    if (batch.isFull) await batch.flush()
  }
  await batch.flush(!unfinished && !signal.aborted)
}

/** No event_id, or one that means nothing: the line itself says which event it is. */
function lacksId ({ code, path, eventId }: Extract<ReturnType<typeof checkEvent>, { ok: false }>): boolean {
  return path === 'event_id' && (code === 'EVENT_FIELD_MISSING' || code === 'EVENT_ID_MEANINGLESS' || eventId === '')
}

class Batch {
  readonly #progress: Progress
  readonly #file: SourceFile
  readonly #context: DeliveryContext
  readonly #totals: { accepted: number, rejected: number }
  readonly #originOf: ReturnType<typeof createOrigins>
  #accepted: AcceptedEvent[] = []
  #rejected: RejectedLine[] = []
  #bytes = 0
  #end: number

  constructor (progress: Progress, file: SourceFile, context: DeliveryContext, totals: { accepted: number, rejected: number }) {
    this.#progress = progress
    this.#file = file
    this.#context = context
    this.#totals = totals
    this.#originOf = createOrigins(context.source)
    this.#end = progress.offset
  }

  get isFull (): boolean {
    return this.#accepted.length + this.#rejected.length >= batchEventsMax || this.#bytes >= batchBytesMax
  }

  wouldTake (line: SourceLine): boolean {
    return line.problem === undefined && this.#check(line).ok
  }

  add (line: SourceLine): void {
    this.#end = Math.max(this.#end, line.end)
    this.#file.take(this.#end)
    this.#bytes += line.bytes.length
    if (line.problem === 'too-large') {
      const error = fail('INGEST_LINE_TOO_LARGE', { bytes: line.end - line.start, bytesMax: this.#context.eventBytesMax })
      this.#reject(line, { eventId: null, code: error.code, path: null, message: error.message })
    } else if (line.problem !== undefined) {
      const error = fail('INGEST_LINE_UNREADABLE', line.problem)
      this.#reject(line, { eventId: null, code: error.code, path: null, message: error.message })
    } else if (line.bytes.length > 0) {
      const event = this.#check(line)
      if (event.ok) this.#accepted.push(event)
      else this.#reject(line, event)
    }
  }

  /** Append, report, ledger: in this order. */
  async flush (isAtEnd = false): Promise<void> {
    if (!isAtEnd && this.#end === this.#progress.offset) return
    const { log, topicOf, ledger, now, progressed } = this.#context
    if (this.#accepted.length > 0) {
      const origin = this.#originOf(now(), null, undefined)
      await this.#persist(async () => { await appendEvents(log, topicOf, this.#accepted, origin) })
    }
    const progress = this.#progress
    if (this.#rejected.length > 0) progress.reportBytes = await reportRejected(progress.path, progress.reportBytes, this.#rejected)
    progress.offset = this.#end
    progress.consumed = this.#file.fingerprint(this.#end)
    ledger.leave(progress, this.#file, isAtEnd)
    progress.accepted += this.#accepted.length
    progress.rejected += this.#rejected.length
    await ledger.save(progress)
    this.#totals.accepted += this.#accepted.length
    this.#totals.rejected += this.#rejected.length
    progressed?.(progress, this.#file.stats.size, this.#accepted.length + this.#rejected.length)
    this.#accepted = []
    this.#rejected = []
    this.#bytes = 0
  }

  #check (line: SourceLine): ReturnType<typeof checkEvent> {
    const { futureMinutesMax, ageDaysMax, moneyRound, eventBytesMax, now } = this.#context
    const options: CheckOptions = { receivedAtMs: now(), futureMinutesMax, ageDaysMax, moneyRound, eventBytesMax }
    const event = checkEvent(line.bytes, options)
    if (event.ok || !lacksId(event)) return event
    return checkEvent(addEventId(line.bytes, this.#progress.name ?? this.#progress.id, line.start), options)
  }

  #reject (line: SourceLine, why: { eventId: string | null, code: string, path: string | null, message: string }): void {
    this.#rejected.push({ start: line.start, event_id: why.eventId, code: why.code, path: why.path, message: why.message, line: line.bytes.toString('utf8') })
  }

  /** A full or slow log is waited for, within a bound: the writer is making room. */
  async #persist (append: () => Promise<void>): Promise<void> {
    const { waitSecondsMax, signal } = this.#context
    const untilMs = performance.now() + waitSecondsMax * 1000
    for (let waitMs = 100; ; waitMs = Math.min(2000, waitMs * 2)) {
      try {
        await append()
        return
      } catch (error) {
        const cause = (error as FirnError).cause as FirnError | undefined
        const hopeless = cause?.retryable === false || signal.aborted || performance.now() + waitMs > untilMs
        if (hopeless) throw fail('INGEST_LOG', { seconds: waitSecondsMax, reason: sentenceOf(cause ?? error) }, error)
        await sleep(waitMs, undefined, { signal }).catch(() => {})
      }
    }
  }
}
