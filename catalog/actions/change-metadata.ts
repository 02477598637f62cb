/**
 * Changes of metadata alone, as plans for the commit loop: given a base, what is still missing on it, or null.
 *
 * A plan is made anew on each base, so a conflict re-diffs: two writers that start with the same new column add it once.
 */
import type { LoadedTable } from '../catalogs/catalog.ts'
import { diffSchema, type WantedColumn } from '../spec/schema-evolution.ts'
import { matchColumns, ownColumnsProperty, printOwnIds } from '../spec/own-columns.ts'
import { sharedSpecOf } from '../spec/partition.ts'
import { currentSchema } from '../spec/schema.ts'
import type { Requirement, Schema, TableChange, TableMetadata, Update } from '../spec/types.ts'

export function planSchemaEvolution(wanted: readonly WantedColumn[]): (base: LoadedTable) => TableChange | null {
  return ({ metadata }) => {
    const diff = diffSchema(currentSchema(metadata), metadata['last-column-id'], wanted)
    return diff === null ? null : { requirements: onThisSchema(metadata), updates: makeCurrent(metadata, diff) }
  }
}

/** The writer's columns by their recorded ids: what is missing, and the record itself. null as well where the table cannot be written as it is. */
export function planOwnColumns(wanted: readonly WantedColumn[]): (base: LoadedTable) => TableChange | null {
  return ({ metadata }) => {
    const match = matchColumns(metadata, wanted)
    if (match.kind === 'halt' || match.change === null) return null
    const { changes, ids } = match.change
    return {
      requirements: onThisSchema(metadata),
      updates: [
        ...changes.length === 0 ? [] : makeCurrent(metadata, match.change),
        { 'action': 'set-properties', 'updates': { [ownColumnsProperty]: printOwnIds(ids) } }
      ]
    }
  }
}

function onThisSchema(metadata: TableMetadata): Requirement[] {
  return [
    { 'type': 'assert-table-uuid', 'uuid': metadata['table-uuid'] },
    { 'type': 'assert-last-assigned-field-id', 'last-assigned-field-id': metadata['last-column-id'] },
    { 'type': 'assert-current-schema-id', 'current-schema-id': metadata['current-schema-id'] }
  ]
}

function makeCurrent(metadata: TableMetadata, { schema, lastColumnId }: { readonly schema: Schema, readonly lastColumnId: number }): Update[] {
  const schemaId = Math.max(...metadata.schemas.map(known => known['schema-id'] ?? 0)) + 1
  return [
    { 'action': 'add-schema', 'schema': { ...schema, 'schema-id': schemaId }, 'last-column-id': lastColumnId },
    { 'action': 'set-current-schema', 'schema-id': -1 }
  ]
}

/** A spec without fields beside the default one, see `sharedSpecOf`. */
export function planSharedSpec({ metadata }: LoadedTable): TableChange | null {
  if (sharedSpecOf(metadata) !== undefined) return null
  const specId = Math.max(...metadata['partition-specs'].map(spec => spec['spec-id'])) + 1
  return { requirements: [{ 'type': 'assert-table-uuid', 'uuid': metadata['table-uuid'] }], updates: [{ 'action': 'add-spec', 'spec': { 'spec-id': specId, 'fields': [] } }] }
}

export function planSetProperties(updates: Readonly<Record<string, string>>, removals: readonly string[] = []): (base: LoadedTable) => TableChange | null {
  return ({ metadata }) => {
    const missing = Object.entries(updates).filter(([name, value]) => metadata.properties[name] !== value)
    const present = removals.filter(name => name in metadata.properties)
    const changes: Update[] = []
    if (missing.length > 0) changes.push({ 'action': 'set-properties', 'updates': Object.fromEntries(missing) })
    if (present.length > 0) changes.push({ 'action': 'remove-properties', 'removals': present })
    if (changes.length === 0) return null
    return { requirements: [{ 'type': 'assert-table-uuid', 'uuid': metadata['table-uuid'] }], updates: changes }
  }
}
