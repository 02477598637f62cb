/**
 * Makes data files and what deletes rows of them readable for DuckDB. Of a data file only some columns may be fetched, under the names that
 * the file itself has for them.
 */
import type { LoadedTable } from '../catalogs/catalog.ts'
import type { LiveFile } from '../spec/data-file.ts'
import { currentSchema } from '../spec/schema.ts'
import type { Schema } from '../spec/types.ts'
import type { Storage } from '../storage/storage.ts'
import { namesInFile } from './read-planner.ts'

/** Until the returned function is called. `columns`: names of the schema that is read; only these may be. */
export async function bringFiles(table: LoadedTable, files: readonly LiveFile[], storage: Storage, columns?: readonly string[], schema: Schema = currentSchema(table.metadata)): Promise<() => Promise<void>> {
  const ids = new Set(schema.fields.filter(field => columns?.includes(field.name)).map(field => field.id))
  const releases: (() => Promise<void>)[] = []
  const release = async () => { await Promise.allSettled(releases.map(async each => { await each() })) }
  const bring = async (some: readonly { readonly location: string }[], names?: readonly string[]) => {
    if (some.length > 0) releases.push(await storage.bringNear(some.map(({ location }) => location), names))
  }
  try {
    await bring([...new Set(files.flatMap(({ deletes }) => deletes === undefined ? [] : [...deletes.positions, ...deletes.equality]))])
    // What equality deletes compare may be any column.
    const isWhole = (file: LiveFile) => columns === undefined || (file.deletes?.equality.length ?? 0) > 0
    await bring(files.filter(isWhole))
    const parts = files.filter(file => !isWhole(file))
    await bring(parts, [])
    const namesOf = (file: LiveFile) => namesInFile(table, file.location, storage.toEnginePath(file.location), ids)?.join('\0')
    for (const [names, group] of Map.groupBy(parts, namesOf)) await bring(group, names?.split('\0').filter(name => name !== ''))
    return release
  } catch (error) {
    await release()
    throw error
  }
}

/** Of everything that a read of these files touches. */
export function locationsRead(files: readonly LiveFile[]): string[] {
  return [...new Set(files.flatMap(({ location, deletes }) => [location, ...deletes === undefined ? [] : [...deletes.positions, ...deletes.equality].map(file => file.location)]))]
}
