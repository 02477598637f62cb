// Rows of a batch as data files of a table, in the shape that the table has now: columns by their field ids, partitions by
// whatever spec is the default one, from the row's own values, one file for each partition; where a batch of a table that is
// partitioned as ours is would fall into many, the small ones share a file of a spec without fields, until it is compacted.
// Refuses (WRITER_TABLE_HALTED) a table that cannot be written as it is, and (WRITER_PARTITIONS_MANY) a batch that would
// fall into too many files.

import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { currentSchema, dataFileFromDuckDB, dataFileLocation, duckdbScan, fieldIdsForDuckDB, listFields, ownSchema, sharedSpecOf, placeRows, placingTerms, printIdentifier, quoteIdentifier, quoteText, writtenColumns, type DataFile, type DuckDBStatsRow, type FileLayout, type LiveFile, type LoadedTable, type NestedField, type OwnSql, type Partition, type PartitionSpec, type Schema, type Storage } from '../catalog/index.ts'
import { filesUsualMaxDefault, partitionsAlone } from './allot-files.ts'
import { sqlList, type Engine } from './engine.ts'
import { fail } from './errors.ts'
import type { ParsedBatch, RowPartition } from './pipeline.ts'
import { fillSql } from './sql-templates.ts'
import { eventsShape, layoutOf, type TableShape } from './tables.ts'

/** Files of one commit: more take longer to write than an interval, and make a table that nothing can read fast. */
export const filesMaxDefault = 1000

/** Rows as they lie in DuckDB. */
export interface RowSource {
  /** A base table, sorted as its files shall be. */
  readonly table: string
  readonly where: string
  readonly own: OwnSql
  readonly rows: number
}

interface FileOf { readonly partition: Partition, readonly select: string, readonly spec?: PartitionSpec }

export interface FilesMax { readonly placed?: number | undefined, readonly usual?: number | undefined }

/** The rows of events. `partitions`: how they fall by event type and day, which is how a table of ours is partitioned. */
export async function writeRows (engine: Engine, storage: Storage, table: LoadedTable, batch: ParsedBatch, partitions: readonly RowPartition[], committedUs: bigint, { placed: filesMax = filesMaxDefault, usual: usualMax = filesUsualMaxDefault }: FilesMax = {}): Promise<DataFile[]> {
  if (partitions.length === 0) return []
  const layout = layoutOf(table, eventsShape)
  const own: OwnSql = name => rowExpression(name, batch, committedUs)
  const usual = usualPartition(layout)
  if (usual !== null) {
    const columns = writtenColumns(layout, own)
    const spec = sharedSpecOf(table.metadata)
    const chosen = spec === undefined ? partitions : partitionsAlone(partitions, usualMax)
    const files: FileOf[] = chosen.map(({ eventType, days }) => ({
      partition: usual(eventType, days),
      select: fillSql('rows', { columns, table: batch.table, event_type: quoteText(eventType), days })
    }))
    if (spec !== undefined && chosen.length < partitions.length) files.push({ partition: {}, spec, select: fillSql('rest', { columns, table: batch.table, others: chosen.map(isOf).join(' OR ') || 'false' }) })
    return await writeFiles(engine, storage, table, layout, files)
  }
  const rows = partitions.reduce((sum, partition) => sum + partition.rows, 0)
  return await writePlaced(engine, storage, table, layout, { table: batch.table, where: '_reason IS NULL AND NOT _duplicate', own, rows }, filesMax)
}

/** Whether small partitions of the batch have to share a file, for which the table needs a spec without fields. */
export function needsSharedFile (table: LoadedTable, partitions: readonly RowPartition[], usualMax = filesUsualMaxDefault): boolean {
  return partitions.length > usualMax && usualPartition(layoutOf(table, eventsShape)) !== null
}

function isOf ({ eventType, days }: RowPartition): string {
  return `(event_type = ${quoteText(eventType)} AND _row_date = DATE '1970-01-01' + ${days}::INTEGER)`
}

/** Rows of any table of ours, by its spec. */
export async function writeSource (engine: Engine, storage: Storage, table: LoadedTable, shape: TableShape, source: RowSource, filesMax = filesMaxDefault): Promise<DataFile[]> {
  return await writePlaced(engine, storage, table, layoutOf(table, shape), source, filesMax)
}

/**
 * Rows of the table itself, written again: our columns are called as we call them, those of others `_f` and their field id.
 */
export async function rewriteRows (engine: Engine, storage: Storage, table: LoadedTable, shape: TableShape, name: string, files: readonly LiveFile[], where: string): Promise<DataFile[]> {
  const layout = layoutOf(table, shape)
  const schema = currentSchema(table.metadata)
  const names = new Map(listFields(schema).map(({ field, path }) => [field.id, layout.ownNames.get(field.id) ?? (path.length === 1 ? `_f${field.id}` : field.name)]))
  const named = (fields: readonly NestedField[]): NestedField[] => fields.map(field => ({ ...field, name: names.get(field.id)!, type: typeof field.type !== 'string' && field.type.type === 'struct' ? { ...field.type, fields: named(field.type.fields) } : field.type }))
  const kept = quoteIdentifier(name)
  try {
    await engine.main.run(`CREATE OR REPLACE TABLE ${kept} AS SELECT * FROM ${duckdbScan(table, files, storage, { ...schema, fields: named(schema.fields) })} WHERE ${where}`)
    const rows = files.reduce((sum, file) => sum + Number(file.recordCount), 0)
    return await writePlaced(engine, storage, table, { ...layout, schema, ownNames: names }, { table: kept, where: 'true', own: quoteIdentifier, rows }, filesMaxDefault)
  } finally {
    await engine.main.run(`DROP TABLE IF EXISTS ${kept}`)
  }
}

/** Those columns that the writer knows, under the writer's names whatever they are called by now: to read its own rows. */
export function knownSchema (table: LoadedTable): Schema {
  return ownSchema(table.metadata, eventsShape.columns)
}

async function writePlaced (engine: Engine, storage: Storage, table: LoadedTable, layout: FileLayout, { table: from, where, own, rows }: RowSource, filesMax: number): Promise<DataFile[]> {
  const into = quoteIdentifier(`${from.replaceAll('"', '')}-placed`)
  try {
    const parts = await placeRows(engine.main, { table: from, where, terms: placingTerms(layout, currentSchema(table.metadata), own), into, isTemporary: false, partsMax: filesMax })
    if ('tooMany' in parts) throw fail('WRITER_PARTITIONS_MANY', { rows, partitions: parts.tooMany, filesMax, table: printIdentifier(table.id) })
    const columns = writtenColumns(layout, own)
    return await writeFiles(engine, storage, table, layout, parts.map(({ partition, part }) => ({ partition, select: `SELECT ${columns} FROM ${into} WHERE _part = ${part}` })))
  } finally {
    await engine.main.run(`DROP TABLE IF EXISTS ${into}`)
  }
}

/** Durable when this resolves. */
async function writeFiles (engine: Engine, storage: Storage, { metadata }: LoadedTable, { schema, spec, codec }: FileLayout, files: readonly FileOf[]): Promise<DataFile[]> {
  const fieldIds = fieldIdsForDuckDB(schema)
  const locations = files.map(({ partition, spec: own = spec }) => dataFileLocation(metadata, partition, `${crypto.randomUUID()}.parquet`, own['spec-id']))
  const paths = locations.map(location => storage.toEnginePath(location))
  for (const dir of new Set(paths.filter(path => path.startsWith('/')).map(dirname))) await mkdir(dir, { recursive: true })
  const stats = await engine.runAll(files.map(({ select }, i) =>
    `COPY (${select}) TO ${quoteText(paths[i]!)} (FORMAT parquet, COMPRESSION ${codec}, FIELD_IDS ${fieldIds}, RETURN_STATS)`))
  await storage.makeDurable(locations)
  return stats.map(([row], i) => dataFileFromDuckDB(row as unknown as DuckDBStatsRow, schema, files[i]!.spec ?? spec, files[i]!.partition, locations[i]!, metadata.properties))
}

/** The tuple of an event type and a day where that is all that the spec asks for, under whatever names; null for every other spec. */
function usualPartition ({ spec, ownNames }: FileLayout): ((eventType: string, days: number) => Partition) | null {
  const kinds = spec.fields.map(({ 'source-id': source, transform }) => transform === 'void' ? 'void' : `${transform} ${ownNames.get(source) ?? ''}`)
  const isUsual = kinds.every(kind => ['void', 'identity event_type', 'day event_time'].includes(kind))
  if (!isUsual || !kinds.includes('identity event_type') || !kinds.includes('day event_time')) return null
  return (eventType, days) => Object.fromEntries(spec.fields.map(({ name }, i) => [name, kinds[i] === 'void' ? null : kinds[i] === 'day event_time' ? days : eventType]))
}

function rowExpression (name: string, batch: ParsedBatch, committedUs: bigint): string {
  switch (name) {
    case 'committed_at': return `make_timestamptz(${committedUs})`
    case 'log_topic': return `${sqlList(batch.lanes.map(lane => lane.topic))}[_lane + 1]`
    case 'log_partition': return `CAST([${batch.lanes.map(lane => lane.partition).join(', ')}] AS INTEGER[])[_lane + 1]`
    default: return quoteIdentifier(name)
  }
}
