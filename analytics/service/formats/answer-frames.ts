// An answer on its way out: a head, its rows in the form that was asked for, then how it ended. Rows and bytes are counted, and
// what lies beyond a limit is cut at a row. Holds one run of rows.

import type { DuckDBValue } from '@duckdb/node-api'
import type { Answer } from '../../query/engine.ts'
import type { Frame } from '../worker/frames.ts'
import type { AnswerShape } from '../worker/protocol.ts'
import { csvForm } from './csv.ts'
import { jsonForm } from './json.ts'

export interface Ending { readonly rows: number, readonly truncated: boolean }

export interface Form {
  head(): Uint8Array
  /** As many of the rows as fit in `bytesMax`, from the first. */
  rows(rows: readonly (readonly DuckDBValue[])[], bytesMax: number): { readonly bytes: Uint8Array, readonly count: number }
  tail(ending: Ending): Uint8Array
}

/** Of one frame: what a reader has to hold at once, however wide the rows are. */
const frameBytesMax = 1024 ** 2

export async function * answerFrames (answer: Answer, shape: AnswerShape): AsyncGenerator<Frame> {
  yield { kind: 'head', head: { names: answer.names, types: answer.types } }
  const form = await openForm(answer, shape)
  const head = form.head()
  let rows = 0
  let bytes = head.length
  let truncated = false
  yield { kind: 'data', bytes: head }
  for await (const chunk of answer.chunks) {
    const wanted = chunk.length > shape.rowsMax - rows ? chunk.slice(0, shape.rowsMax - rows) : chunk
    const part = wanted.length === 0 ? { bytes: new Uint8Array(0), count: 0 } : form.rows(wanted, shape.bytesMax - bytes)
    rows += part.count
    bytes += part.bytes.length
    for (let at = 0; at < part.bytes.length; at += frameBytesMax) yield { kind: 'data', bytes: part.bytes.subarray(at, at + frameBytesMax) }
    truncated = part.count < chunk.length
    if (truncated) break
  }
  yield { kind: 'data', bytes: form.tail({ rows, truncated }) }
  yield { kind: 'end', end: { rows, truncated } }
}

async function openForm ({ names, types }: Answer, shape: AnswerShape): Promise<Form> {
  if (shape.format === 'csv' || shape.format === 'csv-raw') return csvForm(names, { raw: shape.format === 'csv-raw' })
  if (shape.format === 'json') return jsonForm(names, types, shape)
  return (await import('./arrow.ts')).arrowForm(names, types, shape)
}

/** Rows of a text form, row by row until the bytes are used up. */
export function textRows (rows: readonly (readonly DuckDBValue[])[], bytesMax: number, print: (row: readonly DuckDBValue[], at: number) => string): { bytes: Uint8Array, count: number } {
  const lines = rows.map(print)
  const whole = Buffer.from(lines.join(''))
  if (whole.length <= bytesMax) return { bytes: whole, count: lines.length }
  let [count, bytes] = [0, 0]
  for (; count < lines.length; count++) {
    bytes += Buffer.byteLength(lines[count]!)
    if (bytes > bytesMax) break
  }
  return { bytes: Buffer.from(lines.slice(0, count).join('')), count }
}
