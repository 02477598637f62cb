// Five statements that DuckDB 1.5.0 to 1.5.5 answered wrongly: groups with NULL vanished, duplicates behind a join collapsed, a
// row came out of nothing. The client that is installed must answer them rightly, with its optimizers and without.

import { join } from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import t from 'tap'
import { DuckDBInstance, quoteText } from '../../catalog/index.ts'
import { optimizerNames, unoptimized } from './optimizers.fixture.ts'

const instance = await DuckDBInstance.create(':memory:')
const connection = await instance.connect()
t.teardown(() => { connection.closeSync(); instance.closeSync() })
const readings = quoteText(join(t.testdir(), 'readings.parquet'))
const prices = quoteText(join(t.testdirName, 'prices.parquet'))

for (const sql of [
  'create table nothing (score integer, place integer)',
  'create table three as select * from (values (1), (2), (3)) v(id)',
  'create table orders as select * from (values (1, 1, \'x\')) v(id, shop, name)',
  'create table payments as select * from (values (1, 20), (1, 10)) v(shop, amount)',
  `copy (select n % 2 as shelf, n as a, n + 10 as b, n + 20 as c, n % 3 = 0 as gone, n as seen from range(1, 7) r(n)) to ${readings} (format parquet)`
]) await connection.run(sql)

const rowsOf = async (sql: string, asking: DuckDBConnection = connection): Promise<unknown[]> =>
  (await asking.runAndReadAll(sql)).getRowsJson().map(row => row.map(value => value === null ? null : Number.isNaN(Number(value)) ? value : Number(value)))

const cases: readonly { readonly what: string, readonly sql: string, readonly rows: readonly unknown[][] }[] = [
  {
    what: 'rows of a group that are all within the first seven places',
    sql: 'select * from (select g, row_number() over (partition by g order by null) as place from (values (3), (3)) v(g)) where place <= 7 order by all',
    rows: [[3, 1], [3, 2]]
  },
  { what: 'the first of an empty table', sql: 'select place from nothing qualify row_number() over (order by score) <= 1', rows: [] },
  { what: 'the top ten of an empty table', sql: 'select * from (select score, row_number() over (order by score desc nulls last, place) as rank from nothing) where rank <= 10', rows: [] },
  {
    what: 'the first three by an order that is NULL for one',
    sql: 'select id, row_number() over (order by nullif(id % 3, 0) desc nulls last) as place from three qualify place <= 3 order by place',
    rows: [[2, 1], [1, 2], [3, 3]]
  },
  {
    what: 'two equal rows that a join makes',
    sql: 'select id, name from (select o.id, o.name, p.amount from orders o join payments p on o.shop = p.shop) qualify row_number() over (order by amount desc nulls last) <= 2',
    rows: [[1, 'x'], [1, 'x']]
  },
  {
    what: 'the latest of each group of a file, through a CTE',
    sql: `with kept as (select * from read_parquet(${readings})) select shelf, a, b, c from kept where not gone qualify row_number() over (partition by shelf order by seen desc) = 1 order by all`,
    rows: [[0, 4, 14, 24], [1, 5, 15, 25]]
  },
  {
    what: 'the latest of a group that is NULL',
    sql: 'select g, v from (values (null, 1), (null, 2), (1, 5)) v(g, v) qualify row_number() over (partition by g order by v desc) = 1 order by all',
    rows: [[1, 5], [null, 2]]
  },
  {
    what: 'the greatest row of a group with NULLs beside it',
    sql: 'select g, v, w from (values (1, 2, null), (1, 1, 7), (2, null, null)) v(g, v, w) qualify row_number() over (partition by g order by v desc nulls last) = 1 order by all',
    rows: [[1, 2, null], [2, null, null]]
  }
]

for (const { what, sql, rows } of cases) {
  t.test(`${what}: the same with and without optimizers`, async t => {
    t.strictSame(await rowsOf(sql), rows)
    t.strictSame(await unoptimized(connection, async () => await rowsOf(sql)), rows)
  })
}

t.test('statistics of a decimal over two row groups are those of all rows', async t => {
  const result = await connection.runAndReadAll(`copy (select (case when n < 2048 then 1266.19 else 193.08 end)::decimal(38, 2) as price from range(4096) r(n)) to ${prices} (format parquet, row_group_size 2048, return_stats)`)
  const [{ column_statistics: [{ value }] }] = result.getRowObjectsJson() as unknown as [{ column_statistics: [{ value: { key: string, value: string }[] }] }]
  t.match(Object.fromEntries(value.map(({ key, value }) => [key, value])), { min: '193.08', max: '1266.19' })
})

t.test('all optimizers can be switched off and come back', async t => {
  t.ok((await optimizerNames(connection)).includes('top_n_window_elimination'))
  const plan = async (): Promise<string> => JSON.stringify((await connection.runAndReadAll('explain select 1 from three where id = 1 and 1 = 1')).getRows())
  const before = await plan()
  t.not(await unoptimized(connection, plan), before)
  t.equal(await plan(), before)
})
