// The new content of partitions as Parquet files: one a partition, sorted as the header says, with Iceberg's field ids and
// statistics; more where a file would grow too large to be rewritten for a few rows. Durable when this resolves; on failure
// the files go.

import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { currentSchema, dataFileFromDuckDB, dataFileLocation, duckdbType, fieldIdsForDuckDB, type DataFile, type DuckDBStatsRow, type LoadedTable, type Storage } from '../../catalog/index.ts'
import type { Model } from '../models/model-file.ts'
import { unitColumn } from './dirty-condition.ts'
import { quoteName, quoteText, type Session } from './database.ts'
import type { NewPart } from './plan-rewrite.ts'

/** Small enough that a late row does not rewrite much, large enough to scan well. */
const fileBytesTarget = 16n * 1_048_576n
const bytesPerRowUnknown = 64n

/** `bytesPerRow`: of the files that are there. */
export async function writeFiles (session: Session, storage: Storage, model: Model, table: LoadedTable, parts: readonly NewPart[], bytesPerRow: bigint = bytesPerRowUnknown): Promise<DataFile[]> {
  const schema = currentSchema(table.metadata)
  const spec = table.metadata['partition-specs'].find(({ 'spec-id': id }) => id === table.metadata['default-spec-id'])!
  const known = new Set(model.columns.map(({ name }) => name))
  const columns = schema.fields.map(({ name, type }) => `cast(${known.has(name) ? quoteName(name) : 'null'} as ${duckdbType(type)}) as ${quoteName(name)}`).join(', ')
  const order = (model.sort.length > 0 ? model.sort : model.unit.kind === 'full' ? model.key : [unitColumn(model)]).map(name => `${quoteName(name)} nulls last`).join(', ')
  const rowsMax = fileBytesTarget / (bytesPerRow > 0n ? bytesPerRow : 1n)
  const begun: string[] = []
  const written: DataFile[] = []
  const write = async (select: string, { partition }: NewPart): Promise<void> => {
    const location = dataFileLocation(table.metadata, partition, `${crypto.randomUUID()}.parquet`)
    const path = storage.toEnginePath(location)
    if (path.startsWith('/')) await mkdir(dirname(path), { recursive: true })
    begun.push(location)
    const result = await session.connection.runAndReadAll(`copy (${select}) to ${quoteText(path)} (format parquet, compression zstd, field_ids ${fieldIdsForDuckDB(schema)}, return_stats)`)
    written.push(dataFileFromDuckDB(result.getRowObjects()[0] as unknown as DuckDBStatsRow, schema, spec, partition, location))
  }
  try {
    for (const part of parts) {
      if (part.rows <= rowsMax) {
        await write(`select ${columns} from (${part.select}) order by ${order}`, part)
        continue
      }
      await session.run(`create or replace temp table part_rows as select ${columns}, row_number() over (order by ${order}) as _row from (${part.select})`)
      for (let from = 0n; from < part.rows; from += rowsMax) await write(`select * exclude (_row) from part_rows where _row > ${from} and _row <= ${from + rowsMax} order by _row`, part)
      await session.run('drop table part_rows')
    }
    await storage.makeDurable(begun)
    // Nothing was left of a partition.
    const empty = written.filter(file => file.recordCount === 0n).map(file => file.location)
    if (empty.length > 0) await storage.delete(empty).catch(() => undefined)
    return written.filter(file => file.recordCount > 0n)
  } catch (error) {
    await storage.delete(begun).catch(() => undefined)
    throw error
  }
}
