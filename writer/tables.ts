// The two tables of the writer: created when they are missing, and their columns kept up with the contract.
// A column is only ever added (in a metadata commit of its own); a table that is newer than this writer is left as it
// is, and the columns that the writer knows are written. Refuses tables whose columns or partitioning do not fit.

import { setTimeout as sleep } from 'node:timers/promises'
import { evolveSchema, isCatalogError, printIdentifier, schemaOfColumns, type Catalog, type LoadedTable, type PartitionSpec, type Schema, type TableIdentifier } from '../catalog/index.ts'
import { contractColumns, rowColumns, type ContractColumn } from '../openapi/index.ts'
import { lettersProgress, type CommitParts } from './commit.ts'
import { fail } from './errors.ts'

export const eventsId: TableIdentifier = { namespace: ['firn'], name: 'events' }
export const lettersId: TableIdentifier = { namespace: ['firn'], name: 'dead_letters' }

const createAttemptsMax = 10

const properties = {
  'write.metadata.delete-after-commit.enabled': 'true',
  'write.metadata.previous-versions-max': '20',
  'write.parquet.compression-codec': 'zstd',
  'write.metadata.metrics.default': 'truncate(16)'
}

interface TableShape { readonly id: TableIdentifier, readonly columns: readonly ContractColumn[], readonly partition: readonly { column: string, name: string, transform: string }[] }

const events: TableShape = {
  id: eventsId,
  columns: [...contractColumns, ...rowColumns],
  partition: [{ column: 'event_type', name: 'event_type', transform: 'identity' }, { column: 'event_time', name: 'event_date', transform: 'day' }]
}

const letters: TableShape = {
  id: lettersId,
  columns: [
    letterColumn('reason', 'string', 'Code of why the record is no row; `duplicate` for dropped duplicates.', true),
    letterColumn('error', 'string', 'The reason in words.'),
    letterColumn('payload', 'binary', 'The record as it was in the log; null for duplicates.'),
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
}

export async function openTables (parts: CommitParts): Promise<WriterTables> {
  const lettersTable = await openTable(parts, letters)
  const listed = [...lettersProgress(lettersTable)?.topics ?? []].flatMap(([topic, { partitions }]) => [...partitions].map(([partition, { next }]) => [`${partition}/${topic}`, next] as const))
  return { letters: lettersTable, events: await openTable(parts, events), lettersNext: new Map(listed) }
}

async function openTable (parts: CommitParts, shape: TableShape): Promise<LoadedTable> {
  const table = await loadOrCreate(parts.catalog, shape)
  refuseUnfit(table, shape)
  const evolved = await evolveSchema({ catalog: parts.catalog, storage: parts.storage, table, signal: parts.signal }, shape.columns)
  if (evolved !== table) parts.logger.info({ table: shape.id.name, schema: evolved.metadata['current-schema-id'] }, 'the table has the columns of the contract now')
  return evolved
}

/** Two writers may start at once: who comes second finds the table, perhaps a moment later. */
async function loadOrCreate (catalog: Catalog, shape: TableShape): Promise<LoadedTable> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await catalog.loadTable(shape.id)
    } catch (error) {
      if (!isCatalogError(error, 'CATALOG_NO_SUCH_TABLE') || attempt > createAttemptsMax) throw error
    }
    await catalog.ensureNamespace(shape.id.namespace)
    const schema = schemaOfColumns(shape.columns)
    try {
      return await catalog.createTable(shape.id, { schema, 'partition-spec': specOf(schema, shape), properties })
    } catch (error) {
      if (!isCatalogError(error, 'CATALOG_ALREADY_EXISTS')) throw error
      if (attempt > 1) await sleep(50 * attempt)
    }
  }
}

function specOf (schema: Schema, shape: TableShape): PartitionSpec {
  return { 'spec-id': 0, 'fields': shape.partition.map(({ column, name, transform }, i) => ({ 'source-id': schema.fields.find(field => field.name === column)!.id, 'field-id': 1000 + i, name, transform })) }
}

function refuseUnfit ({ id, metadata }: LoadedTable, shape: TableShape): void {
  if (metadata['format-version'] !== 2) throw fail('WRITER_FORMAT_UNFIT', { table: printIdentifier(id), found: metadata['format-version'] })
  const spec = metadata['partition-specs'].find(({ 'spec-id': specId }) => specId === metadata['default-spec-id'])!
  const print = (fields: readonly { name: string, transform: string }[]): string => fields.map(({ name, transform }) => `${transform} as ${name}`).join(', ')
  if (print(spec.fields) !== print(shape.partition)) throw fail('WRITER_SPEC_UNFIT', { table: printIdentifier(id), found: print(spec.fields), expected: print(shape.partition) })
}

function letterColumn (name: string, type: string, doc: string, required = false): ContractColumn {
  return { name, wire: name, type, required, doc, since: 1 }
}
