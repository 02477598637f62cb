// {"query_id", "names", "types", "snapshots", "rows": [[…], …], "row_count", "truncated"}: one object, one row a line. Integers
// of 64 bits and decimals are texts, since a JSON number is a double to most readers; NaN and infinity are null.

import { jsonOf } from '../../sql/print.ts'
import type { AnswerShape } from '../worker/protocol.ts'
import { textRows, type Form } from './answer-frames.ts'

export function jsonForm (names: readonly string[], types: readonly string[], { queryId, snapshots }: AnswerShape): Form {
  let before = '\n'
  return {
    head: () => Buffer.from(`${JSON.stringify({ query_id: queryId, names, types, snapshots }).slice(0, -1)},"rows":[`),
    rows (rows, bytesMax) {
      const part = textRows(rows, bytesMax, (row, at) => `${at === 0 ? before : ',\n'}[${row.map(value => jsonOf(value, 'texts')).join(',')}]`)
      if (part.count > 0) before = ',\n'
      return part
    },
    tail: ({ rows, truncated }) => Buffer.from(`\n],"row_count":${rows},"truncated":${truncated}}\n`)
  }
}
