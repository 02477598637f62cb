import t from 'tap'
import { contractVersion } from '../openapi/index.ts'
import { openToAll } from './config.ts'
import { nowMs, someEvent, startGateway, type StartedGateway } from './started-gateway.ts'

const json = { 'content-type': 'application/json' }
const post = async (gateway: StartedGateway, payload: string | Buffer | object, headers: Record<string, string> = json) =>
  await gateway.app.inject({ method: 'POST', url: '/v1/events', headers, payload })

t.test('a single event is answered with its position, and its bytes are in the log as they were sent', async t => {
  const gateway = await startGateway(t)
  const sent = '{"event_id":"e-1", "event_type":"page_view","timestamp":"2026-03-01T11:59:00.123456789+01:00" ,"user_id":"ü"}'
  const answer = await post(gateway, sent, { ...json, 'user-agent': 'test/1', 'x-forwarded-for': '203.0.113.9' })
  t.equal(answer.statusCode, 202)
  const { event_id: eventId, status, position } = answer.json()
  t.same({ eventId, status, topic: position.topic, offset: position.offset }, { eventId: 'e-1', status: 'accepted', topic: 'ecommerce_events', offset: 0 })
  const [record] = await gateway.records()
  t.same(record, {
    key: 'ü',
    value: sent,
    headers: { received_at: `${nowMs}000`, ip: '203.0.113.9', user_agent: 'test/1', source: 'gateway', contract: String(contractVersion) },
    timestampMs: nowMs
  })
})

t.test('the key is the session, else the user, else the event', async t => {
  const gateway = await startGateway(t)
  await post(gateway, [someEvent({ event_id: 'a', user_id: 'u' }), someEvent({ event_id: 'b', session_id: undefined, user_id: 'u' }), someEvent({ event_id: 'c', session_id: undefined })])
  t.same(new Set((await gateway.records()).map(record => record.key)), new Set(['s-1', 'u', 'c']))
})

t.test('fields that the type does not declare are marked for the writer', async t => {
  const gateway = await startGateway(t)
  await post(gateway, [someEvent({ event_id: 'plain' }), someEvent({ event_id: 'more', loyalty: 'gold' })])
  const extra = (await gateway.records()).map(record => [JSON.parse(record.value).event_id, record.headers.extra])
  t.same(Object.fromEntries(extra), { plain: undefined, more: '1' })
})

t.test('the good events of a request land and the bad ones are listed by place', async t => {
  const gateway = await startGateway(t)
  const answer = await post(gateway, [someEvent(), { event_type: 'page_view' }, someEvent({ event_id: 'e-3', timestamp: 'yesterday' }), 4, someEvent({ event_id: 'e-5' })])
  t.equal(answer.statusCode, 202)
  const { accepted, rejected, errors } = answer.json()
  t.same([accepted, rejected], [2, 3])
  t.same(errors.map((error: { index: number, event_id: string | null, path: string | null }) => [error.index, error.event_id, error.path]),
    [[1, null, 'event_id'], [2, 'e-3', 'timestamp'], [3, null, null]])
  t.ok(errors.every((error: { code: string, message: string }) => error.code.startsWith('EVENT_') && error.message.length > 10))
  t.equal((await gateway.records()).length, 2)
})

t.test('an array, {"events": […]} and NDJSON are taken alike', async t => {
  const gateway = await startGateway(t)
  const two = [someEvent({ event_id: 'a' }), someEvent({ event_id: 'b' })]
  const lines = two.map(event => JSON.stringify(event)).join('\n') + '\n'
  const requests: Array<[string, string | undefined]> = [
    [JSON.stringify(two), 'application/json'],
    [JSON.stringify({ events: two }), 'application/json; charset=utf-8'],
    [lines, 'application/x-ndjson'],
    [lines, 'application/ndjson'],
    [lines, 'text/plain;charset=UTF-8'],
    [JSON.stringify(two), 'text/plain'],
    [JSON.stringify(two), undefined]
  ]
  for (const [payload, type] of requests) {
    const answer = await gateway.app.inject({ method: 'POST', url: '/events', payload: Buffer.from(payload), headers: type === undefined ? {} : { 'content-type': type } })
    t.equal(answer.statusCode, 202, type ?? 'no type')
    t.same(answer.json(), { accepted: 2, rejected: 0, errors: [] })
  }
  t.equal((await gateway.records()).length, requests.length * 2)
})

t.test('a bad line of NDJSON costs itself only', async t => {
  const gateway = await startGateway(t)
  const answer = await post(gateway, `${JSON.stringify(someEvent())}\n{"event_id":\n${JSON.stringify(someEvent({ event_id: 'e-2' }))}`, { 'content-type': 'application/x-ndjson' })
  t.same([answer.statusCode, answer.json().accepted, answer.json().errors[0].index], [202, 2, 1])
})

t.test('every kind of bad input gets 4xx with code, message, retryable and requestId, and nothing lands', async t => {
  const gateway = await startGateway(t, { settings: { FIRN_GATEWAY_BODY_BYTES_MAX: '200000', FIRN_GATEWAY_EVENTS_MAX: '10' } })
  const event = JSON.stringify(someEvent())
  const rows: Array<[string, number, string | Buffer | object, (Record<string, string> | undefined)?, string?]> = [
    ['malformed JSON', 400, '{"event_id": "a"'],
    ['not UTF-8', 400, Buffer.concat([Buffer.from('{"event_id":"'), Buffer.from([0xff]), Buffer.from(event.slice(13))])],
    ['wrong type', 400, someEvent({ session_id: 7 }), undefined, 'session_id'],
    ['missing field', 400, someEvent({ timestamp: undefined }), undefined, 'timestamp'],
    ['timestamp too old', 400, someEvent({ timestamp: '2026-02-22T11:59:59Z' }), undefined, 'timestamp'],
    ['timestamp too far ahead', 400, someEvent({ timestamp: '2026-03-01T13:00:01Z' }), undefined, 'timestamp'],
    ['event too large', 413, someEvent({ properties: { x: 'x'.repeat(65_536) } })],
    ['body too large', 413, Buffer.alloc(200_001, 0x20)],
    ['too many events', 413, Array.from({ length: 11 }, (_, i) => someEvent({ event_id: String(i) }))],
    ['reserved field', 400, someEvent({ ip: '1.2.3.4' }), undefined, 'ip'],
    ['duplicate key', 400, event.slice(0, -1) + ',"user_id":"a","user_id":"b"}', undefined, 'user_id'],
    ['number beyond a double', 400, event.slice(0, -1) + ',"properties":{"n":1e999}}'],
    ['empty body', 400, ''],
    ['blank body', 400, '  '],
    ['empty array', 400, []],
    ['only bad events', 400, [1, {}]],
    ['unknown media type', 415, event, { 'content-type': 'application/xml' }],
    ['impossible media type', 415, event, { 'content-type': 'json' }],
    ['unknown encoding', 415, event, { ...json, 'content-encoding': 'lzma' }],
    ['damaged gzip', 400, event, { ...json, 'content-encoding': 'gzip' }]
  ]
  for (const [name, status, payload, headers, path] of rows) {
    const answer = await post(gateway, payload, headers ?? json)
    const body = answer.json()
    t.equal(answer.statusCode, status, `${name}: ${body.code}`)
    t.match(body, { code: /^[A-Z_]+$/, message: /.{10}/, retryable: false, requestId: /.+/ }, name)
    if (path !== undefined) t.equal(body.path, path, name)
  }
  t.equal((await gateway.log.ranges('ecommerce_events')).end.get(0), 0n)
  t.equal((await gateway.log.ranges('ecommerce_events')).end.get(1), 0n)
  t.match((await gateway.app.inject('/metrics')).body, /firn_gateway_unacknowledged_bytes 0\n/)
})

t.test('unknown routes are 404, unknown methods 405 with Allow', async t => {
  const { app } = await startGateway(t)
  const missing = await app.inject({ method: 'POST', url: '/v2/events', payload: {} })
  t.same([missing.statusCode, missing.json().code], [404, 'NOT_FOUND'])
  const method = await app.inject({ method: 'DELETE', url: '/v1/events' })
  t.same([method.statusCode, method.json().code, method.headers.allow], [405, 'METHOD_NOT_ALLOWED', 'OPTIONS, POST'])
})

t.test('X-Forwarded-For counts only from a trusted proxy', async t => {
  const gateway = await startGateway(t, { settings: { FIRN_TRUSTED_PROXIES: '10.0.0.0/8' } })
  const from = async (remoteAddress: string, forwardedFor: string): Promise<void> => {
    await gateway.app.inject({ method: 'POST', url: '/events', headers: { ...json, 'x-forwarded-for': forwardedFor }, payload: someEvent(), remoteAddress })
  }
  await from('192.0.2.1', '203.0.113.1')
  await from('10.1.1.1', '6.6.6.6, 203.0.113.2, 10.2.2.2')
  await from('10.1.1.1', 'not an address')
  await from('::ffff:10.1.1.1', '[2001:db8::1]:443')
  t.same((await gateway.records()).map(record => record.headers.ip), ['192.0.2.1', '203.0.113.2', '10.1.1.1', '2001:db8::1'])
})

t.test('a page may send: preflight, beacon, and the origin in the answer', async t => {
  const { app } = await startGateway(t, { settings: { FIRN_GATEWAY_CORS_ORIGINS: 'https://shop.example' } })
  const preflight = await app.inject({
    method: 'OPTIONS', url: '/v1/events',
    headers: { origin: 'https://shop.example', 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' }
  })
  t.equal(preflight.statusCode, 204)
  t.match(preflight.headers, { 'access-control-allow-origin': 'https://shop.example', 'access-control-allow-methods': /POST/, 'access-control-allow-headers': 'content-type' })
  const beacon = await app.inject({ method: 'POST', url: '/v1/events', headers: { origin: 'https://shop.example', 'content-type': 'text/plain;charset=UTF-8' }, payload: JSON.stringify(someEvent()) })
  t.same([beacon.statusCode, beacon.headers['access-control-allow-origin']], [202, 'https://shop.example'])
  const stranger = await app.inject({ method: 'POST', url: '/v1/events', headers: { ...json, origin: 'https://other.example' }, payload: someEvent() })
  t.equal(stranger.headers['access-control-allow-origin'], undefined)
})

t.test('with write keys set, only they may send, each at its rate', async t => {
  const gateway = await startGateway(t, { settings: { FIRN_GATEWAY_WRITE_KEYS: 'web:k-web:2, app:k-app' } })
  const send = async (headers: Record<string, string>, url = '/v1/events') => await gateway.app.inject({ method: 'POST', url, headers: { ...json, ...headers }, payload: [someEvent(), someEvent(), someEvent()] })
  t.same([(await send({})).statusCode, (await send({})).json().code], [401, 'GATEWAY_KEY_MISSING'])
  t.equal((await send({ authorization: 'Bearer k-nobody' })).json().code, 'GATEWAY_KEY_UNKNOWN')
  t.equal((await send({ authorization: 'Bearer k-web' })).statusCode, 202)
  const limited = await send({ 'x-write-key': 'k-web' })
  t.same([limited.statusCode, limited.json().code, limited.json().retryable, limited.headers['retry-after']], [429, 'GATEWAY_RATE', true, '1'])
  t.equal((await send({}, '/v1/events?write_key=k-app')).statusCode, 202)
})

t.test('the contract is served: document, schemas, pages without foreign assets', async t => {
  const { app } = await startGateway(t)
  t.match((await app.inject('/openapi.json')).json(), { openapi: /^3\.1/ })
  t.match((await app.inject('/v1/schemas/page_view')).json(), { type: 'object' })
  t.equal((await app.inject('/v1/schemas/no_such_type')).statusCode, 404)
  const page = await app.inject('/docs/')
  t.equal(page.statusCode, 200)
  t.notMatch(page.body, /(src|href)="https?:/)
  t.equal((await app.inject('/readyz')).statusCode, 200)
  t.equal((await app.inject('/livez')).statusCode, 200)
})

t.test('a key sends at most some seconds of its rate at once, and the next request waits for what it owes', async t => {
  const gateway = await startGateway(t, { settings: { FIRN_GATEWAY_WRITE_KEYS: 'web:k-web:10' } })
  const send = async (events: number) => await gateway.app.inject({
    method: 'POST', url: '/v1/events', headers: { ...json, 'x-write-key': 'k-web' }, payload: Array.from({ length: events }, (_, i) => someEvent({ event_id: `e-${i}` }))
  })
  for (const events of [101, 10_000]) {
    const large = await send(events)
    t.same([large.statusCode, large.json().code, large.json().retryable], [413, 'GATEWAY_RATE_BATCH', false], String(events))
  }
  t.equal((await gateway.records()).length, 0)
  t.equal((await send(100)).statusCode, 202)
  const early = await send(1)
  t.same([early.statusCode, early.json().code], [429, 'GATEWAY_RATE'])
  t.ok(Number(early.headers['retry-after']) >= 8, 'it owes nine seconds')
})

t.test('the pages of the contract work over plain HTTP on any name, and what is not there is 404', async t => {
  const { app } = await startGateway(t)
  for (const url of ['/docs', '/docs/', '/docs/static/index.html', '/docs/static/swagger-ui.css']) {
    t.notMatch(String((await app.inject({ url, headers: { host: 'shop.internal:8000' } })).headers['content-security-policy']), /upgrade-insecure/, url)
  }
  for (const [method, url] of [['GET', '/docs/static/x'], ['HEAD', '/docs/static/x'], ['GET', '/docs/static/a/b.js']] as const) {
    t.equal((await app.inject({ method, url })).statusCode, 404, `${method} ${url}`)
  }
  t.equal((await app.inject({ method: 'DELETE', url: '/docs/static/x' })).statusCode, 405)
})

t.test('the document requires no field that has a default', async t => {
  const { app } = await startGateway(t)
  const { schemas } = (await app.inject('/openapi.json')).json().components as { schemas: Record<string, { required?: string[], properties?: Record<string, { default?: unknown }> }> }
  const wrong = Object.entries(schemas).flatMap(([name, { required = [], properties = {} }]) =>
    required.filter(field => properties[field]?.default !== undefined).map(field => `${name}.${field}`))
  t.same(wrong, [])
  t.equal(schemas.order_created?.properties?.currency?.default, 'USD')
})

t.test('a gateway that is open to the network without keys says so', t => {
  const rows: Array<[string, string | undefined, boolean]> = [
    ['127.0.0.1', undefined, false], ['127.3.0.1', undefined, false], ['::1', undefined, false], ['[::1]', undefined, false], ['localhost', undefined, false],
    ['0.0.0.0', undefined, true], ['::', undefined, true], ['10.0.0.5', undefined, true], ['shop.internal', ' , ', true], ['0.0.0.0', 'web:k', false]
  ]
  for (const [host, keys, isSaid] of rows) {
    const sentence = openToAll({ FIRN_GATEWAY_HOST: host, ...keys === undefined ? {} : { FIRN_GATEWAY_WRITE_KEYS: keys } })
    t.equal(sentence !== null, isSaid, `${host} ${keys}`)
    if (isSaid) t.ok(sentence?.includes(host) && sentence.includes('FIRN_GATEWAY_WRITE_KEYS'))
  }
  t.end()
})
