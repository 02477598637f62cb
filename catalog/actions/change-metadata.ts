/**
 * Changes of metadata alone, as plans for the commit loop: given a base, what is still missing on it, or null.
 *
 * A plan is made anew on each base, so a conflict re-diffs: two writers that start with the same new column add it once.
 */
import type { LoadedTable } from '../catalogs/catalog.ts'
import { diffSchema, type WantedColumn } from '../spec/schema-evolution.ts'
import { currentSchema } from '../spec/schema.ts'
import type { TableChange, Update } from '../spec/types.ts'

export function planSchemaEvolution(wanted: readonly WantedColumn[]): (base: LoadedTable) => TableChange | null {
  return ({ metadata }) => {
    const diff = diffSchema(currentSchema(metadata), metadata['last-column-id'], wanted)
    if (diff === null) return null
    const schemaId = Math.max(...metadata.schemas.map(schema => schema['schema-id'] ?? 0)) + 1
    return {
      requirements: [
        { 'type': 'assert-table-uuid', 'uuid': metadata['table-uuid'] },
        { 'type': 'assert-last-assigned-field-id', 'last-assigned-field-id': metadata['last-column-id'] },
        { 'type': 'assert-current-schema-id', 'current-schema-id': metadata['current-schema-id'] }
      ],
      updates: [
        { 'action': 'add-schema', 'schema': { ...diff.schema, 'schema-id': schemaId }, 'last-column-id': diff.lastColumnId },
        { 'action': 'set-current-schema', 'schema-id': -1 }
      ]
    }
  }
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
