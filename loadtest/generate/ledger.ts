// The sender's own account of what happened: one NDJSON line per answer, appended and never rewritten.
// `acked` was answered with 202, `refused` with a 4xx for good, `unknown` may or may not be in the log.
// A line is written before the sender goes on, so that a killed sender has noted all that it knew.

import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

export interface LedgerLine {
  acked?: string[]
  unknown?: string[]
  /** [event_id, or null when the event had none; the gateway's code] */
  refused?: Array<[string | null, string]>
}

export interface Ledger {
  readonly file: string
  note(line: LedgerLine): void
  close(): void
}

export function openLedger (file: string): Ledger {
  mkdirSync(dirname(file), { recursive: true })
  const fd = openSync(file, 'a')
  return {
    file,
    note: line => { writeSync(fd, JSON.stringify(line) + '\n') },
    close: () => closeSync(fd)
  }
}
