/**
 * JSON of the Iceberg specification, both ways, without losing a digit.
 *
 * Snapshot ids are random 63-bit numbers: `JSON.parse` alone corrupts them above 2^53. Here the members that carry snapshot ids and
 * sequence numbers become bigint by their name, every other integer stays number unless it would lose digits, and unknown members are kept.
 * Parsing rewrites the digits of those members into marked strings before V8's own parser runs, which costs a fifth of a reviver.
 */
import type { TableMetadata } from './types.ts'

/** Reads table metadata (any format version) and fills in what v2 leaves optional. Throws SyntaxError when it is not table metadata. */
/** Bytes that were turned round are no text: read leniently they would be a name that nobody gave. */
export function textOf(bytes: Buffer): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
}

export function parseMetadata(json: string): TableMetadata {
  return readMetadata(parseJson(json))
}

/** The same for metadata that is already parsed, as inside a REST reply. Snapshots and schemas come back frozen. */
export function readMetadata(value: unknown): TableMetadata {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new SyntaxError('table metadata must be a JSON object')
  const raw = value as Partial<TableMetadata> & { 'format-version'?: unknown }
  for (const name of metadataMembers) {
    if (raw[name] === undefined) throw new SyntaxError(`table metadata has no '${name}'`)
  }
  const snapshots = raw.snapshots ?? []
  for (const snapshot of snapshots) sealJson(snapshot)
  for (const schema of raw.schemas ?? []) sealJson(schema)
  const metadata = {
    ...raw,
    'last-sequence-number': raw['last-sequence-number'] ?? 0n,
    'properties': raw.properties ?? {},
    'current-snapshot-id': raw['current-snapshot-id'] ?? -1n,
    'refs': raw.refs ?? {},
    'snapshots': snapshots,
    'statistics': raw.statistics ?? [],
    'partition-statistics': raw['partition-statistics'] ?? [],
    'snapshot-log': raw['snapshot-log'] ?? [],
    'metadata-log': raw['metadata-log'] ?? []
  } as TableMetadata
  const current = metadata['current-snapshot-id']
  if (current !== -1n && metadata.refs['main'] === undefined) {
    metadata.refs = { ...metadata.refs, main: { 'snapshot-id': current, 'type': 'branch' } }
  }
  return metadata
}

/** Any JSON of the catalog: requests, replies, metadata. Throws SyntaxError. */
export function parseJson(json: string): unknown {
  const marked = json.replace(idMember, '$1"\\u0000$2"').replace(idArray, (_, head: string, ids: string) => head + ids.replace(/-?\d+/g, '"\\u0000$&"'))
  if (wideInteger.test(marked)) return JSON.parse(marked, reviveWide)
  const value: unknown = JSON.parse(marked)
  if (marked !== json) unmark(value)
  return value
}

/** JSON text; bigint becomes a bare integer, `undefined` members are left out. Sealed objects are printed once and remembered. */
export function printJson(value: unknown): string {
  switch (typeof value) {
    case 'string': return JSON.stringify(value)
    case 'bigint': return value.toString()
    case 'number': return Number.isFinite(value) ? String(value) : 'null'
    case 'boolean': return value ? 'true' : 'false'
    case 'object': break
    default: return 'null'
  }
  if (value === null) return 'null'
  const remembered = sealed.get(value)
  if (remembered !== undefined && remembered !== null) return remembered
  const text = Array.isArray(value) ? printArray(value) : printObject(value as Record<string, unknown>)
  if (remembered !== null) return text
  // Flat, not a rope of its members: it is copied into every metadata file from now on.
  const flat = Buffer.from(text).toString()
  sealed.set(value, flat)
  return flat
}

/** Freezes an object for good, so that `printJson` may remember its text: a commit then costs what is new, not what is kept. */
export function sealJson<T>(value: T): T {
  if (value === null || typeof value !== 'object' || sealed.has(value)) return value
  freezeDeep(value)
  sealed.set(value, null)
  return value
}

const metadataMembers = ['format-version', 'table-uuid', 'location', 'last-column-id', 'schemas', 'current-schema-id', 'partition-specs'] as const

const sealed = new WeakMap<object, string | null>()

const idNames = 'snapshot-id|parent-snapshot-id|current-snapshot-id|source-snapshot-id|sequence-number|last-sequence-number|min-sequence-number|first-row-id|next-row-id|added-rows'
const bigNames = new Set(idNames.split('|'))
// Sound on valid JSON: `"name"` between two unescaped quotes and before a colon can only be a member's name, never text inside a string.
const idMember = new RegExp(`((?<!\\\\)"(?:${idNames})"\\s*:\\s*)(-?\\d+)(?![\\d.eE])`, 'g')
const idArray = /((?<!\\)"snapshot-ids"\s*:\s*)(\[[\s\d,-]*\])/g
const wideInteger = /[:[,\s]-?\d{16,}\s*[,}\]]/

function unmark(value: unknown): void {
  if (value === null || typeof value !== 'object') return
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      const item: unknown = value[index]
      if (typeof item === 'string') { if (item.charCodeAt(0) === 0) value[index] = bigOf(item) } else unmark(item)
    }
    return
  }
  const object = value as Record<string, unknown>
  for (const name in object) {
    const item = object[name]
    if (typeof item === 'string') { if (item.charCodeAt(0) === 0 && bigNames.has(name)) object[name] = bigOf(item) } else if (typeof item === 'object') unmark(item)
  }
}

function bigOf(marked: string): bigint | string {
  return /^\0-?\d+$/.test(marked) ? BigInt(marked.slice(1)) : marked
}

/** The slow way, for documents with integers of 16 digits or more in members that nobody declared. */
function reviveWide(this: unknown, name: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value === 'string' && value.charCodeAt(0) === 0 && (bigNames.has(name) || Array.isArray(this))) return bigOf(value)
  if (typeof value === 'number' && !Number.isSafeInteger(value) && context?.source !== undefined && /^-?\d+$/.test(context.source)) return BigInt(context.source)
  return value
}

function printArray(items: unknown[]): string {
  let text = '['
  for (let index = 0; index < items.length; index++) text += index === 0 ? printJson(items[index]) : ',' + printJson(items[index])
  return text + ']'
}

function printObject(object: Record<string, unknown>): string {
  let text = '{'
  for (const name of Object.keys(object)) {
    const item = object[name]
    if (item === undefined) continue
    text += (text.length === 1 ? '' : ',') + JSON.stringify(name) + ':' + printJson(item)
  }
  return text + '}'
}

function freezeDeep(value: object): void {
  Object.freeze(value)
  for (const item of Object.values(value)) {
    if (item !== null && typeof item === 'object' && !Object.isFrozen(item)) freezeDeep(item as object)
  }
}
