/**
 * Names of namespaces, tables and views: in URLs, in the pointer store, and for people.
 *
 * Levels of a namespace are joined by the unit separator (0x1F), in URLs as %1F; so no name may contain it. Java's clients write a space as
 * `+`, others as %20; both come out as a space.
 */
import { RestError } from './errors.ts'
import type { TableIdentifier } from '../spec/types.ts'

export type Namespace = readonly string[]

const separator = '\u001f'
const nameBytesMax = 255
const levelsMax = 16

export function parseNamespace(joined: string): Namespace {
  return checkNamespace(joined.split(separator))
}

export function checkNamespace(levels: readonly string[]): Namespace {
  if (levels.length === 0) throw new RestError('BadRequestException', 'Invalid namespace: it has no level')
  if (levels.length > levelsMax) throw new RestError('BadRequestException', `Invalid namespace ${levels.join('.')}: ${levels.length} levels are more than ${levelsMax}`)
  for (const level of levels) checkName(level, 'namespace')
  return levels
}

export function checkName(name: string, what: string): string {
  if (name === '') throw new RestError('BadRequestException', `Invalid ${what} name: it is empty`)
  if (!name.isWellFormed()) throw new RestError('BadRequestException', `Invalid ${what} name: it holds half a character`)
  // Every client takes these out of an address before it asks.
  if (name === '.' || name === '..') throw new RestError('BadRequestException', `Invalid ${what} name '${name}': no address can hold it`)
  if (/[\u0000-\u001f\u007f]/.test(name)) throw new RestError('BadRequestException', `Invalid ${what} name ${JSON.stringify(name)}: it holds a control character`)
  if (Buffer.byteLength(name) > nameBytesMax) throw new RestError('BadRequestException', `Invalid ${what} name: it is longer than ${nameBytesMax} bytes`)
  return name
}

/** `a.b` */
export function printNamespace(namespace: Namespace): string {
  return namespace.join('.')
}

/** `a.b.table` */
export function printName(id: TableIdentifier): string {
  return [...id.namespace, id.name].join('.')
}

/** The key of a namespace in the pointer store. */
export function namespaceKey(namespace: Namespace): string {
  return namespace.join(separator)
}

export function namespaceOfKey(key: string): Namespace {
  return key.split(separator)
}

/** One key for a table or view: they share one space of names. */
export function nameKey(id: TableIdentifier): string {
  return `${namespaceKey(id.namespace)}${separator}${separator}${id.name}`
}

/** The decoded parts of a path, without the query: `/v1/namespaces/a%1Fb` → ['v1', 'namespaces', 'a\u001fb']. */
export function pathParts(url: string): string[] {
  const path = url.split('?', 1)[0] as string
  try {
    return path.split('/').slice(1).map(part => decodeURIComponent(part.replaceAll('+', ' ')))
  } catch {
    throw new RestError('BadRequestException', `Invalid path ${path}: it is not percent-encoded UTF-8`)
  }
}
