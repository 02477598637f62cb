import t from 'tap'
import { tablesRead, tokensOf } from './sql-tokens.ts'

const read = (sql: string): string[] => tablesRead(tokensOf(sql)).map(({ parts, start, end }) => {
  t.ok(sql.slice(start, end).length >= parts.join('.').length, 'a name stands where it says')
  return parts.join('.')
})

t.test('the tables of a statement are found wherever they stand', async t => {
  const statements: [string, string[]][] = [
    ['select * from firn.events e', ['firn.events']],
    ['select * from firn.events e, analytics.orders o where e.a = o.a', ['firn.events', 'analytics.orders']],
    ['select * from firn.events e left join analytics.orders o on true cross join "lake"."firn"."dead_letters" d', ['firn.events', 'analytics.orders', 'lake.firn.dead_letters']],
    ['select (select max(x) from a.b b), y from (select * from c.d d) s', ['a.b', 'c.d']],
    ['select * from a.b b where x in (select x from c.d d) and exists (select 1 from e.f f)', ['a.b', 'c.d', 'e.f']],
    ['select 1 from a.b b union all select 1 from c.d d', ['a.b', 'c.d']],
    ['select * from (a.b b join c.d d on true)', ['a.b', 'c.d']]
  ]
  for (const [sql, tables] of statements) t.strictSame(read(sql), tables, sql)
})

t.test('what only looks like a table is none', async t => {
  for (const sql of [
    'with x as (select 1), y (a, b) as (select 1, 2) select * from x, y',
    'with recursive x as (select 1 union all select n + 1 from x) select * from x',
    'select extract(year from e) , trim(leading from b), substring(c from 2)',
    'select a is distinct from b',
    "select 'from a.b'",
    'select 1 -- from a.b\n/* join c.d */',
    'select * from unnest(array[1, 2]) u(x)',
    'select * from generate_series(1, 3) g',
    'select * from (values (1), (2)) v(x)',
    'select "from" , a."join" from (select 1) s'
  ]) t.strictSame(read(sql), [], sql)
})

t.test('a list of tables ends where its clause ends', async t => {
  t.strictSame(read('select a from x.y y where b in (1, z) group by a, c order by d, e'), ['x.y'])
  t.strictSame(read('select sum(a) over (partition by b, c order by d) from x.y y, v.w w'), ['x.y', 'v.w'])
})
