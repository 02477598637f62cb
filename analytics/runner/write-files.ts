// Placed rows as Parquet files: one a partition, sorted as the header says, with Iceberg's field ids and statistics; more
// where a file would grow too large to be rewritten for a few rows. Durable when this resolves; on failure the files go.

import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { currentSchema, dataFileFromDuckDB, dataFileLocation, duckdbType, fieldIdsForDuckDB, type DataFile, type DuckDBStatsRow, type LoadedTable, type Storage } from '../../catalog/index.ts'
import type { Model } from '../models/model-file.ts'
import { unitColumn } from './dirty-condition.ts'
import { quoteName, quoteText, type Session } from './database.ts'
import type { PlacedRows } from './place-rows.ts'

/** Small enough that a late row does not rewrite much, large enough to scan well. */
const fileBytesTarget = 48n * 1_048_576n
const bytesPerRowUnknown = 64n

export async function writeFiles (session: Session, storage: Storage, model: Model, table: LoadedTable, { table: rows, parts }: PlacedRows, bytesPerRow: bigint = bytesPerRowUnknown): Promise<DataFile[]> {
  const schema = currentSchema(table.metadata)
  const known = new Set(model.columns.map(({ name }) => name))
  const columns = schema.fields.map(({ name, type }) => `cast(${known.has(name) ? quoteName(name) : 'null'} as ${duckdbType(type)}) as ${quoteName(name)}`).join(', ')
  const spec = table.metadata['partition-specs'].find(({ 'spec-id': id }) => id === table.metadata['default-spec-id'])!
  const order = (model.sort.length > 0 ? model.sort : model.unit.kind === 'full' ? model.key : [unitColumn(model)]).map(name => `${quoteName(name)} nulls last`).join(', ')
  const rowsMax = fileBytesTarget / (bytesPerRow > 0n ? bytesPerRow : 1n)
  const files = parts.flatMap(({ partition, rows: count, where }) => Array.from({ length: Number((count + rowsMax - 1n) / rowsMax) }, (_, i) => ({
    partition,
    select: `select ${columns} from ${rows} where ${where} order by ${order}${count <= rowsMax ? '' : ` limit ${rowsMax} offset ${BigInt(i) * rowsMax}`}`
  })))
  const locations = files.map(({ partition }) => dataFileLocation(table.metadata, partition, `${crypto.randomUUID()}.parquet`))
  const paths = locations.map(location => storage.toEnginePath(location))
  for (const dir of new Set(paths.filter(path => path.startsWith('/')).map(dirname))) await mkdir(dir, { recursive: true })
  const written: DataFile[] = []
  try {
    for (const [i, { partition, select }] of files.entries()) {
      const result = await session.connection.runAndReadAll(`copy (${select}) to ${quoteText(paths[i]!)} (format parquet, compression zstd, field_ids ${fieldIdsForDuckDB(schema)}, return_stats)`)
      written.push(dataFileFromDuckDB(result.getRowObjects()[0] as unknown as DuckDBStatsRow, schema, spec, partition, locations[i]!))
    }
    await storage.makeDurable(locations)
  } catch (error) {
    await storage.delete(locations).catch(() => undefined)
    throw error
  }
  return written
}
