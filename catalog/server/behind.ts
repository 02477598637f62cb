/**
 * Whether a table's pointer is the newest that there was. Metadata files are numbered, each from the one that its commit was based on: a file
 * two numbers further than the pointer was written by a commit on top of another one that landed, so the catalog is older than its warehouse
 * (a backup of its folder, a state that lost its end). One number further may be the rest of a commit that died before it landed.
 *
 * Asked once for each table and process, before it is read or changed; files that lay there when an operator registered the table do not count.
 */
import { dirname } from 'node:path/posix'
import { isCatalogError } from '../errors.ts'
import type { TableIdentifier } from '../spec/types.ts'
import type { Storage } from '../storage/storage.ts'
import { RestError } from './errors.ts'
import { nameKey, printName } from './identifier.ts'
import type { MetadataFiles } from './metadata-files.ts'
import type { PointerStore } from './pointer-store.ts'

export interface NumberedFile { readonly number: number, readonly location: string }

/** Those that only a lost pointer explains, the newest first. */
export function findNewer(pointer: string, known: number, files: readonly NumberedFile[]): NumberedFile[] {
  const own = numberOf(pointer)
  if (own === null) return []
  return files.filter(({ number }) => number > Math.max(own, known) + 1).sort((a, b) => b.number - a.number)
}

/** `00042-<uuid>.metadata.json` → 42; null for names that are not numbered. */
export function numberOf(location: string): number | null {
  const found = /\/(\d{1,9})-[^/]*\.metadata\.json(?:\.gz)?$/.exec(location)?.[1]
  return found === undefined ? null : Number(found)
}

/** The numbered metadata files in the folder of one of them. */
export async function listNumbered(storage: Storage, metadataLocation: string): Promise<NumberedFile[]> {
  const folder = dirname(metadataLocation)
  const files: NumberedFile[] = []
  for await (const { location } of storage.list(folder)) {
    const number = numberOf(location)
    if (number !== null && dirname(location) === folder) files.push({ number, location })
  }
  return files
}

/** What lies there when an operator registers a table is known; -1 where nothing is numbered or listing is refused. */
export async function highestNumber(storage: Storage, metadataLocation: string): Promise<number> {
  try {
    return Math.max(-1, ...(await listNumbered(storage, metadataLocation)).map(({ number }) => number))
  } catch (error) {
    if (isCatalogError(error)) return -1
    throw error
  }
}

export class NewestPointers {
  readonly #checked = new Set<string>()
  readonly #storage: Storage
  readonly #files: MetadataFiles
  readonly #pointers: PointerStore

  constructor(storage: Storage, files: MetadataFiles, pointers: PointerStore) {
    this.#storage = storage
    this.#files = files
    this.#pointers = pointers
  }

  /** Throws TableBehindException. */
  async demand(id: TableIdentifier, pointer: string): Promise<void> {
    const key = nameKey(id)
    if (this.#checked.has(key)) return
    const entry = this.#pointers.find(id)
    if (entry !== null) {
      const newer = findNewer(pointer, entry.known, await this.#list(pointer))
      const found = await this.#ofSameTable(pointer, newer)
      if (found !== null) throw new RestError('TableBehindException', behind(id, pointer, found))
    }
    this.#checked.add(key)
  }

  /** A storage that may not list says nothing. */
  async #list(pointer: string): Promise<NumberedFile[]> {
    try {
      return await listNumbered(this.#storage, pointer)
    } catch (error) {
      if (isCatalogError(error)) return []
      throw error
    }
  }

  /** Tables can be made to share a folder, and a file that cannot be read proves nothing. */
  async #ofSameTable(pointer: string, newer: readonly NumberedFile[]): Promise<NumberedFile | null> {
    if (newer.length === 0) return null
    const uuid = await this.#uuidOf(pointer)
    for (const file of newer) if (await this.#uuidOf(file.location) === uuid) return file
    return null
  }

  async #uuidOf(location: string): Promise<string | null> {
    return await this.#files.readTable(location).then(({ metadata }) => metadata['table-uuid'], () => null)
  }
}

function behind(id: TableIdentifier, pointer: string, { number, location }: NumberedFile): string {
  return `${printName(id)} is at ${pointer}, but there is a newer metadata file of it (number ${number}, ${location}): the catalog's state is older than the table. Nothing is built on it. Stop the line and take the newest with \`npm run repair -- --register ${location} --as ${printName(id)}\`, or keep the older state with \`npm run repair -- --register ${pointer} --as ${printName(id)}\``
}
