// Dead letters: records that cannot be rows, with their bytes and reason, and dropped duplicates, without; but with them where
// the id was made from the record itself, since that may be a second record and no repetition. They are committed before the batch's rows, with end offsets of their own. After a crash in between, the offsets that
// dead_letters is ahead of events are decided by what is listed there: listed means consumed, all others are rows.
// Refuses to believe a letter of another record: what is listed at an offset has to be what the log holds there.

import { createHash } from 'node:crypto'
import type { DuckDBConnection } from '@duckdb/node-api'
import { mayHold, quoteIdentifier, scanFiles, type DataFile, type LoadedTable, type Storage } from '../catalog/index.ts'
import type { RecordBatch } from '../log/index.ts'
import { sqlList, type Engine } from './engine.ts'
import { placesIn } from './lineage-evidence.ts'
import type { Misfit } from './framer.ts'
import { origins } from './record-headers.ts'
import type { RecordedOffsets } from './offsets.ts'
import type { ParsedBatch } from './pipeline.ts'
import { writeSource } from './row-files.ts'
import { fillSql } from './sql-templates.ts'
import { lettersShape, ownColumns, readOwn } from './tables.ts'

/** What is listed at one offset, by digests: equal text is not needed, and no text is kept. */
interface ListedLetter { readonly payload: string | null, readonly eventId: string | null }
interface Lane { readonly next: bigint, readonly isSameLog: boolean, readonly letters: Map<bigint, ListedLetter[]> }

/** Partition → what is decided about it: nothing beyond `next`. */
export class DecidedLetters {
  readonly #lanes = new Map<string, Lane>()

  static async load (engine: Engine, storage: Storage, letters: LoadedTable, ahead: readonly Ahead[]): Promise<DecidedLetters> {
    const decided = new DecidedLetters()
    if (ahead.length === 0) return decided
    const { files } = await scanFiles(storage, letters)
    const where = placesIn(ahead.map(({ topic, partition, from, next }) => ({ topic, partition, start: from, end: next })))
    const result = await readOwn(storage, letters, files, ['log_topic', 'log_partition', 'log_offset', 'payload', 'event_id'], async scan =>
      await engine.main.runAndReadAll(`SELECT DISTINCT log_topic, log_partition, log_offset, md5(payload), md5(event_id) FROM ${scan} WHERE ${where}`))
    for (const { topic, partition, next, isSameLog } of ahead) decided.#lanes.set(`${partition}/${topic}`, { next, isSameLog, letters: new Map() })
    for (const [topic, partition, offset, payload, eventId] of result.getRows() as [string, number, bigint, string | null, string | null][]) {
      const listed = decided.#lanes.get(`${partition}/${topic}`)?.letters
      const at = BigInt(offset)
      listed?.set(at, [...listed.get(at) ?? [], { payload, eventId }])
    }
    return decided
  }

  /** The question for the records of one batch, or null when nothing is decided from its beginning on. */
  of (batch: RecordBatch): ((offset: bigint) => boolean) | null {
    const lane = this.#lanes.get(`${batch.partition}/${batch.topic}`)
    if (lane === undefined || lane.next <= batch.firstOffset) return null
    return offset => {
      const listed = offset < lane.next ? lane.letters.get(offset) : undefined
      return listed !== undefined && isListed(recordAt(batch, offset), listed, lane.isSameLog)
    }
  }
}

/** A letter with bytes has the record's; a duplicate has its id. A mapped record's id cannot be seen in it: it is believed of this log alone. */
function isListed (record: Buffer, listed: readonly ListedLetter[], isSameLog: boolean): boolean {
  const payload = digest(record)
  const eventId = eventIdOf(record)
  return listed.some(letter => {
    if (letter.payload !== null) return letter.payload === payload
    return eventId === null || letter.eventId === null ? isSameLog : letter.eventId === digest(eventId)
  })
}

function recordAt ({ firstOffset, offsetDelta, count, bytes, valueStart, valueEnd }: RecordBatch, offset: bigint): Buffer {
  const delta = Number(offset - firstOffset)
  const i = offsetDelta[delta] === delta ? delta : offsetDelta.subarray(0, count).indexOf(delta)
  return bytes.subarray(valueStart[i], valueEnd[i])
}

function digest (value: Buffer | string): string {
  return createHash('md5').update(value).digest('hex')
}

function eventIdOf (record: Buffer): string | null {
  try {
    const { event_id: id } = JSON.parse(record.toString()) as { event_id?: unknown }
    return typeof id === 'string' ? id : null
  } catch {
    return null
  }
}

export interface Ahead {
  readonly topic: string
  readonly partition: number
  readonly from: bigint
  readonly next: bigint
  /** Nothing says that another log was read since. */
  readonly isSameLog: boolean
}

/** Where dead_letters is ahead of events, or may list what an earlier reading decided. */
export function lettersAhead (letters: RecordedOffsets | null, events: RecordedOffsets | null): Ahead[] {
  const ahead: Ahead[] = []
  for (const [topic, { id, partitions }] of letters?.topics ?? []) {
    const found = events?.topics.get(topic)
    for (const [partition, listed] of partitions) {
      const known = found?.partitions.get(partition)
      const from = known?.next ?? listed.start
      const reread = known?.rereadTo ?? 0n
      const isSameLog = reread === 0n && (found === undefined || found.id === id) && (events === null || events.clusterId === letters?.clusterId)
      const next = listed.next > reread ? listed.next : reread
      if (next > from) ahead.push({ topic, partition, from, next, isSameLog })
    }
  }
  return ahead
}

/** Writes the batch's dead letters. `onlyRows`: just these duplicates (found after a conflict). */
export async function writeLetters (engine: Engine, storage: Storage, table: LoadedTable, batch: ParsedBatch, committedUs: bigint, onlyRows: Uint32Array | null = null, reread: RereadRows | null = null): Promise<DataFile[]> {
  const { framed, lanes } = batch
  const { main } = engine
  const misfits = quoteIdentifier(`${framed.name}-misfits`)
  await main.run(`CREATE OR REPLACE TABLE ${misfits} (reason VARCHAR, error VARCHAR, payload BLOB, event_id VARCHAR, lane USMALLINT, log_offset BIGINT, received_at TIMESTAMPTZ)`)
  const which = onlyRows === null ? '(_reason IS NOT NULL OR _duplicate)' : `rowid IN (${onlyRows.join(', ')})`
  const alike = framed.lines === 0 ? [] : await readAlike(main, batch, which)
  await appendLetters(main, `${framed.name}-misfits`, batch, onlyRows === null ? [...framed.misfits, ...alike] : alike)
  const lines = framed.lines === 0 ? '' : `UNION ALL ${fillSql('letters', { table: batch.table, which: `${which} AND NOT (${isAlike})` })}`
  const expressions: Record<string, string> = {
    log_topic: `${sqlList(lanes.map(lane => lane.topic))}[lane + 1]`,
    log_partition: `CAST([${lanes.map(lane => lane.partition).join(', ')}] AS INTEGER[])[lane + 1]`,
    committed_at: `make_timestamptz(${committedUs})`
  }
  const letters = quoteIdentifier(`${framed.name}-letters`)
  await main.run(`CREATE OR REPLACE TABLE ${letters} AS SELECT * FROM (SELECT * FROM ${misfits} ${lines}) l ${reread === null ? '' : `WHERE NOT (${isReread(reread)})`} ORDER BY lane, log_offset`)
  const rows = framed.misfits.length + framed.lines
  const files = await writeSource(engine, storage, table, lettersShape, { table: letters, where: 'true', own: name => expressions[name] ?? quoteIdentifier(name), rows })
  await main.run(`DROP TABLE ${misfits}; DROP TABLE ${letters}`)
  return files
}

export interface RereadRows { readonly table: string, readonly count: number }

/**
 * Duplicates that are the very rows of the table at their places: after an operator's decision they are read again, not
 * sent again, and leave no letter. Null when nothing of the batch was read before. `rereadTo` by `partition/topic`.
 */
export async function findReread (engine: Engine, storage: Storage, events: LoadedTable, batch: ParsedBatch, rereadTo: ReadonlyMap<string, bigint>): Promise<RereadRows | null> {
  const { framed, lanes } = batch
  const ranges = lanes.filter(({ topic, partition, start }) => start < (rereadTo.get(`${partition}/${topic}`) ?? 0n))
  if (ranges.length === 0 || framed.lines === 0) return null
  const offset = ownColumns(events).fields.find(({ name }) => name === 'log_offset')
  const mayHoldSome = (file: DataFile): boolean => offset === undefined || ranges.some(({ start, end }) => mayHold(file, offset, start, end))
  const { files } = await scanFiles(storage, events, { fileFilter: mayHoldSome })
  if (files.length === 0) return null
  const table = quoteIdentifier(`${framed.name}-reread`)
  const topicOf = `${sqlList(lanes.map(lane => lane.topic))}[b._lane + 1]`
  const partitionOf = `[${lanes.map(lane => lane.partition).join(', ')}][b._lane + 1]`
  const isSame = `e.log_topic = ${topicOf} AND e.log_partition = ${partitionOf} AND e.log_offset = b.log_offset AND e.event_id = b.event_id`
  await readOwn(storage, events, files, ['log_topic', 'log_partition', 'log_offset', 'event_id'], async scan => {
    const rows = `SELECT log_topic, log_partition, log_offset, event_id FROM ${scan} WHERE ${placesIn(ranges)}`
    await engine.main.run(`CREATE OR REPLACE TABLE ${table} AS SELECT DISTINCT b._lane AS lane, b.log_offset
      FROM ${batch.table} b JOIN (${rows}) e ON ${isSame} WHERE b._reason IS NULL AND b._duplicate`)
  })
  const [count] = (await engine.main.runAndReadAll(`SELECT count(*) FROM ${table}`)).getRows()[0] as [bigint]
  return { table, count: Number(count) }
}

export async function dropReread (engine: Engine, reread: RereadRows | null): Promise<void> {
  if (reread !== null) await engine.main.run(`DROP TABLE IF EXISTS ${reread.table}`)
}

function isReread ({ table }: RereadRows): string {
  return `l.reason = 'duplicate' AND EXISTS (SELECT 1 FROM ${table} r WHERE r.lane = l.lane AND r.log_offset = l.log_offset)`
}

type Letter = Omit<Misfit, 'payload' | 'trusted'> & { readonly payload: Buffer | null }

/** Dropped, though the only thing that they share is what they say. */
const isAlike = `_reason IS NULL AND _origin = ${origins.derived}`
const alikeError = 'a record that is the same in every field is in the table already: this one has no id of its own, its event_id is made from all of them'

async function readAlike (connection: DuckDBConnection, { table }: ParsedBatch, which: string): Promise<Omit<Letter, 'payload'>[]> {
  const found = await connection.runAndReadAll(`SELECT _lane::INTEGER, _delta::DOUBLE, epoch_us(received_at), event_id FROM ${table} WHERE ${which} AND ${isAlike}`)
  return (found.getRows() as [number, number, bigint, string][]).map(([lane, delta, receivedUs, eventId]) => ({ lane, delta, receivedUs, reason: 'duplicate', error: alikeError, eventId }))
}

/** Those without a payload have it in the file beside the lines; in a rehearsal there is none. */
async function appendLetters (connection: DuckDBConnection, table: string, { framed, lanes }: ParsedBatch, letters: readonly (Omit<Letter, 'payload'> & Partial<Letter>)[]): Promise<void> {
  const appender = await connection.createAppender(table)
  const { DuckDBTimestampTZValue } = await import('@duckdb/node-api')
  for (const misfit of letters) {
    appender.appendVarchar(misfit.reason)
    appender.appendVarchar(misfit.error)
    const payload = misfit.payload ?? framed.sent.read(`${misfit.lane}:${misfit.delta}`)
    if (payload === null) appender.appendNull()
    else appender.appendBlob(payload)
    if (misfit.eventId === null) appender.appendNull()
    else appender.appendVarchar(misfit.eventId)
    appender.appendUSmallInt(misfit.lane)
    appender.appendBigInt(lanes[misfit.lane]!.start + BigInt(misfit.delta))
    appender.appendTimestampTZ(new DuckDBTimestampTZValue(misfit.receivedUs))
    appender.endRow()
  }
  appender.closeSync()
}
