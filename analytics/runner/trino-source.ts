// A source as Trino reads it, under its recorded names: pinned at a snapshot Trino knows the columns as they were called then,
// and another engine may have renamed them since or before. A column is its field id.

import { currentSchema, mainSnapshotId, quoteIdentifier, recordedSchema, type LoadedTable, type NestedField } from '../../catalog/index.ts'
import { sqlType } from '../models/render.ts'

/** Goes behind FROM. A table without a snapshot has no rows, and there is nothing to pin. */
export function trinoSource (table: LoadedTable): string {
  const from = [...table.id.namespace, table.id.name].map(quoteIdentifier).join('.')
  const snapshotId = mainSnapshotId(table.metadata)
  const wanted = recordedSchema(table.metadata).fields
  const found = fieldsAt(table, snapshotId)
  const pinned = snapshotId === null ? `(select * from ${from} where false)` : `${from} for version as of ${snapshotId}`
  const now = currentSchema(table.metadata).fields
  const inOf = (fields: readonly NestedField[], { id }: NestedField): NestedField | undefined => fields.find(field => field.id === id)
  if (wanted.every(field => sameNames(field, inOf(found, field)) && sameNames(field, inOf(now, field)))) return pinned
  const columns = wanted.map(field => {
    const then = inOf(found, field)
    const read = readField(field, found, '')
    // Trino looks for a filter's column under its old name among the table's new ones, and fails: it must not see through to it.
    const isHidden = then !== undefined && !sameNames(then, inOf(now, field))
    return `${isHidden ? `element_at(array[${read}], 1)` : read} as ${quoteIdentifier(field.name)}`
  })
  return `(select ${columns.join(', ')} from ${pinned})`
}

function fieldsAt ({ metadata }: LoadedTable, snapshotId: bigint | null): readonly NestedField[] {
  const snapshot = metadata.snapshots.find(one => one['snapshot-id'] === snapshotId)
  const id = snapshot?.['schema-id'] ?? metadata['current-schema-id']
  return metadata.schemas.find(schema => schema['schema-id'] === id)!.fields
}

function sameNames (wanted: NestedField, found: NestedField | undefined): boolean {
  if (found === undefined || wanted.name !== found.name) return false
  const [members, there] = [membersOf(wanted), membersOf(found)]
  return members.length === there.length && members.every((member, i) => sameNames(member, there[i]))
}

/** A column that was added later is null. */
function readField (wanted: NestedField, among: readonly NestedField[], prefix: string): string {
  const found = among.find(({ id }) => id === wanted.id)
  if (found === undefined) return `cast(null as ${trinoType(wanted)})`
  const place = prefix + quoteIdentifier(found.name)
  if (sameNames({ ...wanted, name: found.name }, found)) return place
  const members = membersOf(wanted).map(member => readField(member, membersOf(found), `${place}.`))
  return `if(${place} is null, null, cast(row(${members.join(', ')}) as ${trinoType(wanted)}))`
}

function trinoType (field: NestedField): string {
  if (typeof field.type === 'string') return field.type === 'binary' ? 'varbinary' : sqlType(field.type, 'trino')
  return `row(${membersOf(field).map(member => `${quoteIdentifier(member.name)} ${trinoType(member)}`).join(', ')})`
}

/** Lists and maps are read as they are. */
function membersOf ({ type }: NestedField): readonly NestedField[] {
  return typeof type !== 'string' && type.type === 'struct' ? type.fields : []
}
