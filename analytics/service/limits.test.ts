import { request as httpRequest } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { inWords, numbers } from '../engine-here.fixture.ts'
import { openTestService, type TestService } from './service.fixture.ts'

t.setTimeout(240_000)

/** No interrupt is needed for it to end in this century, but for us it is for ever. */
const many = numbers(100_000)
const endless = `select count(*) from ${many} a, ${many} b, ${many} c where (a.n * 7919 + b.n * 104729 + c.n) % 7 = 3`
const tight = { FIRN_QUERY_SECONDS_MAX: '1', FIRN_QUERY_AT_ONCE_MAX: '1', FIRN_QUERY_MEMORY_MIB_MAX: '100', FIRN_QUERY_SPILL_MIB_MAX: '0', FIRN_QUERY_WAITING_MAX: '1' }

async function open (t: Test, settings: Record<string, string>): Promise<TestService> {
  const service = await openTestService(t, settings)
  await service.write('analytics.sales', [{ name: 'id', type: 'long' }], [{ select: 'select range as id from range(3)' }])
  return service
}

/** The slot is free, and whatever runs next runs: a process that had to be replaced may need its time to start. */
async function stillAnswers (t: Test, service: TestService): Promise<void> {
  const startedMs = performance.now()
  let reply = await service.ask('select count(*) as n from sales')
  while (reply.json.code === 'QUERY_TIME_LIMIT' && performance.now() - startedMs < 10_000) reply = await service.ask('select count(*) as n from sales')
  t.strictSame(reply.json.rows, [['3']])
}

t.test('the time limit ends a statement that is busy inside of one operator, and its slot is free', async t => {
  const service = await open(t, tight)
  await stillAnswers(t, service)
  const startedMs = performance.now()
  const ended = await service.ask(endless)
  t.match([ended.status, ended.json.code], [504, 'QUERY_TIME_LIMIT'])
  t.ok(performance.now() - startedMs < 9000, `${Math.round(performance.now() - startedMs)} ms`)
  await stillAnswers(t, service)
})

t.test('memory is bounded, also where DuckDB does not count it; only that statement is gone', async t => {
  // Trino counts by itself (query.max-memory), and needs longer to come to its bound.
  const service = await open(t, { ...tight, ...inWords({ duckdb: {}, trino: { FIRN_QUERY_SECONDS_MAX: '90' } }) })
  const statements = inWords({
    duckdb: ["select range, repeat('x', 1000) || range from range(3000000) order by hash(range)", 'select len(range(900000000 + id)) from sales'],
    trino: [`select count(distinct rpad(cast(s.n as varchar), 1000, 'x')) as n from ${numbers(3_000_000)} s`]
  })
  for (const sql of statements) {
    t.match((await service.ask(sql)).json, { code: inWords({ duckdb: /QUERY_MEMORY_LIMIT|QUERY_TIME_LIMIT/, trino: /QUERY_MEMORY_LIMIT/ }) }, sql)
    await stillAnswers(t, service)
  }
})

t.test('an answer is cut at its rows or bytes, and says so', async t => {
  const service = await open(t, { FIRN_QUERY_ROWS_MAX: '50000', FIRN_QUERY_BYTES_MAX: '200000' })
  const sql = `select s.n from ${numbers(1_000_000)} s`
  const json = await service.ask(sql)
  t.equal(json.json.truncated, true)
  t.equal(json.json.rows.length, json.json.row_count)
  t.ok(json.body.length < 200_200 && json.body.length > 190_000, `${json.body.length} bytes`)
  const csv = await service.ask(sql, { format: 'csv' })
  t.match(csv.trailers, { 'firn-truncated': 'true', 'firn-rows': String(csv.body.toString().split('\r\n').length - 2) })
  const many = `select 1 as n from ${numbers(50_001)} s`
  t.match((await service.ask(many, { format: 'csv' })).trailers, { 'firn-truncated': 'true', 'firn-rows': '50000' })
  t.match((await service.ask(`select 1 as n from ${numbers(50_000)} s`, { format: 'csv' })).trailers, { 'firn-truncated': 'false', 'firn-rows': '50000' })
  t.match((await service.ask(`select 1 as n from ${numbers(100)} s`, { format: 'csv' })).headers, { 'firn-truncated': 'false', 'firn-rows': '100' })
})

t.test('who reads nothing is cut off at the time limit, and memory does not grow meanwhile', async t => {
  const service = await open(t, tight)
  const request = httpRequest(`${service.url}/v1/query`, { method: 'POST', headers: { 'content-type': 'application/json' } })
  request.on('error', () => {})
  request.on('response', response => { response.on('error', () => {}); response.pause() })
  const before = process.memoryUsage.rss()
  request.end(JSON.stringify({ sql: `select s.n, rpad('x', 1000, 'x') as x from ${numbers(100_000_000)} s`, format: 'csv', id: 'reads-nothing' }))
  await sleep(900)
  t.ok(process.memoryUsage.rss() - before < 200_000_000, `${Math.round((process.memoryUsage.rss() - before) / 1e6)} MB more`)
  const startedMs = performance.now()
  await stillAnswers(t, service)
  t.ok(performance.now() - startedMs < 9000)
  t.match((await service.get('/v1/queries/reads-nothing')).json, { state: 'failed', error: { code: 'QUERY_TIME_LIMIT' } })
  request.destroy()
})
