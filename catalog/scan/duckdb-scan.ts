/**
 * SQL text that makes DuckDB read a table's files: columns by field id at every level, files without ids by the table's name mapping, what
 * a file lacks from its partition or its default, and without the rows that delete files take away.
 *
 * Files that DuckDB reads right by itself, as all that this product writes, are one `read_parquet`; the others are read beside it, those of
 * one layout together. The files must be near (`bringFiles`), because their footers say what their columns are called.
 */
import { printIdentifier, type LoadedTable } from '../catalogs/catalog.ts'
import { CatalogError } from '../errors.ts'
import { duckdbType, engineSchema, quoteIdentifier, quoteText } from '../files/duckdb-types.ts'
import type { LiveFile } from '../spec/data-file.ts'
import { currentSchema, listFields } from '../spec/schema.ts'
import type { Schema } from '../spec/types.ts'
import { scopeOf } from './applicable-deletes.ts'
import { bareOptions, type ReadPlan } from './column-projection.ts'
import { joinDeletes, withDeleteKeys } from './delete-joins.ts'
import { constantNames, pathName, ReadPlanner, type EnginePaths } from './read-planner.ts'

/** A table expression: goes behind FROM. A relation without rows but with all columns and types when there are no files. */
export function duckdbScan(table: LoadedTable, files: readonly LiveFile[], storage: EnginePaths, schema: Schema = currentSchema(table.metadata)): string {
  const wanted = engineSchema(schema)
  refuseTypes(table, wanted)
  if (files.length === 0) {
    return `(SELECT ${wanted.fields.map(field => `NULL::${duckdbType(field.type)} AS ${quoteIdentifier(field.name)}`).join(', ')} WHERE false)`
  }
  const foreign = files.find(file => file.format !== 'PARQUET')
  if (foreign !== undefined) {
    throw new CatalogError('CATALOG_FORMAT_UNSUPPORTED', { location: foreign.location, feature: `file format ${foreign.format}`, advice: 'only Parquet is read; rewrite the table\'s data files with another engine' })
  }
  const planner = new ReadPlanner(table, storage)
  const read = withDeleteKeys(table, wanted, files)
  const groups = Map.groupBy(files, (file): ReadPlan | 'bare' => {
    const plan = planner.planOf(read, file)
    return plan.isBare && file.deletes === undefined ? 'bare' : plan
  })
  const bare = groups.get('bare')
  if (bare?.length === files.length) return planner.read(files, bareOptions(wanted))
  const selects = Array.from(groups, ([plan, group]) => plan === 'bare' ? `SELECT * FROM ${planner.read(group, bareOptions(wanted))}` : selectRows(planner, wanted, read, plan, group))
  return `(${selects.join(' UNION ALL ')})`
}

/** Rows of files of one plan: columns put together, deleted rows left out. */
function selectRows(planner: ReadPlanner, wanted: Schema, read: Schema, plan: ReadPlan, files: readonly LiveFile[]): string {
  const deletes = joinDeletes(planner, files, read, plan)
  const columns = wanted.fields.map((field, index) => `${plan.expressions[index] ?? 'NULL'} AS ${quoteIdentifier(field.name)}`).join(', ')
  const position = deletes.needsPosition ? ', file_row_number = true' : ''
  const rows = planner.read(files, `${plan.options}, hive_partitioning = false, filename = ${quoteText(pathName.slice(1, -1))}${position}`)
  const where = deletes.conditions.length === 0 ? '' : ` WHERE ${deletes.conditions.join(' AND ')}`
  return `SELECT ${columns} FROM ${rows} d${joinFacts(planner, plan, files)}${deletes.joins}${where}`
}

/** What is the same for all rows of a file, where something is asked of it. */
function joinFacts(planner: ReadPlanner, plan: ReadPlan, files: readonly LiveFile[]): string {
  if (plan.constants.length === 0 && files.every(({ deletes }) => deletes === undefined || deletes.equality.length === 0)) return ''
  const facts = files.map(file =>
    `(${[planner.pathOf(file), `${file.dataSequenceNumber}::BIGINT`, quoteText(scopeOf(planner.table.metadata, file)), ...planner.constantsOf(plan, file)].join(', ')})`)
  return ` JOIN (VALUES ${facts.join(', ')}) c(${['path', 'seq', 'scope', ...constantNames(plan)].join(', ')}) ON c.path = d.${pathName}`
}

/** Types of v3 that DuckDB would read as something else. */
const unreadable = /^(timestamptz_ns|variant|geometry|geography)/

function refuseTypes(table: LoadedTable, schema: Schema): void {
  for (const { field: { type }, path } of listFields(schema)) {
    if (typeof type !== 'string' || !unreadable.test(type)) continue
    throw new CatalogError('CATALOG_FORMAT_UNSUPPORTED', { location: `table ${printIdentifier(table.id)}`, feature: `type ${type} in column ${path.join('.')}`, advice: 'read it with another engine, or drop the column' })
  }
}
