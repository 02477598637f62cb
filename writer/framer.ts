// Turns records into lines of a file that DuckDB reads: eight fields between unit separators, the value last, one line a
// record. No value can forge or break a line: a batch with a newline, a separator, a NUL or a broken character in it
// goes record by record, and what is no event becomes a misfit with its exact bytes, past the lines.
// Records of the gateway were checked there; all others are checked here by the same contract, after the mapping of their
// topic where it has one. A gateway's record is told by its header `received_at` alone: a producer with the right to
// write to the topic can forge it, so all that it may claim is bounded, here and in parse.sql, by times that the log's
// reader knows: no record arrived in the future, and no event lies further ahead than an honest one can.
// Invariant: lines + misfits + skipped = records, per partition, in offset order.

import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { isUtf8 } from 'node:buffer'
import { join } from 'node:path'
import { checkEvent, contract, contractVersion, findAside, mapRecord, splitMembers, type EventReader, type FoundAside, type MappingName } from '../openapi/index.ts'
import type { LogEvent, RecordBatch } from '../log/index.ts'
import { sentenceOf } from '../runtime/index.ts'
import { declaredNames, type DeclaredNames } from './columns.ts'
import { fail } from './errors.ts'
import { middleOf, origins, readHeaders, type Headers } from './record-headers.ts'
import { SentBytes } from './sent-bytes.ts'

export const lineBytesMax = 2 * 1024 * 1024
const chunkBytes = 1024 * 1024
const arrivalsMax = 512
/** How far the clocks of gateways, producers and writers may be apart. */
const clockSkewMsMax = 60 * 60_000
const separator = 0x1f
const newline = 0x0a
const lineEnd = Buffer.of(newline)

/** The contract as far as framing goes: what an event is, and what of it goes to `$extra`. */
export interface FramedContract extends Pick<EventReader, 'checkEvent' | 'findAside'> {
  readonly version: number
  readonly declared: DeclaredNames
}

export const shippedContract: FramedContract = { version: contractVersion, checkEvent, findAside, declared: declaredNames(contract) }

export interface FramerOptions {
  readonly dir: string
  readonly eventBytesMax: number
  readonly futureMinutesMax: number
  readonly ageDaysMax: number
  /** Whether money with more than two decimals is rounded, of producers that write to the log themselves. */
  readonly moneyRound?: boolean
  /** Topics whose producers write JSON of their own. */
  readonly mappings: Readonly<Record<string, MappingName>>
  /** Default: the one that this version ships. */
  readonly contract?: FramedContract
  readonly nowMs?: () => number
}

/** One partition's share of a batch: [start, end). Lines carry their distance from `start`. */
export interface Lane {
  readonly topic: string
  readonly partition: number
  readonly start: bigint
  /** The log's evidence of what was consumed before `start`, and before `end`. */
  readonly before: string
  fingerprint: string
  end: bigint
  lines: number
  file: string
}

/** A record that is no event, known before DuckDB. */
export interface Misfit {
  readonly lane: number
  readonly delta: number
  readonly receivedUs: bigint
  readonly payload: Buffer
  readonly reason: string
  readonly error: string
  readonly eventId: string | null
  readonly trusted: boolean
}

interface OpenLane extends Lane {
  chunk: Buffer
  used: number
  fd: number | null
}

/** `text` is null where the record's own bytes will do. */
interface ReadEvent { readonly text: string | null, readonly undeclared: string, readonly isIdDerived?: boolean }

interface Misread extends Pick<Misfit, 'reason' | 'error' | 'eventId'> {}

/** The batch that is being filled. */
export class Framer {
  readonly options: FramerOptions
  readonly lanes: OpenLane[] = []
  readonly misfits: Misfit[] = []
  /** Of lines whose text is not the record's: `lane:delta` → the record as sent. */
  readonly sent: SentBytes
  /** Fields → how many of their values stay in `$extra`: of another kind, an id that means nothing, a currency that is none. */
  readonly keptAside = new Map<string, number>()
  /** Fields → how many of their values landed in another form, as sent in `$extra`: money rounded, times corrected. */
  readonly amended = new Map<string, number>()
  readonly name: string
  records = 0
  lines = 0
  bytes = 0
  skipped = 0
  /** A sample of the times of arrival, for the freshness. */
  readonly arrivals: number[] = []
  readonly #contract: FramedContract
  #laneOf = new Map<string, number>()

  constructor (name: string, options: FramerOptions) {
    this.name = name
    this.options = options
    this.sent = new SentBytes(join(options.dir, `${name}.sent.lines`))
    this.#contract = options.contract ?? shippedContract
  }

  /**
   * `position` is where the partition was read up to: the log may have holes. `decided(offset)` says that the record
   * is already a dead letter from before a crash: it is consumed without a trace. `before`: the fingerprint at `position`.
   */
  add (batch: RecordBatch, position: bigint, decided: ((offset: bigint) => boolean) | null = null, before = ''): void {
    const number = this.#lane(batch, position, before)
    const lane = this.lanes[number]!
    if (position !== lane.end || batch.firstOffset < position) throw new TypeError(`batch at ${batch.firstOffset} of ${batch.topic}/${batch.partition}, the lane ends at ${lane.end}`)
    const base = Number(batch.firstOffset - lane.start)
    const headers = new Array<Headers | undefined>(batch.headers.length)
    const { bytes, valueStart, valueEnd, headersIndex, offsetDelta, count } = batch
    let careful = false
    let checkedTo = 0
    const valueBytesMax = Math.min(this.options.eventBytesMax, lineBytesMax >> 1)
    const latestUs = BigInt(Math.trunc(this.#now() + clockSkewMsMax)) * 1000n
    for (let i = 0; i < count; i++) {
      const delta = base + offsetDelta[i]!
      this.records++
      if (i === checkedTo) {
        // Values lie back to back in runs: one look at a run instead of one at each value.
        do checkedTo++; while (checkedTo < count && valueStart[checkedTo] === valueEnd[checkedTo - 1])
        careful = isSuspicious(bytes.subarray(valueStart[i], valueEnd[checkedTo - 1]))
      }
      if (decided !== null && decided(batch.firstOffset + BigInt(offsetDelta[i]!))) {
        this.skipped++
        continue
      }
      const index = headersIndex[i]!
      const header = headers[index] ??= readHeaders(batch.headers[index] ?? {}, number, latestUs, this.#contract.version)
      const start = valueStart[i]!
      const end = valueEnd[i]!
      if (header.prefix === null || careful || end - start > valueBytesMax) {
        this.#addCarefully(number, delta, header, bytes.subarray(start, end), batch.timestampMs[i]!)
        continue
      }
      const { prefix } = header
      const room = 20 + prefix.length + end - start
      if (lane.used + room > lane.chunk.length) this.#makeRoom(lane, room)
      const { chunk } = lane
      let at = writeDigits(chunk, lane.used, delta)
      chunk.set(prefix, at)
      at += prefix.length
      bytes.copy(chunk, at, start, end)
      at += end - start
      chunk[at] = newline
      lane.used = at + 1
      lane.lines++
      this.lines++
    }
    if (count > 0 && this.arrivals.length < arrivalsMax) this.arrivals.push(batch.timestampMs[0]!, batch.timestampMs[count - 1]!)
    this.bytes += count === 0 ? 0 : valueEnd[count - 1]! - valueStart[0]!
    lane.end = batch.nextOffset
    lane.fingerprint = batch.fingerprint
  }

  /** What no event of this batch may pass, in microseconds: the furthest that a gateway with a fast clock accepts. */
  get latestUs (): bigint {
    return BigInt(Math.trunc(this.#now() + clockSkewMsMax + this.options.futureMinutesMax * 60_000)) * 1000n
  }

  #now (): number {
    return (this.options.nowMs ?? Date.now)()
  }

  /** Takes a partition to `end` without a record: markers of transactions and aborted records lie there. */
  pass ({ topic, partition, offset, fingerprint }: Extract<LogEvent, { kind: 'end' }>, position: bigint, before: string): void {
    const lane = this.lanes[this.#lane({ topic, partition }, position, before)]!
    if (position !== lane.end || offset < position) throw new TypeError(`${topic}/${partition} ends at ${offset}, the lane at ${lane.end}`)
    lane.end = offset
    if (fingerprint !== '') lane.fingerprint = fingerprint
  }

  /** Whether nothing was taken, not even a place. */
  get isEmpty (): boolean {
    return this.lanes.length === 0
  }

  /** Writes what is still in memory. */
  seal (): string[] {
    for (const lane of this.lanes) {
      if (lane.used > 0) this.#flush(lane)
      closeLane(lane)
      lane.chunk = Buffer.alloc(0)
    }
    return this.files
  }

  /** The files of a sealed batch, in the order (topic, partition). */
  get files (): string[] {
    return this.lanes.filter(lane => lane.lines > 0)
      .sort((a, b) => a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1)
      .map(lane => lane.file)
  }

  /** Removes the files. */
  discard (): void {
    this.sent.discard()
    for (const lane of this.lanes) {
      closeLane(lane)
      if (lane.lines > 0) rmSync(lane.file, { force: true })
    }
  }

  #lane (batch: Pick<RecordBatch, 'topic' | 'partition'>, position: bigint, before: string): number {
    const key = `${batch.partition}/${batch.topic}`
    let number = this.#laneOf.get(key)
    if (number === undefined) {
      number = this.lanes.length
      this.#laneOf.set(key, number)
      this.lanes.push({
        topic: batch.topic,
        partition: batch.partition,
        start: position,
        before,
        fingerprint: before,
        end: position,
        lines: 0,
        file: join(this.options.dir, `${this.name}-${number}.lines`),
        chunk: Buffer.allocUnsafeSlow(chunkBytes),
        used: 0,
        fd: null
      })
    }
    return number
  }

  #addCarefully (number: number, delta: number, header: Headers, value: Buffer, timestampMs: number): void {
    const { eventBytesMax } = this.options
    const trusted = header.receivedUs !== null
    const nowMs = this.#now()
    const isDated = timestampMs > 0 && timestampMs <= nowMs + clockSkewMsMax
    const receivedUs = header.receivedUs ?? BigInt(Math.trunc(isDated ? timestampMs : nowMs)) * 1000n
    const misfit = (reason: string, error: string, eventId: string | null = null): void => {
      this.misfits.push({ lane: number, delta, receivedUs, payload: Buffer.from(value), reason, error, eventId, trusted })
    }
    // Received by a clock that ran ahead and was set right since: dated by ours, and judged as a producer's own record is.
    if (!trusted && !isDated && !header.isAhead) return misfit('WRITER_RECORD_UNDATED', `the record's own timestamp, ${timestampMs}, is no time at which it can have been written: milliseconds since 1970, at most an hour ahead of the writer's clock, are expected`)
    if (value.length > Math.max(eventBytesMax, trusted ? lineBytesMax >> 1 : 0)) return misfit('WRITER_RECORD_TOO_LARGE', `the record has ${value.length} bytes, at most ${eventBytesMax} are an event`)
    if (!isUtf8(value)) return misfit('WRITER_RECORD_NOT_UTF8', 'the record is not UTF-8')
    if (value.includes(0) || value.includes(separator)) return misfit('WRITER_RECORD_NOT_JSON', 'the record holds control characters, which JSON does not allow')
    let text: string | null = null
    if (value.includes(newline) || value.includes(0x0d)) {
      text = oneLine(value)
      if (text === null) return misfit('WRITER_RECORD_NOT_JSON', 'the record is not JSON')
    }
    let undeclared = ''
    let { origin } = header
    try {
      const read = this.#read(number, header, value, receivedUs)
      if ('reason' in read) return misfit(read.reason, read.error, read.eventId)
      if (read.text !== null) text = read.text
      undeclared = read.undeclared
      if (read.isIdDerived === true) origin = origins.derived
    } catch (error) {
      // A fault of ours on one record must not stop the partition behind it: the record is kept, with the words.
      return misfit('WRITER_RECORD_UNREADABLE', `the writer failed on the record: ${sentenceOf(error)}`)
    }
    const body = text === null ? value : Buffer.from(text)
    if (body !== value && !body.equals(value)) this.sent.keep(`${number}:${delta}`, value)
    const middle = Buffer.from(`${delta}${middleOf(number, receivedUs, header.ip, header.userAgent, origin, undeclared)}`)
    const line = Buffer.concat([middle, body, lineEnd])
    const lane = this.lanes[number]!
    if (lane.used + line.length > lane.chunk.length) this.#makeRoom(lane, line.length)
    line.copy(lane.chunk, lane.used)
    lane.used += line.length
    lane.lines++
    this.lines++
  }

  /** By the contract; `text` is null where the record's own bytes will do. */
  #read (number: number, header: Headers, value: Buffer, receivedUs: bigint): ReadEvent | Misread {
    const { futureMinutesMax, ageDaysMax, eventBytesMax, moneyRound = false } = this.options
    if (header.receivedUs !== null) {
      if (!header.extra) return { text: null, undeclared: '' }
      const found = this.#contract.findAside(value, header.live ? Number(receivedUs) / 1000 : null)
      if (found === null) return { reason: 'WRITER_RECORD_NOT_JSON', error: 'the record is not JSON', eventId: null }
      return this.#split(textOf(found.value), found)
    }
    const mapping = this.options.mappings[this.lanes[number]!.topic]
    const mapped = mapping === undefined ? null : mapRecord(mapping, value)
    const event = mapped?.event ?? value
    const checked = this.#contract.checkEvent(event, { receivedAtMs: Number(receivedUs / 1000n), futureMinutesMax, ageDaysMax: header.imported ? null : ageDaysMax, eventBytesMax, moneyRound })
    if (!checked.ok) {
      return { reason: checked.code, error: checked.path === null ? checked.message : `${checked.path}: ${checked.message}`, eventId: checked.eventId }
    }
    const text = textOf(checked.value)
    return { ...checked.hasExtra ? this.#split(text, checked) : { text, undeclared: '' }, isIdDerived: mapped?.isIdDerived === true }
  }

  /** What the type does not declare, and what the contract keeps aside. */
  #split (text: string, { eventType, aside, amended }: FoundAside): ReadEvent {
    const { declared } = this.#contract
    const names = declared.ofType(eventType)
    for (const wire of aside) this.keptAside.set(wire, (this.keptAside.get(wire) ?? 0) + 1)
    for (const { wire } of amended) this.amended.set(wire, (this.amended.get(wire) ?? 0) + 1)
    const amendedOf = (name: string): string | undefined => amended.find(({ wire }) => wire === name)?.value
    const { kept, extra } = splitMembers(text, name => names.has(name) && !aside.includes(name), declared.ofGroup, amendedOf)
    return { text: kept, undeclared: extra ?? '' }
  }

  #makeRoom (lane: OpenLane, bytes: number): void {
    this.#flush(lane)
    if (bytes > lane.chunk.length) lane.chunk = Buffer.allocUnsafeSlow(bytes + chunkBytes)
  }

  #flush (lane: OpenLane): void {
    try {
      lane.fd ??= openSync(lane.file, 'w')
      let written = 0
      while (written < lane.used) written += writeSync(lane.fd, lane.chunk, written, lane.used - written)
    } catch (error) {
      throw fail('WRITER_STAGING_UNWRITABLE', { dir: this.options.dir }, error)
    }
    lane.used = 0
  }
}

/** Forgotten before it is closed: a close that fails must not be tried again on a number that is another file's by then. */
function closeLane (lane: OpenLane): void {
  const { fd } = lane
  lane.fd = null
  if (fd !== null) closeSync(fd)
}

/** Newlines stand between tokens alone. */
function textOf (value: Uint8Array): string {
  return Buffer.from(value.buffer, value.byteOffset, value.length).toString().replaceAll(/[\r\n]/g, ' ')
}

function isSuspicious (bytes: Buffer): boolean {
  return bytes.includes(newline) || bytes.includes(separator) || bytes.includes(0x0d) || bytes.includes(0) || !isUtf8(bytes)
}

/** Newlines between JSON tokens as spaces; null where the text is not JSON (a newline inside a string is not). */
function oneLine (value: Buffer): string | null {
  const text = value.toString()
  try {
    JSON.parse(text)
  } catch {
    return null
  }
  return text.replaceAll(/[\r\n]/g, ' ')
}

function writeDigits (buffer: Buffer, at: number, value: number): number {
  let digits = 1
  for (let bound = 10; value >= bound; bound *= 10) digits++
  for (let i = at + digits - 1; i >= at; i--) {
    const rest = Math.floor(value / 10)
    buffer[i] = 48 + value - rest * 10
    value = rest
  }
  return at + digits
}
