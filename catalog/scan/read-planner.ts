/**
 * Plans for reading files of one table: one for all files of the same layout and spec, so that they are read together.
 *
 * A file without field ids gets them from the table's name mapping, or by position where the table has none.
 */
import type { LoadedTable } from '../catalogs/catalog.ts'
import { valueSql } from '../files/duckdb-literals.ts'
import { quoteText } from '../files/duckdb-types.ts'
import { mapByName, mapByPosition, readNameMapping, type MappedField } from '../spec/name-mapping.ts'
import { currentSchema } from '../spec/schema.ts'
import type { DataFile } from '../spec/data-file.ts'
import type { Schema } from '../spec/types.ts'
import type { Storage } from '../storage/storage.ts'
import { constantName, planRead, type ReadPlan } from './column-projection.ts'
import { readLayout, type FileColumns } from './file-columns.ts'

/** Where DuckDB finds files. */
export type EnginePaths = Pick<Storage, 'toEnginePath'>
export type ReadFile = Pick<DataFile, 'location' | 'specId' | 'partition'>

/** What a read calls the path of a row's file: no column has that name. */
export const pathName = '"path of the file"'

export class ReadPlanner {
  readonly table: LoadedTable
  readonly #storage: EnginePaths
  readonly #plans = new Map<Schema, Map<string, ReadPlan>>()

  constructor(table: LoadedTable, storage: EnginePaths) {
    this.table = table
    this.#storage = storage
  }

  /** `mapping`: instead of the table's. */
  planOf(schema: Schema, file: ReadFile, mapping?: readonly MappedField[]): ReadPlan {
    const layout = readLayout(file.location, this.#storage.toEnginePath(file.location))
    let plans = this.#plans.get(schema)
    if (plans === undefined) this.#plans.set(schema, plans = new Map())
    const key = `${file.specId} ${layout?.key ?? ''}`
    let plan = plans.get(key)
    if (plan === undefined) {
      const identities = new Set(this.#identityFields(file.specId).map(field => field['source-id']))
      plans.set(key, plan = planRead(schema, columnsOfFile(this.table, layout, mapping), id => identities.has(id)))
    }
    return plan
  }

  /** `read_parquet(…)` of these files. */
  read(files: readonly ReadFile[], options: string): string {
    return `read_parquet([${files.map(file => quoteText(escapeGlob(this.#storage.toEnginePath(file.location)))).join(', ')}]${options})`
  }

  /** The path of a file as `pathName` gives it. */
  pathOf(file: Pick<ReadFile, 'location'>): string {
    return quoteText(this.#storage.toEnginePath(file.location))
  }

  /** The values that its partition has for the plan's constants, named by `constantName`. */
  constantsOf({ constants }: ReadPlan, file: ReadFile): string[] {
    return constants.map(({ id, type }) => {
      const field = this.#identityFields(file.specId).find(({ 'source-id': source }) => source === id)
      return valueSql(type, file.partition[field?.name ?? ''] ?? null)
    })
  }

  #identityFields(specId: number) {
    const spec = this.table.metadata['partition-specs'].find(({ 'spec-id': id }) => id === specId)
    return spec?.fields.filter(field => field.transform === 'identity') ?? []
  }
}

export function constantNames({ constants }: ReadPlan): string[] {
  return constants.map(constantName)
}

/** The columns with their field ids; null when the file is not there. */
export function columnsOfFile({ metadata }: LoadedTable, layout: FileColumns | null, mapping?: readonly MappedField[]): FileColumns | null {
  if (layout === null || layout.hasIds) return layout
  const names = mapping ?? readNameMapping(metadata.properties)
  const columns = names === undefined ? mapByPosition(layout.columns, currentSchema(metadata)) : mapByName(layout.columns, names)
  return { columns, hasIds: false }
}

/** What a file calls these top-level columns; null when it is not there. A column that it lacks has no name. */
export function namesInFile(table: LoadedTable, location: string, path: string, ids: ReadonlySet<number>): string[] | null {
  const file = columnsOfFile(table, readLayout(location, path))
  return file === null ? null : file.columns.filter(({ id }) => id !== null && ids.has(id)).map(({ name }) => name)
}

/** A path with `*`, `?` or `[` is a pattern to DuckDB. */
function escapeGlob(path: string): string {
  return path.replace(/[*?[]/g, char => `[${char}]`)
}
