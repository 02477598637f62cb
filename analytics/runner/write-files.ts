// The new content of partitions as Parquet files: one a partition, sorted as the header says, with Iceberg's field ids and
// statistics; more where a file would grow too large to be rewritten for a few rows. Durable when this resolves; on failure
// the files go.

import { copyToDataFile, dataFileLocation, quoteIdentifier, writtenColumns, type DataFile, type LoadedTable, type Storage } from '../../catalog/index.ts'
import type { DuckDBListValue } from '@duckdb/node-api'
import type { Model, ModelColumn } from '../models/model-file.ts'
import { unitColumn } from './dirty-condition.ts'
import type { Session } from './database.ts'
import { layoutOfModel } from './model-table.ts'
import type { NewPart } from './plan-rewrite.ts'

/** Small enough that a late row does not rewrite much, large enough to scan well. */
const fileBytesTarget = 16n * 1_048_576n
const bytesPerRowUnknown = 64n

/** `bytesPerRow`: of the files that are there. */
export async function writeFiles (session: Session, storage: Storage, model: Model, table: LoadedTable, parts: readonly NewPart[], bytesPerRow: bigint = bytesPerRowUnknown): Promise<DataFile[]> {
  const layout = layoutOfModel(table, model)
  const columns = writtenColumns(layout, quoteIdentifier)
  const ordered = model.sort.length > 0 ? model.sort : model.unit.kind === 'full' ? model.key : [unitColumn(model)]
  const firstOrder = model.columns.find(({ name }) => name === ordered[0])!
  const order = ordered.map(name => `${quoteIdentifier(name)} nulls last`).join(', ')
  const rowsMax = fileBytesTarget / (bytesPerRow > 0n ? bytesPerRow : 1n)
  const begun: string[] = []
  const written: DataFile[] = []
  const write = async (select: string, { partition }: NewPart): Promise<void> => {
    const location = dataFileLocation(table.metadata, partition, `${crypto.randomUUID()}.parquet`)
    begun.push(location)
    written.push(await copyToDataFile(session.connection, storage, table, { select, partition, location, layout }))
  }
  try {
    for (const part of parts) {
      if (part.rows <= rowsMax) {
        await write(`select ${columns} from (${part.select}) order by ${order}`, part)
        continue
      }
      for (const condition of await slicesOf(session, part, firstOrder, rowsMax)) await write(`select ${columns} from (${part.select}) where ${condition} order by ${order}`, part)
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

/**
 * Conditions that cut a partition into files: by ranges of the first column of the order where that is a time, so that bounds still prune,
 * and by its hash otherwise. Sorting the whole partition first would have to hold it in memory.
 */
async function slicesOf (session: Session, part: NewPart, { name, type }: ModelColumn, rowsMax: bigint): Promise<string[]> {
  const count = Number((part.rows + rowsMax - 1n) / rowsMax)
  const column = quoteIdentifier(name)
  if (type !== 'timestamptz') return Array.from({ length: count }, (_, i) => `hash(${column}) % ${count} = ${i}`)
  const us = `epoch_us(${column})`
  const [[found]] = await session.rows(`select list_sort(list_distinct(approx_quantile(${us}, [${Array.from({ length: count - 1 }, (_, i) => (i + 1) / count).join(', ')}]))) from (${part.select})`) as [[DuckDBListValue | null]]
  const bounds = (found?.items ?? []).map(String)
  return [...bounds, null].map((to, i) => [i === 0 ? (to === null ? 'true' : `${us} < ${to}`) : `${us} >= ${bounds[i - 1]}${to === null ? '' : ` and ${us} < ${to}`}`, to === null ? ` or ${column} is null` : ''].join(''))
}
