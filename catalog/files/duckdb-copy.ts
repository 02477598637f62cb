/**
 * Lets DuckDB write the rows of a query as a data file of a table: compressed as the table wants, field ids as the schema has them, and the metrics that a
 * manifest needs.
 */
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { DataFile } from '../spec/data-file.ts'
import type { Partition } from '../spec/partition.ts'
import type { FileLayout } from '../spec/file-layout.ts'
import { parquetCompression } from '../spec/parquet-compression.ts'
import { currentSchema } from '../spec/schema.ts'
import type { TableMetadata } from '../spec/types.ts'
import { dataFileFromDuckDB, type DuckDBStatsRow } from './duckdb-statistics.ts'
import { fieldIdsForDuckDB, quoteText } from './duckdb-types.ts'

/** What is used of a connection of @duckdb/node-api. */
export interface CopyingDuckDB { runAndReadAll(sql: string): Promise<{ getRowObjects(): unknown[] }> }

/** What is used of a `Storage`. */
export interface EnginePaths { toEnginePath(location: string): string }

export interface DataFileToCopy {
  /** A SELECT whose columns are those of the current schema (or of `layout`), cast to its types (`duckdbType`), all of one partition. */
  readonly select: string
  readonly partition: Partition
  /** A new one, from `dataFileLocation`. */
  readonly location: string
  readonly layout?: FileLayout
}

/** Not durable before `storage.makeDurable` has its location. Throws what DuckDB says when the query or the write fails; a half-written file may stay. */
export async function copyToDataFile(connection: CopyingDuckDB, storage: EnginePaths, { metadata }: { readonly metadata: TableMetadata }, { select, partition, location, layout }: DataFileToCopy): Promise<DataFile> {
  const schema = layout?.schema ?? currentSchema(metadata)
  const spec = layout?.spec ?? metadata['partition-specs'].find(({ 'spec-id': id }) => id === metadata['default-spec-id'])!
  const path = storage.toEnginePath(location)
  await mkdir(dirname(path), { recursive: true })
  const result = await connection.runAndReadAll(`COPY (${select}) TO ${quoteText(path)} (FORMAT parquet, COMPRESSION ${layout?.codec ?? parquetCompression(metadata.properties)}, FIELD_IDS ${fieldIdsForDuckDB(schema)}, RETURN_STATS)`)
  return dataFileFromDuckDB(result.getRowObjects()[0] as DuckDBStatsRow, schema, spec, partition, location, metadata.properties)
}
