// How far each file has come, one small file per input, written after the append is durable. A file is known again by its path,
// or by its inode when it was renamed, and only if it still begins with the same bytes: otherwise it is a new file.
// Refuses a damaged entry: guessing would send lines twice. Invariant: a line below `offset` is durable in the log or reported.

import { createHash } from 'node:crypto'
import { mkdir, open, readdir, readFile, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { Stats } from 'node:fs'
import { fail } from '../errors.ts'
import { replaceDurably, syncFolder } from './durable-file.ts'

export interface Progress {
  readonly version: 1
  /** Stays the same when the file is renamed; part of the event_id of lines that have none. */
  readonly id: string
  path: string
  dev: number
  ino: number
  /** The first bytes of the file when it was first seen. */
  readonly head: { readonly bytes: number, readonly sha256: string }
  offset: number
  size: number
  mtimeMs: number
  accepted: number
  rejected: number
  /** Length of the report of rejected lines that belongs to `offset`. */
  reportBytes: number
}

const headBytesMax = 1024

export class Ledger {
  readonly #folder: string
  readonly #entries = new Map<string, Progress>()

  private constructor (folder: string) {
    this.#folder = folder
  }

  /** Throws INGEST_LEDGER when an entry cannot be read. */
  static async open (folder: string): Promise<Ledger> {
    const ledger = new Ledger(folder)
    await mkdir(folder, { recursive: true })
    for (const name of await readdir(folder)) {
      if (!name.endsWith('.json')) continue
      const path = join(folder, name)
      const entry = readEntry(path, await readFile(path, 'utf8'))
      ledger.#entries.set(entry.id, entry)
    }
    return ledger
  }

  /** The progress of a file, begun durably when the file is new. */
  async find (path: string, stats: Stats): Promise<Progress> {
    const candidates = [...this.#entries.values()].filter(entry => entry.path === path || (entry.ino === stats.ino && entry.dev === stats.dev))
      .sort((a, b) => Number(b.path === path) - Number(a.path === path))
    for (const entry of candidates) {
      if (stats.size < entry.offset || (await headOf(path, entry.head.bytes)).sha256 !== entry.head.sha256) continue
      entry.path = path
      entry.ino = stats.ino
      entry.dev = stats.dev
      return entry
    }
    let id = path
    for (let n = 2; this.#entries.has(id); n++) id = `${path}#${n}`
    const entry: Progress = {
      version: 1, id, path, dev: stats.dev, ino: stats.ino, head: await headOf(path, Math.min(stats.size, headBytesMax)),
      offset: 0, size: 0, mtimeMs: 0, accepted: 0, rejected: 0, reportBytes: 0
    }
    this.#entries.set(id, entry)
    await this.save(entry)
    await syncFolder(this.#folder)
    return entry
  }

  async save (entry: Progress): Promise<void> {
    const name = createHash('sha256').update(entry.id).digest('hex').slice(0, 32)
    await replaceDurably(join(this.#folder, `${name}.json`), JSON.stringify(entry) + '\n')
  }
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

async function headOf (path: string, bytes: number): Promise<{ bytes: number, sha256: string }> {
  const file: FileHandle = await open(path)
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(bytes), 0, bytes, 0)
    return { bytes, sha256: createHash('sha256').update(buffer.subarray(0, bytesRead)).digest('hex') }
  } finally {
    await file.close()
  }
}
