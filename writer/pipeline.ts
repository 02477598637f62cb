// The way of a batch through DuckDB: lines → typed table → ids for the duplicate check; row-files.ts makes files of it.
// No row ever becomes a JavaScript object.
// Refuses a batch whose rows are not exactly its lines (WRITER_BATCH_BROKEN).

import { randomBytes } from 'node:crypto'
import type { DuckDBConnection } from '@duckdb/node-api'
import { quoteIdentifier, quoteText } from '../catalog/index.ts'
import { FirnError, sentenceOf } from '../runtime/index.ts'
import { BatchIds, orderIds } from './batch-ids.ts'
import { shippedSql, type ContractSql } from './columns.ts'
import { sqlList } from './engine.ts'
import { fail } from './errors.ts'
import { lineBytesMax, type Framer, type Lane } from './framer.ts'
import { fillSql } from './sql-templates.ts'

const readBufferBytes = 8 * 1024 * 1024
/** Salts the hashes of ids, so that nobody can make two ids collide. */
const salt = randomBytes(12).toString('hex')

export interface RowPartition { readonly eventType: string, readonly days: number, readonly rows: number }

export interface ParsedBatch {
  readonly table: string
  readonly framed: Framer
  readonly lanes: readonly Lane[]
  partitions: RowPartition[]
  /** Lines that are no events. */
  readonly unfit: number
  readonly unfitTrusted: number
}

const parseHoles = { salt: quoteText(salt), line_bytes: lineBytesMax, buffer_bytes: readBufferBytes }

/** Reads the lines of a sealed batch into a table of typed columns. */
export async function parseBatch (connection: DuckDBConnection, framed: Framer, sql: ContractSql = shippedSql): Promise<ParsedBatch> {
  const { files } = framed
  const table = quoteIdentifier(framed.name)
  const parsed = { table, framed, lanes: framed.lanes }
  if (files.length === 0) return { ...parsed, partitions: [], unfit: 0, unfitTrusted: 0 }
  const broken = (reason: string, cause?: unknown) => fail('WRITER_BATCH_BROKEN', { rows: framed.lines, topics: [...new Set(framed.lanes.map(lane => lane.topic))].join(', '), reason }, cause)
  try {
    await connection.run(fillSql('parse', { ...parseHoles, ...sql, structure: quoteText(sql.structure), table, files: sqlList(files), ...windowHoles(framed), starts: `[${framed.lanes.map(lane => lane.start).join(', ')}]` }))
  } catch (error) {
    throw explainEngine(error, framed.lines) ?? broken(sentenceOf(error), error)
  }
  const groups = (await connection.runAndReadAll(fillSql('partitions', { table }))).getRows() as [string | null, number | null, boolean | null, number][]
  const lines = groups.reduce((sum, group) => sum + group[3], 0)
  if (lines !== framed.lines) throw broken(`${framed.lines} lines were read as ${lines} rows`)
  const good = groups.filter(group => group[2] === null)
  const unfit = groups.filter(group => group[2] !== null)
  const sum = (some: typeof groups): number => some.reduce((total, group) => total + group[3], 0)
  return {
    ...parsed,
    partitions: good.map(([eventType, days, , rows]) => ({ eventType: eventType!, days: days!, rows })),
    unfit: sum(unfit),
    unfitTrusted: sum(unfit.filter(group => group[2] === true))
  }
}

/** What bounds the times of records that claim to come from the gateway. */
function windowHoles ({ latestUs, options: { futureMinutesMax, ageDaysMax } }: Framer): Record<string, string> {
  return {
    latest_us: String(latestUs),
    age_us: String(BigInt(ageDaysMax) * 86_400_000_000n),
    year_zero_us: '-62167219200000000',
    out_of_window: quoteText(`timestamp: at most ${futureMinutesMax} minutes ahead and ${ageDaysMax} days behind of the time of receipt are expected`)
  }
}

/** The ids of the batch's rows, in the order (topic, partition, offset), whatever the order of the rows. */
export async function readIds (connection: DuckDBConnection, batch: ParsedBatch): Promise<BatchIds> {
  const read = new BatchIds(batch.framed.lines)
  if (batch.partitions.length === 0) return read
  const places = new Float64Array(batch.framed.lines)
  const bases = laneBases(batch.lanes)
  const sql = `SELECT _h, ${secondsSql('received_at')}, rowid::UINTEGER, _lane::UINTEGER, _delta::DOUBLE FROM ${batch.table} WHERE _reason IS NULL`
  await visitIds(connection, sql, 3, (hashes, seconds, count, column) => {
    const rows = column(2)
    const lanes = column(3)
    const deltas = column(4)
    for (let i = 0, at = read.count; i < count; i++, at++) {
      read.hashes[at * 3] = hashes[i * 4]!
      read.hashes[at * 3 + 1] = hashes[i * 4 + 1]!
      read.hashes[at * 3 + 2] = hashes[i * 4 + 2]!
      read.seconds[at] = seconds[i]!
      read.rows[at] = rows[i]!
      places[at] = bases[lanes[i]!]! + deltas[i]!
    }
    read.count += count
  })
  return orderIds(read, places)
}

/** What the machine is short of, in words; null for everything else. */
export function explainEngine (error: unknown, rows: number): FirnError | null {
  if (error instanceof FirnError) return error
  const text = sentenceOf(error)
  if (text.includes('Out of Memory')) return fail('WRITER_MEMORY_SHORT', { rows }, error)
  if (/No space left|ENOSPC|disk is full|Disk quota/.test(text)) return fail('WRITER_DISK_FULL', { reason: text }, error)
  return null
}

/** Where each lane begins when the lanes are laid end to end by (topic, partition). */
function laneBases (lanes: readonly Lane[]): Float64Array {
  const bases = new Float64Array(lanes.length)
  let base = 0
  for (const { lane, i } of lanes.map((lane, i) => ({ lane, i })).sort((a, b) => a.lane.topic === b.lane.topic ? a.lane.partition - b.lane.partition : a.lane.topic < b.lane.topic ? -1 : 1)) {
    bases[i] = base
    base += Number(lane.end - lane.start)
  }
  return bases
}

/** The hash of an event_id as the index keeps it. */
export function hashSql (column: string): string {
  return `md5_number(concat(${quoteText(salt)}, ${column}))`
}

export function secondsSql (column: string): string {
  return `greatest(1, least(4294967295, epoch_us(${column}) // 1000000))::UINTEGER`
}

type Column = Uint32Array | Float64Array

/**
 * Streams (UHUGEINT hash, UINTEGER second, `numbers` further columns) as views of DuckDB's vectors: four words a hash. DuckDB's C API ends a stream that
 * fails half-way as if it were complete, so a row with the second 0, which no id has, is asked for behind the others: without it ids are
 * missing, and the error is looked for by running the statement to its end.
 */
export async function visitIds (connection: DuckDBConnection, sql: string, numbers: number, visit: (hashes: Uint32Array, seconds: Column, count: number, column: (at: number) => Column) => void): Promise<void> {
  const marked = `${sql} UNION ALL SELECT 0::UHUGEINT, 0::UINTEGER${', NULL'.repeat(numbers)}`
  const result = await connection.stream(marked)
  for (;;) {
    const chunk = await result.fetchChunk()
    if (chunk === null || chunk.rowCount === 0) {
      await connection.run(`EXPLAIN ANALYZE ${marked}`)
      throw new Error('DuckDB ended a stream of ids before its end and gives no reason')
    }
    const column = (at: number): Column => (chunk.getColumnVector(at) as unknown as { items: Column }).items
    const seconds = column(1)
    const isEnd = seconds[chunk.rowCount - 1] === 0
    const count = chunk.rowCount - (isEnd ? 1 : 0)
    if (count > 0) {
      const view = (chunk.getColumnVector(0) as unknown as { dataView: DataView }).dataView
      visit(new Uint32Array(view.buffer, view.byteOffset, count * 4), seconds, count, column)
    }
    if (isEnd) return
  }
}

/** Marks exactly these rows as duplicates (all others as not). */
export async function markDuplicates (connection: DuckDBConnection, batch: ParsedBatch, rows: Uint32Array): Promise<void> {
  await connection.run('CREATE OR REPLACE TEMP TABLE duplicate_rows (row UINTEGER)')
  const appender = await connection.createAppender('duplicate_rows')
  for (const row of rows) {
    appender.appendUInteger(row)
    appender.endRow()
  }
  appender.closeSync()
  await connection.run(`UPDATE ${batch.table} SET _duplicate = NOT _duplicate WHERE _duplicate <> (rowid IN (SELECT row FROM duplicate_rows))`)
  await connection.run('DROP TABLE duplicate_rows')
}

/** Which partitions the rows lie in. */
export async function partitionsOf (connection: DuckDBConnection, batch: ParsedBatch): Promise<RowPartition[]> {
  if (batch.partitions.length === 0) return []
  const rows = (await connection.runAndReadAll(fillSql('remaining', { table: batch.table }))).getRows() as [string, number, number][]
  return rows.map(([eventType, days, count]) => ({ eventType, days, rows: count }))
}

/** Moves the rows of these types to type `unlisted`, their own name kept in `properties.$type`. */
export async function unlistTypes (connection: DuckDBConnection, batch: ParsedBatch, types: readonly string[]): Promise<void> {
  await connection.run(fillSql('unlist', { table: batch.table, types: sqlList(types) }))
}

/** Frees the batch's memory. */
export async function dropBatch (connection: DuckDBConnection, { name }: Pick<Framer, 'name'>): Promise<void> {
  await connection.run(`DROP TABLE IF EXISTS ${quoteIdentifier(name)}`)
}
