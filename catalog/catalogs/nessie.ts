/**
 * What a client must add to be safe on Nessie (seen on 0.99), which departs from the REST specification in two ways that lose data:
 *
 * It does not check that a branch is still missing, so a first snapshot that comes late replaces what the table holds; and a snapshot makes its
 * own schema the current one, so an append that was staged before a column was added takes that column away. Both become conflicts here, by
 * requirements that it does check: tables begin with a sort order that the first snapshot takes off, and every snapshot asserts its schema.
 */
import type { Requirement, TableChange, TableMetadata, Update } from '../spec/types.ts'
import type { CreateTableRequest } from './catalog.ts'

/** Marks a table without a snapshot whose sort order is not meant for readers. */
const marker = 'firn.nessie-first-snapshot'

export function isNessie(config: Readonly<Record<string, string>>): boolean {
  return config['nessie.is-nessie-catalog'] === 'true'
}

/** The same table, so that its first snapshot can be told from a second. Where a sort order is asked for, or no column can be sorted by, it stays as it is. */
export function guardCreation(request: CreateTableRequest): CreateTableRequest {
  const column = request.schema.fields.find(field => typeof field.type === 'string')
  if (column === undefined || (request['write-order']?.fields.length ?? 0) > 0) return request
  return {
    ...request,
    'write-order': { 'order-id': 1, 'fields': [{ 'transform': 'identity', 'source-id': column.id, 'direction': 'asc', 'null-order': 'nulls-first' }] },
    'properties': { ...request.properties, [marker]: 'pending' }
  }
}

/** Whether a change asserts that a branch is missing: then `guardChange` must see the table. */
export function assertsAbsence({ requirements }: TableChange): boolean {
  return requirements.some(each => each.type === 'assert-ref-snapshot-id' && each['snapshot-id'] === null)
}

/** The change with what makes it safe, or why it has lost already. `metadata` is the table as it is now, for changes that assert an absence. */
export function guardChange(change: TableChange, metadata: TableMetadata | null): TableChange | { readonly lost: string } {
  const requirements: Requirement[] = [...change.requirements]
  const updates: Update[] = [...change.updates]
  for (const update of change.updates) {
    const schemaId = update.action === 'add-snapshot' ? update.snapshot['schema-id'] : undefined
    if (schemaId !== undefined && !changesSchema(change)) requirements.push({ 'type': 'assert-current-schema-id', 'current-schema-id': schemaId })
  }
  if (metadata !== null && assertsAbsence(change)) {
    const created = change.requirements.find(each => each.type === 'assert-ref-snapshot-id' && each['snapshot-id'] === null && isThere(metadata, each.ref))
    if (created?.type === 'assert-ref-snapshot-id') return { lost: `Requirement failed: branch or tag ${created.ref} was created concurrently` }
    if (metadata.properties[marker] !== undefined) {
      requirements.push({ 'type': 'assert-default-sort-order-id', 'default-sort-order-id': metadata['default-sort-order-id'] })
      updates.push({ 'action': 'add-sort-order', 'sort-order': { 'order-id': 0, 'fields': [] } }, { 'action': 'set-default-sort-order', 'sort-order-id': -1 }, { 'action': 'remove-properties', 'removals': [marker] })
    }
  }
  return { requirements, updates }
}

function changesSchema({ updates }: TableChange): boolean {
  return updates.some(update => update.action === 'set-current-schema')
}

function isThere(metadata: TableMetadata, ref: string): boolean {
  return metadata.refs[ref] !== undefined || (ref === 'main' && metadata['current-snapshot-id'] !== -1n)
}
