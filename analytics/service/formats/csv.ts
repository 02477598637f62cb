// CSV (RFC 4180) with a header, as `npm run sql -- --csv` prints it. It has no place to say that it was cut: the header or
// trailer Firn-Truncated does.

import { csvHead, csvLine } from '../../sql/print.ts'
import { textRows, type Form } from './answer-frames.ts'

export function csvForm (names: readonly string[]): Form {
  return {
    head: () => Buffer.from(csvHead(names)),
    rows: (rows, bytesMax) => textRows(rows, bytesMax, csvLine),
    tail: () => new Uint8Array(0)
  }
}
