// The two tables of the writer: created when they are missing, their columns kept up with the contract, and asked before
// files are written and on the very base of each commit whether they still are what the files assume. Other engines change
// them: what can be followed is followed, by field ids; else that table halts with its advice (WRITER_TABLE_HALTED).
// A column is only ever added (in a metadata commit of its own); a table that is newer than this writer is left as it is.

import { setTimeout as sleep } from 'node:timers/promises'
import { decideLayout, duckdbScan, isCatalogError, judgeBase, keepOwnColumns, ownColumnsOf, ownSchema, printIdentifier, readFiles, schemaOfColumns, setProperties, type FileLayout, type LiveFile, type LoadedTable, type PartitionSpec, type Schema, type Storage, type TableIdentifier } from '../catalog/index.ts'
import { contractColumns, rowColumns, type ContractColumn } from '../openapi/index.ts'
import { lettersProgress, type CommitParts } from './commit.ts'
import { fail } from './errors.ts'
import { judgeAbsence, startedAnewProperty, tracesOf, type LogOf } from './lost-tables.ts'
import { offsetsProperty } from './offsets.ts'

export const eventsId: TableIdentifier = { namespace: ['firn'], name: 'events' }
export const lettersId: TableIdentifier = { namespace: ['firn'], name: 'dead_letters' }

const createAttemptsMax = 10

const properties = {
  'write.metadata.delete-after-commit.enabled': 'true',
  'write.metadata.previous-versions-max': '20',
  'write.parquet.compression-codec': 'zstd',
  'write.metadata.metrics.default': 'truncate(16)'
}

export interface TableShape { readonly id: TableIdentifier, readonly columns: readonly ContractColumn[], readonly partition: readonly { column: string, name: string, transform: string }[] }

export const eventsShape: TableShape = {
  id: eventsId,
  columns: [...contractColumns, ...rowColumns],
  partition: [{ column: 'event_type', name: 'event_type', transform: 'identity' }, { column: 'event_time', name: 'event_date', transform: 'day' }]
}

export const lettersShape: TableShape = {
  id: lettersId,
  columns: [
    letterColumn('reason', 'string', 'Code of why the record is no row; `duplicate` for dropped duplicates.', true),
    letterColumn('error', 'string', 'The reason in words.'),
    letterColumn('payload', 'binary', 'The record as it was in the log; null for duplicates, but for those whose event_id was made from the whole record.'),
    letterColumn('event_id', 'string', 'Where one could be read.'),
    letterColumn('log_topic', 'string', 'Topic of the record.', true),
    letterColumn('log_partition', 'int', 'Partition of the record.', true),
    letterColumn('log_offset', 'long', 'Offset of the record.', true),
    letterColumn('received_at', 'timestamptz', 'When the record arrived.'),
    letterColumn('committed_at', 'timestamptz', 'When it was listed here.', true)
  ],
  partition: [{ column: 'committed_at', name: 'dead_date', transform: 'day' }]
}

export interface WriterTables {
  readonly events: LoadedTable
  readonly letters: LoadedTable
  /**
   * How far dead_letters was, by partition (`partition/topic`), when we read what it lists, and our own commits since. `letters` may be
   * further: a commit of ours reloads it, with what a rival listed meanwhile.
   */
  readonly lettersNext: ReadonlyMap<string, bigint>
  /** Below these offsets partitions were read before an operator's decision, by `partition/topic`. */
  readonly rereadTo?: ReadonlyMap<string, bigint>
}

export async function openTables (parts: CommitParts, log: LogOf): Promise<WriterTables> {
  const lettersTable = await openTable(parts, log, lettersShape)
  const listed = [...lettersProgress(lettersTable)?.topics ?? []].flatMap(([topic, { partitions }]) => [...partitions].map(([partition, { next }]) => [`${partition}/${topic}`, next] as const))
  return { letters: lettersTable, events: await openTable(parts, log, eventsShape), lettersNext: new Map(listed) }
}

async function openTable (parts: CommitParts, log: LogOf, shape: TableShape): Promise<LoadedTable> {
  const found = await loadOrCreate(parts, log, shape)
  const table = await keepOwnColumns({ catalog: parts.catalog, storage: parts.storage, table: found, signal: parts.signal }, shape.columns)
  if (table.metadata['current-schema-id'] !== found.metadata['current-schema-id']) parts.logger.info({ table: shape.id.name, schema: table.metadata['current-schema-id'] }, 'the table has the columns of the contract now')
  layoutOf(table, shape)
  sayFormat(parts, table)
  return table
}

const formatSaid = new Set<string>()

/** Said once a process: a table may hold files of several formats, so this harms nothing. */
function sayFormat ({ logger }: CommitParts, { id, metadata }: LoadedTable): void {
  const format = metadata.properties['write.format.default'] ?? 'parquet'
  if (format.toLowerCase() === 'parquet' || formatSaid.has(metadata['table-uuid'])) return
  formatSaid.add(metadata['table-uuid'])
  logger.warn({ table: printIdentifier(id), format }, 'write.format.default is not followed: files are written as Parquet')
}

/** How files for the table have to look. Throws WRITER_TABLE_HALTED, or WRITER_TABLE_CHANGED when it has to be opened anew first. */
export function layoutOf (table: LoadedTable, shape: TableShape): FileLayout {
  const decided = decideLayout(table.metadata, shape.columns)
  if (decided.kind === 'fits') return decided.layout
  if (decided.kind === 'halt') throw fail('WRITER_TABLE_HALTED', { table: printIdentifier(table.id), reason: decided.reason, advice: decided.advice })
  throw fail('WRITER_TABLE_CHANGED', { table: printIdentifier(table.id), changes: decided.changes.join(', ') })
}

/** Files of a table of ours to be read, its columns under our names whatever they are called by now. */
export function ownScan (table: LoadedTable, files: readonly LiveFile[], storage: Storage): string {
  return duckdbScan(table, files, storage, ownColumns(table))
}

/** What `read` makes of the files under our own names for their columns; see readFiles of the catalog. */
export async function readOwn<T> (storage: Storage, table: LoadedTable, files: readonly LiveFile[], columns: readonly string[], read: (scan: string) => Promise<T>): Promise<T> {
  return await readFiles(storage, { table, files, columns, schema: ownColumns(table) }, async some => await read(ownScan(table, some, storage)))
}

export function ownColumns (table: LoadedTable): Schema {
  const { columns } = table.id.name === lettersId.name ? lettersShape : eventsShape
  return ownSchema(table.metadata, columns)
}

/** Files that were written for `table` may be committed to `base`. Throws as `layoutOf` does when they may not. */
export function demandLayout (table: LoadedTable, base: LoadedTable, shape: TableShape): void {
  const judged = judgeBase(table.metadata, base.metadata, shape.columns)
  if (judged.kind === 'halt') throw fail('WRITER_TABLE_HALTED', { table: printIdentifier(base.id), reason: judged.reason, advice: judged.advice })
  if (judged.kind === 'follow') throw fail('WRITER_TABLE_CHANGED', { table: printIdentifier(base.id), changes: judged.changes.join(', ') })
}

/**
 * Two writers may start at once: the second one finds the table, perhaps a moment later. A table that is missing, or empty, although
 * something was written to it is not made: WRITER_HALTED.
 */
async function loadOrCreate (parts: CommitParts, log: LogOf, shape: TableShape): Promise<LoadedTable> {
  const { catalog } = parts
  const others = [eventsId, lettersId].filter(id => id !== shape.id)
  for (let attempt = 1; ; attempt++) {
    try {
      const found = await catalog.loadTable(shape.id)
      // Dead letters may be empty for ever; events carries the offsets of every batch.
      if (shape.id === eventsId && isUntouched(found)) await refuseLost(parts, log, shape, others, found)
      return found
    } catch (error) {
      if (!isCatalogError(error, 'CATALOG_NO_SUCH_TABLE') || attempt > createAttemptsMax) throw error
    }
    const decided = await refuseLost(parts, log, shape, others, null)
    await catalog.ensureNamespace(shape.id.namespace)
    const schema = schemaOfColumns(shape.columns)
    try {
      return await catalog.createTable(shape.id, { schema, 'partition-spec': specOf(schema, shape), properties: { ...properties, ...ownColumnsOf(schema), ...decided } })
    } catch (error) {
      if (!isCatalogError(error, 'CATALOG_ALREADY_EXISTS')) throw error
      if (attempt > 1) await sleep(50 * attempt)
    }
  }
}

/** Nothing was ever committed to it, and no operator said that this is meant. */
function isUntouched ({ metadata }: LoadedTable): boolean {
  return metadata.snapshots.length === 0 && metadata.properties[offsetsProperty] === undefined && metadata.properties[startedAnewProperty] === undefined
}

/** Throws WRITER_HALTED when the table was more than it is now; returns what a new one says of the operator's decision. */
async function refuseLost (parts: CommitParts, log: LogOf, { id }: TableShape, others: readonly TableIdentifier[], found: LoadedTable | null): Promise<Record<string, string>> {
  const name = printIdentifier(id)
  const judged = judgeAbsence(name, await tracesOf(parts, log, id, others, found), parts.newTables?.startAnew.has(name) === true)
  if (judged.kind === 'halt') throw fail('WRITER_HALTED', { reason: judged.reason, choices: judged.choices })
  if (judged.kind === 'create') return {}
  parts.logger.warn({ table: name, reason: judged.reason }, 'the operator decides: the table starts anew')
  const decided = { [startedAnewProperty]: new Date(parts.nowMs()).toISOString() }
  if (found !== null) await setProperties({ ...parts, table: found }, decided)
  return decided
}

function specOf (schema: Schema, shape: TableShape): PartitionSpec {
  return { 'spec-id': 0, 'fields': shape.partition.map(({ column, name, transform }, i) => ({ 'source-id': schema.fields.find(field => field.name === column)!.id, 'field-id': 1000 + i, name, transform })) }
}

function letterColumn (name: string, type: string, doc: string, required = false): ContractColumn {
  return { name, wire: name, type, required, doc, since: 1 }
}
