// How far each file has come, one small file per input, written after the append is durable. A file is known again by what was
// consumed of it: all of those bytes, by their fingerprint. Where it lies (path, inode) only says where to look first, since a
// file can be written anew in its place, replaced by another, rotated by a copy, or reached by a link that was switched.
// Refuses a damaged entry: guessing would send lines twice. Invariant: a line below `offset` is durable in the log or reported.

import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Stats } from 'node:fs'
import { fail } from '../errors.ts'
import { replaceDurably, syncFolder } from '../durable-file.ts'
import { SourceFile, type Consumed } from './source-file.ts'

export interface Progress {
  readonly version: 1
  /** The entry's own name. */
  readonly id: string
  /** The file's name when it was first seen, whatever became of it: part of the event_id of lines that have none. Older entries: `id`. */
  readonly name?: string
  path: string
  dev: number
  ino: number
  /** The first bytes of the file when it was first seen: the cheap look. */
  readonly head: { readonly bytes: number, readonly sha256: string }
  offset: number
  /** The fingerprint of all bytes before `offset`; not in entries of before. */
  consumed?: string
  size: number
  mtimeMs: number
  /** When the file was last changed in any way; absent when the look was so soon after that a change could hide in the clock's grain. */
  ctimeMs?: number | undefined
  accepted: number
  rejected: number
  /** Length of the report of rejected lines that belongs to `offset`. */
  reportBytes: number
}

const headBytesMax = 1024
/** Of one path: what was there before may come back. Beyond this the oldest is forgotten. */
const generationsMax = 16
/** Time stamps of file systems stand still for so long at most. */
const clockGrainMs = 100
/** A file of which more was consumed is read through again only when it grew by half, as long as it is followed and grows in place. */
const readThroughBytes = 64 * 1024 * 1024

export class Ledger {
  readonly #folder: string
  readonly #readThroughBytes: number
  readonly #entries = new Map<string, Progress>()
  /** Of files that this process has read: where it was, and how much of the file it has compared byte for byte. */
  readonly #followed = new Map<Progress, Consumed & { readonly comparedTo: number }>()

  private constructor (folder: string, readThroughBytes: number) {
    this.#folder = folder
    this.#readThroughBytes = readThroughBytes
  }

  /** Throws INGEST_LEDGER when an entry cannot be read. */
  static async open (folder: string, options: { readThroughBytes?: number } = {}): Promise<Ledger> {
    const ledger = new Ledger(folder, options.readThroughBytes ?? readThroughBytes)
    await mkdir(folder, { recursive: true })
    for (const name of await readdir(folder)) {
      if (!name.endsWith('.json')) continue
      const path = join(folder, name)
      const entry = readEntry(path, await readFile(path, 'utf8'))
      ledger.#entries.set(entry.id, entry)
    }
    return ledger
  }

  /** Whether nothing has touched the file since it was consumed to its end: then it need not be opened. */
  isUntouched (path: string, stats: Stats): boolean {
    return this.#near(path, stats).some(entry => isAsLeft(entry, stats))
  }

  /** The progress of a file, begun durably when the file is new; the file has been read to its `offset`. */
  async find (file: SourceFile): Promise<Progress> {
    const { path, stats } = file
    const near = this.#near(path, stats)
    const begins = headsOf(await file.head(headBytesMax))
    for (const entry of near) if (begins(entry) && await this.#isSame(entry, file)) return adopt(entry, file)
    // Rotated by a copy, or moved by one: what was consumed elsewhere, and is there no more.
    for (const entry of this.#entries.values()) {
      if (entry.offset === 0 || near.includes(entry) || !begins(entry)) continue
      if (await this.#isSame(entry, file) && !await isStillThere(entry)) return adopt(entry, file)
    }
    file.begin()
    return await this.#create(file)
  }

  /** A look at the file is over: what stays in memory of it. `isAtEnd`: all that it held is consumed. */
  leave (entry: Progress, file: SourceFile, isAtEnd: boolean): void {
    const { stats } = file
    const consumed = file.consumed(entry.offset)
    const comparedTo = file.resumed ? this.#followed.get(entry)?.comparedTo ?? 0 : entry.offset
    if (consumed !== null) this.#followed.set(entry, { ...consumed, comparedTo })
    if (!isAtEnd) return
    entry.size = stats.size
    entry.mtimeMs = stats.mtimeMs
    entry.ctimeMs = Date.now() - stats.ctimeMs > clockGrainMs ? stats.ctimeMs : undefined
  }

  async save (entry: Progress): Promise<void> {
    await replaceDurably(this.#fileOf(entry), JSON.stringify(entry) + '\n')
  }

  /** Entries that lie where the file lies, those first of which most was consumed: the more bytes agree, the surer. */
  #near (path: string, { ino, dev }: Stats): Progress[] {
    return [...this.#entries.values()].filter(entry => entry.path === path || (entry.ino === ino && entry.dev === dev)).sort((a, b) => b.offset - a.offset)
  }

  async #isSame (entry: Progress, file: SourceFile): Promise<boolean> {
    const { size, ino, dev } = file.stats
    if (size < entry.offset) return false
    const known = this.#followed.get(entry)
    const grew = ino === entry.ino && dev === entry.dev && size > entry.size
    if (known?.end === entry.offset && grew && entry.offset > this.#readThroughBytes && entry.offset < known.comparedTo * 1.5) return await file.resume(known)
    this.#followed.delete(entry)
    const found = await file.readThrough(entry.offset)
    return found !== null && (entry.consumed ?? found) === found
  }

  async #create (file: SourceFile): Promise<Progress> {
    const { path, stats } = file
    let id = path
    for (let n = 2; this.#entries.has(id); n++) id = `${path}#${n}`
    const head = await file.head(Math.min(stats.size, headBytesMax))
    const entry: Progress = {
      version: 1, id, name: path, path, dev: stats.dev, ino: stats.ino, head: { bytes: head.length, sha256: sha256(head) },
      offset: 0, consumed: file.fingerprint(0), size: 0, mtimeMs: 0, accepted: 0, rejected: 0, reportBytes: 0
    }
    const generations = [...this.#entries.values()].filter(other => other.path === path)
    this.#entries.set(id, entry)
    await this.save(entry)
    generations.sort((a, b) => a.mtimeMs - b.mtimeMs)
    for (const oldest of generations.slice(0, Math.max(0, generations.length + 1 - generationsMax))) {
      this.#entries.delete(oldest.id)
      await rm(this.#fileOf(oldest), { force: true })
    }
    await syncFolder(this.#folder)
    return entry
  }

  #fileOf ({ id }: Progress): string {
    return join(this.#folder, `${createHash('sha256').update(id).digest('hex').slice(0, 32)}.json`)
  }
}

function adopt (entry: Progress, { path, stats }: SourceFile): Progress {
  entry.path = path
  entry.ino = stats.ino
  entry.dev = stats.dev
  return entry
}

function isAsLeft (entry: Progress, { dev, ino, size, mtimeMs, ctimeMs }: Stats): boolean {
  return entry.dev === dev && entry.ino === ino && entry.size === size && entry.mtimeMs === mtimeMs && entry.ctimeMs === ctimeMs
}

/** Whether the file that an entry is about lies where it lay: then another one of the same bytes is a copy, and a file of its own. */
async function isStillThere (entry: Progress): Promise<boolean> {
  let file: SourceFile
  try {
    file = await SourceFile.open(entry.path)
  } catch {
    return false
  }
  try {
    const found = await file.readThrough(entry.offset)
    return found !== null && (entry.consumed ?? found) === found
  } finally {
    await file.close()
  }
}

/** Whether an entry's file began with the same bytes. */
function headsOf (head: Buffer): (entry: Progress) => boolean {
  const digests = new Map<number, string>()
  return entry => {
    const { bytes, sha256: digest } = entry.head
    if (bytes > head.length) return false
    if (!digests.has(bytes)) digests.set(bytes, sha256(head.subarray(0, bytes)))
    return digests.get(bytes) === digest
  }
}

function sha256 (bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function readEntry (path: string, text: string): Progress {
  try {
    const entry = JSON.parse(text) as Progress
    if (entry.version !== 1 || typeof entry.id !== 'string' || !Number.isSafeInteger(entry.offset)) throw new Error('it is not an entry of version 1')
    return entry
  } catch (error) {
    throw fail('INGEST_LEDGER', { path, reason: (error as Error).message }, error)
  }
}
