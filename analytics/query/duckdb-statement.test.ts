import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api'
import { DuckDBInstance, quoteText } from '../../catalog/index.ts'
import { parse } from 'csv-parse/sync'
import t, { type Test } from 'tap'
import { printCsv, printJsonRows, printTable } from '../sql/print.ts'
import type { Answer } from './engine.ts'
import { openRows } from './duckdb-rows.ts'
import { explainSqlError, prepareReading } from './duckdb-statement.ts'

async function connect (t: Test): Promise<DuckDBConnection> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  await connection.run("set TimeZone = 'UTC'; create table events as select 'é'::varchar as event_id, 1.50::decimal(18, 2) as amount")
  t.teardown(() => connection.closeSync())
  return connection
}

async function rowsOf (connection: DuckDBConnection, sql: string): Promise<Answer> {
  const result = await (await prepareReading(connection, sql)).runAndReadAll()
  return { names: result.deduplicatedColumnNames(), types: result.columnTypes().map(String), chunks: (async function * () { yield result.getRows() })() }
}

async function printed (print: (rows: Answer, write: (text: string) => void) => Promise<void>, rows: Answer): Promise<string> {
  let out = ''
  await print(rows, text => { out += text })
  return out
}

t.test('what reads is prepared', async t => {
  const connection = await connect(t)
  for (const sql of ['select * from events', 'from events', 'with a as (select 1) select * from a', 'show tables', 'describe events', 'explain select 1', 'values (1);', '-- a word\nselect 1']) {
    await t.resolves(prepareReading(connection, sql), sql)
  }
})

t.test('what writes, attaches or installs is refused by name', async t => {
  const connection = await connect(t)
  for (const sql of ["insert into events values ('a', 1)", 'delete from events', 'drop table events', "copy events to 'x.csv'", 'create table y as select 1', "attach 'x.db'", 'install spatial', 'set threads = 1', "update nothing set a = 1", 'checkpoint']) {
    await t.rejects(prepareReading(connection, sql), { code: 'SQL_READ_ONLY' }, sql)
  }
  await t.rejects(prepareReading(connection, 'select 1; drop table events'), { code: 'SQL_INVALID' })
  await t.rejects(prepareReading(connection, ' -- only a comment\n;'), { code: 'SQL_MISSING' })
})

t.test('an error says where: line and column, also behind a long line', async t => {
  const connection = await connect(t)
  await t.rejects(prepareReading(connection, 'select *\n  from nowhere'), { message: /nowhere does not exist.*\(line 2, column 8\)/ })
  await t.rejects(prepareReading(connection, 'selec 1'), { message: /syntax error.*\(line 1, column 1\)/ })
  const filler = `select ${'1 + '.repeat(80)}1,\n `
  await t.rejects(prepareReading(connection, `${filler}${"'x', ".repeat(40)}foo from events`), { message: /"foo" not found.*\(line 2, column 202\)/ })
  const atRun = await (await prepareReading(connection, "select event_id::int from events")).run().catch((error: unknown) => explainSqlError(error, "select event_id::int from events"))
  t.match(atRun, { code: 'SQL_INVALID', message: /Could not convert string 'é' to INT32/ })
})

t.test('JSON keeps every digit', async t => {
  const connection = await connect(t)
  const json = await printed(printJsonRows, await rowsOf(connection, "select 12345678901234567890::hugeint as n, 9999999999999999.99::decimal(18, 2) as m, timestamptz '2026-01-31 12:00:00.123456+02' as at, {'a': 1, 'b': null} as s, ['x', 'ÿ\"'] as l, map {'k': 1} as p, 'nan'::double as f, null as none"))
  t.equal(json, '[\n{"n":12345678901234567890,"m":9999999999999999.99,"at":"2026-01-31 10:00:00.123456+00","s":{"a":1,"b":null},"l":["x","ÿ\\""],"p":{"k":1},"f":null,"none":null}\n]\n')
  t.equal(await printed(printJsonRows, await rowsOf(connection, 'select 1 where false')), '[]\n')
})

t.test('CSV quotes what needs it and tells null from an empty text', async t => {
  const connection = await connect(t)
  t.equal(await printed(printCsv, await rowsOf(connection, `select 'a,b' as "x,y", 'say "hi"' as q, null as n, '' as e, 1.50::decimal(4, 2) as m`)), '"x,y",q,n,e,m\r\n"a,b","say ""hi""",,"",1.50\r\n')
})

const parseCsv = (text: string): string[] => (parse(text, { record_delimiter: '\r\n' }) as string[][]).map(([field]) => field!)

const formulas = [
  '=1+1', '+49 30 1', '-2+3', '@SUM(A1)', '=HYPERLINK("http://x.test";"click")', "=cmd|'/C calc'!A0", '\t=1+1', ' =1+1', '\u200b=1+1', '\ufeff=1', '＝1+1', '＠x', '\r=1', '\n=1', '\0=1', '-'
]
const harmless = ['a=b', '1-2', 'x@y.test', "'=1", '', '#1', '{"a":"=1"}']

t.test('no text in CSV is a formula, whatever stands before its sign; raw, each is as it was', async t => {
  const connection = await connect(t)
  const values = [...formulas, ...harmless].map((text, i) => `(${i}, ${quoteText(text)})`).join(', ')
  const sql = `select v.text as "=name" from (values ${values}) v(i, text) order by v.i`
  const lines = parseCsv(await printed(printCsv, await rowsOf(connection, sql)))
  t.strictSame(lines, ["'=name", ...formulas.map(text => `'${text}`), ...harmless])
  t.strictSame(parseCsv(await printed((rows, write) => printCsv(rows, write, { raw: true }), await rowsOf(connection, sql))), ['=name', ...formulas, ...harmless])
})

t.test('a number below zero, a time and bytes are no formulas; a text that holds another program\'s separator stays in its field', async t => {
  const connection = await connect(t)
  t.equal(await printed(printCsv, await rowsOf(connection, "select -1 as a, -1.50::decimal(4, 2) as b, -0.5::double as c, 'x;=1' as d, e'x\\t=1' as e, '=1'::blob as f")), 'a,b,c,d,e,f\r\n-1,-1.50,-0.5,"x;=1","x\t=1",\'=1\r\n')
})

t.test('a table lines up, numbers to the right, wide characters counted as two', async t => {
  const connection = await connect(t)
  const text = await printed((rows, write) => printTable(rows, write, 2), await rowsOf(connection, "select * from (values ('東京', 5), ('a', 500), ('b', 1)) v(city, n)"))
  t.equal(text, ['city    n', '────  ───', '東京    5', 'a     500', '(3 rows, 1 not shown: use --rows N, --csv or --json)', ''].join('\n'))
})

// DuckDB's C API (1.5.5) gives an empty chunk for the end, an error and an interrupt alike: `npm run sql` printed a part of the
// rows and said nothing.
t.test('a statement that fails half-way is an error, never the rows until then', async t => {
  const connection = await connect(t)
  const count = async (sql: string, signal?: AbortSignal): Promise<number> => {
    let rows = 0
    for await (const chunk of (await openRows(connection, sql, signal)).chunks) rows += chunk.length
    return rows
  }
  await t.rejects(count("select\n cast(case when range = 900000 then 'x' else '1' end as int) from range(1000000)"), { code: 'SQL_INVALID', message: /Could not convert string 'x' to INT32.*\(line 2, column 2\)/ })
  t.equal(await count("select cast(case when range = 900000 then '2' else '1' end as int) from range(1000000)"), 1_000_000)
  const stop = new AbortController()
  setTimeout(() => { stop.abort(); connection.interrupt() }, 50)
  await t.rejects(count('select range, hash(range) from range(10000000000)', stop.signal), { code: 'QUERY_CANCELLED' })
})

t.test('every kind of statement gives its own rows, names and order', async t => {
  const connection = await connect(t)
  const rowsOf = async (sql: string): Promise<unknown> => {
    const { names, types, chunks } = await openRows(connection, sql)
    const rows: (readonly DuckDBValue[])[] = []
    for await (const chunk of chunks) rows.push(...chunk)
    return { names, types, rows: rows.map(row => row.map(value => value === null ? null : String(value)).join()) }
  }
  t.strictSame(await rowsOf("select 1 as a, 'x' as a -- ; why\n ;"), { names: ['a', 'a:1'], types: ['INTEGER', 'VARCHAR'], rows: ['1,x'] })
  t.strictSame(await rowsOf("select ';' as a, null::int as b where false;"), { names: ['a', 'b'], types: ['VARCHAR', 'INTEGER'], rows: [] })
  t.strictSame(await rowsOf('with x as (values (2), (1)) from x order by 1'), { names: ['col0'], types: ['INTEGER'], rows: ['1', '2'] })
  t.match(await rowsOf('show tables'), { rows: ['events'] })
  t.match(await rowsOf('describe events'), { names: ['column_name', /.*/, /.*/, /.*/, /.*/, /.*/], rows: [/^event_id/, /^amount/] })
  t.match(await rowsOf('explain select 1'), { names: ['explain_key', 'explain_value'], rows: [/physical_plan/] })
  t.match(await rowsOf('select range from range(500000) order by hash(range) limit 3'), { types: ['BIGINT'] })
  const { rows } = await rowsOf('select hash(range) as h from range(500000) order by h') as { rows: string[] }
  t.ok(rows.length === 500_000 && rows.every((row, i) => i === 0 || BigInt(row) >= BigInt(rows[i - 1]!)), 'in order')
})
