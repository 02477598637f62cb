// Dead letters: records that cannot be rows, with their bytes and reason, and dropped duplicates, without. They are
// committed before the batch's rows, with end offsets of their own. After a crash in between, the offsets that
// dead_letters is ahead of events are decided by what is listed there: listed means consumed, all others are rows.

import type { DuckDBConnection } from '@duckdb/node-api'
import { duckdbScan, quoteIdentifier, quoteText, scanFiles, type DataFile, type LoadedTable, type Storage } from '../catalog/index.ts'
import { sqlList, type Engine } from './engine.ts'
import type { RecordedOffsets } from './offsets.ts'
import { writeFiles, type ParsedBatch } from './pipeline.ts'
import { fillSql } from './sql-templates.ts'

/** Partition → what is decided about it: nothing beyond `next`. */
export class DecidedLetters {
  readonly #lanes = new Map<string, { next: bigint, offsets: Set<bigint> }>()

  static async load (engine: Engine, storage: Storage, letters: LoadedTable, ahead: readonly Ahead[]): Promise<DecidedLetters> {
    const decided = new DecidedLetters()
    if (ahead.length === 0) return decided
    const { files } = await scanFiles(storage, letters)
    const ranges = ahead.map(({ topic, partition, from, next }) => `(log_topic = ${quoteText(topic)} AND log_partition = ${partition} AND log_offset >= ${from} AND log_offset < ${next})`)
    const release = await storage.bringNear(files.map(file => file.location), ['log_topic', 'log_partition', 'log_offset'])
    const result = await engine.main.runAndReadAll(`SELECT DISTINCT log_topic, log_partition, log_offset FROM ${duckdbScan(letters, files, storage)} WHERE ${ranges.join(' OR ')}`).finally(release)
    const listed = result.getRows() as [string, number, bigint][]
    for (const { topic, partition, next } of ahead) decided.#lanes.set(`${partition}/${topic}`, { next, offsets: new Set() })
    for (const [topic, partition, offset] of listed) decided.#lanes.get(`${partition}/${topic}`)?.offsets.add(BigInt(offset))
    return decided
  }

  /** The question for one partition, or null when nothing is decided from `position` on. */
  at (topic: string, partition: number, position: bigint): ((offset: bigint) => boolean) | null {
    const lane = this.#lanes.get(`${partition}/${topic}`)
    if (lane === undefined || lane.next <= position) return null
    return offset => lane.offsets.has(offset)
  }
}

export interface Ahead { readonly topic: string, readonly partition: number, readonly from: bigint, readonly next: bigint }

/** Where dead_letters is ahead of events. */
export function lettersAhead (letters: RecordedOffsets | null, events: RecordedOffsets | null): Ahead[] {
  const ahead: Ahead[] = []
  for (const [topic, { partitions }] of letters?.topics ?? []) {
    for (const [partition, { start, next }] of partitions) {
      const from = events?.topics.get(topic)?.partitions.get(partition)?.next ?? start
      if (next > from) ahead.push({ topic, partition, from, next })
    }
  }
  return ahead
}

/** Writes the batch's dead letters as one file. `onlyRows`: just these duplicates (found after a conflict). */
export async function writeLetters (engine: Engine, storage: Storage, table: LoadedTable, batch: ParsedBatch, committedUs: bigint, onlyRows: Uint32Array | null = null): Promise<DataFile[]> {
  const { framed, lanes } = batch
  const { main } = engine
  const misfits = quoteIdentifier(`${framed.name}-misfits`)
  await main.run(`CREATE OR REPLACE TABLE ${misfits} (reason VARCHAR, error VARCHAR, payload BLOB, event_id VARCHAR, lane USMALLINT, log_offset BIGINT, received_at TIMESTAMPTZ)`)
  if (onlyRows === null) await appendMisfits(main, `${framed.name}-misfits`, batch)
  const lines = framed.lines === 0
    ? ''
    : `UNION ALL ${fillSql('letters', { table: batch.table, which: onlyRows === null ? '_reason IS NOT NULL OR _duplicate' : `rowid IN (${onlyRows.join(', ')})` })}`
  const schema = table.metadata.schemas.find(({ 'schema-id': id }) => id === table.metadata['current-schema-id'])!
  const expressions: Record<string, string> = {
    log_topic: `${sqlList(lanes.map(lane => lane.topic))}[lane + 1]`,
    log_partition: `CAST([${lanes.map(lane => lane.partition).join(', ')}] AS INTEGER[])[lane + 1]`,
    committed_at: `make_timestamptz(${committedUs})`
  }
  const known = new Set(['reason', 'error', 'payload', 'event_id', 'log_topic', 'log_partition', 'log_offset', 'received_at', 'committed_at'])
  const fields = schema.fields.filter(({ name }) => known.has(name))
  const select = `SELECT ${fields.map(({ name }) => `${expressions[name] ?? name} AS ${name}`).join(', ')} FROM (SELECT * FROM ${misfits} ${lines}) ORDER BY lane, log_offset`
  const files = await writeFiles(engine, storage, table, { ...schema, fields }, [{ partition: { dead_date: Number(committedUs / 86_400_000_000n) }, select }])
  await main.run(`DROP TABLE ${misfits}`)
  return files
}

async function appendMisfits (connection: DuckDBConnection, table: string, { framed, lanes }: ParsedBatch): Promise<void> {
  const appender = await connection.createAppender(table)
  const { DuckDBTimestampTZValue } = await import('@duckdb/node-api')
  for (const misfit of framed.misfits) {
    appender.appendVarchar(misfit.reason)
    appender.appendVarchar(misfit.error)
    appender.appendBlob(misfit.payload)
    if (misfit.eventId === null) appender.appendNull()
    else appender.appendVarchar(misfit.eventId)
    appender.appendUSmallInt(misfit.lane)
    appender.appendBigInt(lanes[misfit.lane]!.start + BigInt(misfit.delta))
    appender.appendTimestampTZ(new DuckDBTimestampTZValue(misfit.receivedUs))
    appender.endRow()
  }
  appender.closeSync()
}
