import { request as httpRequest } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { until } from '../../runtime/index.ts'
import { numbers } from '../engine-here.fixture.ts'
import { openTestService } from './service.fixture.ts'

t.setTimeout(180_000)

/** No interrupt is needed for it to end in this century, but for us it is for ever. */
const many = numbers(100_000)
const endless = `select count(*) from ${many} a, ${many} b, ${many} c where (a.n * 7919 + b.n * 104729 + c.n) % 7 = 3`

const service = await openTestService(t, { FIRN_QUERY_SECONDS_MAX: '10', FIRN_QUERY_AT_ONCE_MAX: '1', FIRN_QUERY_WAITING_MAX: '1' })
await service.write('analytics.sales', [{ name: 'id', type: 'long' }], [{ select: 'select range as id from range(3)' }])

async function stateOf (id: string): Promise<unknown> {
  return (await service.get(`/v1/queries/${id}`)).json?.state
}

async function stillAnswers (t: Test): Promise<void> {
  t.strictSame((await service.ask('select count(*) as n from sales')).json.rows, [['3']])
}

t.test('a statement is cancelled by its id, before its answer begins and while it waits', async t => {
  const [running, waiting] = [service.ask(endless, { id: 'the-first-one' }), service.ask('select 1', { id: 'the-second-one' })]
  await until(async () => await stateOf('the-first-one') === 'running' && await stateOf('the-second-one') === 'waiting')
  t.match((await service.get('/v1/queries/the-first-one')).json, { sql: endless })
  t.match((await service.ask('select 1', { id: 'the-second-one' })).json, { code: 'QUERY_ID_TAKEN' })
  t.equal((await service.get('/v1/queries/the-second-one', {}, 'DELETE')).status, 202)
  t.match((await waiting).json, { code: 'QUERY_CANCELLED' })
  t.equal((await service.get('/v1/queries/the-first-one', {}, 'DELETE')).status, 202)
  t.match(await running, { status: 499, json: { code: 'QUERY_CANCELLED' } })
  t.match((await service.get('/v1/queries/the-first-one')).json, { state: 'cancelled', error: { code: 'QUERY_CANCELLED' } })
  t.equal((await service.get('/v1/queries/the-first-one', {}, 'DELETE')).status, 200)
  t.equal((await service.get('/v1/queries/never-asked')).status, 404)
  await stillAnswers(t)
})

t.test('who hangs up ends the statement, before the answer and in the middle of it', async t => {
  for (const sql of [endless, `select s.n, rpad('x', 100, 'x') as x from ${numbers(100_000_000)} s`]) {
    const request = httpRequest(`${service.url}/v1/query`, { method: 'POST', headers: { 'content-type': 'application/json' } })
    request.on('error', () => {})
    request.on('response', response => { response.on('error', () => {}) })
    request.end(JSON.stringify({ sql, id: 'hang-up-' + sql.length }))
    await until(async () => await stateOf(`hang-up-${sql.length}`) === 'running')
    await sleep(200) // for the first rows, of the statement that has some
    request.destroy()
    const startedMs = performance.now()
    await stillAnswers(t)
    t.ok(performance.now() - startedMs < 9000, `the slot is free after ${Math.round(performance.now() - startedMs)} ms`)
    t.match((await service.get(`/v1/queries/hang-up-${sql.length}`)).json, { state: 'cancelled' })
  }
})

t.test('at most so many at once and waiting: the next one is told when to come back', async t => {
  const first = service.ask(endless, { id: 'in-the-way' })
  await until(async () => await stateOf('in-the-way') === 'running')
  const second = service.ask('select 1', { id: 'the-next-one' })
  await until(async () => await stateOf('the-next-one') === 'waiting')
  const third = await service.ask('select 1')
  t.match([third.status, third.json.code, third.headers['retry-after']], [429, 'QUERY_TOO_MANY', /^\d+$/])
  await service.get('/v1/queries/in-the-way', {}, 'DELETE')
  t.strictSame([(await first).status, (await second).status], [499, 200])
})
