// For tests: rows of a table in a catalog deleted as other engines do it, by files that say which rows are gone: positions (Trino,
// Spark), equality (Flink), deletion vectors (v3, to which the table is upgraded). No data file is rewritten.

import { crc32 } from 'node:zlib'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { Catalog, LoadedTable } from '../catalogs/catalog.ts'
import { quoteText } from '../files/duckdb-types.ts'
import { decodeManifestList, encodeManifestList } from '../files/manifest-list.ts'
import { addedEntry, encodeManifest } from '../files/manifest.ts'
import type { LiveFile, ManifestEntry } from '../spec/data-file.ts'
import { currentSchema } from '../spec/schema.ts'
import { createSnapshotId, currentSnapshot } from '../spec/snapshot.ts'
import type { TableIdentifier } from '../spec/types.ts'
import type { Storage } from '../storage/storage.ts'
import { scanFiles } from './scan-files.ts'

export type DeleteKind = 'positions' | 'equality' | 'vectors'

export interface DeleteParts { readonly catalog: Catalog, readonly storage: Storage, readonly connection: DuckDBConnection }

/** Rows whose `column` is `value`. Gives how many; one snapshot. */
export async function deleteAsOthers (parts: DeleteParts, id: TableIdentifier, kind: DeleteKind, column: string, value: string): Promise<number> {
  const { catalog, storage } = parts
  if (kind === 'vectors') await catalog.commitTable(id, { requirements: [], updates: [{ 'action': 'upgrade-format-version', 'format-version': 3 }] })
  const table = await catalog.loadTable(id)
  const { metadata } = table
  const { files } = await scanFiles(storage, table)
  const snapshotId = createSnapshotId(metadata)
  const entries: ManifestEntry[] = []
  let gone = 0
  for (const file of files) {
    const positions = await positionsIn(parts, file, column, value)
    if (positions.length === 0) continue
    gone += positions.length
    entries.push(await deleteEntry(parts, table, file, kind, { positions, column, value, snapshotId }))
  }
  const parent = currentSnapshot(metadata)!
  const before = await decodeManifestList(await storage.read(parent['manifest-list']), parent['manifest-list'])
  const spec = metadata['partition-specs'].find(({ 'spec-id': id }) => id === metadata['default-spec-id'])!
  const place = `${metadata.location}/metadata/${crypto.randomUUID()}`
  const schema = currentSchema(metadata)
  const { bytes, manifest } = await encodeManifest(`${place}-m0.avro`, entries, { schema, schemas: metadata.schemas, spec, snapshotId, formatVersion: metadata['format-version'], content: 'deletes' })
  await storage.writeDurably(`${place}-m0.avro`, bytes)
  const sequenceNumber = metadata['last-sequence-number'] + 1n
  const firstRowId = metadata['format-version'] >= 3 ? metadata['next-row-id'] ?? 0n : undefined
  const list = await encodeManifestList({ snapshotId, parentSnapshotId: parent['snapshot-id'], sequenceNumber, ...firstRowId === undefined ? {} : { firstRowId } }, [...before, manifest])
  await storage.writeDurably(`${place}-list.avro`, list.bytes)
  const total = parent.summary['total-records'] ?? '0'
  const reply = await catalog.commitTable(id, {
    requirements: [{ 'type': 'assert-ref-snapshot-id', 'ref': 'main', 'snapshot-id': parent['snapshot-id'] }],
    updates: [
      {
        'action': 'add-snapshot',
        'snapshot': {
          'snapshot-id': snapshotId, 'parent-snapshot-id': parent['snapshot-id'], 'sequence-number': sequenceNumber, 'timestamp-ms': Date.now(), 'manifest-list': `${place}-list.avro`,
          'schema-id': metadata['current-schema-id'], 'summary': { 'operation': 'delete', 'added-delete-files': String(entries.length), 'total-records': total },
          ...firstRowId === undefined ? {} : { 'first-row-id': firstRowId, 'added-rows': list.assignedRows }
        }
      },
      { 'action': 'set-snapshot-ref', 'ref-name': 'main', 'type': 'branch', 'snapshot-id': snapshotId }
    ]
  })
  if (reply.kind !== 'landed') throw new Error(`the deletes did not land: ${JSON.stringify(reply, (_, one: unknown) => typeof one === 'bigint' ? String(one) : one)}`)
  return gone
}

async function positionsIn ({ connection, storage }: DeleteParts, { location }: LiveFile, column: string, value: string): Promise<number[]> {
  const release = await storage.bringNear([location])
  const sql = `select file_row_number from read_parquet(${quoteText(storage.toEnginePath(location))}, file_row_number = true, hive_partitioning = false) where "${column}" = ${quoteText(value)}`
  const rows = (await connection.runAndReadAll(sql)).getRows()
  await release()
  return rows.map(([position]) => Number(position))
}

interface Gone { readonly positions: readonly number[], readonly column: string, readonly value: string, readonly snapshotId: bigint }

async function deleteEntry (parts: DeleteParts, table: LoadedTable, file: LiveFile, kind: DeleteKind, { positions, column, value, snapshotId }: Gone): Promise<ManifestEntry> {
  const { connection, storage } = parts
  const place = `${table.metadata.location}/data/${crypto.randomUUID()}`
  const about = {
    specId: file.specId, partition: file.partition, columnSizes: new Map(), valueCounts: new Map(), nullValueCounts: new Map(), lowerBounds: new Map(), upperBounds: new Map(), splitOffsets: null, sortOrderId: null
  }
  if (kind === 'vectors') {
    const { bytes, contentSizeBytes } = vectorOf(positions)
    const location = `${place}.puffin`
    await storage.writeDurably(location, bytes)
    const entry = addedEntry({ ...about, location, format: 'PUFFIN', recordCount: BigInt(positions.length), fileSizeBytes: BigInt(bytes.length) }, snapshotId)
    return { ...entry, content: 'position-deletes', referencedDataFile: file.location, contentOffset: 4n, contentSizeBytes }
  }
  const location = `${place}.parquet`
  const field = currentSchema(table.metadata).fields.find(({ name }) => name === column)!
  const [select, ids] = kind === 'positions'
    ? [`select ${quoteText(file.location)} as file_path, unnest([${positions.join()}])::bigint as pos`, '{file_path: 2147483546, pos: 2147483545}']
    : [`select ${quoteText(value)} as "${column}"`, `{"${column}": ${field.id}}`]
  await connection.run(`copy (${select}) to ${quoteText(storage.toEnginePath(location))} (format parquet, field_ids ${ids})`)
  const [[size]] = (await connection.runAndReadAll(`select size::bigint from read_blob(${quoteText(storage.toEnginePath(location))})`)).getRows() as [[bigint]]
  await storage.makeDurable([location])
  const recordCount = kind === 'positions' ? BigInt(positions.length) : 1n
  const entry = addedEntry({ ...about, location, format: 'PARQUET', recordCount, fileSizeBytes: size }, snapshotId)
  return kind === 'positions' ? { ...entry, content: 'position-deletes' } : { ...entry, content: 'equality-deletes', equalityIds: [field.id] }
}

/** A Puffin file whose only blob is one array of positions below 65,536. */
function vectorOf (positions: readonly number[]): { bytes: Buffer, contentSizeBytes: bigint } {
  const u16 = (...values: number[]): Buffer => Buffer.from(Uint16Array.from(values).buffer)
  const u32 = (...values: number[]): Buffer => Buffer.from(Uint32Array.from(values).buffer)
  const array = u16(...positions.toSorted((a, b) => a - b))
  const content = Buffer.concat([Buffer.from([0xd1, 0xd3, 0x39, 0x64]), u32(1, 0), u32(0), u32(12_346, 1), u16(0, positions.length - 1), u32(16), array])
  const ends = Buffer.alloc(8)
  ends.writeUInt32BE(content.length, 0)
  ends.writeUInt32BE(crc32(content), 4)
  return { bytes: Buffer.concat([Buffer.from('PFA1'), ends.subarray(0, 4), content, ends.subarray(4), Buffer.from('footer')]), contentSizeBytes: BigInt(content.length + 8) }
}
