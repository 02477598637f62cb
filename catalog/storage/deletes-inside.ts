/**
 * Deletes only what lies in the warehouse: expiry, purge and clean-up name files by absolute locations, and a location that leads elsewhere
 * (a copied data folder, a link, a table that was registered from another place) is another owner's file. Such files are left and named once.
 *
 * For warehouses on the local disk; where a foreign catalog chooses the places of tables, a prefix would say nothing.
 */
import { realpath } from 'node:fs/promises'
import { basename, dirname, join, sep } from 'node:path'
import { toPath } from './local.ts'
import type { Storage } from './storage.ts'

export function keepDeletesInside(storage: Storage, warehouseUrl: string, say: (sentence: string) => void = () => {}): Storage {
  if (!warehouseUrl.startsWith('file:')) return storage
  const warehouse = toPath(warehouseUrl)
  let isSaid = false
  return {
    ...storage,
    async delete(locations) {
      const { inside, outside } = await sortByPlace(locations, warehouse)
      if (outside.length > 0 && !isSaid) {
        isSaid = true
        say(`${outside.length} files outside the warehouse ${warehouseUrl} are not deleted, the first ${outside[0]}: what lies elsewhere belongs to another owner`)
      }
      if (inside.length > 0) await storage.delete(inside)
    }
  }
}

/** By where they really lie: links are followed. What lies in a folder that is not there is gone already. */
async function sortByPlace(locations: readonly string[], warehouse: string): Promise<{ inside: string[], outside: string[] }> {
  const folders = new Map<string, Promise<string | null>>()
  const placeOf = (folder: string): Promise<string | null> => {
    const known = folders.get(folder) ?? realpath(folder).catch(() => null)
    folders.set(folder, known)
    return known
  }
  const root = await placeOf(warehouse)
  const inside: string[] = []
  const outside: string[] = []
  for (const location of locations) {
    const path = toPath(location)
    const folder = await placeOf(dirname(path))
    if (folder === null) continue
    const isInside = root !== null && join(folder, basename(path)).startsWith(root + sep)
    ;(isInside ? inside : outside).push(location)
  }
  return { inside, outside }
}
