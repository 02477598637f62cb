// The statements that are asked: each takes a slot, has its time, can be looked at and cancelled by its id, and gives the slot
// back whatever happens to it. A small answer is held until it is whole, so that its failure still has a status of its own.

import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { FirnError } from '../../runtime/index.ts'
import { fail } from '../errors.ts'
import type { AsOf } from '../query/engine.ts'
import type { Format } from './formats/format.ts'
import { Slots, type SlotLimits } from './slots.ts'
import type { StartedStatement, StatementRunner } from './statement-runner.ts'
import type { AnswerEnd, AnswerFailure } from './worker/frames.ts'

export interface QueryLimits extends SlotLimits { readonly secondsMax: number }

export interface Question {
  /** Chosen by who asks, so that it can be cancelled before its answer begins. */
  readonly id?: string | undefined
  readonly sql: string
  readonly asOf?: AsOf | undefined
  readonly format: Format
}

export type QueryState = 'waiting' | 'running' | 'done' | 'failed' | 'cancelled'

/** What GET /v1/queries/{id} says. */
export interface QueryStatus {
  readonly id: string
  readonly state: QueryState
  readonly sql: string
  readonly asked_at: string
  readonly waited_ms: number | null
  readonly ran_ms: number | null
  readonly rows: number | null
  readonly bytes: number
  readonly truncated: boolean | null
  readonly snapshots: Readonly<Record<string, string>>
  readonly error: { readonly code: string, readonly message: string } | null
}

export interface OpenAnswer {
  readonly id: string
  readonly format: Format
  readonly snapshots: Readonly<Record<string, string>>
  /** Bytes when it is whole already; `end` is known then. */
  readonly body: Buffer | Readable
  /** null until the body has been read. */
  readonly end: () => AnswerEnd | null
}

const heldBytesMax = 64 * 1024
const recordsMax = 500
const shownSqlChars = 2_000
/** A reader that takes nothing is cut off this long after its statement was ended. */
const lastWordsMs = 1_500

interface QueryRecord {
  readonly id: string
  readonly sql: string
  readonly askedAtMs: number
  readonly askedAt: string
  readonly stop: AbortController
  state: QueryState
  startedMs: number | null
  endedMs: number | null
  bytes: number
  end: AnswerEnd | null
  snapshots: Readonly<Record<string, string>>
  error: { code: string, message: string } | null
}

export class Queries {
  readonly slots: Slots
  readonly #runner: StatementRunner
  readonly #limits: QueryLimits
  readonly #settled: (status: QueryStatus) => void
  readonly #records = new Map<string, QueryRecord>()

  constructor (runner: StatementRunner, limits: QueryLimits, settled: (status: QueryStatus) => void = () => {}) {
    this.#runner = runner
    this.#limits = limits
    this.#settled = settled
    this.slots = new Slots(limits)
  }

  /** `left`: aborts when who asked is gone. Throws what the statement failed with. */
  async ask (question: Question, left: AbortSignal): Promise<OpenAnswer> {
    const record = this.#open(question)
    const leave = (): void => { record.stop.abort(fail('QUERY_CANCELLED')) }
    left.addEventListener('abort', leave, { once: true })
    let giveBack: (() => void) | undefined
    let late: NodeJS.Timeout | undefined
    const settle = (error: unknown = null): void => {
      clearTimeout(late)
      left.removeEventListener('abort', leave)
      giveBack?.()
      this.#settle(record, error)
    }
    try {
      if (left.aborted) leave()
      giveBack = await this.slots.take(record.stop.signal)
      record.state = 'running'
      record.startedMs = performance.now()
      late = setTimeout(() => { record.stop.abort(fail('QUERY_TIME_LIMIT', { secondsMax: this.#limits.secondsMax })) }, this.#limits.secondsMax * 1000)
      const started = await this.#runner.start({ queryId: record.id, sql: question.sql, asOf: question.asOf, format: question.format }, record.stop.signal)
      record.snapshots = started.snapshots
      return await this.#openAnswer(record, question.format, started, settle)
    } catch (error) {
      const reason = record.stop.signal.aborted ? record.stop.signal.reason : error
      settle(reason)
      throw reason
    }
  }

  /** Throws QUERY_UNKNOWN. */
  status (id: string): QueryStatus {
    return print(this.#find(id))
  }

  cancel (id: string): QueryStatus {
    const record = this.#find(id)
    if (record.endedMs === null) record.stop.abort(fail('QUERY_CANCELLED'))
    return print(record)
  }

  /** Ends what runs. */
  close (): void {
    for (const record of this.#records.values()) if (record.endedMs === null) record.stop.abort(fail('QUERY_CLOSING'))
  }

  /** Reads until the answer is whole or too large to be held. */
  async #openAnswer (record: QueryRecord, format: Format, { frames, snapshots }: StartedStatement, settle: (error?: unknown) => void): Promise<OpenAnswer> {
    const held: Uint8Array[] = []
    const signal = record.stop.signal
    /** Frames as bytes; the last one is counted before it is passed on. */
    const bytes = (async function * () {
      for await (const frame of frames) {
        if (frame.kind === 'failed') throw signal.aborted ? signal.reason : failureOf(frame.failure)
        if (frame.kind === 'end') record.end = frame.end
        if (frame.kind !== 'data') continue
        record.bytes += frame.bytes.length
        yield frame.bytes
      }
    })()
    const common = { id: record.id, format, snapshots, end: () => record.end }
    for (;;) {
      const next = await bytes.next()
      if (next.done === true) {
        settle()
        return { ...common, body: Buffer.concat(held) }
      }
      held.push(next.value)
      if (record.bytes > heldBytesMax) break
    }
    const body = Readable.from((async function * () {
      try {
        yield * held.splice(0)
        yield * bytes
        settle()
      } catch (error) {
        const reason = signal.aborted ? signal.reason : error
        settle(reason)
        if (format !== 'json') throw reason
        const { code, message } = reason as FirnError
        yield Buffer.from(`\n],"row_count":null,"truncated":true,"error":${JSON.stringify({ code, message, requestId: record.id })}}\n`)
      } finally {
        await bytes.return(undefined)
        // Who asked stopped reading.
        settle(signal.aborted ? signal.reason : fail('QUERY_CANCELLED'))
      }
    })(), { objectMode: false, highWaterMark: heldBytesMax })
    signal.addEventListener('abort', () => {
      setTimeout(() => { if (!body.readableEnded) body.destroy(signal.reason as Error) }, lastWordsMs).unref()
    }, { once: true })
    return { ...common, body }
  }

  #open ({ id = randomUUID(), sql }: Question): QueryRecord {
    if (this.#records.has(id)) throw fail('QUERY_ID_TAKEN', { id })
    const record: QueryRecord = {
      id, sql: sql.slice(0, shownSqlChars), askedAtMs: performance.now(), askedAt: new Date().toISOString(), stop: new AbortController(), state: 'waiting',
      startedMs: null, endedMs: null, bytes: 0, end: null, snapshots: {}, error: null
    }
    this.#records.set(id, record)
    for (const [old, { endedMs }] of this.#records) {
      if (this.#records.size <= recordsMax) break
      if (endedMs !== null) this.#records.delete(old)
    }
    return record
  }

  #find (id: string): QueryRecord {
    const record = this.#records.get(id)
    if (record === undefined) throw fail('QUERY_UNKNOWN', { id: id.slice(0, 64) })
    return record
  }

  #settle (record: QueryRecord, error: unknown): void {
    if (record.endedMs !== null) return
    record.endedMs = performance.now()
    const { code = 'INTERNAL', message = String(error) } = (error ?? {}) as Partial<FirnError>
    record.state = error === null ? 'done' : code === 'QUERY_CANCELLED' || code === 'QUERY_CLOSING' ? 'cancelled' : 'failed'
    if (error !== null) record.error = { code, message }
    this.#settled(print(record))
  }
}

function failureOf ({ code, message, retryable, httpStatus }: AnswerFailure): FirnError {
  return new FirnError(code, { message, retryable, httpStatus }, {})
}

function print (record: QueryRecord): QueryStatus {
  const { id, state, sql, askedAt, askedAtMs, startedMs, endedMs, bytes, end, snapshots, error } = record
  const ms = (from: number | null, to: number | null): number | null => from === null ? null : Math.round((to ?? performance.now()) - from)
  return {
    id, state, sql, asked_at: askedAt, waited_ms: ms(askedAtMs, startedMs ?? endedMs), ran_ms: ms(startedMs, endedMs),
    rows: end?.rows ?? null, bytes, truncated: end?.truncated ?? null, snapshots, error
  }
}
