// The report of lines that were not accepted: <file>.rejected.ndjson beside the input, one JSON object per line with code,
// message, path, place and the line itself. It grows before the ledger does; what a crash left beyond the ledger is cut off,
// so each rejected line is reported once.

import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { fail } from '../errors.ts'

/** The report lies beside a file that others may have put there: a link in its place, or a pipe, is not written through. */
const flags = constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK

export const reportSuffix = '.rejected.ndjson'

export interface RejectedLine {
  readonly start: number
  readonly event_id: string | null
  readonly code: string
  readonly path: string | null
  readonly message: string
  readonly line: string
}

/** Appends at `offset`, cutting what lies beyond it; resolves with the new length once it is on the disk. */
export async function reportRejected (inputPath: string, offset: number, lines: readonly RejectedLine[]): Promise<number> {
  const path = inputPath + reportSuffix
  try {
    const file = await open(path, flags | (offset === 0 ? constants.O_CREAT | constants.O_TRUNC : 0), 0o600)
    try {
      const bytes = Buffer.from(lines.map(line => JSON.stringify(line) + '\n').join(''))
      await file.truncate(offset)
      await file.write(bytes, 0, bytes.length, offset)
      await file.sync()
      return offset + bytes.length
    } finally {
      await file.close()
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && offset > 0) return await reportRejected(inputPath, 0, lines)
    throw fail('INGEST_REPORT', { path, reason: (error as Error).message }, error)
  }
}
