import t from 'tap'
import type { QueryEngine, QueryOptions } from '../query/engine.ts'
import { openTestService } from './service.fixture.ts'
import { checkTrinoStatement } from './trino-check.ts'

t.test('statements that read tables of the lake pass', t => {
  for (const sql of [
    'select * from events', 'select * from firn.events e join lake.analytics.orders o on o.order_id = e.order_id', 'SELECT e.location.country.x FROM events e', 'with a as (select 1) select * from a', 'table firn.events',
    'select * from table(sequence(start => 1, stop => 3))', 'show tables', 'show tables from analytics', 'show tables from lake.analytics', 'show columns from lake.firn.events', 'show schemas', 'describe firn.events', 'desc lake.firn.events',
    'explain select * from firn.events', 'explain analyze select 1', 'select * from "events$snapshots"', 'select * from firn.events order by 1 desc limit 3', 'values (1)', "select 'table(system.query())'", 'show create table firn.events',
    'select count(*) from firn.events group by event_type order by count(*) desc limit 3', 'select row_number() over (order by (amount) desc, max(x) desc nulls last) from firn.events', 'explain (type logical) select 1 order by (1) desc', 'explain (format json) describe firn.events',
    'select * from (select 1 as n) order by (n) desc', 'select x from unnest(array[1]) u(x)', 'select * from firn.events -- from system.runtime.nodes'
  ]) t.doesNotThrow(() => { checkTrinoStatement(sql, 'lake') }, sql)
  t.end()
})

t.test('what leaves the lake is refused', t => {
  for (const sql of [
    'select * from system.runtime.queries', 'select * from tpch.tiny.nation', 'SELECT * FROM "system"."runtime"."nodes"', 'select * from firn.events, system.runtime.nodes', 'select (select count(*) from system.runtime.nodes)', 'select 1 union select node_id from system.runtime.nodes',
    "select * from table(postgres.system.query(query => 'drop table x'))", "select * from TABLE (\"pg\".system.query(query => 'select 1'))", "select * from table(system.query(query => 'x'))", 'table system.runtime.nodes', 'select 1 union table system.runtime.nodes',
    'with a as (table tpch.tiny.nation) select * from a', 'explain table system.runtime.nodes', 'show catalogs', 'show session', 'show roles', 'show functions', 'show grants', 'show schemas from system', 'show tables from system.runtime', 'show columns from system.runtime.nodes',
    'show create table tpch.tiny.nation', 'show stats for tpch.tiny.nation', 'describe system.runtime.nodes', 'describe input p', 'explain describe system.runtime.nodes', 'explain (type logical) describe system.runtime.nodes', 'explain (type logical) desc system.runtime.nodes', 'explain (type validate) show catalogs', 'explain analyze verbose describe system.runtime.nodes', 'with function f() returns int return 1 select f()', 'select 1 -- x\rfrom system.runtime.nodes', 'select * from/**/system.runtime.nodes'
  ]) t.throws(() => { checkTrinoStatement(sql, 'lake') }, { code: 'SQL_REFUSED' }, sql)
  for (const sql of ['call system.x()', 'set session a = 1', 'use tpch.tiny', 'execute p', 'prepare p from select 1', 'insert into events values (1)', 'create table x as select 1', 'explain analyze insert into events values (1)', 'grant select on x to y', 'alter table x execute optimize', 'start transaction']) t.throws(() => { checkTrinoStatement(sql, 'lake') }, { code: 'SQL_READ_ONLY' }, sql)
  t.throws(() => { checkTrinoStatement('select 1; select 2', 'lake') }, { code: 'SQL_INVALID' })
  t.match(t.throws(() => { checkTrinoStatement('select *\n from tpch.tiny.nation', 'lake') }), { message: /line 2, column 7/ })
  t.end()
})

t.test('on Trino a question is checked, pinned to the snapshots of our catalog, cut at its rows and ended with who asked', async t => {
  const asked: { sql: string, options: QueryOptions | undefined }[] = []
  let isEnded = false
  const engine: QueryEngine = {
    async query (sql, options) {
      asked.push({ sql, options })
      return { names: ['n'], types: ['BIGINT'], chunks: (async function * () {
        try {
          for (let n = 0n; ; n++) {
            options?.signal?.throwIfAborted()
            yield [[n]]
            await new Promise(resolve => setTimeout(resolve, 1))
          }
        } finally {
          isEnded = true
        }
      })() }
    },
    async close () {}
  }
  const service = await openTestService(t, { FIRN_QUERY_ROWS_MAX: '5' }, { trino: { engine, url: 'trino://127.0.0.1:1/lake' } })
  const snapshotId = await service.write('analytics.sales', [{ name: 'id', type: 'long' }], [{ select: 'select 1 as id' }])
  t.match((await service.ask('select n from analytics.sales')).json, { rows: [['0'], ['1'], ['2'], ['3'], ['4']], truncated: true, snapshots: { 'analytics.sales': String(snapshotId) } })
  t.match(asked, [{ sql: 'select n from analytics.sales', options: { asOf: { 'analytics.sales': String(snapshotId) } } }])
  t.ok(isEnded)
  t.match((await service.ask('select n from analytics.sales, system.runtime.nodes')).json, { code: 'SQL_REFUSED' })
  t.match((await service.ask("select * from analytics.sales", { as_of: '12' })).json, { code: 'SQL_NO_SUCH_SNAPSHOT' })
  t.equal(asked.length, 1)
})
