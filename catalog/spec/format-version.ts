/** Versions of the table format: those that are read and those that snapshots are written to. A later one may mean other things by the same bytes. */
import type { TableMetadata } from './types.ts'

export const formatVersionsRead: readonly number[] = [1, 2, 3]
export const formatVersionsWritten: readonly number[] = [2, 3]

/** v3 counts rows (row lineage): the id of the first row that a commit on this base gives. null: the table counts none. */
export function firstRowIdOf(metadata: TableMetadata): bigint | null {
  return metadata['format-version'] >= 3 ? metadata['next-row-id'] ?? 0n : null
}

/** What to do about a version that is none of these. */
export function adviceFor(found: number, known: readonly number[]): string {
  const [least = 2, most = least] = [known[0], known.at(-1)]
  return found < least
    ? `upgrade the table to version ${least} (SET TBLPROPERTIES ('format-version'='${least}'))`
    : `this release goes up to version ${most}: start a release that knows version ${found}, or copy the rows into a table of version ${most} with the engine that upgraded it`
}
