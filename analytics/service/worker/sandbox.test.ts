// The second wall by itself: what DuckDB refuses when a statement comes to it unchecked.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { DuckDBInstance, quoteText } from '../../../catalog/index.ts'
import { openSandbox, Sandboxes } from './sandbox.ts'
import type { SandboxPlan } from './protocol.ts'

const folder = mkdtempSync(join(tmpdir(), 'firn-sandbox-'))
t.teardown(() => { rmSync(folder, { recursive: true }) })
const limits = { memoryMiBMax: 100, spillMiBMax: 100, threadsMax: 1, spillDir: join(folder, 'spill'), processMiBMax: 1000 }
// A name that is a pattern when it is not written as one.
const [own, other] = [join(folder, 'a[1] it\'s.parquet'), join(folder, 'other.parquet')]
const writer = await (await DuckDBInstance.create(':memory:')).connect()
for (const file of [own, other]) await writer.run(`copy (select range as id from range(3)) to ${quoteText(file)} (format parquet)`)
writer.closeSync()
writeFileSync(join(folder, 'secret.csv'), 'a,b\n')
mkdirSync(limits.spillDir)

const plan: SandboxPlan = {
  key: 'a',
  setup: [
    { sql: "attach ':memory:' as lake; create schema lake.firn" },
    { sql: `create view lake.firn.events as select * from read_parquet([${quoteText(own.replaceAll(/[[?*]/g, char => `[${char}]`))}])`, table: 'firn.events' },
    { sql: "set search_path = 'lake.firn'" }
  ],
  named: ['firn.events'],
  paths: [own]
}

t.test('the views are read, and no other file, setting or place', async t => {
  const { connection, close } = await openSandbox(plan, limits)
  t.strictSame((await connection.runAndReadAll('select count(*)::int from events')).getRows(), [[3]])
  for (const sql of [
    `select * from read_parquet('${other}')`, `select * from '${other}'`, `select * from read_csv('${folder}/secret.csv')`, "select * from read_text('/etc/passwd')", `select * from glob('${folder}/*')`, `copy (select 1) to '${folder}/out.csv'`,
    `copy (select 1) to '${own.replaceAll("'", "''")}.csv'`, `attach '${folder}/x.db'`, `export database '${folder}/x'`, 'set enable_external_access = true', "set allowed_directories = ['/']", "set memory_limit = '10GB'", 'set threads = 64', "set temp_directory = '/tmp'",
    'set lock_configuration = false', 'set global max_expression_depth = 100000', "install 'httpfs'", "load '/tmp/x.duckdb_extension'", 'install json from community', 'reset memory_limit', "create secret (type s3)", `create persistent secret x (type s3)`
  ]) await t.rejects(connection.runAndReadAll(sql), sql)
  close()
})

t.test('what needs more than its memory and its spill is ended, and the views go on', async t => {
  const { connection, close } = await openSandbox({ ...plan, key: 'b' }, { ...limits, memoryMiBMax: 64 })
  const sorted = (rows: number, width: number): string => `with x as materialized (select range, repeat(md5(range::varchar), ${width}) as r from range(${rows})) select max(n)::int from (select r, row_number() over (order by hash(range)) as n from x) where length(r) > 1 and n > 1`
  t.strictSame((await connection.runAndReadAll(sorted(20_000, 5))).getRows(), [[20_000]])
  await t.rejects(connection.runAndReadAll(sorted(300_000, 30)), /Out of Memory|max_temp_directory_size|memory/i)
  t.strictSame((await connection.runAndReadAll('select count(*)::int from events')).getRows(), [[3]])
  close()
})

t.test('a few sandboxes are kept, the last used ones', async t => {
  const sandboxes = new Sandboxes(limits)
  const first = await sandboxes.open({ ...plan, key: '0' })
  for (const key of ['1', '2', '3']) await sandboxes.open({ ...plan, key })
  t.equal(sandboxes.get('0'), first)
  await sandboxes.open({ ...plan, key: '4' })
  t.strictSame(['0', '1', '2', '3', '4'].map(key => sandboxes.get(key) !== undefined), [true, false, true, true, true])
  sandboxes.forget('0')
  t.equal(sandboxes.get('0'), undefined)
})
