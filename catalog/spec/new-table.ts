/**
 * The first metadata of a table from a create request: fresh ids for columns and partition fields, whatever the sender numbered them.
 *
 * Pure: uuid, location and time are given. Who keeps the pointer (the embedded server, Glue) calls this; other catalogs do it themselves.
 */
import { checkSchema } from './metadata-layout.ts'
import { applyUpdates, formatVersionMax } from './metadata-update.ts'
import { firstPartitionId } from './partition.ts'
import { demand } from './refused.ts'
import { assignFieldIds } from './schema.ts'
import type { PartitionSpec, Schema, SortOrder, TableMetadata, Update } from './types.ts'

export interface NewTable { readonly 'schema': Schema, readonly 'partition-spec'?: PartitionSpec, readonly 'write-order'?: SortOrder, readonly 'properties'?: Readonly<Record<string, string>> }

/** What Java sets explicitly on new tables, so that a later change of its default does not change them. */
const newTableProperties = { 'write.parquet.compression-codec': 'zstd' }
const commitCounts = ['commit.retry.num-retries', 'commit.retry.min-wait-ms', 'commit.retry.max-wait-ms', 'commit.retry.total-timeout-ms']

/** Throws ChangeRefused with the reason when readers would refuse such a table. */
export function createMetadata(request: NewTable, { location, uuid, nowMs }: { readonly location: string, readonly uuid: string, readonly nowMs: number }): TableMetadata {
  const properties = request.properties ?? {}
  const version = Number(properties['format-version'] ?? 2)
  demand(Number.isInteger(version) && version >= 1 && version <= formatVersionMax, () => `Unsupported format version: ${properties['format-version']} (supported: 1 to ${formatVersionMax})`)
  for (const name of commitCounts) demand(properties[name] === undefined || /^\d+$/.test(properties[name]), () => `Table property ${name} must have non negative integer value`)
  checkSchema(request.schema, version)
  const { schema, newIds } = assignFieldIds(request.schema)
  const updates: Update[] = [
    { 'action': 'assign-uuid', uuid },
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
