/**
 * The request bodies of the Iceberg REST specification. Unknown updates and requirements are refused: doing half of a change is worse
 * than doing none.
 */
import { parseJson } from '../spec/json.ts'
import type { PartitionSpec, Requirement, Schema, SortOrder, TableIdentifier, Update } from '../spec/types.ts'
import type { ViewRequirement, ViewUpdate, ViewVersion } from '../spec/view-types.ts'
import { anyObject, flag, integer, listOf, longInteger, millis, objectOf, oneOf, renamedMember, stringMap, text, type Shape } from './body-shapes.ts'
import { checkBodyText } from './body-text.ts'
import { RestError } from './errors.ts'

export interface CreateNamespace { namespace: string[], properties?: Record<string, string> }
export interface UpdateNamespace { removals?: string[], updates?: Record<string, string> }
export interface CreateTable { name: string, location?: string, schema: Schema, 'partition-spec'?: PartitionSpec, 'write-order'?: SortOrder, 'stage-create'?: boolean, properties?: Record<string, string> }
export interface RegisterTable { name: string, 'metadata-location': string, overwrite?: boolean }
export interface CommitTable { identifier?: TableIdentifier, requirements: Requirement[], updates: Update[] }
export interface CommitTransaction { 'table-changes': (CommitTable & { identifier: TableIdentifier })[] }
export interface Rename { source: TableIdentifier, destination: TableIdentifier }
export interface CreateView { name: string, location?: string, schema: Schema, 'view-version': ViewVersion, properties: Record<string, string> }
export interface CommitView { identifier?: TableIdentifier, requirements?: ViewRequirement[], updates: ViewUpdate[] }

const type: Shape = (value, path) => typeof value === 'string' ? undefined : oneOf('type', {
  struct: objectOf({ fields: (fields, at) => listOf(field)(fields, at) }),
  list: objectOf({ 'element-id': integer, 'element-required': flag, 'element': (element, at) => type(element, at) }),
  map: objectOf({ 'key-id': integer, 'key': (key, at) => type(key, at), 'value-id': integer, 'value-required': flag, 'value': (item, at) => type(item, at) })
}, 'type')(value, path)
const field = objectOf({ id: integer, name: text, required: flag, type }, { doc: text })
const schema = objectOf({ fields: listOf(field) }, { 'schema-id': integer, 'identifier-field-ids': listOf(integer) })
const spec = objectOf({ fields: listOf(objectOf({ 'source-id': integer, 'name': text, 'transform': text }, { 'field-id': integer })) }, { 'spec-id': integer })
const order = objectOf({ fields: listOf(objectOf({ 'source-id': integer, 'transform': text, 'direction': text, 'null-order': text })) }, { 'order-id': integer })
const summary: Shape = (value, path) => { stringMap(value, path); text((value as { operation?: unknown }).operation, `${path}.operation`) }
const snapshot = objectOf({ 'snapshot-id': longInteger, 'timestamp-ms': millis },
  { 'parent-snapshot-id': longInteger, 'sequence-number': longInteger, 'manifest-list': text, 'manifests': listOf(text), summary, 'schema-id': integer, 'first-row-id': longInteger, 'added-rows': longInteger })
const statistics = objectOf({ 'snapshot-id': longInteger, 'statistics-path': text })
const identifier = objectOf({ namespace: listOf(text), name: text })
const version = objectOf({ 'version-id': integer, 'timestamp-ms': millis, 'schema-id': integer, 'summary': stringMap, 'representations': listOf(objectOf({ type: text }, { sql: text, dialect: text })), 'default-namespace': listOf(text) }, { 'default-catalog': text })
const uuid: Shape = (value, path) => {
  text(value, path)
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value as string)) throw new RestError('BadRequestException', `Invalid request: ${path} must be a uuid, it is ${String(value)}`)
}

const sharedUpdates = {
  'assign-uuid': objectOf({ uuid }),
  'upgrade-format-version': objectOf({ 'format-version': integer }),
  'add-schema': objectOf({ schema }),
  'set-location': objectOf({ location: text }),
  'set-properties': renamedMember('updates', 'updated', stringMap),
  'remove-properties': renamedMember('removals', 'removed', listOf(text))
}
const tableUpdate = oneOf('action', {
  ...sharedUpdates,
  'set-current-schema': objectOf({ 'schema-id': integer }),
  'add-spec': objectOf({ spec }),
  'set-default-spec': objectOf({ 'spec-id': integer }),
  'add-sort-order': objectOf({ 'sort-order': order }),
  'set-default-sort-order': objectOf({ 'sort-order-id': integer }),
  'add-snapshot': objectOf({ snapshot }),
  'set-snapshot-ref': objectOf({ 'ref-name': text, 'snapshot-id': longInteger, 'type': refType }, { 'min-snapshots-to-keep': integer, 'max-snapshot-age-ms': millis, 'max-ref-age-ms': millis }),
  'remove-snapshots': objectOf({ 'snapshot-ids': listOf(longInteger) }),
  'remove-snapshot-ref': objectOf({ 'ref-name': text }),
  'set-statistics': objectOf({ statistics }),
  'remove-statistics': objectOf({ 'snapshot-id': longInteger }),
  'set-partition-statistics': objectOf({ 'partition-statistics': statistics }),
  'remove-partition-statistics': objectOf({ 'snapshot-id': longInteger }),
  'remove-partition-specs': objectOf({ 'spec-ids': listOf(integer) }),
  'remove-schemas': objectOf({ 'schema-ids': listOf(integer) }),
  'add-encryption-key': objectOf({ 'encryption-key': objectOf({ 'key-id': text, 'encrypted-key-metadata': text }) }),
  'remove-encryption-key': objectOf({ 'key-id': text })
}, 'metadata update')
const viewUpdate = oneOf('action', {
  ...sharedUpdates,
  'add-view-version': objectOf({ 'view-version': version }),
  'set-current-view-version': objectOf({ 'view-version-id': integer })
}, 'view update')
const tableRequirement = oneOf('type', {
  'assert-create': anyObject,
  'assert-table-uuid': objectOf({ uuid: text }),
  'assert-ref-snapshot-id': objectOf({ ref: text }, { 'snapshot-id': longInteger }),
  'assert-last-assigned-field-id': objectOf({ 'last-assigned-field-id': integer }),
  'assert-current-schema-id': objectOf({ 'current-schema-id': integer }),
  'assert-last-assigned-partition-id': objectOf({ 'last-assigned-partition-id': integer }),
  'assert-default-spec-id': objectOf({ 'default-spec-id': integer }),
  'assert-default-sort-order-id': objectOf({ 'default-sort-order-id': integer })
}, 'update requirement')
const viewRequirement = oneOf('type', { 'assert-view-uuid': objectOf({ uuid: text }) }, 'update requirement')
const commitTable = { requirements: listOf(tableRequirement), updates: listOf(tableUpdate) }

const shapes = {
  createNamespace: objectOf({ namespace: listOf(text) }, { properties: stringMap }),
  updateNamespace: objectOf({}, { removals: listOf(text), updates: stringMap }),
  createTable: objectOf({ name: text, schema }, { 'location': text, 'partition-spec': spec, 'write-order': order, 'stage-create': flag, 'properties': stringMap }),
  registerTable: objectOf({ 'name': text, 'metadata-location': text }, { overwrite: flag }),
  commitTable: objectOf(commitTable, { identifier }),
  commitTransaction: objectOf({ 'table-changes': listOf(objectOf({ ...commitTable, identifier })) }),
  rename: objectOf({ source: identifier, destination: identifier }),
  createView: objectOf({ name: text, schema, 'view-version': version }, { location: text, properties: stringMap }),
  commitView: objectOf({ updates: listOf(viewUpdate) }, { identifier, requirements: listOf(viewRequirement) }),
  reportMetrics: anyObject
}

export interface Bodies {
  createNamespace: CreateNamespace
  updateNamespace: UpdateNamespace
  createTable: CreateTable
  registerTable: RegisterTable
  commitTable: CommitTable
  commitTransaction: CommitTransaction
  rename: Rename
  createView: CreateView
  commitView: CommitView
  reportMetrics: object
}

/** Reads a body of the named kind. Throws BadRequestException naming what is wrong. */
export function readBody<K extends keyof Bodies>(kind: K, json: unknown): Bodies[K] {
  let value: unknown
  if (typeof json === 'string') checkBodyText(json)
  try {
    value = parseJson(typeof json === 'string' ? json : '')
  } catch (error) {
    throw new RestError('BadRequestException', `Invalid request: the body is not JSON (${(error as Error).message})`, error)
  }
  shapes[kind](value, 'body')
  const updates = kind === 'commitTransaction' ? (value as CommitTransaction)['table-changes'].flatMap(change => change.updates) : (value as Partial<CommitTable>).updates
  if (Array.isArray(updates)) for (const update of updates) modernize(update as unknown as Record<string, unknown>)
  return value as Bodies[K]
}

/** Old clients' names for members, numbers where ids are bigint, and members that are null instead of absent. */
function modernize(update: Record<string, unknown>): void {
  if (update['action'] === 'set-properties') update['updates'] ??= update['updated']
  if (update['action'] === 'remove-properties') update['removals'] ??= update['removed']
  if (update['action'] === 'remove-snapshots') update['snapshot-ids'] = (update['snapshot-ids'] as (number | bigint)[]).map(BigInt)
  if (update['action'] !== 'add-snapshot') return
  const added = update['snapshot'] as Record<string, unknown>
  for (const name of Object.keys(added)) if (added[name] === null) delete added[name]
}

function refType(value: unknown, path: string): void {
  if (value !== 'branch' && value !== 'tag') throw new RestError('BadRequestException', `Invalid request: ${path} must be branch or tag, it is ${String(value)}`)
}
