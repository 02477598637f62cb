import t from 'tap'
import { createLogger } from '../../runtime/index.ts'
import { failLog, type Log } from '../../log/index.ts'
import { createGateway } from '../gateway.ts'
import { openPatiently } from '../late-log.ts'
import { someEvent, startGateway, nowMs } from '../started-gateway.ts'
import { takeSpool } from './spool-lock.ts'
import { startSpool, topic } from './started-spool.ts'

const json = { 'content-type': 'application/json' }

t.test('what clients and operators see while the log is away: 202 without a position, ready with a word, metrics; then 503', async t => {
  const { config } = await startGateway(t, { settings: { FIRN_LOG_TOPICS: topic } })
  const started = await startSpool(t, { bytesMax: 1024 * 1024 })
  const app = await createGateway({ log: started.spooling, spool: { status: () => started.spooling.status(), stored: started.stored }, config, logger: createLogger('gateway', 'silent'), now: () => nowMs })
  t.after(async () => { await app.close() })
  const post = async (payload: object): Promise<{ statusCode: number, headers: Record<string, unknown>, json: () => Record<string, unknown> }> =>
    await app.inject({ method: 'POST', url: '/v1/events', headers: json, payload })
  const metric = async (name: string): Promise<number> =>
    Number((await app.inject('/metrics')).body.split('\n').find(line => line.startsWith(`firn_gateway_${name} `))?.split(' ').at(-1))
  t.same((await post(someEvent())).json().position, { topic, partition: 0, offset: 0 })
  t.same((await app.inject('/readyz')).json(), { status: 'ready' })
  t.same([await metric('spool_records'), await metric('spool_state{state="straight"}')], [0, 1])

  started.target.fault = 'away'
  const answer = await post(someEvent({ event_id: 'e-2' }))
  t.same([answer.statusCode, answer.json()], [202, { event_id: 'e-2', status: 'accepted', position: null }])
  t.same((await post([someEvent({ event_id: 'e-3' })])).json(), { accepted: 1, rejected: 0, errors: [] })
  const ready = await app.inject('/readyz')
  t.same([ready.statusCode, ready.json().status], [200, 'ready'])
  t.match(ready.json().detail, /^spooling: 2 events wait/)
  t.same([await metric('spool_records'), await metric('spooled_total'), await metric('spool_state{state="spooling"}'), await metric('spool_full')], [2, 2, 1, 0])
  t.ok(await metric('spool_bytes') > 100)
  t.ok(await metric('spool_stored_bytes') > await metric('spool_bytes'))
  t.ok(await metric('spool_oldest_seconds') > 1000, 'received at the time of the test')

  const big = Array.from({ length: 20 }, (_, i) => someEvent({ event_id: `big-${i}`, properties: { x: 'x'.repeat(60_000) } }))
  const refused = await post(big)
  t.same([refused.statusCode, refused.json().code, refused.json().retryable, refused.headers['retry-after']], [503, 'GATEWAY_SPOOL_FULL', true, '1'])
  const unready = await app.inject('/readyz')
  t.equal(unready.statusCode, 503)
  t.match(unready.json().message, /spool is at its bound/)
  t.equal(await metric('spool_full'), 1)
  t.equal(await metric('spool_stored_bytes_max'), 1024 * 1024)

  started.target.fault = 'none'
  await started.untilStraight()
  t.same((await app.inject('/readyz')).json(), { status: 'ready' })
  t.same([await metric('spool_records'), await metric('drained_total'), await metric('spool_state{state="straight"}')], [0, 2, 1])
  t.equal((await started.landed()).length, 3)
})

t.test('servers that are away at the start are waited for, one line for each reason; what cannot pass ends the start', async t => {
  const { log } = await startGateway(t)
  const lines: string[] = []
  const logger = { ...createLogger('gateway', 'silent'), warn: (_: unknown, text: string) => { lines.push(text) }, info: (text: string) => { lines.push(text) } } as never
  const reasons = ['LOG_CLOSED', 'LOG_CLOSED', 'LOG_TIMEOUT'] as const
  let attempts = 0
  const open = async (): Promise<Log> => {
    const code = reasons[attempts++]
    if (code !== undefined) throw failLog(code, { path: 'kafka', deadlineMs: 1, reason: 'no answer' })
    return log
  }
  const late = await openPatiently(open, logger)
  t.equal(attempts, 1, 'the gateway does not wait for it')
  await new Promise(resolve => setImmediate(resolve))
  await t.rejects(late.checkReady(), { code: 'LOG_CLOSED' })
  await t.rejects(late.append([]), { code: 'LOG_CLOSED' })
  while (attempts < 4) await new Promise(resolve => setTimeout(resolve, 20))
  await new Promise(resolve => setTimeout(resolve, 20))
  await late.checkReady()
  t.same(lines, ['the log cannot be opened yet', 'the log cannot be opened yet', 'the log is open'])
  const silent = await openPatiently(async () => await new Promise<Log>(resolve => { setTimeout(() => { resolve(log) }, 2000) }), logger)
  await t.rejects(silent.append([]), { code: 'GATEWAY_LOG_OPENING' })
  await t.rejects(openPatiently(async () => { throw failLog('LOG_URL_UNSUPPORTED', { url: 'x' }) }, logger), { code: 'LOG_URL_UNSUPPORTED' })
})

t.test('a spool belongs to one gateway', async t => {
  const folder = t.testdir()
  const lock = takeSpool(folder)
  t.throws(() => takeSpool(folder), { code: 'GATEWAY_SPOOL_IN_USE', message: new RegExp(String(process.pid)) })
  lock.release()
  takeSpool(folder).release()
})
