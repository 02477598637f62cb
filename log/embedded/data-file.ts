// Looks at LMDB's file before LMDB maps it: a file that is shorter than its tree needs would end the process with SIGBUS at
// the first missing page, a page that is not what was written shows other records or none, and a meta page that fell back
// gives offsets twice; all that without a sentence.
//
// A commit writes its pages, then one of the two meta pages in turn, so these are always of two transactions that follow one
// another, and the newer one names a root that its own transaction wrote. The older one's pages may be another's already: a
// commit that was cut off before its meta page has used them. Layout (liblmdb 1.0, mdb.c): page header of 24 bytes with its number
// first and flags at 18; meta = magic, version, address, map size, two MDB_db of 48 bytes (free pages, then ours; the first
// begins with the page size), last page, transaction.
// Others may commit meanwhile: what is wrong counts only when the meta pages stood still while it was looked for.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { fail } from '../errors.ts'
import { PageSet, TreeWalk, type Tree, type TreeFile } from './tree.ts'

const magic = 0xbeefc0de
const dataVersion = 2
const metaFlag = 0x08
const freeTreeFlags = 0x4008
const metaBytes = 192
const mapBytesMax = 2n ** 46n
const looksMax = 5
/** About 64 MiB: what a log of a day at a few events a second has in leaves. */
const pagesMax = 16_384

interface Meta {
  readonly pageBytes: number
  readonly free: Tree
  readonly main: Tree
  readonly lastPage: bigint
  readonly transaction: bigint
}

/** Throws LOG_DAMAGED when the file is not whole. */
export function checkDataFile (path: string, file: string): void {
  const descriptor = openSync(file, 'r')
  try {
    if (fstatSync(descriptor).size === 0) return
    for (let look = 1; ; look++) {
      const before = readMetas(descriptor)
      const what = typeof before === 'string' ? before : wrongWith(descriptor, before)
      if (what === null) return
      const after = readMetas(descriptor)
      const stoodStill = typeof before !== 'string' && typeof after !== 'string' && newestOf(before).transaction === newestOf(after).transaction
      if (stoodStill || typeof after === 'string') throw fail('LOG_DAMAGED', { path, what: `${file}: ${what}` })
      // Processes that write this fast have it open, and looked at it when they opened it.
      if (look === looksMax) return
    }
  } finally {
    closeSync(descriptor)
  }
}

/** The newest transaction and a checksum over what its meta page says of the trees; null where that cannot be read. */
export function readState (descriptor: number): { transaction: bigint, tree: number } | null {
  const metas = readMetas(descriptor)
  if (typeof metas === 'string') return null
  const { transaction, main, free } = newestOf(metas)
  return transaction === 0n ? null : { transaction, tree: crc32(JSON.stringify([main, free].map(tree => Object.values(tree).map(String)))) }
}

/** Both meta pages, or what is wrong with them. */
function readMetas (descriptor: number): Meta[] | string {
  const first = readMeta(descriptor, 0n, 0)
  if (typeof first === 'string') return first
  const second = readMeta(descriptor, 1n, first.pageBytes)
  if (typeof second === 'string') return second
  if (second.pageBytes !== first.pageBytes) return `its page sizes are ${first.pageBytes} and ${second.pageBytes}`
  const [older, newer] = first.transaction < second.transaction ? [first, second] : [second, first]
  const follow = older.transaction + 1n === newer.transaction && newer === (newer.transaction % 2n === 0n ? first : second)
  // A file that was just made has two of transaction 0.
  if (!follow && newer.transaction !== 0n) return `its meta pages are of transactions ${first.transaction} and ${second.transaction}, which do not follow one another: one of them is not what was written`
  return [first, second]
}

function newestOf (metas: readonly Meta[]): Meta {
  return metas.reduce((newest, meta) => meta.transaction > newest.transaction ? meta : newest)
}

function readMeta (descriptor: number, number: bigint, at: number): Meta | string {
  const bytes = Buffer.alloc(metaBytes)
  if (readSync(descriptor, bytes, 0, bytes.length, at) < bytes.length) return 'it is too short to be a log: it was cut off'
  if (bytes.readUInt16LE(18) !== metaFlag || bytes.readUInt32LE(24) !== magic) return 'its first pages are not those of a log'
  if (bytes.readBigUInt64LE(0) !== number) return `meta page ${number} says that it is page ${bytes.readBigUInt64LE(0)}`
  if ((bytes.readUInt32LE(28) & 0xffff) !== dataVersion) return `its data version is ${bytes.readUInt32LE(28) & 0xffff}, not ${dataVersion}`
  const pageBytes = bytes.readUInt32LE(48)
  if (pageBytes < 512 || pageBytes > 65536 || (pageBytes & (pageBytes - 1)) !== 0) return `its page size is ${pageBytes}`
  const mapBytes = bytes.readBigUInt64LE(40)
  if (mapBytes % BigInt(pageBytes) !== 0n || mapBytes > mapBytesMax) return `the size of its map is ${mapBytes}`
  if (bytes.readUInt16LE(52) !== freeTreeFlags || bytes.readUInt16LE(100) !== 0) return 'the settings of its trees are wrong'
  return { pageBytes, free: readTree(bytes, 48), main: readTree(bytes, 96), lastPage: bytes.readBigUInt64LE(144), transaction: bytes.readBigUInt64LE(152) }
}

function readTree (bytes: Buffer, at: number): Tree {
  return {
    depth: bytes.readUInt16LE(at + 6),
    branchPages: bytes.readBigUInt64LE(at + 8),
    leafPages: bytes.readBigUInt64LE(at + 16),
    overflowPages: bytes.readBigUInt64LE(at + 24),
    entries: bytes.readBigUInt64LE(at + 32),
    root: bytes.readBigUInt64LE(at + 40)
  }
}

function wrongWith (descriptor: number, metas: readonly Meta[]): string | null {
  const { pageBytes, lastPage, transaction, main, free } = newestOf(metas)
  const { size } = fstatSync(descriptor) // after the meta pages: a commit writes pages first
  const pages = BigInt(Math.floor(size / pageBytes))
  // LMDB may leave free pages at the end unwritten, but not many times what is there.
  if (lastPage > pages * 64n + 1024n) return `its last page is ${lastPage}, the file has ${pages}: it was cut off`
  const file: TreeFile = { descriptor, pageBytes, pages, lastPage, transaction }
  const used = new PageSet(lastPage)
  const root = main.root < pages ? rootTransaction(file, main.root) : transaction
  if (root !== transaction) return `its meta page of transaction ${transaction} names a root of transaction ${root}`
  const freePages: bigint[] = []
  const what = new TreeWalk(file, main, { used, compare: (a, b) => a.compare(b), pagesMax }).run() ??
    new TreeWalk(file, free, { used, compare: compareIds, pagesMax, value: bytes => readFreePages(bytes, lastPage, freePages) }).run() ??
    wrongFree(file, used, freePages)
  const needed = (lastPage + 1n) * BigInt(pageBytes)
  return what !== null && BigInt(size) < needed ? `it has ${size} bytes, ${needed} are needed: it was cut off (${what})` : what
}

function rootTransaction ({ descriptor, pageBytes }: TreeFile, root: bigint): bigint {
  const bytes = Buffer.alloc(8)
  readSync(descriptor, bytes, 0, 8, Number(root) * pageBytes + 8)
  return bytes.readBigUInt64LE(0)
}

/** Keys of the tree of free pages are numbers of transactions. */
function compareIds (a: Buffer, b: Buffer): number {
  if (a.length !== 8 || b.length !== 8) return a.length - b.length
  const [left, right] = [a.readBigUInt64LE(0), b.readBigUInt64LE(0)]
  return left < right ? -1 : left > right ? 1 : 0
}

/** A list: how many words follow; a word is a page, or minus the number of pages that begin at the next word; 0 is nothing. */
function readFreePages (bytes: Buffer, lastPage: bigint, found: bigint[]): string | null {
  if (bytes.length < 8 || bytes.length % 8 !== 0) return 'a list of free pages has a wrong size'
  const count = bytes.readBigUInt64LE(0)
  if (count > BigInt(bytes.length / 8 - 1)) return 'a list of free pages is longer than its value'
  for (let i = 1; i <= Number(count); i++) {
    const word = bytes.readBigInt64LE(i * 8)
    if (word === 0n) continue
    if (word > 0n || i === Number(count)) {
      if (word > 0n) found.push(word)
      continue
    }
    const first = bytes.readBigInt64LE(++i * 8)
    if (first <= 0n) continue
    if (first - word - 1n > lastPage) return `pages ${first} to ${first - word - 1n} are listed as free, the last one is ${lastPage}`
    for (let page = first; page < first - word; page++) found.push(page)
  }
  return null
}

function wrongFree ({ lastPage }: TreeFile, used: PageSet, freePages: readonly bigint[]): string | null {
  const free = new PageSet(lastPage)
  for (const page of freePages) {
    if (page < 2n || page > lastPage) return `page ${page} is listed as free, the last one is ${lastPage}`
    if (used.has(page)) return `page ${page} is in use and listed as free: the next append would write over it`
    if (!free.add(page)) return `page ${page} is listed as free twice`
  }
  return null
}
