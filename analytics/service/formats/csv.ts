// CSV (RFC 4180) with a header, as `npm run sql -- --csv` prints it, and with --raw. It has no place to say that it was cut: the header or
// trailer Firn-Truncated does.

import { csvHead, csvLine, type CsvForm } from '../../sql/print.ts'
import { textRows, type Form } from './answer-frames.ts'

export function csvForm (names: readonly string[], how: CsvForm): Form {
  return {
    head: () => Buffer.from(csvHead(names, how)),
    rows: (rows, bytesMax) => textRows(rows, bytesMax, row => csvLine(row, how)),
    tail: () => new Uint8Array(0)
  }
}
