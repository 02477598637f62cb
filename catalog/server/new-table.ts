/**
 * The first metadata of a table from a create request: fresh ids for columns and partition fields, whatever the client numbered them, and
 * a location of its own.
 */
import { randomUUID } from 'node:crypto'
import { checkSchema } from '../spec/metadata-layout.ts'
import { applyUpdates, formatVersionMax } from '../spec/metadata-update.ts'
import { demand } from '../spec/refused.ts'
import { assignFieldIds } from '../spec/schema.ts'
import type { PartitionSpec, SortOrder, TableIdentifier, TableMetadata, Update } from '../spec/types.ts'
import type { CreateTable } from './requests.ts'
import type { CatalogState } from './state.ts'

const firstPartitionId = 1000
/** What Java sets explicitly on new tables, so that a later change of its default does not change them. */
const newTableProperties = { 'write.parquet.compression-codec': 'zstd' }
const commitCounts = ['commit.retry.num-retries', 'commit.retry.min-wait-ms', 'commit.retry.max-wait-ms', 'commit.retry.total-timeout-ms']

export function createMetadata(request: CreateTable, location: string, nowMs: number): TableMetadata {
  const properties = request.properties ?? {}
  const version = Number(properties['format-version'] ?? 2)
  demand(Number.isInteger(version) && version >= 1 && version <= formatVersionMax, () => `Unsupported format version: ${properties['format-version']} (supported: 1 to ${formatVersionMax})`)
  for (const name of commitCounts) demand(properties[name] === undefined || /^\d+$/.test(properties[name]), () => `Table property ${name} must have non negative integer value`)
  checkSchema(request.schema, version)
  const { schema, newIds } = assignFieldIds(request.schema)
  const updates: Update[] = [
    { 'action': 'assign-uuid', 'uuid': randomUUID() },
    { 'action': 'upgrade-format-version', 'format-version': version },
    { 'action': 'add-schema', 'schema': { ...schema, 'schema-id': 0 } },
    { 'action': 'set-current-schema', 'schema-id': -1 },
    { 'action': 'add-spec', 'spec': renumberSpec(request['partition-spec'], newIds) },
    { 'action': 'set-default-spec', 'spec-id': -1 },
    { 'action': 'add-sort-order', 'sort-order': renumberOrder(request['write-order'], newIds) },
    { 'action': 'set-default-sort-order', 'sort-order-id': -1 },
    { 'action': 'set-location', location },
    { 'action': 'set-properties', 'updates': { ...newTableProperties, ...properties } }
  ]
  return applyUpdates(null, updates, { nowMs })
}

/** `<warehouse>/<namespace>/<name>`; where something lies there already, or the name does not make a good folder, a location of its own. */
export async function chooseLocation(state: CatalogState, id: TableIdentifier): Promise<string> {
  const names = [...id.namespace, id.name]
  const folders = names.map(name => name.replace(/[/\\%?#*:<>|"]|^\.+/g, '_').slice(0, 200))
  const plain = `${state.warehouse}/${folders.join('/')}`
  const own = () => `${plain}-${randomUUID().slice(0, 8)}`
  if (folders.some((folder, index) => folder !== names[index])) return own()
  // A renamed or dropped table leaves its files there: two tables must not share a folder.
  for await (const _file of state.storage.list(`${plain}/metadata`)) return own()
  return plain
}

function renumberSpec(spec: PartitionSpec | undefined, newIds: ReadonlyMap<number, number>): PartitionSpec {
  const fields = (spec?.fields ?? []).map((field, index) => ({ 'source-id': newIdOf(newIds, field['source-id']), 'field-id': firstPartitionId + index, 'name': field.name, 'transform': field.transform }))
  return { 'spec-id': 0, fields }
}

function renumberOrder(order: SortOrder | undefined, newIds: ReadonlyMap<number, number>): SortOrder {
  const fields = (order?.fields ?? []).map(field => ({ ...field, 'source-id': newIdOf(newIds, field['source-id']) }))
  return { 'order-id': fields.length === 0 ? 0 : 1, fields }
}

function newIdOf(newIds: ReadonlyMap<number, number>, id: number): number {
  const found = newIds.get(id)
  demand(found !== undefined, () => `Cannot find source column with id ${id}`)
  return found
}
