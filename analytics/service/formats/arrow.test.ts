import { spawnSync } from 'node:child_process'
import { DuckDBInstance } from '../../../catalog/index.ts'
import { tableFromIPC, type Table } from 'apache-arrow'
import t from 'tap'
import { answerFrames } from './answer-frames.ts'

const python = process.env.TEST_PYTHON ?? 'python3'

async function arrowOf (sql: string, rowsMax = 1000, bytesMax = 1e9): Promise<{ bytes: Buffer, table: Table, truncated: boolean }> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  await connection.run("set TimeZone = 'UTC'")
  const reader = await connection.runAndReadAll(sql)
  const rows = reader.getRows()
  const answer = { names: reader.deduplicatedColumnNames(), types: reader.columnTypes().map(String), chunks: (async function * () { for (let i = 0; i < rows.length; i += 3) yield rows.slice(i, i + 3) })() }
  const parts: Uint8Array[] = []
  let truncated = false
  for await (const frame of answerFrames(answer, { format: 'arrow', rowsMax, bytesMax, queryId: 'q', snapshots: { 'firn.events': '7' } })) {
    if (frame.kind === 'data') parts.push(frame.bytes)
    if (frame.kind === 'end') truncated = frame.end.truncated
  }
  const bytes = Buffer.concat(parts)
  return { bytes, table: tableFromIPC(bytes), truncated }
}

t.test('what Arrow gives back is what DuckDB had, nulls included, in every type', async t => {
  const sql = `select * from (values
    (1, 9007199254740993::bigint, 123456789012345678901234567890.12::decimal(38, 2), timestamptz '2026-01-31 10:00:00.123456+00', date '1969-12-31', true, 'zwölf', {'a': 1, 'b': ['x', null]}, ['p', null, 'q'], map {'k': 1.5::double}, 1.5::double, '\\xFF'::blob, 12::hugeint, time '01:02:03.5'),
    (null, null, null, null, null, null, null, null, null, null, null, null, null, null),
    (-3, -1, -0.01, timestamptz '1969-12-31 23:59:59.999999+00', date '2026-01-31', false, '', {'a': null, 'b': []}, [], map {}, 'nan'::double, ''::blob, -170141183460469231731687303715884105::hugeint, time '00:00:00')
  ) v(i, l, d, moment, day, yes, word, s, list, m, f, raw, h, clock) order by i nulls first`
  const { table } = await arrowOf(sql)
  t.equal(table.numRows, 3)
  t.strictSame(table.schema.fields.map(field => String(field.type)), ['Int32', 'Int64', 'Decimal[38e+2]', 'Timestamp<MICROSECOND, UTC>', 'Date32<DAY>', 'Bool', 'Utf8', 'Struct<{a:Int32, b:List<Utf8>}>', 'List<Utf8>', 'Map<{key:Utf8, value:Float64}>', 'Float64', 'Binary', 'Decimal[38e0]', 'Time64<MICROSECOND>'])
  t.strictSame(table.schema.fields.map((_, i) => table.getChildAt(i)!.get(0)), table.schema.fields.map(() => null))
  const get = (name: string, row: number): unknown => table.getChild(name)!.get(row)
  t.equal(get('l', 2), 9007199254740993n)
  t.equal(decimalOf(get('d', 2)), 12345678901234567890123456789012n)
  t.equal(decimalOf(get('d', 1)), -1n)
  t.equal(decimalOf(get('h', 1)), -170141183460469231731687303715884105n)
  t.equal(table.getChild('moment')!.data[0]!.values[2], 1_769_853_600_123_456n)
  t.equal(table.getChild('moment')!.data[0]!.values[1], -1n)
  t.equal(table.getChild('day')!.data[0]!.values[2], -1)
  t.equal(table.getChild('clock')!.data[0]!.values[2], 3_723_500_000n)
  t.strictSame([get('yes', 1), get('yes', 2), get('word', 1), get('word', 2)], [false, true, '', 'zwölf'])
  t.equal(JSON.stringify(get('s', 2)), '{"a":1,"b":["x",null]}')
  t.equal(JSON.stringify(get('list', 2)), '["p",null,"q"]')
  t.equal(JSON.stringify(get('list', 1)), '[]')
  t.equal(JSON.stringify(get('m', 2)), '{"k":1.5}')
  t.ok(Number.isNaN(get('f', 1)))
  t.strictSame([...get('raw', 2) as Uint8Array], [255])
})

t.test('batches follow one another, names of the query and its snapshots stand in the schema', async t => {
  const { table, truncated } = await arrowOf('select range as n, range % 2 = 0 as even from range(100)')
  t.equal(table.batches.length, 34)
  t.strictSame([...table.getChild('n')!], Array.from({ length: 100 }, (_, i) => BigInt(i)))
  t.equal(table.schema.metadata.get('firn.snapshots'), '{"firn.events":"7"}')
  t.notOk(truncated)
  t.equal((await arrowOf('select 1 as n where false')).table.numRows, 0)
})

t.test('a limit of rows or bytes cuts, and the stream is still whole', async t => {
  const rows = await arrowOf('select range as n from range(100)', 10)
  t.strictSame([rows.table.numRows, rows.truncated], [10, true])
  const bytes = await arrowOf("select repeat('x', 1000) as n from range(100)", 1000, 20_000)
  t.ok(bytes.truncated)
  t.ok(bytes.table.numRows > 5 && bytes.table.numRows < 20, `${bytes.table.numRows} rows`)
})

t.test('another reader sees the same', { skip: spawnSync(python, ['-c', 'import pyarrow']).status !== 0 && 'pyarrow is not installed for python3 (TEST_PYTHON)' }, async t => {
  const { bytes } = await arrowOf("select range::bigint as n, (range / 4)::decimal(18, 2) as d, case when range % 2 = 0 then ['a', null] end as l, timestamptz '2026-01-31 10:00:00.123456+00' as moment, {'a': range} as s, map {'k': range} as m from range(7)")
  const read = 'import sys, json, pyarrow.ipc as ipc; t = ipc.open_stream(sys.stdin.buffer).read_all(); t.validate(full=True); print(t.schema.to_string(show_schema_metadata=False)); print(json.dumps(t.slice(6).to_pylist(), default=str))'
  t.equal(spawnSync(python, ['-c', read], { input: bytes }).stdout.toString(), 'n: int64\nd: decimal128(18, 2)\nl: list<item: string>\n  child 0, item: string\nmoment: timestamp[us, tz=UTC]\ns: struct<a: int64>\n  child 0, a: int64\nm: map<string, int64>\n  child 0, entries: struct<key: string not null, value: int64> not null\n      child 0, key: string not null\n      child 1, value: int64\n[{"n": 6, "d": "1.50", "l": ["a", null], "moment": "2026-01-31 10:00:00.123456+00:00", "s": {"a": 6}, "m": [["k", 6]]}]\n')
})

function decimalOf (value: unknown): bigint {
  const words = value as Uint32Array
  return BigInt.asIntN(128, [...words].reduce((sum, word, i) => sum + (BigInt(word) << BigInt(32 * i)), 0n))
}
