/**
 * The one door to DuckDB: its client with a decoder that gives every text back as it is.
 *
 * As it comes, the client decodes VARCHAR with a TextDecoder that takes a leading U+FEFF for a byte order mark and drops it: an id, a
 * bound or a partition value is another text than the one in the file, and nothing says so. The decoder is replaced here once for the
 * process, and a client in which that has no effect is refused at the first import rather than trusted. With it, text from DuckDB is
 * one to one with its bytes, since a VARCHAR is always valid UTF-8.
 *
 * Nor does a time depend on where the process runs: the client prints a timestamp with time zone in the machine's, with today's offset for
 * every day of the year, whatever the connection's zone is. Here it is UTC.
 */
import { createRequire } from 'node:module'
import { TextDecoder } from 'node:util'
import { DuckDBTimestampTZValue } from '@duckdb/node-api'

export { DuckDBInstance } from '@duckdb/node-api'

interface Accessors { textDecoder: TextDecoder, getString(view: DataView, offset: number): string }

const markedBytes = [0xef, 0xbb, 0xbf, 0x61]
const accessors = createRequire(import.meta.url)('@duckdb/node-api/lib/vectors/dataAccessors.js') as Accessors
accessors.textDecoder = new TextDecoder('utf-8', { ignoreBOM: true })

if (accessors.getString(inlineText(markedBytes), 0) !== '\ufeffa') {
  throw new Error('this version of @duckdb/node-api drops a leading U+FEFF of a text, and the way to stop it is unknown: install the version that package.json names')
}

DuckDBTimestampTZValue.timezoneOffsetInMinutes = 0
if (String(new DuckDBTimestampTZValue(0n)) !== '1970-01-01 00:00:00+00') {
  throw new Error('this version of @duckdb/node-api prints times in the machine\'s zone, and the way to stop it is unknown: install the version that package.json names')
}

/** As DuckDB holds a text of up to 12 bytes: its length, then its bytes. */
function inlineText(bytes: readonly number[]): DataView {
  const view = new DataView(new ArrayBuffer(16))
  view.setUint32(0, bytes.length, true)
  for (const [i, byte] of bytes.entries()) view.setUint8(4 + i, byte)
  return view
}
