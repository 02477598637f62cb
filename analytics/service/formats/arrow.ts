// Arrow IPC as a stream: a schema, a record batch for each run of rows, an end. The schema's metadata names the query and the
// snapshots; that the answer was cut is said by the header or trailer Firn-Truncated.

import { AsyncByteQueue, Field, makeData, RecordBatch, RecordBatchStreamWriter, Schema, Struct } from 'apache-arrow'
import type { DuckDBValue } from '@duckdb/node-api'
import type { AnswerShape } from '../worker/protocol.ts'
import type { Form } from './answer-frames.ts'
import { arrowColumn } from './arrow-column.ts'
import { parseTypeName } from './type-name.ts'

export function arrowForm (names: readonly string[], types: readonly string[], { queryId, snapshots }: AnswerShape): Form {
  const columns = types.map(type => arrowColumn(parseTypeName(type)))
  const fields = columns.map(({ type }, i) => new Field(names[i]!, type, true))
  const schema = new Schema(fields, new Map([['firn.query_id', queryId], ['firn.snapshots', JSON.stringify(snapshots)]]))
  const struct = new Struct(fields)
  const sink = new Collector()
  const writer = new RecordBatchStreamWriter({ autoDestroy: false })
  const write = (rows: readonly (readonly DuckDBValue[])[]): Uint8Array => {
    writer.write(new RecordBatch(schema, makeData({ type: struct, length: rows.length, nullCount: 0, children: columns.map((column, i) => column.data(rows.map(row => row[i]!))) })))
    return sink.take()
  }
  return {
    head () {
      writer.reset(sink, schema)
      return sink.take()
    },
    rows (rows, bytesMax) {
      let bytes = write(rows)
      let count = rows.length
      // One row more or less does not matter here: an answer that is cut is at a batch.
      while (bytes.length > bytesMax && count > 0) {
        count = Math.min(count - 1, Math.floor(count * bytesMax / bytes.length))
        bytes = count <= 0 ? new Uint8Array(0) : write(rows.slice(0, count))
      }
      return { bytes, count: Math.max(count, 0) }
    },
    tail () {
      writer.finish()
      return sink.take()
    }
  }
}

/** What was written since it was last asked. */
class Collector extends AsyncByteQueue {
  #parts: Uint8Array[] = []

  override write (part: ArrayBufferLike | ArrayBufferView): void {
    const view = ArrayBuffer.isView(part) ? new Uint8Array(part.buffer, part.byteOffset, part.byteLength) : new Uint8Array(part)
    if (view.byteLength > 0) this.#parts.push(view.slice())
  }

  take (): Uint8Array {
    return Buffer.concat(this.#parts.splice(0))
  }
}
