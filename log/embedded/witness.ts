// A second place that knows the newest state of the log: LMDB's file alone cannot tell a meta page whose last write the disk
// lost from one that was never written, and would go on from the state before, giving offsets twice.
//
// Written when the log was quiet for a moment and when it is closed, without a sync of its own: it may be older than the
// log, and then says nothing. It speaks of this very file: a copy, or a file that was put in its place, is another one, and
// the writer compares that with its table. 28 bytes, little-endian: magic u32, inode u64, transaction u64, checksum of the
// tree u32, checksum of all this u32.

import { closeSync, fstatSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { fail } from '../errors.ts'
import { readState } from './data-file.ts'

const witnessFile = 'newest'
const magic = 0x574c4e46 // 'FNLW'
const length = 28

/** Notes the state that the file has now. What fails here is only a witness less. */
export function noteState (path: string, file: string): void {
  try {
    const descriptor = openSync(file, 'r')
    try {
      const { ino } = fstatSync(descriptor, { bigint: true })
      const state = readState(descriptor)
      if (state === null) return
      const bytes = Buffer.alloc(length)
      bytes.writeUInt32LE(magic, 0)
      bytes.writeBigUInt64LE(ino, 4)
      bytes.writeBigUInt64LE(state.transaction, 12)
      bytes.writeUInt32LE(state.tree, 20)
      bytes.writeUInt32LE(crc32(bytes.subarray(0, length - 4)), length - 4)
      writeFileSync(join(path, witnessFile), bytes)
    } finally {
      closeSync(descriptor)
    }
  } catch {
    // A full disk, or a folder that was removed: the log itself says so.
  }
}

/** Throws LOG_DAMAGED when the file is one commit behind what it was known to be, or holds another tree for the same commit. */
export function checkWitness (path: string, file: string): void {
  const known = readWitness(path)
  if (known === null) return
  const descriptor = openSync(file, 'r')
  try {
    if (fstatSync(descriptor, { bigint: true }).ino !== known.inode) return
    const state = readState(descriptor)
    if (state === null) return
    const isBehind = state.transaction + 1n === known.transaction
    if (!isBehind && (state.transaction !== known.transaction || state.tree === known.tree)) return
    const what = isBehind
      ? `${file} is at transaction ${state.transaction} and was at ${known.transaction}: the last write of its meta page is lost, and with it what was appended last`
      : `${file} holds another tree than it did at transaction ${known.transaction}`
    throw fail('LOG_DAMAGED', { path, what: `${what}; to go on with what is there all the same, remove ${join(path, witnessFile)}` })
  } finally {
    closeSync(descriptor)
  }
}

function readWitness (path: string): { inode: bigint, transaction: bigint, tree: number } | null {
  try {
    const bytes = readFileSync(join(path, witnessFile))
    if (bytes.length !== length || bytes.readUInt32LE(0) !== magic || crc32(bytes.subarray(0, length - 4)) !== bytes.readUInt32LE(length - 4)) return null
    return { inode: bytes.readBigUInt64LE(4), transaction: bytes.readBigUInt64LE(12), tree: bytes.readUInt32LE(20) }
  } catch {
    return null
  }
}
