/**
 * SQL text that makes DuckDB read a table's files: columns by field id, so that renamed, widened and added columns come out right.
 *
 * DuckDB 1.5 resolves top-level columns by id but members of a struct by name; a table in which a nested name ever meant two things, or
 * one nested field had two names, is refused rather than read wrongly.
 */
import { printIdentifier, type LoadedTable } from '../catalogs/catalog.ts'
import { CatalogError } from '../errors.ts'
import { duckdbType, quoteIdentifier, quoteText } from '../files/duckdb-types.ts'
import type { LiveFile } from '../spec/data-file.ts'
import { currentSchema, listFields } from '../spec/schema.ts'
import type { Schema } from '../spec/types.ts'
import type { Storage } from '../storage/storage.ts'

/** A table expression: goes behind FROM. A relation without rows but with all columns and types when there are no files. */
export function duckdbScan(table: LoadedTable, files: readonly LiveFile[], storage: Storage, schema: Schema = currentSchema(table.metadata)): string {
  refuseNestedRenames(table)
  if (files.length === 0) {
    return `(SELECT ${schema.fields.map(field => `NULL::${duckdbType(field.type)} AS ${quoteIdentifier(field.name)}`).join(', ')} WHERE false)`
  }
  const foreign = files.find(file => file.format !== 'PARQUET')
  if (foreign !== undefined) {
    throw new CatalogError('CATALOG_FORMAT_UNSUPPORTED', { location: foreign.location, feature: `file format ${foreign.format}`, advice: 'only Parquet is read; rewrite the table\'s data files with another engine' })
  }
  const paths = files.map(file => quoteText(escapeGlob(storage.toEnginePath(file.location)))).join(', ')
  const columns = schema.fields.map(field => `${field.id}: {name: ${quoteText(field.name)}, type: ${quoteText(duckdbType(field.type))}, default_value: NULL}`).join(', ')
  return `read_parquet([${paths}], schema = MAP {${columns}})`
}

/** A path with `*`, `?` or `[` is a pattern to DuckDB. */
function escapeGlob(path: string): string {
  return path.replace(/[*?[]/g, char => `[${char}]`)
}

const checked = new WeakSet<LoadedTable['metadata']>()

function refuseNestedRenames(table: LoadedTable): void {
  if (checked.has(table.metadata)) return
  const nameById = new Map<number, string>()
  const idByPlace = new Map<string, number>()
  for (const schema of table.metadata.schemas) {
    const parents = new Map<string, number>()
    for (const { field, path } of listFields(schema)) {
      parents.set(path.join('\0'), field.id)
      if (path.length === 1) continue
      const place = `${parents.get(path.slice(0, -1).join('\0'))}/${field.name}`
      if ((nameById.get(field.id) ?? field.name) !== field.name || (idByPlace.get(place) ?? field.id) !== field.id) {
        throw new CatalogError('CATALOG_FORMAT_UNSUPPORTED', { location: `table ${printIdentifier(table.id)}`, feature: `a renamed or replaced nested field '${path.join('.')}'`, advice: 'DuckDB finds nested fields by name; read the table with another engine or rewrite its files' })
      }
      nameById.set(field.id, field.name)
      idByPlace.set(place, field.id)
    }
  }
  checked.add(table.metadata)
}
