// What the table says about its ids: which files came since a recorded state, and the ids in a file's rows.
// Refuses to guess: whatever is not established by the lineage of snapshots or by the live files themselves is answered
// with `anew`: all files, and what was known before means nothing.

import { changesSince, currentSnapshot, duckdbScan, identityValue, readFiles, scanFiles, type LiveFile, type LoadedTable, type Schema, type SourceRecord, type Storage } from '../catalog/index.ts'
import type { Engine } from './engine.ts'
import { hashSql, secondsSql, visitIds, type ParsedBatch } from './pipeline.ts'
import { knownSchema } from './row-files.ts'

/** A data file as the index sees it: when its rows arrived, in seconds. */
export interface IdFile {
  /** null when its partition does not say. */
  readonly type: string | null
  readonly rows: number
  readonly lower: number
  readonly upper: number
  readonly file: LiveFile
}

export type IdChanges =
  | { readonly kind: 'added', readonly files: IdFile[] }
  /** Rows may have gone: only these files count. */
  | { readonly kind: 'anew', readonly files: IdFile[] }

/** Four words of hash a row, of which three count, and its second. */
export type VisitIds = (hashes: Uint32Array, seconds: ArrayLike<number>, count: number) => void

/** The seam to the table: the real one reads Parquet files, the tests' twin a list. */
export interface TableIds {
  changes (table: LoadedTable, since: SourceRecord | null): Promise<IdChanges>
  /** The event types of files whose partitions do not say. */
  typesIn (table: LoadedTable, files: readonly IdFile[]): Promise<string[]>
  /** Rows that arrived at `from` or later. */
  visitSince (table: LoadedTable, files: readonly IdFile[], from: number, visit: VisitIds): Promise<void>
  /** Rows whose id is one of the batch's rows that arrived before `before`. */
  visitOfBatch (table: LoadedTable, files: readonly IdFile[], batch: ParsedBatch, before: number, visit: VisitIds): Promise<void>
}

/** All that is read of a file. */
const idColumns = ['event_id', 'received_at']

export function openTableIds (engine: Engine, storage: Storage): TableIds {
  const read = async (table: LoadedTable, files: readonly IdFile[], sql: (scan: string) => string, visit: VisitIds): Promise<void> => {
    if (files.length === 0) return
    await readFiles(storage, { table, files: files.map(({ file }) => file), columns: idColumns, schema: idsSchema(table) }, async chosen => {
      await visitIds(engine.main, sql(idsScan(table, chosen, storage)), 0, visit)
    })
  }
  return {
    async changes (table, since) {
      const changes = since === null ? null : await changesSince(storage, table, since)
      if (changes?.kind === 'unchanged') return { kind: 'added', files: [] }
      if (changes?.kind === 'appended' && (changes.by !== 'count' || hasNoParents(table))) {
        return { kind: 'added', files: describe(table, changes.files) }
      }
      const { files } = await scanFiles(storage, table)
      return { kind: 'anew', files: describe(table, files) }
    },
    async typesIn (table, files) {
      const { fields, ...schema } = knownSchema(table)
      const typed = { ...schema, fields: fields.filter(({ name }) => name === 'event_type') }
      const found = await readFiles(storage, { table, files: files.map(({ file }) => file), columns: ['event_type'], schema: typed }, async chosen =>
        await engine.main.runAndReadAll(`SELECT DISTINCT event_type FROM ${duckdbScan(table, chosen, storage, typed)}`))
      return found.getRows().flatMap(([type]) => typeof type === 'string' ? [type] : [])
    },
    async visitSince (table, files, from, visit) {
      await read(table, files, scan => `SELECT ${hashSql('event_id')}, ${secondsSql('received_at')} FROM ${scan} WHERE received_at >= make_timestamptz(${from * 1_000_000})`, visit)
    },
    async visitOfBatch (table, files, batch, before, visit) {
      const asked = `SELECT _h FROM ${batch.table} WHERE _reason IS NULL AND ${secondsSql('received_at')} < ${before}`
      const rows = (scan: string): string => `SELECT ${hashSql('event_id')} AS h, ${secondsSql('received_at')} AS s FROM ${scan}`
      await read(table, files, scan => `SELECT h, s FROM (${rows(scan)}) WHERE h IN (${asked})`, visit)
    }
  }
}

/** Nessie keeps none: there, that no row is missing has to be believed by their number. */
function hasNoParents ({ metadata }: LoadedTable): boolean {
  return currentSnapshot(metadata)?.['parent-snapshot-id'] === undefined
}

function idsScan (table: LoadedTable, files: readonly LiveFile[], storage: Storage): string {
  return duckdbScan(table, files, storage, idsSchema(table))
}

function idsSchema (table: LoadedTable): Schema {
  const schema = knownSchema(table)
  return { ...schema, fields: schema.fields.filter(({ name }) => idColumns.includes(name)) }
}

/** The first and last arrival by the file's statistics; all of time where there are none. */
function describe (table: LoadedTable, files: readonly LiveFile[]): IdFile[] {
  const id = knownSchema(table).fields.find(({ name }) => name === 'received_at')?.id ?? -1
  const typeId = knownSchema(table).fields.find(({ name }) => name === 'event_type')?.id
  return files.map(file => {
    const type = identityValue(table.metadata, file, typeId)
    return {
      type: typeof type === 'string' ? type : null,
      rows: Number(file.recordCount),
      lower: secondOf(file.lowerBounds.get(id)) ?? 0,
      upper: secondOf(file.upperBounds.get(id)) ?? Infinity,
      file
    }
  })
}

function secondOf (bound: Buffer | undefined): number | null {
  return bound === undefined || bound.length !== 8 ? null : Math.floor(Number(bound.readBigInt64LE()) / 1e6)
}
