// What the gateway asks of whatever makes its events durable: the log itself, a log that is opened late, or one with a
// spool in front. A subset of the log's seam, so that `Log` fits as it is.

import type { LogRecord, Position } from '../log/index.ts'

export interface EventLog {
  /** Resolves when all records are durable: with their positions, or null when some of them wait in a spool. */
  append(records: readonly LogRecord[]): Promise<readonly Position[] | null>
  /** Throws with the reason when an append would not be durable now; resolves with what an operator should know, if anything. */
  checkReady(): Promise<string | void>
}
