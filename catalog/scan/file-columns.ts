/**
 * What the columns of a data file are called and which field ids they carry, from its footer: a manifest does not say it. Files never
 * change, so each footer is read once; equal ones are one object.
 *
 * The file must lie where DuckDB reads it (`bringNear`). One that is not there, or whose footer cannot be read, has no answer: DuckDB will
 * say what is wrong with it.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import type { NamedNode } from '../spec/name-mapping.ts'
import { footerBytesOf, schemaElements, type FooterElement } from '../spec/parquet-footer.ts'

export interface FileColumn extends NamedNode {
  /** As DuckDB calls it: of names that differ only in case the later ones get a number. */
  readonly engineName: string
  readonly children: readonly this[]
  /** Text, or no bytes at all: bytes without an annotation would come out as escapes. */
  readonly isText: boolean
}

/** `hasIds`: false when the ids are not the file's own. */
export interface FileColumns { readonly columns: readonly FileColumn[], readonly hasIds: boolean }

/** `key`: equal for files with the same columns. */
export interface FileLayout extends FileColumns { readonly key: string }

const tailBytes = 64 * 1024
const footerBytesMax = 64 * 1024 ** 2
const filesMax = 200_000

const layouts = new Map<string, FileLayout>()
const layoutOf = new Map<string, FileLayout>()

/** `location` names the file for good; `path` is where it lies now. */
export function readLayout(location: string, path: string): FileLayout | null {
  const known = layoutOf.get(location)
  if (known !== undefined) return known
  const elements = readElements(path)
  if (elements === null) return null
  const key = JSON.stringify(elements.slice(1).map(element => Object.values(element)))
  let layout = layouts.get(key)
  if (layout === undefined) {
    const columns = columnsOf(elements)
    layouts.set(key, layout = { key, columns, hasIds: columns.some(hasId) })
  }
  layoutOf.set(location, layout)
  forget(layoutOf, filesMax)
  forget(layouts, filesMax)
  return layout
}

function hasId(column: FileColumn): boolean {
  return column.id !== null || column.children.some(hasId)
}

function readElements(path: string): FooterElement[] | null {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    return null
  }
  try {
    const { size } = fstatSync(file)
    let tail = readAt(file, Math.max(0, size - tailBytes), Math.min(size, tailBytes))
    const length = footerBytesOf(tail.subarray(-8))
    if (length === null || length > Math.min(footerBytesMax, size - 8)) return null
    if (length + 8 > tail.length) tail = readAt(file, size - 8 - length, length + 8)
    return schemaElements(tail.subarray(tail.length - 8 - length, -8))
  } catch {
    return null
  } finally {
    closeSync(file)
  }
}

function readAt(file: number, start: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  return bytes.subarray(0, readSync(file, bytes, 0, length, start))
}

interface Group { readonly element: FooterElement, readonly children: readonly Group[] }

function columnsOf(elements: readonly FooterElement[]): FileColumn[] {
  let at = 0
  const take = (): Group => {
    const element = elements[at++]
    if (element === undefined) throw new RangeError('the schema ends early')
    return { element, children: Array.from({ length: element.children }, take) }
  }
  return named(take().children)
}

// Numbers of parquet-format's ConvertedType and LogicalType.
const isMapGroup = ({ converted, logical }: FooterElement): boolean => converted === 1 || converted === 2 || logical === 2
const isListGroup = ({ converted, logical }: FooterElement): boolean => converted === 3 || logical === 3
const textConverted = new Set([0, 4, 19])
const textLogical = new Set([1, 4, 12])
const byteArray = 6

function named(groups: readonly Group[]): FileColumn[] {
  const taken = new Set<string>()
  return groups.map(group => {
    const { name } = group.element
    let engineName = name
    for (let count = 1; taken.has(engineName.toLowerCase()); count++) engineName = `${name}_${count}`
    taken.add(engineName.toLowerCase())
    return columnOf(group, name, engineName)
  })
}

function columnOf(group: Group, name: string, engineName: string, asElement = false): FileColumn {
  const { element, children } = group
  const own = { name, engineName, id: element.id, isText: true }
  // A repeated field without a list around it is a list of what it holds.
  if (element.isRepeated && !asElement) return { ...own, kind: 'list', children: [columnOf(group, 'element', 'element', true)] }
  if (element.children === 0) {
    const isText = element.physical !== byteArray || textConverted.has(element.converted) || textLogical.has(element.logical)
    return { ...own, kind: 'leaf', children: [], isText }
  }
  const [only] = children
  if (only !== undefined && children.length === 1 && isListGroup(element)) return { ...own, kind: 'list', children: [elementOf(only, element.name)] }
  if (only?.children.length === 2 && children.length === 1 && isMapGroup(element)) {
    const [key, value] = only.children as [Group, Group]
    return { ...own, kind: 'map', children: [columnOf(key, 'key', 'key'), columnOf(value, 'value', 'value')] }
  }
  return { ...own, kind: 'struct', children: named(children) }
}

/** parquet-format, "Lists", with the rules for old files. */
function elementOf(repeatedGroup: Group, listName: string): FileColumn {
  const { element, children } = repeatedGroup
  const [inner] = children
  const isElement = children.length !== 1 || element.name === 'array' || element.name === `${listName}_tuple`
  return inner === undefined || isElement ? columnOf(repeatedGroup, 'element', 'element', true) : columnOf(inner, 'element', 'element')
}

function forget(map: Map<string, unknown>, max: number): void {
  for (const key of map.keys()) {
    if (map.size <= max) return
    map.delete(key)
  }
}
