// One row of a table by its key: only the files whose partition and statistics allow the key are read, by a DuckDB of this
// process, since no word of the statement is a stranger's. A few at once; the next ones wait.

import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import { DuckDBInstance, applyTransform, bringFiles, currentSchema, duckdbScan, isCatalogError, mayHold, quoteIdentifier, scanFiles, type LiveFile, type LoadedTable, type NestedField } from '../../catalog/index.ts'
import { fail } from '../errors.ts'
import { noExtensions } from '../query/duckdb-session.ts'
import { unreadable, type KnownTables, type LakeTables } from '../query/duckdb-views.ts'
import { Slots } from './slots.ts'

export interface FoundRow {
  readonly names: readonly string[]
  readonly row: readonly DuckDBValue[]
  readonly snapshotId: string
}

export interface KeyLookup {
  /** null when there is none. Throws MODEL_NOT_BUILT, SQL_CATALOG_AWAY, SQL_TABLE_UNREADABLE, QUERY_TOO_MANY. */
  find(model: string, key: string, value: string, left: AbortSignal): Promise<FoundRow | null>
  close(): void
}

const memoryMiBMax = 256
const atOnceMax = 3
const waitingMax = 200
const waitMsMax = 10_000

export async function openKeyLookup ({ catalog, catalogUrl, storage }: LakeTables, known: KnownTables): Promise<KeyLookup> {
  const instance = await DuckDBInstance.create(':memory:', { ...noExtensions, memory_limit: `${memoryMiBMax}MiB`, threads: '2' })
  const slots = new Slots({ atOnceMax, waitingMax, waitMsMax })
  const filesOf = new WeakMap<LoadedTable, Promise<LiveFile[]>>()
  const files = async (table: LoadedTable): Promise<LiveFile[]> => {
    let found = filesOf.get(table)
    if (found === undefined) filesOf.set(table, found = scanFiles(storage, table).then(({ files }) => files))
    found.catch(() => { filesOf.delete(table) })
    return await found
  }
  const load = async (model: string): Promise<LoadedTable> => {
    try {
      return await known.table(catalog, { namespace: ['analytics'], name: model })
    } catch (error) {
      if (isCatalogError(error, 'CATALOG_NO_SUCH_TABLE') || isCatalogError(error, 'CATALOG_NO_SUCH_NAMESPACE')) throw fail('MODEL_NOT_BUILT', { model }, error)
      if (isCatalogError(error, 'CATALOG_UNREACHABLE')) throw fail('SQL_CATALOG_AWAY', { url: catalogUrl, reason: error.values.reason ?? 'no answer' }, error)
      throw error
    }
  }
  return {
    async find (model, key, value, left) {
      const giveBack = await slots.take(left)
      let connection: DuckDBConnection | undefined
      let release: (() => Promise<void>) | undefined
      try {
        const table = await load(model)
        const field = currentSchema(table.metadata).fields.find(({ name }) => name === key)
        const snapshotId = table.metadata['current-snapshot-id']
        if (field === undefined || snapshotId === undefined || snapshotId === null) throw fail('MODEL_NOT_BUILT', { model })
        const candidates = (await files(table)).filter(file => mayHoldKey(table, file, field, value))
        if (candidates.length === 0) return null
        release = await bringFiles(table, candidates, storage)
        connection = await instance.connect()
        await connection.run("set TimeZone = 'UTC'; set parquet_metadata_cache = true")
        const reader = await connection.runAndReadUntil(`select * from ${duckdbScan(table, candidates, storage)} where ${quoteIdentifier(key)} = $1 limit 1`, 1, [value])
        const row = reader.getRows()[0]
        return row === undefined ? null : { names: reader.columnNames(), row, snapshotId: String(snapshotId) }
      } catch (error) {
        throw (error as { code?: unknown }).code === undefined ? unreadable(`analytics.${model}`, error) : error
      } finally {
        connection?.closeSync()
        await release?.()
        giveBack()
      }
    },
    close () { instance.closeSync() }
  }
}

/** By the statistics of the file and by those of its partition fields that are made from the key. */
export function mayHoldKey ({ metadata }: LoadedTable, file: LiveFile, field: NestedField, value: string): boolean {
  if (!mayHold(file, field, value, value)) return false
  const spec = metadata['partition-specs'].find(({ 'spec-id': id }) => id === file.specId)
  return (spec?.fields ?? []).every(({ 'source-id': source, name, transform }) => {
    if (source !== field.id || !/^(identity|bucket)/.test(transform)) return true
    const found = file.partition[name]
    return found === undefined || found === applyTransform(transform, field.type, value)
  })
}
