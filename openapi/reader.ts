// Turns a request body, or one record's value, into checked events: for each event its id, type, key and the bytes to
// forward. The bytes are the client's own slice of the body; they are rewritten only where a second reader would go
// wrong (newlines between tokens become spaces, money of more than 15 digits is quoted).
// One bad event leaves its neighbours alone; a body whose JSON is broken is refused whole (ContractError), because
// nobody can say where its next event starts. NDJSON is judged line by line.
import { isAscii, isUtf8 } from 'node:buffer'
import type { Contract } from './contract.ts'
import { ContractError, describe } from './errors.ts'
import type { ContractErrorCode } from './errors.ts'
import { createJudge } from './judge.ts'
import type { Amendment, Window } from './judge.ts'
import { planContract } from './plan.ts'
import { createScanner, depthMax, depthScannedMax } from './scanner.ts'
import { clip, DepthFailure, SyntaxFailure, token } from './tokens.ts'

export interface CheckOptions {
  receivedAtMs: number
  futureMinutesMax: number
  /** null: no lower bound (import of history) */
  ageDaysMax: number | null
  eventBytesMax: number
  /** Whether money with more than two decimals is rounded; refused when not set. */
  moneyRound?: boolean
  /** Whether the event has just been sent, so that `sent_at` tells a wrong clock. */
  live?: boolean
}

/**
 * `aside`: fields whose value stays in `properties.$extra`: ids that mean nothing, currencies that are none, and values of
 * another kind in fields that were added after version 1. `amended`: values that land in another form, likewise kept as sent.
 */
export type CheckedEvent =
  | { ok: true, eventId: string, eventType: string, key: string, value: Uint8Array, hasExtra: boolean, aside: readonly string[], amended: readonly Amendment[] }
  | { ok: false, eventId: string | null, code: ContractErrorCode, path: string | null, message: string }

export type BodyFormat = 'json' | 'ndjson'

export interface ReadResult { single: boolean, events: CheckedEvent[] }

/** `value`: the bytes as a second reader may read them, like those of a checked event. */
export interface FoundAside { eventType: string, aside: readonly string[], amended: readonly Amendment[], value: Uint8Array }

export interface EventReader {
  readEvents (body: Buffer, format: BodyFormat, options: CheckOptions & { eventsMax: number }): ReadResult
  checkEvent (value: Uint8Array, options: CheckOptions): CheckedEvent
  /**
   * Of an event that was checked before, maybe by an older or newer contract; null: it is no event at all.
   * `sentLiveAtMs`: when the gateway received it from a client.
   */
  findAside (value: Uint8Array, sentLiveAtMs?: number | null): FoundAside | null
  /** Whether the text is JSON that no two parsers read differently. */
  isReadAlike (value: Uint8Array): boolean
}

export function createReader (contract: Contract): EventReader {
  const plan = planContract(contract)
  const scanner = createScanner(plan)
  const judge = createJudge(plan, scanner)

  function readEvents (body: Buffer, format: BodyFormat, options: CheckOptions & { eventsMax: number }): ReadResult {
    const result = format === 'ndjson' ? readLines(body, options) : readDocument(body, options)
    if (result.events.length === 0) throw new ContractError('BODY_EMPTY')
    return result
  }

  /** One event, an array of events, or {"events": […]} with no other key. */
  function readDocument (body: Buffer, options: CheckOptions & { eventsMax: number }): ReadResult {
    const reason = encodingFault(body)
    if (reason !== null) throw new ContractError('BODY_ENCODING', { reason })
    const text = body.toString('latin1', 0, body.length)
    scanner.open(body, 0, body.length)
    try {
      scanner.skipSpace()
      const first = scanner.position()
      if (first === body.length) return { single: false, events: [] }
      if (body[first] === 0x5b) {
        const events = readArray(body, text, options)
        expectEnd(body)
        return { single: false, events }
      }
      const wrapped = body[first] === 0x7b ? readWrapped(body, text, options) : null
      if (wrapped !== null) return { single: false, events: wrapped }
      scanner.seek(first)
      const event = readOne(body, text, options)
      expectEnd(body)
      return { single: true, events: [event] }
    } catch (error) {
      if (error instanceof DepthFailure) throw new ContractError('BODY_TOO_DEEP', { depthMax: depthScannedMax, byte: error.byte })
      if (error instanceof SyntaxFailure) throw new ContractError('BODY_NOT_JSON', { reason: error.reason, byte: error.byte, ...placeOf(body, error.byte) })
      throw error
    }
  }

  /** At `[`; leaves the position behind `]`. */
  function readArray (body: Buffer, text: string, options: CheckOptions & { eventsMax: number }): CheckedEvent[] {
    const events: CheckedEvent[] = []
    step()
    if (body[scanner.position()] === 0x5d) {
      scanner.seek(scanner.position() + 1)
      return events
    }
    for (;;) {
      if (events.length === options.eventsMax) throw new ContractError('BODY_TOO_MANY_EVENTS', { eventsMax: options.eventsMax })
      events.push(readOne(body, text, options))
      scanner.skipSpace()
      const next = body[scanner.position()]
      if (next === 0x2c) step()
      else if (next === 0x5d) {
        scanner.seek(scanner.position() + 1)
        return events
      } else throw new SyntaxFailure('expected , or ] after an event', scanner.position())
    }
  }

  /** The events of `{"events": […]}`, or null when the object is anything else. */
  function readWrapped (body: Buffer, text: string, options: CheckOptions & { eventsMax: number }): CheckedEvent[] | null {
    step()
    if (body[scanner.position()] !== 0x22 || scanner.readName() !== 'events') return null
    scanner.skipSpace()
    if (body[scanner.position()] !== 0x3a) return null
    step()
    if (body[scanner.position()] !== 0x5b) return null
    const events = readArray(body, text, options)
    scanner.skipSpace()
    if (body[scanner.position()] !== 0x7d) return null
    scanner.seek(scanner.position() + 1)
    expectEnd(body)
    return events
  }

  function step (): void {
    scanner.seek(scanner.position() + 1)
    scanner.skipSpace()
  }

  function expectEnd (body: Buffer): void {
    scanner.skipSpace()
    if (scanner.position() < body.length) throw new SyntaxFailure('expected the end after the JSON value (one event per line is application/x-ndjson)', scanner.position())
  }

  function readLines (body: Buffer, options: CheckOptions & { eventsMax: number }): ReadResult {
    const events: CheckedEvent[] = []
    const text = body.toString('latin1', 0, body.length)
    const sound = encodingFault(body) === null
    let line = 0
    for (let from = 0; from < body.length; line++) {
      const newline = body.indexOf(0x0a, from)
      const to = newline === -1 ? body.length : newline
      if (!isBlank(body, from, to)) {
        if (events.length === options.eventsMax) throw new ContractError('BODY_TOO_MANY_EVENTS', { eventsMax: options.eventsMax })
        events.push(readText(body, text, from, to, sound, `line ${line + 1}, `, options))
      }
      from = to + 1
    }
    return { single: false, events }
  }

  function checkEvent (value: Uint8Array, options: CheckOptions): CheckedEvent {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    if (bytes.length > options.eventBytesMax) return tooLarge(null, bytes.length, options)
    return readText(bytes, bytes.toString('latin1', 0, bytes.length), 0, bytes.length, false, '', options)
  }

  /** bytes[from, to) hold one event and nothing else; whatever is wrong is this event's own. */
  function readText (bytes: Buffer, text: string, from: number, to: number, sound: boolean, where: string, options: CheckOptions): CheckedEvent {
    const reason = sound ? null : encodingFault(bytes.subarray(from, to))
    if (reason !== null) return { ok: false, eventId: null, code: 'EVENT_ENCODING', path: null, message: describe('EVENT_ENCODING', { reason: `${where}${reason}` }) }
    scanner.open(bytes, from, to)
    try {
      scanner.skipSpace()
      const event = readOne(bytes, text, options)
      scanner.skipSpace()
      if (scanner.position() < to) throw new SyntaxFailure('expected the end after the event', scanner.position())
      return event
    } catch (error) {
      if (error instanceof DepthFailure) return { ok: false, eventId: null, code: 'EVENT_TOO_DEEP', path: null, message: describe('EVENT_TOO_DEEP', { depthMax }) }
      if (!(error instanceof SyntaxFailure)) throw error
      const message = describe('EVENT_NOT_JSON', { reason: error.reason, place: `${where}byte ${error.byte - from}` })
      return { ok: false, eventId: null, code: 'EVENT_NOT_JSON', path: null, message }
    }
  }

  /** At the first byte of a value; leaves the position behind its last one. */
  function readOne (bytes: Buffer, text: string, options: CheckOptions & Window): CheckedEvent {
    const from = scanner.position()
    const found = scanner.readEvent()
    const to = scanner.position()
    if (found !== token.object) {
      const got = clip(bytes.toString('utf8', from, Math.min(to, from + 80)))
      return { ok: false, eventId: null, code: 'EVENT_NOT_OBJECT', path: null, message: describe('EVENT_NOT_OBJECT', { got }) }
    }
    const refusal = judge.judge(bytes, text, options)
    const eventId = judge.eventId()
    if (to - from > options.eventBytesMax) return tooLarge(eventId, to - from, options)
    if (refusal !== null) return { ok: false, eventId, ...refusal }
    return {
      ok: true,
      eventId: eventId!,
      eventType: judge.eventType(),
      key: judge.key(),
      value: forward(bytes, from, to),
      hasExtra: judge.hasExtra(),
      aside: judge.aside(),
      amended: judge.amended()
    }
  }

  function forward (bytes: Buffer, from: number, to: number): Uint8Array {
    let value = bytes.subarray(from, to)
    const quoted = judge.quoted()
    if (quoted.length > 0) {
      // back to front, so that earlier positions stay what they are
      const places = [...quoted].sort((a, b) => scanner.start[b]! - scanner.start[a]!)
      for (const field of places) value = quote(value, scanner.start[field]! - from, scanner.end[field]! - from)
    }
    if (!scanner.hasNewline()) return value
    // valid JSON has raw newlines only between tokens
    return Buffer.from(value).map(byte => byte === 0x0a || byte === 0x0d ? 0x20 : byte)
  }

  function findAside (value: Uint8Array, sentLiveAtMs: number | null = null): FoundAside | null {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength)
    let from = 0
    scanner.open(bytes, 0, bytes.length)
    try {
      scanner.skipSpace()
      from = scanner.position()
      if (scanner.readEvent() !== token.object) return null
    } catch (error) {
      if (error instanceof SyntaxFailure) return null
      throw error
    }
    judge.judgeLater(bytes, bytes.toString('latin1'), sentLiveAtMs)
    return { eventType: judge.eventType(), aside: judge.aside(), amended: judge.amended(), value: forward(bytes, from, scanner.position()) }
  }

  function isReadAlike (value: Uint8Array): boolean {
    scanner.open(Buffer.from(value.buffer, value.byteOffset, value.byteLength), 0, value.byteLength)
    try {
      scanner.skipSpace()
      scanner.readEvent()
    } catch (error) {
      if (error instanceof SyntaxFailure) return false
      throw error
    }
    return scanner.flag() === null
  }

  return { readEvents, checkEvent, findAside, isReadAlike }
}

function tooLarge (eventId: string | null, bytes: number, options: CheckOptions): CheckedEvent {
  return { ok: false, eventId, code: 'EVENT_TOO_LARGE', path: null, message: describe('EVENT_TOO_LARGE', { bytes, bytesMax: options.eventBytesMax }) }
}

function quote (value: Buffer, start: number, end: number): Buffer<ArrayBuffer> {
  return Buffer.concat([value.subarray(0, start), Buffer.from('"'), value.subarray(start, end), Buffer.from('"'), value.subarray(end)])
}

function encodingFault (bytes: Buffer): string | null {
  if (bytes.length >= 3 && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return 'it starts with a byte order mark'
  return isAscii(bytes) || isUtf8(bytes) ? null : 'some bytes are not UTF-8'
}

function isBlank (bytes: Buffer, from: number, to: number): boolean {
  for (let i = from; i < to; i++) {
    const byte = bytes[i]!
    if (byte !== 0x20 && byte !== 0x09 && byte !== 0x0d) return false
  }
  return true
}

function placeOf (bytes: Buffer, byte: number): { line: number, column: number } {
  let line = 1
  let lineStart = 0
  for (let at = bytes.indexOf(0x0a); at !== -1 && at < byte; at = bytes.indexOf(0x0a, at + 1)) {
    line++
    lineStart = at + 1
  }
  return { line, column: bytes.toString('utf8', lineStart, byte).length + 1 }
}
