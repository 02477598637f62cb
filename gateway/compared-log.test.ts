// While the writer says that the log is not the one its table was written from, no event is taken: it would be lost with
// that log when the right one is put in its place.

import t from 'tap'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createLogger, until } from '../runtime/index.ts'
import { askWriter, ComparedLog, type ComparedLogOptions, type LogComparison } from './compared-log.ts'
import { someEvent, startGateway, type StartedGateway } from './started-gateway.ts'

const logger = createLogger('gateway', 'silent')

/** A gateway whose writer says what `answer` says now; null: it is away. */
async function startCompared (t: Parameters<typeof startGateway>[0], answer: () => LogComparison | null, more: Partial<ComparedLogOptions> = {}): Promise<StartedGateway & { compared: ComparedLog }> {
  let compared!: ComparedLog
  const ask = async (): Promise<LogComparison> => answer() ?? Promise.reject(new Error('away'))
  const gateway = await startGateway(t, {
    wrap: log => compared = new ComparedLog({ append: async records => await log.append(records), checkReady: async () => { await log.checkReady() }, close: async () => {} }, { ask, logger, firstEveryMs: 1, everyMs: 1, ...more })
  })
  t.after(async () => { await compared.close() })
  return { ...gateway, compared }
}

const post = async ({ app }: StartedGateway): Promise<{ status: number, body: { code?: string, message?: string, retryable?: boolean }, retryAfter: unknown }> => {
  const reply = await app.inject({ method: 'POST', url: '/v1/events', payload: someEvent() })
  return { status: reply.statusCode, body: reply.json(), retryAfter: reply.headers['retry-after'] }
}

t.test('nothing is taken before the first answer, and everything after a good one', async t => {
  let answer: LogComparison | null = { state: 'unknown' }
  const gateway = await startCompared(t, () => answer)
  t.match(await post(gateway), { status: 503, body: { code: 'GATEWAY_LOG_UNCOMPARED', retryable: true }, retryAfter: /\d/ })
  t.equal((await gateway.app.inject('/readyz')).statusCode, 503)
  answer = { state: 'sound' }
  await gateway.compared.compared
  t.equal((await post(gateway)).status, 202)
  t.equal((await gateway.app.inject('/readyz')).statusCode, 200)
  answer = null
  t.equal((await post(gateway)).status, 202, 'a writer that dies later changes nothing')
})

t.test('another log takes nothing, says why, and takes events again after the decision', async t => {
  let answer: LogComparison = { state: 'other', reason: 'partition 0 halted: the log ends at 5. Choose: earliest' }
  const gateway = await startCompared(t, () => answer)
  await gateway.compared.compared
  t.match(await post(gateway), { status: 503, body: { code: 'GATEWAY_LOG_OTHER', message: /until the operator has decided: partition 0 halted/ }, retryAfter: /\d/ })
  t.match((await gateway.app.inject('/readyz')).json(), { message: /until the operator has decided/ })
  t.strictSame(await gateway.records(), [], 'nothing was appended')
  answer = { state: 'unknown', reason: 'the writer is starting' }
  t.equal((await post(gateway)).status, 503, 'a restart of the writer is no decision')
  answer = { state: 'sound' }
  await until(async () => (await post(gateway)).status === 202)
  answer = { state: 'other', reason: 'it was found later' }
  await until(async () => (await post(gateway)).status === 503)
})

t.test('a writer that is away, or cannot say, does not keep the gateway shut for ever', async t => {
  const never = 600_000
  const cases = [
    [null, { awayMsMax: 5, unknownMsMax: never, stuckMsMax: never }],
    [{ state: 'unknown', reason: 'the catalog is away' }, { awayMsMax: never, unknownMsMax: 5, stuckMsMax: never }],
    [{ state: 'unknown', reason: 'a metadata file is missing', isStuck: true }, { awayMsMax: never, unknownMsMax: never, stuckMsMax: 5 }]
  ] as const
  for (const [answer, bounds] of cases) {
    const gateway = await startCompared(t, () => answer, bounds)
    await gateway.compared.compared
    t.equal((await post(gateway)).status, 202)
  }
})

t.test('the writer is asked over HTTP; an answer that is none is no answer', async t => {
  let status = 200
  const server = createServer((request, reply) => reply.writeHead(status).end(request.url === '/v1/log' ? '{"state":"sound"}' : '{}'))
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  const ask = askWriter(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  t.strictSame(await ask(), { state: 'sound' })
  status = 404
  await t.rejects(ask(), /404/)
  await new Promise(resolve => { server.close(resolve) })
  await t.rejects(ask())
})
