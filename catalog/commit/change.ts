/** Metadata-only commits under the names that callers know. */
import { planOwnColumns, planSchemaEvolution, planSetProperties, planSharedSpec } from '../actions/change-metadata.ts'
import type { LoadedTable } from '../catalogs/catalog.ts'
import type { WantedColumn } from '../spec/schema-evolution.ts'
import { commitChange, type CommitContext, type CommitOptions } from './commit.ts'

/** Adds, widens and relaxes columns until the table holds all of `wanted`; CATALOG_SCHEMA_CHANGE_REFUSED when that is not allowed. */
export async function evolveSchema(context: CommitContext, wanted: readonly WantedColumn[], options?: CommitOptions): Promise<LoadedTable> {
  return await commitChange(context, planSchemaEvolution(wanted), options)
}

/** The table with the writer's columns as far as it can be written; `decideLayout` says whether it can. */
export async function keepOwnColumns(context: CommitContext, wanted: readonly WantedColumn[], options?: CommitOptions): Promise<LoadedTable> {
  return await commitChange(context, planOwnColumns(wanted), options)
}

/** The table with a spec for files that hold rows of any partition. */
export async function keepSharedSpec(context: CommitContext, options?: CommitOptions): Promise<LoadedTable> {
  return await commitChange(context, planSharedSpec, options)
}

/** Not guarded by `main`: never for progress that must not be overwritten, that goes into a commit with a snapshot. */
export async function setProperties(context: CommitContext, updates: Readonly<Record<string, string>>, removals: readonly string[] = [], options?: CommitOptions): Promise<LoadedTable> {
  return await commitChange(context, planSetProperties(updates, removals), options)
}
