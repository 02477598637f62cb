/**
 * Joins that leave deleted rows out of a read of data files: `d` are the rows with the path of their file, `c` the facts of each file.
 *
 * Which delete files apply to which data file is decided in applicable-deletes.ts; here the same conditions (sequence numbers, scope) hold
 * row by row, because one read takes many files. Equality is null-safe. Nothing is joined for kinds of deletes that no file has.
 */
import { printIdentifier, type LoadedTable } from '../catalogs/catalog.ts'
import { CatalogError } from '../errors.ts'
import { quoteText } from '../files/duckdb-types.ts'
import type { DeleteFile, LiveFile } from '../spec/data-file.ts'
import { listFields } from '../spec/schema.ts'
import type { MappedField } from '../spec/name-mapping.ts'
import type { NestedField, Schema } from '../spec/types.ts'
import { deletedPathId, deletedPositionId, isUnpartitioned, scopeOf, singleTarget } from './applicable-deletes.ts'
import type { ReadPlan } from './column-projection.ts'
import { constantNames, pathName, type ReadPlanner } from './read-planner.ts'

export interface DeleteJoins { readonly joins: string, readonly conditions: readonly string[], readonly needsPosition: boolean }

const positionSchema: Schema = {
  type: 'struct',
  fields: [{ id: deletedPathId, name: 'file_path', required: true, type: 'string' }, { id: deletedPositionId, name: 'pos', required: true, type: 'long' }]
}
const positionNames: readonly MappedField[] = positionSchema.fields.map(({ id, name }) => ({ 'field-id': id, 'names': [name] }))

/** The schema with all columns that equality deletes compare: behind those that are wanted, also columns that the table has no more. */
export function withDeleteKeys(table: LoadedTable, wanted: Schema, files: readonly LiveFile[]): Schema {
  const ids = new Set(files.flatMap(({ deletes }) => deletes?.equality.flatMap(file => file.equalityIds ?? []) ?? []))
  const fields: NestedField[] = []
  for (const id of ids) {
    if (topFieldOf([...wanted.fields, ...fields], id) !== undefined) continue
    const field = [...table.metadata.schemas].reverse().map(schema => topFieldOf(schema.fields, id)).find(found => found !== undefined)
    if (field === undefined || wanted.fields.some(other => other.id === field.id)) throw unknownKey(table, files, id)
    fields.push({ ...field, name: `key ${field.id}` })
  }
  return fields.length === 0 ? wanted : { ...wanted, fields: [...wanted.fields, ...fields] }
}

/** `schema`, `plan`: of the read, from `withDeleteKeys`. */
export function joinDeletes(planner: ReadPlanner, files: readonly LiveFile[], schema: Schema, plan: ReadPlan): DeleteJoins {
  const joins: string[] = []
  const conditions: string[] = []
  const positioned = files.filter(({ deletes }) => deletes !== undefined && deletes.positions.length > 0)
  if (positioned.length > 0) joins.push(` ANTI JOIN (${deletedPositions(planner, positioned)}) p ON p.path = d.${pathName} AND p.pos = d.file_row_number`)
  const vectors = vectorRows(planner, files)
  if (vectors.lists.length > 0) {
    joins.push(` ANTI JOIN (SELECT path, unnest(list) AS pos FROM (VALUES ${vectors.lists.join(', ')}) l(path, list)) v ON v.path = d.${pathName} AND v.pos = d.file_row_number`)
  }
  if (vectors.bits.length > 0) {
    joins.push(` LEFT JOIN (VALUES ${vectors.bits.join(', ')}) b(path, high, bits) ON b.path = d.${pathName} AND b.high = d.file_row_number // 65536`)
    conditions.push('(b.bits IS NULL OR get_bit(b.bits, (d.file_row_number % 65536)::INTEGER) = 0)')
  }
  for (const [index, { ids, isGlobal, deleteFiles }] of equalitySets(planner.table, files).entries()) {
    const name = `e${index}`
    const keys = ids.map((id, at) => `${name}.k${at} IS NOT DISTINCT FROM ${keyExpression(schema, plan, id)}`)
    if (!isGlobal) keys.push(`${name}.scope = c.scope`)
    joins.push(` LEFT JOIN (${deletedKeys(planner, schema, ids, deleteFiles)}) ${name} ON ${keys.join(' AND ')}`)
    conditions.push(`(${name}.seq IS NULL OR ${name}.seq <= c.seq)`)
  }
  return { joins: joins.join(''), conditions, needsPosition: positioned.length > 0 || vectors.lists.length + vectors.bits.length > 0 }
}

/** Path of the data file and position of each deleted row. */
function deletedPositions(planner: ReadPlanner, files: readonly LiveFile[]): string {
  const { metadata } = planner.table
  const deleteFiles = [...new Set(files.flatMap(({ deletes }) => deletes?.positions ?? []))]
  const rows = deleteRows(planner, positionSchema, deleteFiles, ([path, position]) => `${path} AS file_path, ${position} AS pos`, positionNames)
  const targets = files.map(file => `(${planner.pathOf(file)}, ${quoteText(file.location)}, ${file.dataSequenceNumber}::BIGINT, ${quoteText(scopeOf(metadata, file))})`)
  return `SELECT t.path, r.pos FROM (${rows}) r JOIN (VALUES ${targets.join(', ')}) t(path, location, seq, scope) ON t.location = r.file_path `
    + 'WHERE t.seq <= r.seq AND (r.scope IS NULL OR r.scope = t.scope)'
}

/** Each deleted key once, with the newest sequence number. */
function deletedKeys(planner: ReadPlanner, schema: Schema, ids: readonly number[], deleteFiles: readonly DeleteFile[]): string {
  const fields = [...new Set(ids.map(id => topFieldOf(schema.fields, id)).filter(field => field !== undefined))]
  const keySchema: Schema = { type: 'struct', fields }
  const rows = deleteRows(planner, keySchema, deleteFiles, expressions => ids.map((id, at) => `${keyExpression(keySchema, { expressions }, id)} AS k${at}`).join(', '))
  return `SELECT * EXCLUDE (seq), max(seq) AS seq FROM (${rows}) GROUP BY ALL`
}

/** Rows of delete files with their sequence number and scope (null: everywhere). */
function deleteRows(planner: ReadPlanner, schema: Schema, files: readonly DeleteFile[], select: (expressions: readonly string[]) => string, mapping?: readonly MappedField[]): string {
  const { metadata } = planner.table
  return Array.from(Map.groupBy(files, file => planner.planOf(schema, file, mapping)), ([plan, group]) => {
    const facts = group.map(file => {
      const scope = file.content === 'equality-deletes' ? isUnpartitioned(metadata, file.specId) : singleTarget(file) !== null
      return `(${[planner.pathOf(file), `${file.dataSequenceNumber}::BIGINT`, scope ? 'NULL::VARCHAR' : quoteText(scopeOf(metadata, file)), ...planner.constantsOf(plan, file)].join(', ')})`
    })
    const names = ['path', 'seq', 'scope', ...constantNames(plan)].join(', ')
    return `SELECT ${select(plan.expressions)}, c.seq, c.scope FROM ${planner.read(group, `${plan.options}, hive_partitioning = false, filename = ${quoteText(pathName.slice(1, -1))}`)} d `
      + `JOIN (VALUES ${facts.join(', ')}) c(${names}) ON c.path = d.${pathName}`
  }).join(' UNION ALL ')
}

/** Vectors as rows of values: short lists of positions, and sets of bits. */
function vectorRows(planner: ReadPlanner, files: readonly LiveFile[]): { lists: string[], bits: string[] } {
  const lists: string[] = []
  const bits: string[] = []
  for (const file of files) {
    for (const [high, values] of file.deletes?.vector ?? []) {
      const path = planner.pathOf(file)
      if (Buffer.isBuffer(values)) bits.push(`(${path}, ${high}::BIGINT, from_base64('${values.toString('base64')}')::BIT)`)
      else lists.push(`(${path}, [${Array.from(values, value => high * 65_536 + value).join(', ')}]::BIGINT[])`)
    }
  }
  return { lists, bits }
}

interface EqualitySet { readonly ids: readonly number[], readonly isGlobal: boolean, readonly deleteFiles: readonly DeleteFile[] }

function equalitySets({ metadata }: LoadedTable, files: readonly LiveFile[]): EqualitySet[] {
  const all = [...new Set(files.flatMap(({ deletes }) => deletes?.equality ?? []))]
  const idsOf = (file: DeleteFile) => [...file.equalityIds ?? []].sort((a, b) => a - b)
  const groups = Map.groupBy(all, file => `${isUnpartitioned(metadata, file.specId)} ${idsOf(file).join()}`)
  return Array.from(groups.values(), deleteFiles => ({ ids: idsOf(deleteFiles[0]!), isGlobal: isUnpartitioned(metadata, deleteFiles[0]!.specId), deleteFiles }))
}

function keyExpression(schema: Schema, { expressions }: Pick<ReadPlan, 'expressions'>, id: number): string {
  const index = schema.fields.findIndex(field => pathTo(field, id) !== undefined)
  const field = schema.fields[index]
  const path = field === undefined ? undefined : pathTo(field, id)
  return (path ?? []).reduce((value, name) => `struct_extract(${value}, ${quoteText(name)})`, expressions[index] ?? 'NULL')
}

function topFieldOf(fields: readonly NestedField[], id: number): NestedField | undefined {
  return fields.find(field => pathTo(field, id) !== undefined)
}

/** Names of members from the field down to the one with the id; undefined when it is not in it, or inside a list or map. */
function pathTo(field: NestedField, id: number): readonly string[] | undefined {
  return listFields({ type: 'struct', fields: [field] }).find(entry => entry.field.id === id && !entry.repeated)?.path.slice(1)
}

function unknownKey(table: LoadedTable, files: readonly LiveFile[], id: number): CatalogError {
  const all = files.flatMap(({ deletes }) => deletes?.equality ?? [])
  const { location } = all.find(file => file.equalityIds?.includes(id)) ?? { location: '' }
  return new CatalogError('CATALOG_DELETE_FILES', { table: printIdentifier(table.id), count: new Set(all).size, location, reason: `it deletes by field ${id}, which is no column of the table and no member of one any more` })
}
