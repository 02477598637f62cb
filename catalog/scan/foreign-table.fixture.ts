// For tests: a table whose schemas, specs, properties and files are given as another engine would make them, and whose rows are read by
// `duckdbScan`. Delete files can be added too. Refuses nothing.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { LoadedTable } from '../catalogs/catalog.ts'
import { DuckDBInstance } from '../files/duckdb.ts'
import { quoteText } from '../files/duckdb-types.ts'
import { addedEntry, encodeManifest } from '../files/manifest.ts'
import { encodeManifestList } from '../files/manifest-list.ts'
import type { DataFile, ManifestEntry, ManifestFile } from '../spec/data-file.ts'
import { createMetadata } from '../spec/new-table.ts'
import type { Partition } from '../spec/partition.ts'
import { currentSchema } from '../spec/schema.ts'
import { createSnapshotId } from '../spec/snapshot.ts'
import type { NestedField, PartitionField } from '../spec/types.ts'
import { openLocalStorage } from '../storage/local.ts'
import { bringFiles } from './bring-files.ts'
import { duckdbScan } from './duckdb-scan.ts'
import { scanFiles } from './scan-files.ts'

type Terms = readonly (readonly [transform: string, source: number])[]

export interface FileOptions extends Partial<ManifestEntry> {
  /** The same snapshot as the file before. */
  readonly isJoined?: boolean
  readonly specId?: number
  /** Names to be changed in the file once it is written, to others of the same length. */
  readonly renamed?: readonly (readonly [from: string, to: string])[]
  readonly lowerBounds?: Map<number, Buffer>
  readonly upperBounds?: Map<number, Buffer>
}

export interface ForeignTable {
  table: LoadedTable
  readonly folder: string
  /** `ids`: DuckDB's FIELD_IDS, null for none. Gives the location. */
  addParquet(query: string, ids: string | null, partition?: Partition, options?: FileOptions): Promise<string>
  addFile(file: DataFile, options?: FileOptions): Promise<void>
  setSchema(fields: readonly object[]): Promise<void>
  setProperties(properties: Record<string, string>): Promise<void>
  /** A further spec, not the default. Gives its id. Fields are called `f` and their source. */
  addSpec(terms: Terms): number
  rows(tail?: string, columns?: string): Promise<unknown[]>
}

export async function openForeignTable(t: { teardown(end: () => void): unknown }, fields: readonly object[], terms: Terms = []): Promise<ForeignTable> {
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'firn foreign [x]-'))
  const instance = await DuckDBInstance.create(':memory:')
  const db = await instance.connect()
  await db.run('SET TimeZone = \'UTC\'')
  t.teardown(() => {
    db.closeSync()
    instance.closeSync()
    rmSync(folder, { recursive: true })
  })
  const storage = openLocalStorage()
  const made = createMetadata({ schema: { 'type': 'struct', 'fields': [{ id: 1, name: 'x', required: false, type: 'int' }] } }, { location: `file://${folder}/t`, uuid: crypto.randomUUID(), nowMs: 0 })
  const manifests: ManifestFile[] = []
  let sequenceNumber = 0n
  let files = 0
  const metadata = {
    ...made,
    'schemas': [{ 'type': 'struct' as const, 'schema-id': 0, 'fields': fields as NestedField[] }],
    'partition-specs': [{ 'spec-id': 0, 'fields': fieldsOf(terms) }]
  }
  const foreign: ForeignTable = {
    folder,
    table: { id: { namespace: ['shop'], name: 'foreign' }, metadata, metadataLocation: null, config: {} } as unknown as LoadedTable,
    async addParquet(query, ids, partition = {}, options = {}) {
      const location = `file://${folder}/t/data/p=wrong/${files++}.parquet`
      const path = storage.toEnginePath(location)
      mkdirSync(dirname(path), { recursive: true })
      const [[count]] = (await db.runAndReadAll(`COPY (${query}) TO ${quoteText(path)} (FORMAT parquet${ids === null ? '' : `, FIELD_IDS ${ids}`})`)).getRows() as [[bigint]]
      for (const [from, to] of options.renamed ?? []) writeFileSync(path, Buffer.from(readFileSync(path).toString('latin1').replaceAll(from, to), 'latin1'))
      await foreign.addFile({
        location, format: 'PARQUET', specId: options.specId ?? 0, partition, recordCount: count, fileSizeBytes: BigInt(statSync(path).size), columnSizes: new Map(), valueCounts: new Map(),
        nullValueCounts: new Map(), lowerBounds: options.lowerBounds ?? new Map(), upperBounds: options.upperBounds ?? new Map(), splitOffsets: null, sortOrderId: null
      }, options)
      return location
    },
    async addFile(file, { isJoined = false, ...options } = {}) {
      if (!isJoined) sequenceNumber++
      const { metadata } = foreign.table
      const spec = metadata['partition-specs'].find(({ 'spec-id': id }) => id === file.specId)
      if (spec === undefined) throw new Error(`no spec ${file.specId}`)
      const snapshotId = createSnapshotId()
      const location = `file://${folder}/t/metadata/${files++}.avro`
      const entry = { ...addedEntry(file, snapshotId), ...options }
      const content = entry.content === 'data' ? 'data' : 'deletes'
      const { bytes, manifest } = await encodeManifest(location, [entry], { schema: currentSchema(metadata), schemas: metadata.schemas, spec, snapshotId, formatVersion: 3, content })
      await storage.writeDurably(location, bytes)
      const list = await encodeManifestList({ snapshotId, parentSnapshotId: null, sequenceNumber }, [...manifests, manifest])
      manifests.splice(0, manifests.length, ...list.manifests)
      const listLocation = `file://${folder}/t/metadata/${files++}-list.avro`
      await storage.writeDurably(listLocation, list.bytes)
      const snapshot = { 'snapshot-id': snapshotId, 'sequence-number': sequenceNumber, 'timestamp-ms': Number(sequenceNumber), 'manifest-list': listLocation, 'summary': { operation: 'append' as const } }
      change({ 'snapshots': [...metadata.snapshots, snapshot], 'current-snapshot-id': snapshotId, 'last-sequence-number': sequenceNumber })
    },
    async setSchema(fields) {
      const { schemas } = foreign.table.metadata
      const schema = { 'type': 'struct' as const, 'schema-id': schemas.length, 'fields': fields as NestedField[] }
      change({ 'schemas': [...schemas, schema], 'current-schema-id': schemas.length })
      await Promise.resolve()
    },
    async setProperties(properties) {
      change({ properties })
      await Promise.resolve()
    },
    addSpec(terms) {
      const specs = foreign.table.metadata['partition-specs']
      change({ 'partition-specs': [...specs, { 'spec-id': specs.length, 'fields': fieldsOf(terms) }] })
      return specs.length
    },
    async rows(tail = '', columns = '*') {
      const { files } = await scanFiles(storage, foreign.table)
      const release = await bringFiles(foreign.table, files, storage)
      const found = (await db.runAndReadAll(`SELECT ${columns} FROM ${duckdbScan(foreign.table, files, storage)} ${tail}`)).getRowObjectsJson()
      await release()
      return found
    }
  }
  const change = (some: Partial<LoadedTable['metadata']>) => { foreign.table = { ...foreign.table, metadata: { ...foreign.table.metadata, ...some } } }
  return foreign
}

function fieldsOf(terms: Terms): PartitionField[] {
  return terms.map(([transform, source], index) => ({ 'source-id': source, 'field-id': 1000 + index, 'name': `f${source}`, transform }))
}
