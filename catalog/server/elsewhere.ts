/** Whether the tables of a catalog lie in its warehouse, by where their files really are. On local disks only. */
import { realpathSync } from 'node:fs'
import { dirname, sep } from 'node:path'
import { toPath } from '../storage/local.ts'

/** The first location when there are tables and every one of them lies outside the warehouse; else null. */
export function firstElsewhere(entries: readonly { readonly location: string }[], warehouse: string): string | null {
  if (!warehouse.startsWith('file:')) return null
  const root = realFolder(toPath(warehouse))
  const isInside = (location: string): boolean => location.startsWith('file:') && realFolder(dirname(toPath(location))).startsWith(root + sep)
  return entries.some(({ location }) => isInside(location)) ? null : entries[0]?.location ?? null
}

/** A folder that is not there is where its name says. */
function realFolder(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    return path
  }
}
