// The event_id of a line that has none: from the file's name, the line's place in it and its bytes. The same line gets the same id
// however often it is read, so a crash between the append and the ledger ends as a duplicate that the writer drops, and so does
// a line that stands where it stood when its file was written anew.

import { createHash } from 'node:crypto'
import { splitMembers } from '../../openapi/index.ts'

/** The event with an event_id as its first member, in place of one that is null. Only for valid JSON. */
export function addEventId (event: Buffer, fileName: string, start: number): Buffer {
  const hash = createHash('sha256').update(fileName).update(`\0${start}\0`).update(event).digest('hex').slice(0, 40)
  const { kept, extra } = splitMembers(event.toString(), name => name !== 'event_id')
  const others = extra === null ? event : Buffer.from(kept)
  const open = others.indexOf(0x7b)
  const rest = others.subarray(open + 1)
  const isEmpty = /^\s*\}/.test(rest.toString('latin1', 0, 64))
  return Buffer.concat([Buffer.from(`{"event_id":"line-${hash}"${isEmpty ? '' : ','}`), rest])
}
