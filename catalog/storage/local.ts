/**
 * Durable storage on local disks (`file://` locations).
 *
 * A file is on disk when its bytes are fsynced and so is every folder entry on the way to it, new parents included: only then does a
 * promise resolve, because the next thing written will point at it. Files are created, never overwritten. A failing fsync is an error, never
 * retried: after one the kernel may have dropped the bytes.
 */
import { constants } from 'node:fs'
import { mkdir, open, readdir, readFile, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { CatalogError, reasonOf } from '../errors.ts'
import { inParallel } from './in-parallel.ts'
import { isS3, normaliseS3 } from './s3-location.ts'
import type { Storage, StoredFile } from './storage.ts'

/** Folders remembered as durable; beyond this the memory starts anew. */
const knownFoldersMax = 100_000
const parallelFilesMax = 16

export function openLocalStorage(): Storage {
  const folders = new DurableFolders()
  return {
    async writeDurably(location, bytes) {
      const path = toPath(location)
      try {
        await folders.create(dirname(path))
        const file = await openNew(path, folders)
        try {
          await file.writeFile(bytes)
          await file.sync()
        } catch (error) {
          // Half a file that nothing points at; on a full disk its space is needed.
          await unlink(path).catch(() => undefined)
          throw error
        } finally {
          await file.close()
        }
        await folders.sync(dirname(path))
      } catch (error) {
        throw writeError(location, error)
      }
    },
    async makeDurable(locations) {
      const paths = locations.map(toPath)
      await inParallel(paths, parallelFilesMax, async path => {
        try {
          await syncPath(path)
        } catch (error) {
          throw writeError(path, error)
        }
      })
      for (const folder of new Set(paths.map(path => dirname(path)))) {
        try {
          await folders.syncUpwards(folder)
        } catch (error) {
          throw writeError(folder, error)
        }
      }
    },
    async read(location) {
      try {
        return await readFile(toPath(location))
      } catch (error) {
        throw readError(location, error)
      }
    },
    async readRange(location, start, length) {
      try {
        return await readBytes(toPath(location), start, length)
      } catch (error) {
        throw readError(location, error)
      }
    },
    async size(location) {
      try {
        return (await stat(toPath(location))).size
      } catch (error) {
        throw readError(location, error)
      }
    },
    async delete(locations) {
      await inParallel(locations, parallelFilesMax, async location => {
        try {
          await unlink(toPath(location))
        } catch (error) {
          if (codeOf(error) !== 'ENOENT') throw writeError(location, error)
        }
      })
    },
    list: prefix => listFiles(toPath(prefix)),
    toEnginePath: toPath,
    bringNear: () => Promise.resolve(() => Promise.resolve())
  }
}

/** Which folders are known to be on disk, up to the root, so that they are not walked again for each file. */
class DurableFolders {
  readonly #known = new Set<string>()

  /** Makes a folder and its parents, and puts the new entries on disk. */
  async create(folder: string): Promise<void> {
    if (this.#known.has(folder)) return
    await mkdir(folder, { recursive: true })
    await this.syncUpwards(folder)
  }

  /** Syncs a folder and every folder above it that is not known yet: who made them is not asked, it may have been DuckDB. */
  async syncUpwards(folder: string): Promise<void> {
    await syncPath(folder)
    const walked: string[] = []
    for (let child = folder; !this.#known.has(child) && dirname(child) !== child; child = dirname(child)) {
      try {
        await syncPath(dirname(child))
      } catch (error) {
        // A parent that this process may not open was not made by it, and was there before.
        if (codeOf(error) !== 'EACCES' && codeOf(error) !== 'EPERM') throw error
      }
      walked.push(child)
    }
    if (this.#known.size >= knownFoldersMax) this.#known.clear()
    for (const child of walked) this.#known.add(child)
  }

  async sync(folder: string): Promise<void> {
    await syncPath(folder)
  }

  forget(folder: string): void {
    for (let path = folder; path !== dirname(path); path = dirname(path)) this.#known.delete(path)
  }
}

// A folder that somebody removed while it was remembered is made again.
async function openNew(path: string, folders: DurableFolders) {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
  try {
    return await open(path, flags, 0o644)
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error
    folders.forget(dirname(path))
    await folders.create(dirname(path))
    return await open(path, flags, 0o644)
  }
}

async function syncPath(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function readBytes(path: string, start: number, length: number): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY)
  try {
    const bytes = Buffer.alloc(Math.max(0, Math.min(length, (await file.stat()).size - start)))
    let at = 0
    while (at < bytes.length) {
      const { bytesRead } = await file.read(bytes, at, bytes.length - at, start + at)
      if (bytesRead === 0) break
      at += bytesRead
    }
    return bytes.subarray(0, at)
  } finally {
    await file.close()
  }
}

async function * listFiles(folder: string): AsyncIterable<StoredFile> {
  let entries
  try {
    entries = await readdir(folder, { withFileTypes: true })
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return
    throw readError(folder, error)
  }
  for (const entry of entries) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) { yield * listFiles(path); continue }
    const found = await stat(path).catch(() => undefined)
    if (found !== undefined) yield { location: toLocation(path), bytes: found.size, modifiedMs: found.mtimeMs }
  }
}

/** `file:///a/b`, `file:/a/b` and a bare absolute path name the same file. Partition paths hold `%` and `+`, so only a bare path is taken as is. */
export function toPath(location: string): string {
  if (location.startsWith('/')) return location
  const match = /^file:(?:\/\/)?(\/.*)$/s.exec(location)
  if (match?.[1] === undefined) throw new CatalogError('STORAGE_URL_UNSUPPORTED', { url: location })
  return match[1]
}

/** The inverse: the path goes in unescaped, as Java's and PyIceberg's local files do. */
export function toLocation(path: string): string {
  return `file://${path}`
}

/** A warehouse setting such as `file:./data/warehouse`, `file:///srv/lake` or `s3://bucket/prefix` as an absolute location without a trailing slash. */
export function resolveWarehouse(url: string): string {
  if (isS3(url)) return normaliseS3(url)
  if (/^[a-z][a-z0-9+.-]*:/i.test(url) && !url.startsWith('file:')) throw new CatalogError('STORAGE_URL_UNSUPPORTED', { url })
  const path = url.startsWith('file:') ? (url.startsWith('file:/') ? toPath(url) : url.slice('file:'.length)) : url
  const absolute = fileURLToPath(pathToFileURL(path))
  return toLocation(absolute.length > 1 ? absolute.replace(/\/+$/, '') : absolute)
}

/** One sentence for a failed write. Exported for the test: a full disk is hard to come by. */
export function writeError(location: string, error: unknown): Error {
  if (error instanceof CatalogError) return error
  const code = codeOf(error)
  if (code === 'ENOSPC' || code === 'EDQUOT') return new CatalogError('STORAGE_FULL', { location }, error)
  if (code === 'EEXIST' && (error as NodeJS.ErrnoException).syscall === 'open') return new CatalogError('STORAGE_EXISTS', { location }, error)
  return new CatalogError('STORAGE_UNWRITABLE', { location, reason: reasonOf(error) }, error)
}

function readError(location: string, error: unknown): Error {
  if (error instanceof CatalogError) return error
  return codeOf(error) === 'ENOENT' ? new CatalogError('STORAGE_NOT_FOUND', { location }, error) : new CatalogError('STORAGE_UNREADABLE', { location, reason: reasonOf(error) }, error)
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}
