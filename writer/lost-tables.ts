// A table that is missing, or empty, although something was written to it: renamed, dropped, or its catalog's state was
// lost. Making an empty one instead would look whole and hold nothing. What the log, the other table and the warehouse
// still tell is gathered here; what it means is judged by a pure function; only an operator starts a table anew.

import { printIdentifier, type LoadedTable, type TableIdentifier } from '../catalog/index.ts'
import type { Log } from '../log/index.ts'
import { lettersProgress, type CommitParts } from './commit.ts'

/** On a table that an operator let start anew: when. */
export const startedAnewProperty = 'firn.started-anew'
/** Files of one folder that are looked at. */
const filesMax = 20_000

/** Names of tables that an operator lets start anew, and where a table's files would lie. */
export interface NewTables { readonly startAnew: ReadonlySet<string>, readonly warehouseUrl: string | null }

export interface LogOf { readonly log: Log, readonly topics: readonly string[] }

/** What was seen of a table's past. All null: nothing, it is a first start. */
export interface TableTraces {
  readonly acknowledged: { readonly topic: string, readonly partition: number, readonly offset: bigint } | null
  /** The other table of the writer records progress. */
  readonly other: { readonly table: string, readonly topic: string, readonly partition: number, readonly offset: bigint } | null
  /** The newest metadata file in the folder that a new table would get. */
  readonly leftFile: string | null
  /** There is an empty table of this name. */
  readonly isThere: boolean
}

export type AbsenceJudgement =
  | { readonly kind: 'create' }
  | { readonly kind: 'anew', readonly reason: string }
  | { readonly kind: 'halt', readonly reason: string, readonly choices: string }

export function judgeAbsence (table: string, { acknowledged, other, leftFile, isThere }: TableTraces, startAnew: boolean): AbsenceJudgement {
  const told = [
    ...acknowledged === null ? [] : [`partition ${acknowledged.partition} of ${acknowledged.topic} was committed up to offset ${acknowledged.offset}`],
    ...other === null ? [] : [`${other.table} records offset ${other.offset} of partition ${other.partition} of ${other.topic}`],
    // An empty table has a file of its own there.
    ...leftFile === null || isThere ? [] : [`a table's files lie in its place (${leftFile})`]
  ]
  if (told.length === 0) return { kind: 'create' }
  const reason = `${table} is ${isThere ? 'empty' : 'not in the catalog'}, although ${told.join(', and ')}: it was renamed or dropped, or the catalog is not the one that knew it`
  if (startAnew) return { kind: 'anew', reason }
  return { kind: 'halt', reason, choices: choicesFor(table, isThere) }
}

function choicesFor (table: string, isThere: boolean): string {
  return [
    isThere ? 'drop the empty table and rename the right one back' : `rename it back to ${table}`,
    `or stop the line, let \`npm run repair\` list what the warehouse holds, and register it with \`npm run repair -- --register LOCATION --as ${table}\``,
    `or start once with \`--writer-start-anew ${table}\`: an empty table that takes what the log still holds, rows that were written stay in the old files`
  ].join('; ')
}

/** `found`: the empty table of that name, if there is one. */
export async function tracesOf (parts: CommitParts, { log, topics }: LogOf, id: TableIdentifier, others: readonly TableIdentifier[], found: LoadedTable | null): Promise<TableTraces> {
  return {
    acknowledged: await furthestAcknowledged(log, topics),
    // A death in the first batch of all leaves dead letters ahead of an empty table.
    other: found === null ? await progressOf(parts, others) : null,
    leftFile: found === null ? await newestFileOf(parts, id) : null,
    isThere: found !== null
  }
}

async function furthestAcknowledged (log: Log, topics: readonly string[]): Promise<TableTraces['acknowledged']> {
  for (const topic of topics) {
    const { acknowledged } = await log.ranges(topic)
    for (const [partition, offset] of acknowledged ?? []) if (offset > 0n) return { topic, partition, offset }
  }
  return null
}

async function progressOf ({ catalog }: CommitParts, others: readonly TableIdentifier[]): Promise<TableTraces['other']> {
  for (const id of others) {
    const loaded = await catalog.loadTable(id).catch(() => null)
    for (const [topic, { partitions }] of (loaded === null ? null : lettersProgress(loaded))?.topics ?? []) {
      for (const [partition, { next }] of partitions) if (next > 0n) return { table: printIdentifier(id), topic, partition, offset: next }
    }
  }
  return null
}

async function newestFileOf ({ storage, newTables }: CommitParts, { namespace, name }: TableIdentifier): Promise<string | null> {
  const warehouse = newTables?.warehouseUrl ?? null
  if (warehouse === null) return null
  let newest: { location: string, modifiedMs: number } | null = null
  let seen = 0
  for await (const file of storage.list(`${warehouse}/${[...namespace, name].join('/')}/metadata`)) {
    if (++seen > filesMax) break
    if (/\.metadata\.json(\.gz)?$/.test(file.location) && file.modifiedMs >= (newest?.modifiedMs ?? 0)) newest = file
  }
  return newest?.location ?? null
}
