// Ways to read a file, write one, change a setting, reach the network or look into the engine, as somebody would try them over
// HTTP. Each has to be refused with a sentence, and the service has to answer afterwards as if nothing had happened.

import { existsSync, readdirSync } from 'node:fs'
import t from 'tap'
import { engineHere, inWords } from '../engine-here.fixture.ts'
import { openTestService } from './service.fixture.ts'

t.setTimeout(240_000)

const readOnly = 'SQL_READ_ONLY'
const refused = 'SQL_REFUSED'
const invalid = 'SQL_INVALID'

/** `{file}` is a data file of the table that can be read, `{dir}` its folder. */
const attacks: readonly (readonly [sql: string, code: string])[] = [
  // Files
  ["select * from read_csv('/etc/passwd')", refused],
  ["select * from read_text('/etc/passwd')", refused],
  ["select * from read_blob('/etc/passwd')", refused],
  ["select * from READ_TEXT /* a */ ('/etc/passwd')", refused],
  ["select * from \"read_text\"('/etc/passwd')", refused],
  ["select * from main.read_text('/etc/passwd')", refused],
  ["select * from system.main.read_text('/etc/passwd')", refused],
  ["select * from read_parquet('{file}')", refused],
  ["select * from parquet_scan('{file}')", refused],
  ["select * from parquet_metadata('{file}')", refused],
  ["select * from '{file}'", refused],
  ["select * from '/etc/passwd'", refused],
  ["from '/etc/passwd'", refused],
  ['select * from "/etc/passwd"', refused],
  ["select * from 'file:///etc/passwd'", refused],
  ["select * from 'passwd.csv'", invalid],
  ["select * from sales, '/etc/passwd' p", refused],
  ["select (select count(*) from read_text('/etc/passwd')) from sales", refused],
  ["with a as (from read_text('/etc/passwd')) select * from a", refused],
  ["select * from sales where exists (from read_text('/etc/passwd'))", refused],
  ["select * from sales union all by name from read_text('/etc/passwd')", refused],
  ["select * from glob('/etc/*')", refused],
  ["select * from glob('{dir}/*')", refused],
  ["describe select * from read_csv('/etc/passwd')", refused],
  ["summarize from read_csv('/etc/passwd')", refused],
  ["explain analyze select * from read_text('/etc/passwd')", refused],
  ["select * from sniff_csv('/etc/passwd')", refused],
  ["select * from read_duckdb('/tmp/x.db')", refused],
  ["select * from read_json('/proc/self/environ')", refused],
  ["pivot (from read_text('/etc/passwd')) on size using count(*)", invalid],
  // Writing
  ["copy sales to '/tmp/firn-hostile.csv'", readOnly],
  ["copy (select 1) to '/tmp/firn-hostile.parquet' (format parquet)", readOnly],
  ["copy sales from '/etc/passwd'", readOnly],
  ["explain analyze copy (select 1) to '/tmp/firn-hostile.csv'", readOnly],
  ["export database '/tmp/firn-hostile'", readOnly],
  ["import database '/tmp/firn-hostile'", readOnly],
  ['create table x as select 1', readOnly],
  ['create temp table x as select 1', readOnly],
  ["create secret s (type s3, key_id 'a', secret 'b')", readOnly],
  ['create macro m() as 1', readOnly],
  ['create or replace view lake.analytics.sales as select 1 as id', readOnly],
  ['explain analyze create table x as select 1', readOnly],
  ['insert into analytics.sales values (1)', readOnly],
  ['delete from sales', readOnly],
  ['drop view sales', readOnly],
  ['with a as (select 1) insert into sales select * from a', readOnly],
  // Settings, extensions, other databases
  ['set enable_external_access = true', readOnly],
  ['set memory_limit = \'100GB\'', readOnly],
  ["set search_path = 'main'", readOnly],
  ['reset all', readOnly],
  ['pragma enable_profiling', readOnly],
  ['pragma database_list', readOnly],
  ["pragma import_database('/tmp')", readOnly],
  ['call duckdb_settings()', readOnly],
  ["call pragma_version()", readOnly],
  ['install httpfs', readOnly],
  ['load httpfs', readOnly],
  ["attach '/tmp/firn-hostile.db' as x", readOnly],
  ["attach ':memory:' as x", readOnly],
  ['detach lake', readOnly],
  ['use memory', readOnly],
  ['select * from duckdb_settings()', refused],
  ['select * from duckdb_views()', refused],
  ['select * from duckdb_views', refused],
  ['select * from pg_catalog.pg_settings', refused],
  ['select * from sqlite_master', refused],
  ['select * from duckdb_secrets()', refused],
  ['select * from duckdb_temporary_files()', refused],
  ["select current_setting('temp_directory')", refused],
  ["select system.main.current_setting('temp_directory')", refused],
  ["select getenv('HOME')", refused],
  ["select * from pragma_database_size()", refused],
  ['select * from system.main.duckdb_logs', refused],
  ["select * from enable_logging()", refused],
  ["select write_log('x')", refused],
  ["select ('x').write_log()", refused],
  ["select list_transform(['x'], x -> write_log(x))", refused],
  ["select lambda_x from (select [sleep_ms(y) for y in [1]] as lambda_x)", refused],
  ['select sleep_ms(100000)', refused],
  ['select count(*) filter (where sleep_ms(1) is null) from sales', refused],
  ['select * from sales order by sleep_ms(1)', refused],
  ['select sum(id) over (order by sleep_ms(1)) from sales', refused],
  ['select * from sales where id in (select sleep_ms(1))', refused],
  ['select * from sales join sales b on sleep_ms(1) = 1', refused],
  ['select columns(c -> write_log(c) is null) from sales', refused],
  ['from sales limit sleep_ms(10)', refused],
  ["from histogram_values('duckdb_views', sql)", refused],
  ["select finalize('x'::blob)", refused],
  ["select nextval('x')", refused],
  ["values (current_setting('temp_directory'))", refused],
  ["from (values (getvariable('x')))", refused],
  ["with a as materialized (select current_setting('home_directory') as s) select s from a", refused],
  ["with recursive a as (select 1 as n union all (select n from a, duckdb_settings())) select * from a", refused],
  ["from sales pivot (max(current_setting('home_directory')) for id in (1))", refused],
  ["from sales select exclude_me: current_setting('home_directory')", refused],
  // A statement in a statement
  ["select * from query('select 1')", refused],
  ["select * from query_table('sales')", refused],
  ["select * from json_execute_serialized_sql(json_serialize_sql('select 1'))", refused],
  ["select json_serialize_plan('from sales')", refused],
  ["prepare p as select 1", readOnly],
  ["execute p", readOnly],
  ['select 1; select 2', invalid],
  ["select 1; copy sales to '/tmp/firn-hostile.csv'", invalid],
  ["/* select */ copy sales to '/tmp/firn-hostile.csv'", readOnly],
  ["-- select 1\ncopy sales to '/tmp/firn-hostile.csv'", readOnly],
  ["select 1 /* ; */ ; -- x\n drop view sales", invalid],
  ["select * from read\u200b_text('/etc/passwd')", invalid],
  ["select * from ｒead_text('/etc/passwd')", refused],
  ["select\u00a0* from read_text('/etc/passwd')", refused],
  ["select * from U&\"read\\005ftext\"('/etc/passwd')", invalid],
  ['select $1', invalid],
  [' ; -- nothing', 'SQL_MISSING'],
  // Pointers of the embedding process
  ['select * from arrow_scan(1, 2, 3)', refused],
  ['select * from seq_scan(\'sales\')', refused],
  // Other catalogs of the engine
  ['select * from system.pg_catalog.pg_views', refused],
  ['select * from information_schema.views', refused],
  ['select * from memory.main.x', invalid],
  // Network
  ["select * from read_parquet('http://127.0.0.1:1/x.parquet')", refused],
  ["select * from 'https://127.0.0.1:1/x.parquet'", refused],
  ["select * from 's3://bucket/x.parquet'", refused],
  // The parser itself
  ['select ' + '('.repeat(30_000) + '1' + ')'.repeat(30_000), invalid],
  ['select 1' + '+1'.repeat(40_000), invalid],
  ['select ' + 'not '.repeat(20_000) + 'true', invalid],
  ['select ' + '['.repeat(20_000) + ']'.repeat(20_000), invalid]
]

/** On Trino a schema of the lake's own catalog, and a name that the catalog refuses by a failure of its own. */
const ofTrino: ReadonlySet<string> = new Set(['select * from information_schema.views', 'select * from "/etc/passwd"'])

t.test('whatever leaves the lake is refused with a sentence, and the next question is answered', async t => {
  const service = await openTestService(t, { FIRN_QUERY_AT_ONCE_MAX: '1' })
  await service.write('analytics.sales', [{ name: 'id', type: 'long' }], [{ select: 'select range as id from range(3)' }])
  const dir = inWords({ duckdb: `${service.lake.dataDir}/warehouse`, trino: 's3://lake/warehouse' })
  const file = inWords({ duckdb: () => readdirSync(dir, { recursive: true, encoding: 'utf8' }).find(path => path.endsWith('.parquet'))!, trino: () => 'x.parquet' })()
  for (const [attack, code] of attacks.filter(([sql]) => engineHere === 'duckdb' || !ofTrino.has(sql))) {
    const sql = attack.replaceAll('{file}', `${dir}/${file}`).replaceAll('{dir}', dir)
    const reply = await service.ask(sql)
    const shown = sql.slice(0, 80)
    // Most of them are no words of Trino's at all.
    const expected = engineHere === 'duckdb' ? code : /^SQL_(INVALID|REFUSED|READ_ONLY|MISSING)$/
    t.match(reply.json, { code: expected, message: /\w/ }, `${shown} → ${reply.json.code}: ${String(reply.json.message).slice(0, 100)}`)
    t.equal(reply.status, 400, shown)
    t.notMatch(reply.body.toString(), /root:|internal error|INTERNAL/i, shown)
  }
  t.notOk(existsSync('/tmp/firn-hostile.csv') || existsSync('/tmp/firn-hostile.parquet') || existsSync('/tmp/firn-hostile') || existsSync('/tmp/firn-hostile.db'))
  t.strictSame((await service.ask('select count(*) as n from sales')).json.rows, [['3']])
})

const reading = inWords({
  duckdb: [
    'from sales', 'table sales', 'describe sales', 'show tables', 'show all tables', 'summarize sales', 'explain select * from sales', 'explain analyze select * from sales', 'values (1)', '(select 1)',
    'select * from lake.analytics.sales', 'select * from range(3)', 'select * from sales, unnest([1, 2]) u(x)', "select json_extract('{\"a\": 1}', '$.a')", 'select * from information_schema.tables', 'select * from system.information_schema.tables',
    'with recursive a(n) as (select 1 union all select n + 1 from a where n < 5) select * from a', 'from sales pivot (count(*) for id in (1, 2))', 'select row_number() over (order by id) from sales',
    "select * from json_each('[1]')", "select regexp_extract('read_csv', 'r.*')", "select 'copy' as \"select\"", '-- why\nselect 1;'
  ],
  trino: [
    'table analytics.sales', 'describe analytics.sales', 'show tables from analytics', 'show columns from lake.analytics.sales', 'show columns from sales', 'show stats for analytics.sales', 'show schemas', 'show create table analytics.sales', 'explain select * from sales', 'explain analyze select * from sales',
    'explain (type logical) select 1 order by (1) desc', 'values (1)', '(select 1)', 'select * from lake.analytics.sales', 'select * from table(sequence(start => 1, stop => 3))', 'select * from sales, unnest(array[1, 2]) u(x)',
    "select json_extract('{\"a\": 1}', '$.a')", 'select * from information_schema.tables', 'select * from analytics."sales$snapshots"', 'with recursive a(n) as (select 1 union all select n + 1 from a where n < 5) select * from a',
    'select row_number() over (order by (id) desc, id) from sales', 'select count(*) from sales group by id order by (count(*)) desc', "select regexp_extract('read_csv', 'r.*')", "select 'copy' as \"select\"", '-- why\nselect 1;'
  ]
})

t.test('what only reads and computes is answered', async t => {
  const service = await openTestService(t)
  await service.write('analytics.sales', [{ name: 'id', type: 'long' }], [{ select: 'select range as id from range(3)' }])
  for (const sql of reading) {
    const { status, body } = await service.ask(sql)
    t.equal(status, 200, `${sql}${status === 200 ? '' : ` → ${body.toString().slice(0, 200)}`}`)
  }
})
