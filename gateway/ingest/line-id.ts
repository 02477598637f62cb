// The event_id of a line that has none: from the file, the line's place in it and its bytes. The same line gets the same id
// however often it is read, so a crash between the append and the ledger ends as a duplicate that the writer drops.

import { createHash } from 'node:crypto'

/** The event with an event_id as its first member. */
export function addEventId (event: Buffer, fileId: string, start: number): Buffer {
  const hash = createHash('sha256').update(fileId).update(`\0${start}\0`).update(event).digest('hex').slice(0, 40)
  const open = event.indexOf(0x7b)
  const rest = event.subarray(open + 1)
  const isEmpty = /^\s*\}/.test(rest.toString('latin1', 0, 64))
  return Buffer.concat([Buffer.from(`{"event_id":"line-${hash}"${isEmpty ? '' : ','}`), rest])
}
