/**
 * Rows that another engine deleted without rewriting files are gone for every reader of ours: deletes by position (Trino, Spark), by equality
 * (Flink, Java) and deletion vectors (v3), each for exactly the files that the specification says.
 */
import t from 'tap'
import { crc32 } from 'node:zlib'
import type { Partition } from '../spec/partition.ts'
import { openForeignTable, type FileOptions, type ForeignTable } from './foreign-table.fixture.ts'

const field = (id: number, name: string, type: unknown) => ({ id, name, required: false, type })
const columns = [field(1, 'id', 'long'), field(2, 'place', 'string')]
const ids = '{id: 1, place: 2}'
const positionIds = '{file_path: 2147483546, pos: 2147483545}'

const rowsOf = (from: number, to: number, place = 'x') => `SELECT range AS id, '${place}' AS place FROM range(${from}, ${to})`
const positionsOf = (location: string, ...positions: number[]) => `SELECT '${location.replaceAll('\'', '\'\'')}' AS file_path, unnest([${positions.join()}])::BIGINT AS pos`
const deletePositions = async (table: ForeignTable, query: string, partition: Partition = {}, options: FileOptions = {}) =>
  await table.addParquet(query, positionIds, partition, { content: 'position-deletes', ...options })
const deleteEqual = async (table: ForeignTable, query: string, fileIds: string, equalityIds: number[], partition: Partition = {}, options: FileOptions = {}) =>
  await table.addParquet(query, fileIds, partition, { content: 'equality-deletes', equalityIds, ...options })
const idsOf = async (table: ForeignTable) => ((await table.rows('ORDER BY id', 'id::INTEGER AS id')) as { id: number }[]).map(row => row.id)

t.test('deletes by position take the rows of their file that are as old as they or older', async t => {
  const table = await openForeignTable(t, columns)
  const first = await table.addParquet(rowsOf(0, 5), ids)
  const second = await table.addParquet(rowsOf(10, 13), ids)
  await deletePositions(table, `${positionsOf(first, 1, 3)} UNION ALL ${positionsOf(second, 0)} UNION ALL ${positionsOf('file:///elsewhere', 2)}`, {}, { isJoined: true })
  t.same(await idsOf(table), [0, 2, 4, 11, 12], 'the second file has the sequence number of the deletes')
  const third = await table.addParquet(rowsOf(20, 22), ids)
  t.same(await idsOf(table), [0, 2, 4, 11, 12, 20, 21])
  await deletePositions(table, positionsOf(third, 0), {}, { sequenceNumber: 1n })
  t.same(await idsOf(table), [0, 2, 4, 11, 12, 20, 21], 'deletes that are older than the file say nothing about it')
  t.same(await table.rows('WHERE id > 3', 'count(*)::INTEGER AS n'), [{ n: 5 }])
})

t.test('deletes by position apply within their partition, or to the file that they name', async t => {
  const table = await openForeignTable(t, columns, [['identity', 2]])
  const a = await table.addParquet(rowsOf(0, 3, 'a'), ids, { f2: 'a' })
  const b = await table.addParquet(rowsOf(10, 13, 'b'), ids, { f2: 'b' })
  await deletePositions(table, `${positionsOf(a, 0)} UNION ALL ${positionsOf(b, 0)}`, { f2: 'a' })
  t.same(await idsOf(table), [1, 2, 10, 11, 12])
  await deletePositions(table, positionsOf(b, 1), { f2: 'a' }, { referencedDataFile: b })
  t.same(await idsOf(table), [1, 2, 10, 12])
  const bound = new Map([[2_147_483_546, Buffer.from(b)]])
  await deletePositions(table, positionsOf(b, 2), { f2: 'a' }, { lowerBounds: bound, upperBounds: bound })
  t.same(await idsOf(table), [1, 2, 10], 'both bounds of the paths are the file')
})

t.test('deletes by equality take rows that are strictly older, nulls too', async t => {
  const table = await openForeignTable(t, columns)
  await table.addParquet(`${rowsOf(0, 4)} UNION ALL SELECT 4, NULL UNION ALL SELECT NULL, 'n'`, ids)
  await deleteEqual(table, 'SELECT 2::BIGINT AS id UNION ALL SELECT NULL', '{id: 1}', [1])
  await table.addParquet(rowsOf(2, 3, 'again'), ids, {}, { isJoined: true })
  t.same(await table.rows('ORDER BY id', 'id::INTEGER AS id, place'), [{ id: 0, place: 'x' }, { id: 1, place: 'x' }, { id: 2, place: 'again' }, { id: 3, place: 'x' }, { id: 4, place: null }])
  await deleteEqual(table, 'SELECT 4::BIGINT AS id, NULL::VARCHAR AS place UNION ALL SELECT 1, \'other\'', ids, [1, 2])
  t.same(await idsOf(table), [0, 1, 2, 3], 'all columns must be equal')
  await deleteEqual(table, 'SELECT \'again\' AS place', '{place: 2}', [2])
  t.same(await idsOf(table), [0, 1, 3])
})

t.test('deletes by equality hold in their partition; those of a spec without fields everywhere', async t => {
  const table = await openForeignTable(t, columns, [['identity', 2]])
  const unpartitioned = table.addSpec([])
  const voided = table.addSpec([['void', 2]])
  for (const [at, place] of ['a', 'b', 'c'].entries()) await table.addParquet(rowsOf(at * 10, at * 10 + 3, place), ids, { f2: place })
  await table.addParquet(rowsOf(30, 33, 'd'), ids, {}, { specId: unpartitioned })
  await deleteEqual(table, 'SELECT unnest([0, 10, 30])::BIGINT AS id', '{id: 1}', [1], { f2: 'a' })
  t.same(await idsOf(table), [1, 2, 10, 11, 12, 20, 21, 22, 30, 31, 32])
  await deleteEqual(table, 'SELECT unnest([11, 31])::BIGINT AS id', '{id: 1}', [1], {}, { specId: unpartitioned })
  t.same(await idsOf(table), [1, 2, 10, 12, 20, 21, 22, 30, 32])
  await deleteEqual(table, 'SELECT 21::BIGINT AS id', '{id: 1}', [1], { f2: null }, { specId: voided })
  t.same(await idsOf(table), [1, 2, 10, 12, 20, 22, 30, 32])
})

t.test('what deletes compare may be renamed, widened, nested, dropped, or left out of the file', async t => {
  const struct = (...fields: object[]) => ({ type: 'struct', fields })
  const table = await openForeignTable(t, [field(1, 'id', 'int'), field(2, 'place', struct(field(3, 'city', 'string'))), field(4, 'p', 'string')], [['identity', 4]])
  const all = '{id: 1, place: {__duckdb_field_id: 2, city: 3}}'
  for (const p of ['a', 'b']) await table.addParquet('SELECT range::INTEGER AS id, {city: \'c\' || range} AS place FROM range(3)', all, { f4: p })
  const unpartitioned = table.addSpec([])
  await deleteEqual(table, 'SELECT 0::INTEGER AS id, \'b\' AS p', '{id: 1, p: 4}', [1, 4], {}, { specId: unpartitioned })
  await deleteEqual(table, 'SELECT {city: \'c1\'} AS place', '{place: {__duckdb_field_id: 2, city: 3}}', [3], { f4: 'a' })
  const expected = [{ n: 0, p: 'a' }, { n: 2, p: 'a' }, { n: 1, p: 'b' }, { n: 2, p: 'b' }]
  t.same(await table.rows('ORDER BY p, id', 'id::INTEGER AS n, p'), expected)
  await table.setSchema([field(4, 'p', 'string'), field(1, 'n', 'long')])
  t.same(await table.rows('ORDER BY p, n', 'n::INTEGER AS n, p'), expected, 'a column that the table has no more still says which rows are gone')
})

t.test('a file may lose rows to every kind at once', async t => {
  const table = await openForeignTable(t, columns)
  const location = await table.addParquet(rowsOf(0, 200_000), ids)
  await deletePositions(table, positionsOf(location, 3))
  await deleteEqual(table, 'SELECT 5::BIGINT AS id', '{id: 1}', [1])
  t.same(await table.rows('', 'count(*)::INTEGER AS n'), [{ n: 199_998 }])
  // Arrays, a bitset and a run, as Roaring writes them; positions above 65,536.
  const bits = Array.from({ length: 5_000 }, (_, at) => at * 13)
  await addVector(table, location, [{ key: 0, array: [0, 7] }, { key: 1, bits }, { key: 2, runs: [[10, 4], [100, 1]] }])
  const gone = 1 + 2 + bits.length + 5 + 2
  t.same(await table.rows('', 'count(*)::INTEGER AS n'), [{ n: 200_000 - gone }], 'a vector takes the place of deletes by position')
  const look = [0, 3, 5, 7, 65_536, 65_537, 65_549, 131_081, 131_082, 131_086, 131_087, 131_172, 131_174]
  t.same(await table.rows(`WHERE id IN (${look.join()}) ORDER BY id`, 'id::INTEGER AS id'), [3, 65_537, 131_081, 131_087, 131_174].map(id => ({ id })))
})

t.test('a delete file that cannot be applied makes the table refuse, by name and with an advice', async t => {
  const table = await openForeignTable(t, columns)
  const location = await table.addParquet(rowsOf(0, 3), ids)
  await addVector(table, location, [{ key: 0, array: [1] }], { damaged: true })
  await t.rejects(table.rows(), { code: 'CATALOG_DELETE_FILES', message: /shop\.foreign.*checksum.*rewrite/ })
  const other = await openForeignTable(t, columns)
  await other.addParquet(rowsOf(0, 3), ids)
  await deleteEqual(other, 'SELECT 1::BIGINT AS x', '{x: 77}', [77])
  await t.rejects(other.rows(), { code: 'CATALOG_DELETE_FILES', message: /field 77/ })
})

interface Container { readonly key: number, readonly array?: readonly number[], readonly bits?: readonly number[], readonly runs?: readonly (readonly [start: number, more: number])[] }

async function addVector(table: ForeignTable, location: string, containers: readonly Container[], { damaged = false } = {}): Promise<void> {
  const countOf = ({ array, bits, runs }: Container) => (array ?? bits)?.length ?? (runs ?? []).reduce((sum, [, more]) => sum + more + 1, 0)
  const hasRuns = containers.some(({ runs }) => runs !== undefined)
  const u16 = (...values: number[]) => Buffer.from(Uint16Array.from(values).buffer)
  const u32 = (...values: number[]) => Buffer.from(Uint32Array.from(values).buffer)
  const bodies = containers.map(({ array, bits, runs }) => {
    if (array !== undefined) return u16(...array)
    if (runs !== undefined) return u16(runs.length, ...runs.flat())
    const set = Buffer.alloc(8_192)
    for (const bit of bits ?? []) set[bit >> 3] = (set[bit >> 3] ?? 0) | 1 << (bit & 7)
    return set
  })
  const heads = u16(...containers.flatMap(container => [container.key, countOf(container) - 1]))
  const runFlags = Buffer.from([containers.reduce((flags, { runs }, at) => flags | (runs === undefined ? 0 : 1 << at), 0)])
  const head = hasRuns ? [u32(12_347 | (containers.length - 1) << 16), runFlags, heads] : [u32(12_346, containers.length), heads, u32(...bodies.map(() => 0))]
  const content = Buffer.concat([Buffer.from([0xd1, 0xd3, 0x39, 0x64]), u32(1, 0), u32(0), ...head, ...bodies])
  const ends = Buffer.alloc(8)
  ends.writeUInt32BE(content.length, 0)
  ends.writeUInt32BE(crc32(content) + (damaged ? 1 : 0) >>> 0, 4)
  const blob = Buffer.concat([Buffer.from('PFA1'), ends.subarray(0, 4), content, ends.subarray(4), Buffer.from('footer')])
  const puffin = `${location}.puffin`
  const { openLocalStorage } = await import('../storage/local.ts')
  await openLocalStorage().writeDurably(puffin, blob)
  await table.addFile({
    location: puffin, format: 'PUFFIN', specId: 0, partition: {}, recordCount: BigInt(containers.reduce((sum, container) => sum + countOf(container), 0)), fileSizeBytes: BigInt(blob.length),
    columnSizes: new Map(), valueCounts: new Map(), nullValueCounts: new Map(), lowerBounds: new Map(), upperBounds: new Map(), splitOffsets: null, sortOrderId: null
  }, { content: 'position-deletes', referencedDataFile: location, contentOffset: 4n, contentSizeBytes: BigInt(content.length + 8) })
}
