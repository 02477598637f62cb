/**
 * What data files assume of the table that they are written for, and whether a base still is that table.
 *
 * A batch is written for one state of a table and committed to another: in between, engines add, rename and drop columns and partition
 * fields, upgrade the format, move the table. Every attempt asks on the very metadata that it asserts. Pure: same (commit), follow (write
 * the files again for the new base) or halt (a reason and an advice that can be carried out).
 */
import { adviceFor, formatVersionsWritten } from './format-version.ts'
import { matchColumns, type OwnIds, type TableHalt } from './own-columns.ts'
import { parquetCompression } from './parquet-compression.ts'
import { specById } from './partition.ts'
import { currentSchema, listFields } from './schema.ts'
import type { WantedColumn } from './schema-evolution.ts'
import { parseTransform } from './transforms.ts'
import type { NestedField, PartitionField, PartitionSpec, Schema, TableMetadata } from './types.ts'

export type { TableHalt } from './own-columns.ts'

export interface FileLayout {
  /** The columns that are written, as the table calls them now: our own, and those that have a default to be written. */
  readonly schema: Schema
  /** Field id → our name of it; what is not here is written with its default. */
  readonly ownNames: ReadonlyMap<number, string>
  readonly spec: PartitionSpec
  /** What stands behind COMPRESSION in DuckDB's COPY. */
  readonly codec: string
}

export type LayoutDecision =
  | TableHalt
  /** The schema has to be changed first. */
  | { readonly kind: 'evolve', readonly changes: readonly string[] }
  | { readonly kind: 'fits', readonly layout: FileLayout }

export type BaseDecision = { readonly kind: 'same' } | { readonly kind: 'follow', readonly changes: readonly string[] } | TableHalt

/** How files for this table have to look. `wanted`: the columns of the writer, without ids. */
export function decideLayout(metadata: TableMetadata, wanted: readonly WantedColumn[]): LayoutDecision {
  const refused = refuseTable(metadata)
  if (refused !== null) return refused
  const match = matchColumns(metadata, wanted)
  if (match.kind === 'halt') return match
  if (match.change !== null) return { kind: 'evolve', changes: match.change.changes }
  const schema = currentSchema(metadata)
  const spec = specById(metadata, metadata['default-spec-id'])
  if (spec === undefined) return halt(`its default partition spec ${metadata['default-spec-id']} is not in its metadata`, 'set the default spec to one that is')
  const unfit = spec.fields.flatMap(field => refuseField(field, schema) ?? [])
  if (unfit[0] !== undefined) return unfit[0]
  const ownNames = namesOf(match.ids)
  return { kind: 'fits', layout: { schema: { ...schema, fields: writtenFields(schema.fields, ownNames) }, ownNames, spec, codec: parquetCompression(metadata.properties) } }
}

/** Whether files that were written for `files` may be committed to `base`. */
export function judgeBase(files: TableMetadata, base: TableMetadata, wanted: readonly WantedColumn[]): BaseDecision {
  if (files === base) return { kind: 'same' }
  const now = decideLayout(base, wanted)
  if (now.kind === 'halt') return now
  if (now.kind === 'evolve') return { kind: 'follow', changes: now.changes }
  const then = decideLayout(files, wanted)
  if (then.kind !== 'fits') return { kind: 'follow', changes: ['the table could not be written before'] }
  const changes = Object.entries(assumptions(base, now.layout))
    .filter(([what, is]) => is !== assumptions(files, then.layout)[what])
    .map(([what]) => what)
  return changes.length === 0 ? { kind: 'same' } : { kind: 'follow', changes }
}

/** The table's fields that are ours, under our names: what reads our own rows is not concerned with what others call them. */
export function ownSchema(metadata: TableMetadata, wanted: readonly WantedColumn[]): Schema {
  const schema = currentSchema(metadata)
  const match = matchColumns(metadata, wanted)
  return match.kind === 'halt' ? schema : { ...schema, fields: renamed(schema.fields, namesOf(match.ids)) }
}

/** Each thing that files rest on, as text: two tables that agree in all of them take the same files. */
function assumptions(metadata: TableMetadata, { schema, ownNames, spec, codec }: FileLayout): Record<string, string> {
  const columns = listFields(schema).map(({ field, path }) => [field.id, path, typeof field.type === 'string' ? field.type : field.type.type, field.required, ownNames.get(field.id) ?? field['write-default']])
  const { properties } = metadata
  return {
    'the format version': String(metadata['format-version']),
    'the columns': JSON.stringify(columns),
    'the partition spec': JSON.stringify([spec['spec-id'], spec.fields.map(field => [field['source-id'], field['field-id'], field.name, field.transform])]),
    'the codec': codec,
    'the location': JSON.stringify([metadata.location, properties['write.data.path'], properties['write.object-storage.enabled'], properties['write.object-storage.partitioned-paths']])
  }
}

function refuseTable(metadata: TableMetadata): TableHalt | null {
  const version = metadata['format-version']
  if (!formatVersionsWritten.includes(version)) return halt(`its format version is ${version}, and this release writes ${formatVersionsWritten.join(' and ')}`, adviceFor(version, formatVersionsWritten))
  for (const [property, why] of [['write.location-provider.impl', 'it names a Java class'], ['encryption.key-id', 'files are not encrypted here']] as const) {
    const value = metadata.properties[property]
    if (value !== undefined) return halt(`its property ${property} is '${value}', and ${why}`, `remove the property (UNSET TBLPROPERTIES ('${property}'))`)
  }
  return null
}

function refuseField({ name, transform, 'source-id': source }: PartitionField, schema: Schema): TableHalt | null {
  const advice = `remove partition field ${name} (DROP PARTITION FIELD ${name})`
  if (source === undefined) return halt(`partition field ${name} is made of several columns`, advice)
  try {
    if (parseTransform(transform).name === 'void') return null
  } catch {
    return halt(`partition field ${name} has the transform ${transform}, which this release does not know`, advice)
  }
  const found = listFields(schema).find(({ field }) => field.id === source)
  if (found === undefined) return halt(`partition field ${name} is made of field ${source}, which is no column any more`, advice)
  return found.repeated ? halt(`partition field ${name} is made of a column inside a list or map`, advice) : null
}

function writtenFields(fields: readonly NestedField[], ownNames: ReadonlyMap<number, string>): NestedField[] {
  return fields.flatMap(field => {
    if (!ownNames.has(field.id)) return (field['write-default'] ?? null) === null ? [] : [field]
    return typeof field.type === 'string' || field.type.type !== 'struct' ? [field] : [{ ...field, type: { ...field.type, fields: writtenFields(field.type.fields, ownNames) } }]
  })
}

function renamed(fields: readonly NestedField[], ownNames: ReadonlyMap<number, string>): NestedField[] {
  return fields.flatMap(field => {
    const name = ownNames.get(field.id)
    if (name === undefined) return []
    const type = typeof field.type === 'string' || field.type.type !== 'struct' ? field.type : { ...field.type, fields: renamed(field.type.fields, ownNames) }
    return [{ ...field, name, type }]
  })
}

/** The last part of each path. */
function namesOf(ids: OwnIds): ReadonlyMap<number, string> {
  return new Map([...ids].map(([path, id]) => [id, path.slice(path.lastIndexOf('.') + 1)]))
}

function halt(reason: string, advice: string): TableHalt {
  return { kind: 'halt', reason, advice }
}
