// CSV files: the first line names the columns, every record after it is one event. A record with the wrong number of cells
// or with a broken quote is reported and costs itself only.

import { Readable } from 'node:stream'
import { parse, type CsvError, type Info, type Options } from 'csv-parse'
import { planColumns } from './csv-columns.ts'
import { fail } from '../errors.ts'
import { readNdjsonLines } from './ndjson-lines.ts'
import type { SourceFile } from './source-file.ts'
import type { SourceLine } from './source-line.ts'

interface CsvRecord {
  readonly record: string[]
  readonly info: Info
}

interface CsvHeader {
  readonly names: string[]
  readonly delimiter: string
  /** Where the first record begins. */
  readonly end: number
}

const headBytes = 256 * 1024

export async function * readCsvLines (file: SourceFile, from: number, lineBytesMax: number): AsyncGenerator<SourceLine> {
  const header = await readHeader(file)
  if (header === null) return
  const print = plan(file.path, header.names)
  let start = Math.max(from, header.end)
  for (;;) {
    const end = yield * readRecords(file, start, header, print, lineBytesMax)
    if (end === null) return
    // What the parser cannot read (a quote that does not close) would swallow what follows: give up that one line, begin after it.
    const bad = await lineAt(file, end, lineBytesMax)
    if (bad === null) return
    yield { ...bad, problem: bad.problem ?? { reason: 'a quote in it does not close, or it is longer than an event may be' } }
    start = bad.end
  }
}

/** Yields records until the end of the file (null), or until one that cannot be read: its place. */
async function * readRecords (file: SourceFile, from: number, header: CsvHeader, print: (cells: readonly string[]) => string, lineBytesMax: number): AsyncGenerator<SourceLine, number | null> {
  const { delimiter, names } = header
  let start = from
  let failedAt = Infinity
  const parser = parse({ ...optionsOf(delimiter, lineBytesMax), skip_records_with_error: true })
  parser.on('skip', (error: CsvError & { bytes?: number }) => { failedAt = Math.min(failedAt, from + (error.bytes ?? 0)) })
  const input = Readable.from(file.chunks(from), { objectMode: false })
  input.on('error', error => { parser.destroy(error) })
  input.pipe(parser)
  try {
    for await (const { record, info } of parser as AsyncIterable<CsvRecord>) {
      const end = from + info.bytes
      if (end > failedAt) break
      const fits = record.length === names.length
      yield {
        start,
        end,
        bytes: Buffer.from(fits ? print(record) : record.join(delimiter)),
        complete: true,
        ...fits ? {} : { problem: { reason: `${record.length} cells where the first line names ${names.length}` } }
      }
      start = end
    }
  } finally {
    input.destroy()
  }
  return failedAt === Infinity ? null : start
}

async function lineAt (file: SourceFile, start: number, lineBytesMax: number): Promise<SourceLine | null> {
  for await (const line of readNdjsonLines(file, start, lineBytesMax)) {
    if (line.bytes.length > 0 || line.problem !== undefined) return { ...line, complete: true }
  }
  return null
}

async function readHeader (file: SourceFile): Promise<CsvHeader | null> {
  const head = await file.head(headBytes)
  const text = head.toString('latin1')
  const firstLine = text.slice(0, text.search(/[\r\n]|$/))
  const delimiter = [',', ';', '\t', '|'].reduce((best, each) => firstLine.split(each).length > firstLine.split(best).length ? each : best, ',')
  for await (const { record, info } of parse(head, { ...optionsOf(delimiter, headBytes), to: 1 }) as AsyncIterable<CsvRecord>) {
    return { names: record, delimiter, end: info.bytes }
  }
  return null
}

function optionsOf (delimiter: string, lineBytesMax: number): Options {
  return {
    delimiter,
    bom: true,
    info: true,
    record_delimiter: ['\r\n', '\n', '\r'],
    relax_column_count: true,
    relax_quotes: true,
    skip_empty_lines: true,
    max_record_size: lineBytesMax
  }
}

function plan (path: string, names: readonly string[]): (cells: readonly string[]) => string {
  try {
    return planColumns(names)
  } catch (error) {
    throw fail('INGEST_FILE', { path, reason: (error as Error).message }, error)
  }
}
