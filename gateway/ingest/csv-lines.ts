// CSV files: the first line names the columns, every record after it is one event. A record with the wrong number of cells
// or with a broken quote is reported and costs itself only.

import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { parse, type CsvError, type Info, type Options } from 'csv-parse'
import { planColumns } from './csv-columns.ts'
import { fail } from '../errors.ts'
import type { SourceLine } from './source-line.ts'

interface CsvRecord {
  readonly record: string[]
  readonly info: Info
}

const headBytes = 256 * 1024

export async function * readCsvLines (path: string, from: number, lineBytesMax: number): AsyncGenerator<SourceLine> {
  const header = await readHeader(path)
  if (header === null) return
  const { delimiter, names, end: headerEnd } = header
  const print = plan(path, names)
  const base = Math.max(from, headerEnd)
  const skipped: SourceLine[] = []
  let start = base
  const options = optionsOf(delimiter, lineBytesMax)
  const parser = parse({ ...options, skip_records_with_error: true })
  parser.on('skip', (error: CsvError & { bytes?: number }) => {
    const end = base + (error.bytes ?? 0)
    skipped.push({ start: end, end, bytes: Buffer.from(String((error as { record?: unknown }).record ?? '')), problem: { reason: error.message }, complete: true })
  })
  const input = createReadStream(path, { start: base })
  input.on('error', error => { parser.destroy(error) })
  input.pipe(parser)
  try {
    for await (const { record, info } of parser as AsyncIterable<CsvRecord>) {
      const end = base + info.bytes
      while (skipped.length > 0 && (skipped[0] as SourceLine).end <= end) yield skipped.shift() as SourceLine
      const text = record.length === names.length ? print(record) : record.join(delimiter)
      yield {
        start,
        end,
        bytes: Buffer.from(text),
        complete: true,
        ...record.length === names.length ? {} : { problem: { reason: `${record.length} cells where the first line names ${names.length}` } }
      }
      start = end
    }
    yield * skipped
  } finally {
    input.destroy()
  }
}

async function readHeader (path: string): Promise<{ names: string[], delimiter: string, end: number } | null> {
  const file = await open(path)
  let head: Buffer
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(headBytes), 0, headBytes, 0)
    head = buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
  const text = head.toString('latin1')
  const firstLine = text.slice(0, text.search(/[\r\n]|$/))
  const delimiter = [',', ';', '\t', '|'].reduce((best, each) => firstLine.split(each).length > firstLine.split(best).length ? each : best, ',')
  for await (const { record, info } of parse(head, { ...optionsOf(delimiter, headBytes), to: 1, relax_quotes: true }) as AsyncIterable<CsvRecord>) {
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
