/**
 * Lets a data folder belong where it lies now: every table and view of its catalog is written anew with locations inside it, then all pointers
 * move at once, then the folder is marked by the caller. A death at any line leaves the folder as it was, or done; it can be run again.
 *
 * Refuses before anything is written what could not be made the folder's own: tables that lie outside it while the original is still in use.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { isCatalogError, reasonOf } from '../errors.ts'
import { printName } from '../server/identifier.ts'
import { PointerStore, type NamedEntry } from '../server/pointer-store.ts'
import { toPath } from '../storage/local.ts'
import type { Storage } from '../storage/storage.ts'
import { moveLocation, placeOf, type FolderMove } from './moved-locations.ts'
import { PositionDeletes, relocateTable, type RelocatedTable } from './relocate-table.ts'

export interface RelocateOptions {
  readonly dataDir: string
  /** Paths that the folder had; null: found out from what the tables name. */
  readonly from: readonly string[] | null
  /** The original is still there and goes on. */
  readonly isCopy: boolean
  readonly storage: Storage
  readonly say: (sentence: string) => void
}

export interface Relocated { readonly moved: number, readonly stayed: number }

export async function relocateFolder(options: RelocateOptions): Promise<Relocated> {
  const { dataDir, say, storage } = options
  if (!existsSync(join(dataDir, 'catalog', 'catalog.sqlite'))) return { moved: 0, stayed: 0 }
  const pointers = new PointerStore(join(dataDir, 'catalog'))
  try {
    const entries = pointers.all()
    const move = { from: options.from ?? oldFolders(entries, dataDir), to: dataDir }
    const outside = entries.filter(({ location }) => placeOf(location, move) === 'outside')
    const isCopy = options.isCopy || (options.from === null && move.from.some(folder => existsSync(folder)))
    if (outside.length > 0 && isCopy) throw new Error(sharedTables(outside))
    for (const { id, location } of outside) say(`${printName(id)} lies outside the data folder (${location}) and stays there`)
    const old = entries.filter(({ location }) => placeOf(location, move) === 'old')
    const relocated: { entry: NamedEntry, table: RelocatedTable }[] = []
    for (const entry of old) relocated.push({ entry, table: await relocateEntry(storage, entry, move) })
    pointers.move(relocated.map(({ entry, table }) => ({ id: entry.id, kind: entry.kind, from: entry.location, to: table.metadataLocation })), true)
    for (const { entry, table } of relocated) {
      if (table.filesOutside > 0) say(`${table.filesOutside} data files of ${printName(entry.id)} lie outside the data folder and stay there`)
      // What names the old folder goes; a file that stays costs space only.
      await storage.delete(table.superseded.filter(file => placeOf(file, move) === 'new')).catch((error: unknown) => { say(`old metadata files of ${printName(entry.id)} are left (${reasonOf(error)})`) })
    }
    return { moved: relocated.length, stayed: entries.length - relocated.length }
  } finally {
    pointers.close()
  }
}

async function relocateEntry(storage: Storage, { id, location }: NamedEntry, move: FolderMove): Promise<RelocatedTable> {
  try {
    return await relocateTable(storage, location, move)
  } catch (error) {
    const name = printName(id)
    if (error instanceof PositionDeletes) throw new Error(`${name} has position delete files (${error.message}), which name its data files by their old places: nothing was changed. Start the line where the folder was, let the engine that deletes rows rewrite its data files, then copy or move the folder`, { cause: error })
    if (isCatalogError(error, 'STORAGE_NOT_FOUND')) throw new Error(`${name} is not whole: ${error.message}. Nothing was changed: bring the file back, or let \`npm run repair\` register an earlier metadata file of it`, { cause: error })
    throw new Error(`${name} at ${moveLocation(location, move)} cannot be rewritten (${reasonOf(error)}): nothing was changed`, { cause: error })
  }
}

/** Without a mark: what comes before the part of a location that is found under this folder. */
function oldFolders(entries: readonly NamedEntry[], dataDir: string): string[] {
  const found = new Set<string>()
  for (const { location } of entries) {
    if (!location.startsWith('file:')) continue
    const parts = toPath(location).split('/')
    const at = parts.findIndex((_, index) => index > 0 && existsSync(join(dataDir, ...parts.slice(index))))
    if (at > 0) found.add(parts.slice(0, at).join('/'))
  }
  return [...found].filter(folder => folder !== '' && folder !== dataDir)
}

function sharedTables(outside: readonly NamedEntry[]): string {
  const [first] = outside
  return `${outside.length} tables of this copy lie outside the data folder (${printName(first!.id)} at ${first!.location}) and belong to the original as well: two lines that write and clean up the same table lose rows. Nothing was changed. Remove the original first, if it is not to be started again; or copy those tables too and register the copies`
}
