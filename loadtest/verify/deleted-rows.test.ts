// What delete files of other engines hide: each rule of the specification on files of a few rows.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { crc32 } from 'node:zlib'
import type { DuckDBConnection } from '@duckdb/node-api'
import t from 'tap'
import { openStorage, quoteText, type DeleteFile, type LiveFile, type LoadedTable } from '../../catalog/index.ts'
import { openDeletedRows } from './deleted-rows.ts'
import { openJudgingEngine } from './judging-engine.ts'
import { readParquet } from './table-files.ts'

const engine = await openJudgingEngine(128)
t.teardown(() => { engine.close() })
const { connection } = engine
const dir = t.testdir()
const storage = openStorage(pathToFileURL(dir).href)
const table = {
  id: { namespace: ['firn'], name: 'events' },
  metadata: {
    'current-schema-id': 0,
    'schemas': [{ 'schema-id': 0, 'type': 'struct', 'fields': [{ id: 1, name: 'id', type: 'string', required: false }, { id: 2, name: 'kind', type: 'string', required: false }] }],
    'partition-specs': [{ 'spec-id': 0, 'fields': [] }, { 'spec-id': 1, 'fields': [{ 'source-id': 2, 'field-id': 1000, 'name': 'kind', 'transform': 'identity' }] }]
  }
} as unknown as LoadedTable
let made = 0

async function parquet (db: DuckDBConnection, select: string): Promise<string> {
  const path = join(dir, `f${made++}.parquet`)
  await db.run(`copy (${select}) to ${quoteText(path)} (format parquet)`)
  return pathToFileURL(path).href
}

/** Rows `a0` to `a<rows - 1>` of a data file. */
async function data (name: string, rows: number, dataSequenceNumber: bigint, part: string | null = null): Promise<LiveFile> {
  const location = await parquet(connection, `select '${name}' || n as id, ${part === null ? 'null::varchar' : `'${part}'`} as kind from range(${rows}) r(n)`)
  return { location, dataSequenceNumber, specId: part === null ? 0 : 1, partition: part === null ? {} : { kind: part } } as LiveFile
}

function remover (location: string, content: string, dataSequenceNumber: bigint, more: Partial<DeleteFile> = {}): DeleteFile {
  return { location, content, dataSequenceNumber, format: 'PARQUET', specId: 0, partition: {}, recordCount: 1n, equalityIds: null, referencedDataFile: null, contentOffset: null, contentSizeBytes: null, lowerBounds: new Map(), upperBounds: new Map(), ...more } as DeleteFile
}

async function goneOf (files: readonly LiveFile[], deletes: readonly DeleteFile[]): Promise<string[]> {
  const found = await openDeletedRows(connection, storage, table, files, deletes, 'tried')
  const from = readParquet(files.map(({ location }) => ({ path: storage.toEnginePath(location) })), ', filename = true, file_row_number = true')
  return (await connection.runAndReadAll(`select f.id from ${from} f where ${found?.goneSql() ?? 'false'} order by 1`)).getRows().map(([id]) => String(id))
}

t.test('deletes by position hide rows of their own and of older snapshots, in whichever way the location is spelt', async t => {
  const [old, same, newer] = [await data('a', 3, 1n), await data('b', 3, 2n), await data('c', 3, 3n)]
  const spelt = old.location.replace('file:///', 'file:/')
  const at = await parquet(connection, `select * from (values (${quoteText(spelt)}, 1), (${quoteText(same.location)}, 2), (${quoteText(newer.location)}, 0)) v(file_path, pos)`)
  t.strictSame(await goneOf([old, same, newer], [remover(at, 'position-deletes', 2n)]), ['a1', 'b2'])
  t.strictSame(await goneOf([old, same, newer], []), [])
})

t.test('equality deletes hide older rows alone, null beside null, and only in their partition', async t => {
  const [old, same] = [await data('a', 3, 1n, 'x'), await data('a', 3, 2n, 'x')]
  const other = await data('a', 2, 1n, 'y')
  const ids = await parquet(connection, "select 'a1' as id")
  t.strictSame(await goneOf([old, same, other], [remover(ids, 'equality-deletes', 2n, { equalityIds: [1], specId: 1, partition: { kind: 'x' } })]), ['a1'])
  t.strictSame(await goneOf([old, same, other], [remover(ids, 'equality-deletes', 2n, { equalityIds: [1] })]), ['a1', 'a1'], 'of an unpartitioned spec: everywhere')
  const nulls = await parquet(connection, 'select null::varchar as kind')
  t.strictSame(await goneOf([await data('n', 2, 1n), old], [remover(nulls, 'equality-deletes', 2n, { equalityIds: [2] })]), ['n0', 'n1'])
  await t.rejects(goneOf([old], [remover(ids, 'equality-deletes', 2n, { equalityIds: [9] })]), /nested field/)
})

t.test('deletion vectors of every kind of container hide the rows that they name', async t => {
  const file = await data('v', 140_000, 1n)
  const many = Array.from({ length: 5000 }, (_, n) => 2 * n)
  const blob = vector([{ key: 0, kind: 'bits', low: many }, { key: 1, kind: 'list', low: [3, 9] }])
  const runs = vector([{ key: 0, kind: 'run', low: [7, 8, 9] }])
  const [whole, few] = [place(blob), place(runs)]
  const names = [...many.map(n => `v${n}`), 'v65539', 'v65545'].sort()
  t.strictSame(await goneOf([file], [remover(whole, 'position-deletes', 1n, { format: 'PUFFIN', referencedDataFile: file.location, contentOffset: 0n, contentSizeBytes: BigInt(blob.length), recordCount: 5002n })]), names)
  t.strictSame(await goneOf([file], [remover(few, 'position-deletes', 1n, { format: 'PUFFIN', referencedDataFile: file.location, contentOffset: 0n, contentSizeBytes: BigInt(runs.length), recordCount: 3n })]), ['v7', 'v8', 'v9'])
  const damaged = Buffer.from(blob)
  damaged[40]! ^= 1
  await t.rejects(goneOf([file], [remover(place(damaged), 'position-deletes', 1n, { format: 'PUFFIN', referencedDataFile: file.location, contentOffset: 0n, contentSizeBytes: BigInt(blob.length), recordCount: 5002n })]), /is damaged/)
})

t.test('a delete file of another format is refused by name', async t => {
  await t.rejects(goneOf([await data('a', 1, 1n)], [remover('file:///x.avro', 'position-deletes', 1n, { format: 'AVRO' })]), /format AVRO.*x\.avro/)
})

function place (bytes: Buffer): string {
  mkdirSync(dir, { recursive: true })
  const path = join(dir, `v${made++}.puffin`)
  writeFileSync(path, bytes)
  return pathToFileURL(path).href
}

/** A blob with one 32-bit bitmap. Runs stand alone here, since the layout of the heads differs with them. */
function vector (containers: readonly { key: number, kind: 'list' | 'bits' | 'run', low: readonly number[] }[]): Buffer {
  const hasRuns = containers.some(({ kind }) => kind === 'run')
  const u = (bytes: number, value: number | bigint): Buffer => { const b = Buffer.alloc(bytes); if (bytes === 8) b.writeBigUInt64LE(BigInt(value)); else b.writeUIntLE(Number(value), 0, bytes); return b }
  const bodies = containers.map(({ kind, low }) => {
    if (kind === 'run') return Buffer.concat([u(2, 1), u(2, low[0]!), u(2, low.length - 1)])
    if (kind === 'list') return Buffer.concat(low.map(one => u(2, one)))
    const bits = Buffer.alloc(8192)
    for (const one of low) bits[one >> 3]! |= 1 << (one & 7)
    return bits
  })
  const heads = containers.map(({ key, low }) => Buffer.concat([u(2, key), u(2, low.length - 1)]))
  const opening = hasRuns ? [u(4, 12_347 | (containers.length - 1) << 16), Buffer.from([1])] : [u(4, 12_346), u(4, containers.length)]
  const bitmap = Buffer.concat([...opening, ...heads, ...hasRuns ? [] : containers.map(() => u(4, 0)), ...bodies])
  const content = Buffer.concat([u(4, 0x6439d3d1), u(8, 1), u(4, 0), bitmap])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(content.length)
  sum.writeUInt32BE(crc32(content))
  return Buffer.concat([length, content, sum])
}
