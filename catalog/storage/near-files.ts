/**
 * Copies of stored files on the local disk, for DuckDB: whole, or sparse with only the footer and the chunks of some columns, fetched by range
 * reads. What is in use is never removed; of the rest the last used are kept, within a bound of bytes.
 *
 * A sparse copy only ever grows, at its place and by the bytes that belong there, so readers of other columns do not notice.
 */
import { rmSync } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'
import { CatalogError } from '../errors.ts'
import { ByteBudget } from './byte-budget.ts'
import type { CopyFolder } from './copy-folder.ts'
import { inParallel } from './in-parallel.ts'
import { writeError } from './local.ts'
import { columnRanges, footerBytesOf, type Range } from '../spec/parquet-footer.ts'
import { normaliseS3 } from './s3-location.ts'
import type { ByteRange, FoundBytes } from './s3-objects.ts'

/** Fetched first: holds the footer of most files, and all of a small one. */
const tailBytes = 256 * 1024
const chunkBytes = 8 * 1024 ** 2
/** Chunks that lie closer than this are fetched in one request. */
const gapBytesMax = 128 * 1024
/** A larger footer is not worth the detour. */
const footerBytesMax = 64 * 1024 ** 2
const filesAtOnce = 16
const fetchBytesMax = 4 * chunkBytes


interface Source { get(location: string, range?: ByteRange): Promise<FoundBytes> }

interface Copy {
  readonly location: string
  readonly path: string
  /** Has its size and footer. */
  isBegun: boolean
  /** Columns that are there; `all`: the file is whole. */
  columns: Set<string> | 'all'
  size: number
  /** Of the local disk. */
  bytes: number
  users: number
  /** Ends when the copy is at rest. */
  turn: Promise<void>
}

export class NearFiles {
  readonly #folder: CopyFolder
  readonly #source: Source
  readonly #bytesMax: number
  /** By path; the least recently used first. */
  readonly #copies = new Map<string, Copy>()
  readonly #budget = new ByteBudget(fetchBytesMax)

  constructor(folder: CopyFolder, source: Source, bytesMax: number) {
    this.#folder = folder
    this.#source = source
    this.#bytesMax = bytesMax
    folder.keepOnly(path => this.#copies.has(path))
  }

  pathOf(location: string): string {
    return this.#folder.pathOf(normaliseS3(location))
  }

  async bring(locations: readonly string[], columns?: readonly string[]): Promise<() => Promise<void>> {
    const copies = [...new Set(locations.map(normaliseS3))].map(location => this.#use(location))
    let isReleased = false
    const release = () => {
      if (!isReleased) for (const copy of copies) copy.users--
      isReleased = true
      this.#evict()
      return Promise.resolve()
    }
    try {
      await inParallel(copies, filesAtOnce, async copy => {
        const turn = copy.turn.then(() => this.#fill(copy, columns))
        copy.turn = turn.catch(() => undefined)
        await turn
      })
    } catch (error) {
      await release()
      throw error
    }
    this.#evict()
    return release
  }

  /** The file was deleted; a copy that is in use stays until it is released. */
  forget(location: string): void {
    const copy = this.#copies.get(this.pathOf(location))
    if (copy !== undefined && copy.users === 0) this.#remove(copy)
  }

  #use(location: string): Copy {
    const path = this.pathOf(location)
    const copy = this.#copies.get(path) ?? { location, path, isBegun: false, columns: new Set(), size: 0, bytes: 0, users: 0, turn: Promise.resolve() }
    copy.users++
    this.#copies.delete(path)
    this.#copies.set(path, copy)
    return copy
  }

  async #fill(copy: Copy, columns: readonly string[] | undefined): Promise<void> {
    const { columns: there } = copy
    if (there === 'all' || (columns !== undefined && copy.isBegun && columns.every(column => there.has(column)))) return
    const file = await this.#onDisk(copy, () => open(copy.path, copy.isBegun ? 'r+' : 'w+'))
    try {
      if (columns === undefined || !await this.#fillColumns(copy, file, there, columns)) await this.#fillWhole(copy, file)
    } finally {
      await file.close()
    }
  }

  async #fillWhole(copy: Copy, file: FileHandle): Promise<void> {
    const first = await this.#budget.spend(chunkBytes, () => this.#source.get(copy.location, { start: 0, length: chunkBytes }))
    copy.size = first.total
    await this.#onDisk(copy, async () => {
      await file.truncate(first.total)
      await writeAt(file, first.bytes, 0)
    })
    await this.#fetch(copy, file, [{ start: first.bytes.length, end: first.total }])
    copy.isBegun = true
    copy.columns = 'all'
    copy.bytes = first.total
  }

  /** False when the file must be there whole: it is no Parquet file, or lacks one of the columns. */
  async #fillColumns(copy: Copy, file: FileHandle, there: Set<string>, columns: readonly string[]): Promise<boolean> {
    if (!copy.isBegun) {
      const tail = await this.#source.get(copy.location, { last: tailBytes })
      copy.size = tail.total
      copy.bytes = tail.bytes.length
      await this.#onDisk(copy, async () => {
        await file.truncate(tail.total)
        await writeAt(file, tail.bytes, tail.total - tail.bytes.length)
      })
      copy.isBegun = true
      if (tail.bytes.length === tail.total) {
        copy.columns = 'all'
        return true
      }
    }
    const footer = await this.#footer(copy, file)
    const ranges = footer === null ? null : columnRanges(footer)
    if (ranges === null || columns.some(column => !ranges.has(column))) return false
    const tailStart = copy.size - tailBytes
    const wanted = columns.filter(column => !there.has(column)).flatMap(column => ranges.get(column) ?? [])
      .map(({ start, end }) => ({ start, end: Math.min(end, tailStart) })).filter(({ start, end }) => end > start)
    const merged = mergeRanges([{ start: 0, end: 4 }, ...wanted], gapBytesMax)
    await this.#fetch(copy, file, merged)
    copy.bytes += merged.reduce((sum, { start, end }) => sum + end - start, 0)
    for (const column of columns) there.add(column)
    return true
  }

  async #footer(copy: Copy, file: FileHandle): Promise<Buffer | null> {
    const end = await readAt(file, Math.max(0, copy.size - 8), 8)
    const length = footerBytesOf(end)
    if (length === null || length > Math.min(footerBytesMax, copy.size - 8)) return null
    const start = copy.size - 8 - length
    if (start < copy.size - tailBytes) await this.#fetch(copy, file, [{ start, end: copy.size - tailBytes }])
    return await readAt(file, start, length)
  }

  async #fetch(copy: Copy, file: FileHandle, ranges: readonly Range[]): Promise<void> {
    const pieces: Range[] = []
    for (const { start, end } of ranges) for (let at = start; at < end; at += chunkBytes) pieces.push({ start: at, end: Math.min(at + chunkBytes, end) })
    await inParallel(pieces, filesAtOnce, ({ start, end }) => this.#budget.spend(end - start, async () => {
      const { bytes } = await this.#source.get(copy.location, { start, length: end - start })
      if (bytes.length !== end - start) throw new CatalogError('STORAGE_UNREADABLE', { location: copy.location, reason: `it ends after ${start + bytes.length} bytes, not ${copy.size}` })
      await this.#onDisk(copy, () => writeAt(file, bytes, start))
    }))
  }

  async #onDisk<T>(copy: Copy, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw writeError(copy.path, error)
    }
  }

  #evict(): void {
    let bytes = 0
    for (const copy of this.#copies.values()) bytes += copy.bytes
    for (const copy of this.#copies.values()) {
      if (bytes <= this.#bytesMax) return
      if (copy.users > 0) continue
      bytes -= copy.bytes
      this.#remove(copy)
    }
  }

  // At once, or a copy that is made anew meanwhile would be the one that goes.
  #remove(copy: Copy): void {
    this.#copies.delete(copy.path)
    rmSync(copy.path, { force: true })
  }
}

/** Sorted, without overlap, and in one piece where the gap is small. */
export function mergeRanges(ranges: readonly Range[], gapMax: number): Range[] {
  const merged: { start: number, end: number }[] = []
  for (const { start, end } of [...ranges].sort((a, b) => a.start - b.start)) {
    const last = merged.at(-1)
    if (last !== undefined && start - last.end <= gapMax) last.end = Math.max(last.end, end)
    else merged.push({ start, end })
  }
  return merged
}

async function writeAt(file: FileHandle, bytes: Buffer, start: number): Promise<void> {
  for (let at = 0; at < bytes.length;) at += (await file.write(bytes, at, bytes.length - at, start + at)).bytesWritten
}

async function readAt(file: FileHandle, start: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length)
  const { bytesRead } = await file.read(bytes, 0, length, start)
  return bytes.subarray(0, bytesRead)
}
