import t from 'tap'
import { connect } from 'node:net'
import { createHttpServer, listen, type HttpServerOptions } from './http-server.ts'
import { createLogger } from './logger.ts'
import { createMetrics } from './metrics.ts'
import { defineErrors } from './firn-error.ts'

const { fail } = defineErrors('demo', {
  DEMO_FULL: { message: 'the shelf {shelf} is full: come back later', retryable: true, httpStatus: 503 },
  DEMO_WRONG: { message: '{path} has to be a number', retryable: false, httpStatus: 400 }
})

function server (options: Partial<HttpServerOptions> = {}) {
  const app = createHttpServer({ logger: createLogger('test', 'silent'), bodyBytesMax: 100, metrics: createMetrics('demo'), ...options })
  app.post('/things/:id', async request => ({ got: request.body }))
  app.get('/full', async () => { throw fail('DEMO_FULL', { shelf: 7 }) })
  app.get('/wrong', async () => { throw fail('DEMO_WRONG', { path: '/amount' }) })
  app.get('/broken', async () => { throw new Error('secret detail of the inside') })
  return app
}

t.test('an error has one shape, whoever raised it', async t => {
  const app = server()
  t.teardown(() => app.close())
  const full = await app.inject('/full')
  t.equal(full.statusCode, 503)
  t.equal(full.headers['retry-after'], '1')
  t.strictSame(Object.keys(full.json()), ['code', 'message', 'retryable', 'requestId'])
  t.match(full.json(), { code: 'DEMO_FULL', message: 'the shelf 7 is full: come back later', retryable: true })
  t.match((await app.inject('/wrong')).json(), { code: 'DEMO_WRONG', path: '/amount', retryable: false })
  for (const [request, status, code] of [
    [{ method: 'POST', url: '/things/1', payload: '{bad', headers: { 'content-type': 'application/json' } }, 400, 'REQUEST_INVALID'],
    [{ method: 'POST', url: '/things/1', payload: '<a/>', headers: { 'content-type': 'application/xml' } }, 415, 'MEDIA_TYPE_UNSUPPORTED'],
    [{ method: 'POST', url: '/things/1', payload: JSON.stringify('x'.repeat(200)), headers: { 'content-type': 'application/json' } }, 413, 'BODY_TOO_LARGE'],
    [{ method: 'GET', url: '/nothing' }, 404, 'NOT_FOUND']
  ] as const) {
    const answer = await app.inject(request)
    t.equal(answer.statusCode, status, code)
    t.match(answer.json(), { code, retryable: false, requestId: String }, code)
  }
})

t.test('what broke inside stays in the log', async t => {
  const app = server()
  t.teardown(() => app.close())
  const answer = await app.inject('/broken')
  t.equal(answer.statusCode, 500)
  t.equal(answer.json().code, 'INTERNAL')
  t.notMatch(answer.body, /secret detail/)
})

t.test('a known path answers another method with 405 and Allow', async t => {
  const app = server()
  t.teardown(() => app.close())
  for (const method of ['GET', 'DELETE', 'OPTIONS', 'PROPFIND'] as const) {
    const answer = await app.inject({ method: method as 'GET', url: '/things/1?x=1' })
    t.equal(answer.statusCode, 405, method)
    t.equal(answer.headers.allow, 'POST', method)
  }
})

t.test('the request id of a client is kept, and one that could break a log line is not', async t => {
  const app = server()
  t.teardown(() => app.close())
  t.equal((await app.inject({ url: '/nothing', headers: { 'x-request-id': 'abc-1' } })).json().requestId, 'abc-1')
  t.notMatch((await app.inject({ url: '/nothing', headers: { 'x-request-id': 'a b"c' } })).json().requestId, /"/)
})

t.test('ready means what the service says; alive means the process answers', async t => {
  let reason: string | undefined = 'the log is full'
  const app = server({ ready: async () => { if (reason !== undefined) throw new Error(reason) } })
  t.teardown(() => app.close())
  t.match((await app.inject('/readyz')).json(), { code: 'NOT_READY', message: 'the service is not ready: the log is full', retryable: true })
  t.equal((await app.inject('/livez')).statusCode, 200)
  reason = undefined
  t.equal((await app.inject('/readyz')).statusCode, 200)
})

t.test('metrics carry the name of the service', async t => {
  const metrics = createMetrics('demo')
  metrics.counter('things_total', 'things that came', ['kind']).inc({ kind: 'a' }, 3)
  t.throws(() => metrics.counter('things', 'a counter without its unit'), TypeError)
  const app = server({ metrics })
  t.teardown(() => app.close())
  const answer = await app.inject('/metrics')
  t.match(answer.body, /^firn_demo_things_total\{kind="a"\} 3$/m)
  t.match(answer.body, /^firn_demo_process_cpu_seconds \d/m)
})

t.test('a port in use is one sentence that names the port and what to set', async t => {
  const [first, second] = [server(), server()]
  t.teardown(() => Promise.all([first.close(), second.close()]))
  const port = Number(new URL(await listen(first, { host: '127.0.0.1', port: 0, setting: 'FIRN_DEMO_PORT' })).port)
  await t.rejects(listen(second, { host: '127.0.0.1', port, setting: 'FIRN_DEMO_PORT' }), {
    code: 'PORT_IN_USE', message: `port ${port} on 127.0.0.1 is in use: stop what listens there, or set FIRN_DEMO_PORT to another port`
  })
})

t.test('bytes that are not HTTP get an answer that says so', async t => {
  const app = server()
  t.teardown(() => app.close())
  const port = Number(new URL(await listen(app, { host: '127.0.0.1', port: 0, setting: 'X' })).port)
  const answer = await new Promise<string>(resolve => {
    let text = ''
    connect(port, '127.0.0.1').on('data', chunk => { text += String(chunk) }).on('close', () => { resolve(text) }).end('HELLO\r\n\r\n')
  })
  t.match(answer, /^HTTP\/1\.1 400 /)
  t.match(JSON.parse(answer.split('\r\n\r\n')[1] as string), { code: 'REQUEST_INVALID', retryable: false })
})
