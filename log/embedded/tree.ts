// Walks a tree of LMDB's file with plain reads, page by page, and says what is not as LMDB writes it. LMDB itself trusts its
// pages: a flipped bit in one of them hides records, shows older ones, gives a page out twice, or ends the process.
//
// A page is checked against its own number, its kind, its place in the tree and the order of its keys; the whole tree against
// the counts that the meta page has. Every page may be used once, and none that is used may be listed as free.
// Bounded: branches are always walked, leaves until `pagesMax` pages were read; what lies in leaves beyond has checksums of
// its own. Layout (liblmdb 1.0, mdb.c: MDB_page_header, MDB_db, MDB_node): page header of 24 bytes (number, transaction, pad,
// flags at 18, lower and upper or the number of pages at 20), then offsets of nodes; node = size or page, flags, key size, key, data.

import { readSync } from 'node:fs'

export const pageHeader = 24
export const noPage = 0xffffffffffffffffn
const branchFlag = 0x01
const leafFlag = 0x02
const overflowFlag = 0x04
const bigValueFlag = 0x01
const nodeHeader = 8
const firstPage = 2n

/** What the meta page knows of a tree (MDB_db). */
export interface Tree {
  readonly depth: number
  readonly branchPages: bigint
  readonly leafPages: bigint
  readonly overflowPages: bigint
  readonly entries: bigint
  readonly root: bigint
}

export interface TreeFile {
  readonly descriptor: number
  readonly pageBytes: number
  /** Pages that the file has. */
  readonly pages: bigint
  /** The last page in use. */
  readonly lastPage: bigint
  readonly transaction: bigint
}

/** Pages by number, one bit each. */
export class PageSet {
  readonly #bits: Uint8Array

  constructor (pages: bigint) {
    this.#bits = new Uint8Array(Number(pages / 8n) + 1)
  }

  /** False when it was there already. */
  add (page: bigint): boolean {
    const [at, bit] = [Number(page / 8n), 1 << Number(page % 8n)]
    if ((this.#bits[at]! & bit) !== 0) return false
    this.#bits[at]! |= bit
    return true
  }

  has (page: bigint): boolean {
    return (this.#bits[Number(page / 8n)]! & 1 << Number(page % 8n)) !== 0
  }
}

interface Step { readonly page: bigint, readonly depth: number, readonly low: Buffer | null, readonly high: Buffer | null }
interface Node { readonly key: Buffer, readonly flags: number, readonly size: number, readonly at: number }

export interface TreeWalkOptions {
  readonly used: PageSet
  readonly compare: (a: Buffer, b: Buffer) => number
  /** Pages that may be read before leaves are left out. */
  readonly pagesMax: number
  /** Given each value, where that is wanted; returns what is wrong with it. */
  readonly value?: (bytes: Buffer) => string | null
}

export class TreeWalk {
  readonly #file: TreeFile
  readonly #tree: Tree
  readonly #options: TreeWalkOptions
  #left: number
  #isWhole = true
  #branches = 0n
  #leaves = 0n
  #overflow = 0n
  #entries = 0n
  readonly #page: Buffer

  constructor (file: TreeFile, tree: Tree, options: TreeWalkOptions) {
    this.#file = file
    this.#tree = tree
    this.#options = options
    this.#left = options.pagesMax
    this.#page = Buffer.alloc(file.pageBytes)
  }

  /** What is wrong, or null. */
  run (): string | null {
    const { root, depth, branchPages, leafPages, overflowPages, entries } = this.#tree
    if (root === noPage) return entries === 0n ? null : `a tree of ${entries} entries has no pages`
    const open: Step[] = [{ page: root, depth: 1, low: null, high: null }]
    for (let step = open.pop(); step !== undefined; step = open.pop()) {
      if (step.depth === depth && this.#left <= 0) {
        this.#isWhole = false
        continue
      }
      const what = this.#visit(step, open)
      if (what !== null) return `page ${step.page}: ${what}`
    }
    if (!this.#isWhole) return null
    const isSame = this.#branches === branchPages && this.#leaves === leafPages && this.#overflow === overflowPages && this.#entries === entries
    return isSame ? null : `its tree holds ${this.#entries} entries on ${this.#leaves} pages, its meta page says ${entries} on ${leafPages}`
  }

  #visit (step: Step, open: Step[]): string | null {
    const page = this.#page
    const unusable = this.#use(step.page, 1n) ?? this.#read(page, step.page)
    if (unusable !== null) return unusable
    const isLeaf = step.depth === this.#tree.depth
    if (page.readUInt16LE(18) !== (isLeaf ? leafFlag : branchFlag)) return `it is no ${isLeaf ? 'leaf' : 'branch'} of the tree`
    const nodes = this.#nodes(page)
    if (typeof nodes === 'string') return nodes
    if (isLeaf) this.#leaves++
    else this.#branches++
    return this.#wrongOrder(nodes, step, isLeaf) ?? (isLeaf ? this.#leaf(nodes) : this.#branch(nodes, step, open))
  }

  /** Takes pages as used by this tree. */
  #use (page: bigint, count: bigint): string | null {
    const { lastPage, pages } = this.#file
    if (page < firstPage || page + count - 1n > lastPage || page + count > pages) return 'it lies outside of the file'
    for (let i = 0n; i < count; i++) if (!this.#options.used.add(page + i)) return 'it is used twice'
    return null
  }

  #read (bytes: Buffer, number: bigint): string | null {
    const { descriptor, pageBytes, transaction } = this.#file
    this.#left--
    if (readSync(descriptor, bytes, 0, bytes.length, Number(number) * pageBytes) < bytes.length) return 'it cannot be read'
    if (bytes.readBigUInt64LE(0) !== number) return `it says that it is page ${bytes.readBigUInt64LE(0)}`
    const written = bytes.readBigUInt64LE(8)
    return written <= transaction ? null : `it was written by transaction ${written}, the last one is ${transaction}`
  }

  #nodes (page: Buffer): Node[] | string {
    const { pageBytes } = this.#file
    const [lower, upper] = [page.readUInt16LE(20), page.readUInt16LE(22)]
    if (lower === 0 || lower % 2 !== 0 || lower > upper || upper > pageBytes - pageHeader) return 'its bounds are wrong'
    const nodes: Node[] = []
    for (let i = 0; i < lower; i += 2) {
      const offset = page.readUInt16LE(pageHeader + i)
      const at = offset + pageHeader
      if (offset < upper || at + nodeHeader > pageBytes) return 'an entry lies outside of it'
      const data = at + nodeHeader + page.readUInt16LE(at + 6)
      if (data > pageBytes) return 'a key lies outside of it'
      nodes.push({ key: page.subarray(at + nodeHeader, data), flags: page.readUInt16LE(at + 4), size: page.readUInt32LE(at), at: data })
    }
    return nodes
  }

  /** The first key of a branch is not looked at, neither here nor by LMDB. */
  #wrongOrder (nodes: readonly Node[], { low, high }: Step, isLeaf: boolean): string | null {
    const { compare } = this.#options
    for (let i = isLeaf ? 0 : 1; i < nodes.length; i++) {
      const { key } = nodes[i]!
      if (i > (isLeaf ? 0 : 1) && compare(nodes[i - 1]!.key, key) >= 0) return 'its keys are not in order'
      if ((low !== null && compare(key, low) < 0) || (high !== null && compare(key, high) >= 0)) return 'a key belongs to another page'
    }
    return null
  }

  #branch (nodes: readonly Node[], { depth, low, high }: Step, open: Step[]): string | null {
    const keys = nodes.map(({ key }) => Buffer.from(key))
    for (let i = nodes.length - 1; i >= 0; i--) {
      const { size, flags } = nodes[i]!
      open.push({ page: BigInt(size) | BigInt(flags) << 32n, depth: depth + 1, low: i === 0 ? low : keys[i]!, high: keys[i + 1] ?? high })
    }
    return null
  }

  #leaf (nodes: readonly Node[]): string | null {
    const { pageBytes, descriptor } = this.#file
    const { value } = this.#options
    for (const { flags, size, at } of nodes) {
      this.#entries++
      if ((flags & ~bigValueFlag) !== 0) return 'an entry is of a kind that a log does not have'
      if ((flags & bigValueFlag) === 0) {
        if (at + size > pageBytes) return 'a value lies outside of it'
        const what = value?.(this.#page.subarray(at, at + size)) ?? null
        if (what !== null) return what
        continue
      }
      if (at + 8 > pageBytes) return 'a value lies outside of it'
      const first = this.#page.readBigUInt64LE(at)
      const what = this.#bigValue(first, size) ?? (value === undefined ? null : value(readAt(descriptor, Number(first) * pageBytes + pageHeader, size)))
      if (what !== null) return `its value on page ${first}: ${what}`
    }
    return null
  }

  #bigValue (first: bigint, size: number): string | null {
    const count = BigInt(Math.ceil((pageHeader + size) / this.#file.pageBytes))
    const unusable = this.#use(first, count)
    if (unusable !== null) return unusable
    this.#overflow += count
    if (this.#left <= 0) return null
    const header = Buffer.alloc(pageHeader)
    const what = this.#read(header, first)
    if (what !== null) return what
    return header.readUInt16LE(18) === overflowFlag && BigInt(header.readUInt32LE(20)) === count ? null : 'it is not the beginning of a value of that size'
  }
}

function readAt (descriptor: number, at: number, size: number): Buffer {
  const bytes = Buffer.alloc(size)
  readSync(descriptor, bytes, 0, size, at)
  return bytes
}
