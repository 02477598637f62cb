// Looks at LMDB's file before LMDB maps it: a file that is shorter than its tree needs would end the process with SIGBUS
// at the first missing page, with no sentence at all.
//
// The newest meta page names the last page in use. A shorter file is usually truncated, but LMDB may also leave free pages
// at the end unwritten; only then the tree is walked, with plain reads. Layout (liblmdb 1.0, mdb.c: MDB_page_header,
// MDB_meta, MDB_db, MDB_node): page header of 24 bytes with flags at 18; meta = magic, version, address, map size, two
// MDB_db of 48 bytes (page size first, root last), last page, transaction id.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { fail } from '../errors.ts'

const magic = 0xbeefc0de
const dataVersion = 2
const pageHeader = 24
const metaFlag = 0x08
const branchFlag = 0x01
const leafFlag = 0x02
const bigValueFlag = 0x01
const noPage = 0xffffffffffffffffn

interface Meta {
  readonly pageBytes: number
  readonly roots: readonly bigint[]
  readonly lastPage: bigint
  readonly transaction: bigint
}

/** Throws LOG_DAMAGED when the file cannot be a whole LMDB file. */
export function checkDataFile (path: string, file: string): void {
  const descriptor = openSync(file, 'r')
  try {
    let what = wrongWith(descriptor)
    // Others may commit while this looks: only what is wrong each time is wrong.
    for (let again = 0; what !== null && again < 2; again++) what = wrongWith(descriptor)
    if (what !== null) throw fail('LOG_DAMAGED', { path, what: `${file}: ${what}` })
  } finally {
    closeSync(descriptor)
  }
}

function wrongWith (descriptor: number): string | null {
  if (fstatSync(descriptor).size === 0) return null
  const first = readMeta(descriptor, 0)
  if (typeof first === 'string') return first
  const second = readMeta(descriptor, first.pageBytes)
  if (typeof second === 'string') return second
  const newest = first.transaction >= second.transaction ? first : second
  const { size } = fstatSync(descriptor) // after the meta pages: a commit writes pages first
  const needed = (newest.lastPage + 1n) * BigInt(newest.pageBytes)
  if (BigInt(size) >= needed) return null
  const pages = Math.floor(size / newest.pageBytes)
  return newest.roots.every(root => root === noPage || treeFits(descriptor, newest.pageBytes, pages, root))
    ? null
    : `it has ${size} bytes, ${needed} are needed: it was cut off`
}

function readMeta (descriptor: number, at: number): Meta | string {
  const bytes = Buffer.alloc(192)
  if (readSync(descriptor, bytes, 0, bytes.length, at) < bytes.length) return 'it is too short to be a log: it was cut off'
  if ((bytes.readUInt16LE(18) & metaFlag) === 0 || bytes.readUInt32LE(24) !== magic) return 'its first pages are not those of a log'
  if ((bytes.readUInt32LE(28) & 0xffff) !== dataVersion) return `its data version is ${bytes.readUInt32LE(28) & 0xffff}, not ${dataVersion}`
  const pageBytes = bytes.readUInt32LE(48)
  if (pageBytes < 512 || pageBytes > 65536 || (pageBytes & (pageBytes - 1)) !== 0) return `its page size is ${pageBytes}`
  return { pageBytes, roots: [bytes.readBigUInt64LE(88), bytes.readBigUInt64LE(136)], lastPage: bytes.readBigUInt64LE(144), transaction: bytes.readBigUInt64LE(152) }
}

/** Whether every page of a tree, pages of large values included, is among the first `pages` of the file. */
function treeFits (descriptor: number, pageBytes: number, pages: number, root: bigint): boolean {
  const page = Buffer.alloc(pageBytes)
  const open = [root]
  let visited = 0
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (next >= BigInt(pages) || ++visited > pages) return false
    readSync(descriptor, page, 0, pageBytes, Number(next) * pageBytes)
    const flags = page.readUInt16LE(18)
    if ((flags & (branchFlag | leafFlag)) === 0) return false
    const entries = page.readUInt16LE(20) >> 1
    for (let i = 0; i < entries; i++) {
      const node = page.readUInt16LE(pageHeader + i * 2) + pageHeader
      if (node + 8 > pageBytes) return false
      const low = BigInt(page.readUInt32LE(node))
      const nodeFlags = page.readUInt16LE(node + 4)
      if (flags & branchFlag) open.push(low | BigInt(nodeFlags) << 32n)
      else if (nodeFlags & bigValueFlag) {
        const valuePage = page.readBigUInt64LE(node + 8 + page.readUInt16LE(node + 6))
        const valuePages = (Number(low) + pageHeader + pageBytes - 1) / pageBytes | 0
        if (valuePage + BigInt(valuePages) > BigInt(pages)) return false
      }
    }
  }
  return true
}
