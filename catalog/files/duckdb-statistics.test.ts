/**
 * DuckDB is the oracle: whatever it writes, the bounds made from its statistics hold every value, and the counts are right.
 */
import type { DuckDBBlobValue, DuckDBConnection } from '@duckdb/node-api'
import { DuckDBInstance } from './duckdb.ts'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import type { DataFile } from '../spec/data-file.ts'
import { schemaOfColumns } from '../spec/schema-evolution.ts'
import { compareSingleValues, decodeSingleValue, type SingleValue } from '../spec/single-value.ts'
import { dataFileFromDuckDB, type DuckDBStatsRow } from './duckdb-statistics.ts'
import { duckdbType, fieldIdsForDuckDB, quoteText } from './duckdb-types.ts'

const folder = mkdtempSync(join(tmpdir(), 'firn-stats-'))
t.teardown(() => { rmSync(folder, { recursive: true }) })
const instance = await DuckDBInstance.create(':memory:')
const connection = await instance.connect()
t.teardown(() => { connection.closeSync(); instance.closeSync() })
let files = 0

async function write(db: DuckDBConnection, column: string, type: string, values: string[], options = ''): Promise<DataFile> {
  const schema = schemaOfColumns([{ name: column, type }])
  const path = join(folder, `${files++}.parquet`)
  await db.run(`CREATE OR REPLACE TABLE v (${'"' + column.replaceAll('"', '""') + '"'} ${duckdbType(schema.fields[0]?.type ?? 'string')})`)
  await db.run(`INSERT INTO v VALUES ${values.map(value => `(${value})`).join(', ')}`)
  const result = await db.runAndReadAll(`COPY v TO ${quoteText(path)} (FORMAT parquet, FIELD_IDS ${fieldIdsForDuckDB(schema)}, RETURN_STATS${options})`)
  return dataFileFromDuckDB(result.getRowObjects()[0] as unknown as DuckDBStatsRow, schema, { 'spec-id': 0, 'fields': [] }, {})
}

function holds(file: DataFile, type: string, values: SingleValue[]): { bounded: boolean, right: boolean } {
  const [lower, upper] = [file.lowerBounds.get(1), file.upperBounds.get(1)]
  const at = (bytes: Buffer) => type === 'string' ? bytes.toString('utf8') : decodeSingleValue(type as 'int', bytes)
  const right = values.every(value => (lower === undefined || compareSingleValues(at(lower), value) <= 0) && (upper === undefined || compareSingleValues(value, at(upper)) <= 0))
  return { bounded: lower !== undefined && upper !== undefined, right }
}

t.test('strings of every kind stay within their bounds', async t => {
  const pieces = ['a', 'é', '漢', '𝄞', '\u{10ffff}', '\ud7ff', '\ue000', '\uffff', ' ', '~']
  let seed = 7
  const random = (below: number) => { seed = (seed * 1_103_515_245 + 12_345) & 0x7fffffff; return seed % below }
  let bounded = 0
  for (let round = 0; round < 60; round++) {
    const length = [0, 3, 16, 17, 64, 130, 300, 12_000][random(8)] ?? 0
    const piece = round % 3 === 0 ? [pieces[random(pieces.length)] ?? 'a'] : pieces
    const values = Array.from({ length: 1 + random(4) }, () => Array.from({ length: length + random(3) }, () => piece[random(piece.length)] ?? 'a').join(''))
    const file = await write(connection, 'text', 'string', values.map(quoteText))
    const result = holds(file, 'string', values)
    t.ok(result.right, `length ${length}: ${JSON.stringify(values[0]?.slice(0, 20))}`)
    if (result.bounded) bounded += 1
    for (const bound of [file.lowerBounds.get(1), file.upperBounds.get(1)]) {
      if (bound !== undefined) t.ok(Buffer.from(bound.toString('utf8')).equals(bound), 'a bound is valid UTF-8')
    }
  }
  t.ok(bounded > 30, `${bounded} of 60 have bounds`)
})

/** The column's least and greatest value as the file's own footer has them. */
async function footerOf(path: string): Promise<{ least: Buffer | null, greatest: Buffer | null }> {
  const sql = `SELECT encode(min(stats_min_value)), encode(max(stats_max_value)) FROM parquet_metadata(${quoteText(path)})`
  const [least, greatest] = (await connection.runAndReadAll(sql)).getRows()[0] as (DuckDBBlobValue | null)[]
  return { least: least ? Buffer.from(least.bytes) : null, greatest: greatest ? Buffer.from(greatest.bytes) : null }
}

t.test('bounds of any texts are those of the footer, byte for byte, cut at 16 code points and never narrower', async t => {
  const first = fc.constantFrom('', '\ufeff', '\ufeff\ufeff', '\0', '\ufffe', '\u202e', 'e\u0301', '\u{10ffff}', '\ud7ff', '\ue000', '𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞𝄞')
  const text = fc.tuple(first, fc.string({ unit: 'binary', maxLength: 20 })).map(parts => parts.join(''))
  await fc.assert(fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 4 }), async values => {
    const file = await write(connection, 'text', 'string', values.map(quoteText))
    const { least, greatest } = await footerOf(file.location.replace('file://', ''))
    const sorted = values.map(value => Buffer.from(value)).sort((a, b) => Buffer.compare(a, b))
    t.strictSame([least, greatest], [sorted[0], sorted.at(-1)], 'the footer has the values')
    const cut = (bytes: Buffer): string => Array.from(bytes.toString()).slice(0, 16).join('')
    const unsure = [least, greatest].some(bytes => bytes!.includes('\ufffd'))
    if (unsure) return t.strictSame([file.lowerBounds.size, file.upperBounds.size], [0, 0], 'what a decoder may have put there bounds nothing')
    t.strictSame(file.lowerBounds.get(1), Buffer.from(cut(least!)))
    const upper = file.upperBounds.get(1)
    if (Array.from(greatest!.toString()).length <= 16) t.strictSame(upper, greatest)
    else if (upper !== undefined) {
      t.ok(Buffer.compare(upper, greatest!) > 0, 'a cut bound is carried up')
      t.ok(Array.from(upper.toString()).length <= 16 && Buffer.from(upper.toString()).equals(upper))
    } else t.match(cut(greatest!), /^\u{10ffff}+$/u, 'only where nothing can be carried there is none')
  }), { numRuns: 150 })
})

t.test('bounds that contradict each other are none', t => {
  const schema = schemaOfColumns([{ name: 'c', type: 'string' }])
  const statistics = [{ key: '"c"', value: [{ key: 'min', value: 'b' }, { key: 'max', value: 'a' }, { key: 'num_values', value: '2' }] }]
  const file = dataFileFromDuckDB({ filename: '/x', count: 2, file_size_bytes: 9, column_statistics: statistics }, schema, { 'spec-id': 0, 'fields': [] }, {})
  t.strictSame([file.lowerBounds.size, file.upperBounds.size, file.valueCounts.get(1)], [0, 0, 2n])
  t.end()
})

t.test('values of a row group without statistics are not hidden by those of another', async t => {
  const long = `repeat('a', 20000) || `
  const values = Array.from({ length: 4_096 }, (_, index) => index < 2_048 ? `'m${index}'` : `${long}'${index}'`)
  const file = await write(connection, 'text', 'string', values, ', ROW_GROUP_SIZE 2048')
  const lower = file.lowerBounds.get(1)
  t.ok(lower === undefined || lower[0] === 'a'.charCodeAt(0), 'the lower bound reaches the long values')
})

t.test('numbers, times and decimals are exact', async t => {
  const check = async (type: string, sql: string[], values: SingleValue[]) => {
    const file = await write(connection, 'c', type, [...sql, 'NULL'])
    const result = holds(file, type, values)
    t.ok(result.right && result.bounded, `${type} ${sql.join(' ')}`)
    const exact = [file.lowerBounds.get(1), file.upperBounds.get(1)].map(bytes => bytes && decodeSingleValue(type as 'int', bytes))
    const sorted = values.toSorted(compareSingleValues)
    t.same(exact, [sorted[0], sorted.at(-1)], `${type} is exact`)
    t.equal(file.valueCounts.get(1), BigInt(sql.length + 1))
    t.equal(file.nullValueCounts.get(1), 1n)
    t.equal(file.recordCount, BigInt(sql.length + 1))
  }
  await check('long', ['-9223372036854775808', '9223372036854775807'], [-(2n ** 63n), 2n ** 63n - 1n])
  await check('int', ['-2147483648', '7'], [-2147483648, 7])
  await check('decimal(18, 2)', ['-9999999999999999.99', '-0.01', '9999999999999999.99'], [-999999999999999999n, -1n, 999999999999999999n])
  await check('decimal(4, 3)', ['-0.001', '0.5'], [-1n, 500n])
  await check('decimal(38, 10)', ['-12345678901234567890.0123456789', '1'], [-123456789012345678900123456789n, 10000000000n])
  await check('timestamptz', ['timestamptz \'1969-12-31 23:59:59.999999+00\'', 'timestamptz \'2026-11-19 10:23:22.078001+02\''], [-1n, BigInt(Date.parse('2026-11-19T08:23:22.078Z')) * 1000n + 1n])
  await check('timestamptz', ['timestamptz \'0044-03-15 12:00:00+00\''], [BigInt(Date.parse('0044-03-15T12:00:00Z')) * 1000n])
  await check('timestamp', ['timestamp \'1960-02-29 01:02:03\'', 'timestamp \'2026-01-01\''], [BigInt(Date.parse('1960-02-29T01:02:03Z')) * 1000n, BigInt(Date.parse('2026-01-01')) * 1000n])
  await check('date', ['date \'1969-12-31\'', 'date \'2400-02-29\''], [-1, Date.parse('2400-02-29') / 86_400_000])
  await check('boolean', ['true', 'false'], [false, true])
  await check('double', ['-1e-300', '1.7976931348623157e308', '0.1'], [-1e-300, 1.7976931348623157e308, 0.1])
  await check('double', ['\'-inf\'', '\'inf\''], [-Infinity, Infinity])
  await check('float', ['0.1', '-3.4e38'], [Math.fround(0.1), Math.fround(-3.4e38)])
})

t.test('a session in another time zone changes no bound', async t => {
  await connection.run('SET TimeZone = \'Asia/Kolkata\'')
  const file = await write(connection, 'c', 'timestamptz', ['timestamptz \'2026-11-19 10:23:22.000001+00\''])
  await connection.run('SET TimeZone = \'UTC\'')
  t.equal(decodeSingleValue('timestamptz', file.lowerBounds.get(1) ?? Buffer.alloc(8)), BigInt(Date.parse('2026-11-19T10:23:22Z')) * 1000n + 1n)
})

t.test('what cannot be bounded exactly has no bound', async t => {
  for (const [type, values] of [
    ['string', ['NULL', 'NULL']], ['double', ['\'nan\'', '\'nan\'']], ['timestamptz', ['\'infinity\'', 'timestamptz \'2026-01-01\'']],
    ['date', ['date \'0044-03-15 (BC)\'', 'date \'2026-01-01\'']], ['binary', ['\'abc\'::BLOB']]
  ] as const) {
    const file = await write(connection, 'c', type, [...values])
    t.same([file.lowerBounds.size, file.upperBounds.size], [0, 0], type)
  }
})

t.test('NaN is ignored by the bounds, not mistaken for one', async t => {
  const file = await write(connection, 'c', 'double', ['\'nan\'', '1.5', '-2.5'])
  const result = holds(file, 'double', [1.5, -2.5])
  t.ok(result.right)
})

t.test('nested and oddly named columns find their ids', async t => {
  const schema = schemaOfColumns([
    { name: 'we"ird. name', type: 'long' },
    { name: 'device', type: { type: 'struct', fields: [{ name: 'type', type: 'string' }, { name: 'os', type: 'string' }] } },
    { name: 'tags', type: { 'type': 'list', 'element': 'string', 'element-id': 0, 'element-required': false } }
  ])
  const path = join(folder, 'nested.parquet')
  const result = await connection.runAndReadAll(`COPY (SELECT i AS "we""ird. name", CASE WHEN i = 0 THEN NULL ELSE {type: 't' || i, os: CASE WHEN i = 1 THEN NULL ELSE 'o' END} END AS device, ['x', 'y'] AS tags FROM range(3) r(i))
    TO ${quoteText(path)} (FORMAT parquet, FIELD_IDS ${fieldIdsForDuckDB(schema)}, RETURN_STATS)`)
  const id = (...names: string[]) => schema.fields.flatMap(field => [[field.name, field.id] as const, ...(typeof field.type !== 'string' && field.type.type === 'struct' ? field.type.fields.map(child => [`${field.name}.${child.name}`, child.id] as const) : [])]).find(([name]) => name === names.join('.'))?.[1] ?? -1
  for (const row of [result.getRowObjects()[0], result.getRowObjectsJS()[0], result.getRowObjectsJson()[0]]) {
    const file = dataFileFromDuckDB(row as unknown as DuckDBStatsRow, schema, { 'spec-id': 0, 'fields': [] }, {})
    t.equal(file.lowerBounds.get(id('device', 'type'))?.toString(), 't1')
    t.equal(file.upperBounds.get(id('device', 'type'))?.toString(), 't2')
    t.equal(file.nullValueCounts.get(id('device', 'type')), 1n, 'a null parent counts as null')
    t.equal(file.nullValueCounts.get(id('device', 'os')), 2n)
    t.equal(file.valueCounts.get(id('we"ird. name')), 3n)
    t.equal(file.lowerBounds.has(7), false)
    t.ok(file.columnSizes.has(6), 'leaves of lists have a size')
    t.notOk(file.valueCounts.has(6), 'but no counts')
    t.equal(file.location, `file://${path}`)
  }
})
