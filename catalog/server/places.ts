/**
 * Where files of this catalog may lie: in its warehouse, and in the further places that its operator names. A location comes from a request,
 * or from a file that a request names; without this the catalog would write, read and delete whatever its user may.
 *
 * A location is refused by its spelling (another scheme or a host, `.` and `..` however they are written, empty parts, control characters),
 * by what it is (pipes and devices are not files, files are not folders), and by where it really leads: links are followed. What lies on S3
 * has no links; there the spelling decides.
 */
import { lstatSync, realpathSync, statSync } from 'node:fs'
import { dirname, sep } from 'node:path'
import { isCatalogError } from '../errors.ts'
import { isS3, normaliseS3 } from '../storage/s3-location.ts'
import { resolveWarehouse, toPath } from '../storage/local.ts'
import type { Storage } from '../storage/storage.ts'
import type { TableMetadata } from '../spec/types.ts'
import type { ViewMetadata } from '../spec/view-types.ts'
import { RestError } from './errors.ts'

/** What one name in a path may take on Linux, and a path with room for the names of files in it. */
const nameBytesMax = 255
const locationBytesMax = 3500
/** Larger is no metadata file: V8 cannot hold it as one text. */
const readBytesMax = 256 * 1024 * 1024

/** Throws BadRequestException for a location that is not inside; `member` is what the request calls it. */
export type DemandInside = (location: unknown, member: string) => void

export function insideOf(warehouse: string, places: readonly string[] = []): DemandInside {
  const roots = [warehouse, ...places.map(place => resolveWarehouse(place))]
  const allowed = roots.length === 1 ? `the warehouse ${warehouse}` : `the warehouse ${warehouse} or ${roots.slice(1).join(', ')}`
  return (location, member) => {
    const fault = typeof location === 'string' ? findFault(location, roots, allowed) : 'is not a text'
    if (fault !== null) throw new RestError('BadRequestException', `Invalid ${member} ${JSON.stringify(String(location).slice(0, 300))}: it ${fault}`)
  }
}

function findFault(location: string, roots: readonly string[], allowed: string): string | null {
  const spelling = misspelt(location)
  if (spelling !== null) return spelling
  const outside = `lies outside ${allowed}; FIRN_CATALOG_PLACES names further places`
  if (isS3(location)) {
    const place = normaliseS3(location)
    return roots.some(root => isS3(root) && `${place}/`.startsWith(`${normaliseS3(root)}/`)) ? null : outside
  }
  const own = roots.filter(root => !isS3(root)).map(toPath)
  const path = toPath(location)
  if (!own.some(root => isUnder(path, root) || isUnder(path, realPlace(root) ?? root))) return outside
  const real = realPlace(path)
  if (real === null) return 'leads through a link that goes nowhere, a folder that may not be opened, or a file as if it were a folder'
  return own.some(root => isUnder(real, realPlace(root) ?? root)) ? null : `${outside} (it leads to another folder)`
}

/** What a spelling may not hold, whatever it leads to: readers of other languages take such forms apart in other ways. */
function misspelt(location: string): string | null {
  if (/[\u0000-\u001f\u007f\\]/.test(location) || !location.isWellFormed()) return 'holds a control character, a backslash or half a character'
  if (Buffer.byteLength(location) > locationBytesMax) return `is longer than ${locationBytesMax} bytes`
  const path = /^(?:s3[an]?:\/\/(?=[^/])|file:\/\/(?=\/)|file:(?=\/(?!\/))|(?=\/(?!\/)))(.*)$/is.exec(location)?.[1]
  if (path === undefined) return 'is no absolute location: write file:///path or s3://bucket/prefix'
  const parts = path.replace(/^\//, '').replace(/\/+$/, '').split('/')
  if (parts.some(part => part === '' || unescaped(part).split(/[/\\]/).some(name => /^\.{1,2}$/.test(name)))) return 'holds an empty part, `.` or `..`'
  if (parts.some(part => Buffer.byteLength(part) > nameBytesMax)) return `holds a name of more than ${nameBytesMax} bytes`
  return null
}

/** `%2e`, `%252E`, `%2f` and so on as the dots and slashes that some reader makes of them. */
function unescaped(part: string): string {
  let text = part
  while (/%25|%2e|%2f|%5c/i.test(text)) text = text.replace(/%25/g, '%').replace(/%2e/gi, '.').replace(/%2f|%5c/gi, '/')
  return text
}

function isUnder(path: string, root: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep)
}

/** Where a path leads, with the part of it that is not there yet; null: nowhere. */
function realPlace(path: string): string | null {
  let rest = ''
  for (let at = path; ; at = dirname(at)) {
    try {
      const real = realpathSync.native(at)
      if (rest !== '' && !statSync(real).isDirectory()) return null
      return (real === sep ? '' : real) + rest
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || isThere(at) || dirname(at) === at) return null
      rest = sep + at.slice(dirname(at).length).replace(/^\//, '') + rest
    }
  }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

const pathProperty = /^write\..*path$/

/** Every location that a table or view names itself and that `base` does not name already. */
export function demandMetadataInside(demand: DemandInside, metadata: TableMetadata | ViewMetadata, base: TableMetadata | ViewMetadata | null): void {
  if (metadata.location !== base?.location) demand(metadata.location, 'location')
  for (const [name, value] of Object.entries(metadata.properties)) {
    if (pathProperty.test(name) && base?.properties[name] !== value) demand(value, name)
  }
  if (!('snapshots' in metadata)) return
  const before = new Set<unknown>(base !== null && 'snapshots' in base ? [...base.snapshots, ...base.statistics, ...base['partition-statistics']] : [])
  for (const snapshot of metadata.snapshots as readonly { 'manifest-list'?: string, 'manifests'?: readonly string[] }[]) {
    if (before.has(snapshot)) continue
    if (snapshot['manifest-list'] !== undefined) demand(snapshot['manifest-list'], 'manifest-list')
    for (const manifest of snapshot.manifests ?? []) demand(manifest, 'manifests')
  }
  for (const file of [...metadata.statistics, ...metadata['partition-statistics']] as readonly { 'statistics-path': string }[]) {
    if (!before.has(file)) demand(file['statistics-path'], 'statistics-path')
  }
  if (base === null) for (const entry of metadata['metadata-log']) demand(entry['metadata-file'], 'metadata-log')
}

/**
 * The storage as the catalog uses it: what a metadata file, a manifest list or a manifest names is asked as well before it is read or
 * written. What is not a file is not opened, since a pipe or a device would hold the process for ever.
 */
export function keepInside(storage: Storage, demand: DemandInside, say: (sentence: string) => void): Storage {
  const demandFile = async (location: string): Promise<void> => {
    demand(location, 'location')
    if (isS3(location)) return
    const found = statSync(toPath(location), { throwIfNoEntry: false })
    if (found !== undefined && !found.isFile()) throw new RestError('BadRequestException', `Invalid location ${location}: it is not a file`)
    if (found !== undefined && found.size > readBytesMax) throw new RestError('BadRequestException', `Invalid location ${location}: its ${found.size} bytes are more than ${readBytesMax}`)
  }
  return {
    ...storage,
    async writeDurably(location, bytes) { demand(location, 'location'); await storage.writeDurably(location, bytes) },
    async read(location) { await demandFile(location); return await storage.read(location) },
    async readRange(location, start, length) { await demandFile(location); return await storage.readRange(location, start, length) },
    async size(location) { await demandFile(location); return await storage.size(location) },
    async * list(prefix) { demand(prefix, 'location'); yield * storage.list(prefix) },
    async delete(locations) {
      const inside = locations.filter(location => isInside(demand, location))
      const first = locations.find(location => !inside.includes(location))
      if (first !== undefined) say(`${locations.length - inside.length} files outside the warehouse are not deleted, the first ${JSON.stringify(first.slice(0, 300))}: what lies elsewhere belongs to another owner`)
      await storage.delete(inside)
    }
  }
}

function isInside(demand: DemandInside, location: string): boolean {
  try {
    demand(location, 'location')
    return true
  } catch (error) {
    if (error instanceof RestError) return false
    throw error
  }
}

/** The file that a request names cannot be taken: that is the request's fault and not the server's. */
export function explainNamed(location: string, error: unknown): Error {
  if (error instanceof RestError && error.httpStatus < 500) return error
  const isUnreadable = error instanceof RestError ? error.type === 'MetadataDamagedException' : isCatalogError(error, 'STORAGE_UNREADABLE')
  if (!isUnreadable) return error as Error
  return new RestError('UnprocessableEntityException', `${location} cannot be registered: ${(error as Error).message}`, error)
}
