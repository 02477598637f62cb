import { setTimeout as sleep } from 'node:timers/promises'
import { request as httpRequest } from 'node:http'
import { once } from 'node:events'
import zlib from 'node:zlib'
import t from 'tap'
import { failLog, type Log, type LogRecord } from '../log/index.ts'
import { until } from '../runtime/index.ts'
import { heldPerBodyByte } from './budget.ts'
import { someEvent, startGateway } from './started-gateway.ts'

const json = { 'content-type': 'application/json' }

/** A log whose appends wait until they are let through, or fail. */
function gate (): { wrap: (log: Log) => Log, arrived: (records: number) => Promise<void>, open: () => void, failWith: (error: Error) => void } {
  let release = (): void => {}
  let failure: Error | null = null
  let handed = 0
  const opened = new Promise<void>(resolve => { release = resolve })
  return {
    wrap: log => Object.assign(Object.create(log) as Log, {
      checkReady: async () => { await log.checkReady() },
      append: async (records: readonly LogRecord[]) => {
        if (failure !== null) throw failure
        handed += records.length
        await opened
        return await log.append(records)
      }
    }),
    arrived: async records => { await until(() => handed >= records) },
    open: () => { release() },
    failWith: error => { failure = error }
  }
}

t.test('every encoding is inflated, and a zip bomb ends at the bound', async t => {
  const gateway = await startGateway(t)
  const body = Buffer.from(JSON.stringify([someEvent({ event_id: 'a' }), someEvent({ event_id: 'b' })]))
  const packed: Record<string, Buffer> = {
    gzip: zlib.gzipSync(body), br: zlib.brotliCompressSync(body), zstd: zlib.zstdCompressSync(body), deflate: zlib.deflateSync(body), identity: body
  }
  for (const [encoding, payload] of Object.entries(packed)) {
    const answer = await gateway.app.inject({ method: 'POST', url: '/events', headers: { ...json, 'content-encoding': encoding }, payload })
    t.same([answer.statusCode, answer.json().accepted], [202, 2], encoding)
  }
  const zeros = Buffer.alloc(64 * 1024 * 1024)
  const bombs: Record<string, Buffer> = { gzip: zlib.gzipSync(zeros, { level: 1 }), br: zlib.brotliCompressSync(zeros, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 1 } }), zstd: zlib.zstdCompressSync(zeros) }
  for (const [encoding, payload] of Object.entries(bombs)) {
    const answer = await gateway.app.inject({ method: 'POST', url: '/events', headers: { ...json, 'content-encoding': encoding }, payload })
    t.same([answer.statusCode, answer.json().code], [413, 'GATEWAY_BODY_TOO_LARGE'], encoding)
  }
  const cut = await gateway.app.inject({ method: 'POST', url: '/events', headers: { ...json, 'content-encoding': 'zstd' }, payload: (packed.zstd as Buffer).subarray(0, 30) })
  t.same([cut.statusCode, cut.json().code], [400, 'GATEWAY_ENCODING_DAMAGED'])
})

t.test('no 202 leaves before the log has confirmed', async t => {
  const { wrap, arrived, open } = gate()
  const { app } = await startGateway(t, { wrap })
  let answered = false
  const answer = app.inject({ method: 'POST', url: '/events', headers: json, payload: someEvent() }).then(response => {
    answered = true
    return response.statusCode
  })
  await arrived(1)
  await sleep(50)
  t.equal(answered, false)
  open()
  t.equal(await answer, 202)
})

t.test('over the budget of unacknowledged bytes the answer is 429 with Retry-After, until the log confirms', async t => {
  const { wrap, arrived, open } = gate()
  const gateway = await startGateway(t, { wrap, settings: { FIRN_GATEWAY_UNACKNOWLEDGED_BYTES_MAX: '1024' } })
  const ready = async (): Promise<number> => (await gateway.app.inject('/readyz')).statusCode
  const send = async (id: string) => await gateway.app.inject({ method: 'POST', url: '/events', headers: json, payload: someEvent({ event_id: id, properties: { x: 'x'.repeat(600) } }) })
  const first = send('a')
  await arrived(1)
  const refused = await send('b')
  t.same([refused.statusCode, refused.json().code, refused.json().retryable, refused.headers['retry-after']], [429, 'GATEWAY_BUSY', true, '1'])
  t.equal(await ready(), 503, 'not ready while it refuses')
  open()
  t.equal((await first).statusCode, 202)
  t.equal(await ready(), 200)
  t.equal((await send('b')).statusCode, 202)
  t.match((await gateway.app.inject('/metrics')).body, /firn_gateway_unacknowledged_bytes 0\n/)
})

t.test('a full, slow or broken log is 503 with what to do, and the budget is free again', async t => {
  const { wrap, failWith } = gate()
  const { app } = await startGateway(t, { wrap })
  const codes = { LOG_FULL: 'GATEWAY_LOG_FULL', LOG_TIMEOUT: 'GATEWAY_UNCONFIRMED', LOG_CLOSED: 'GATEWAY_LOG_UNAVAILABLE' } as const
  for (const [cause, code] of Object.entries(codes)) {
    failWith(failLog(cause as keyof typeof codes, { path: 'somewhere', reason: 'no reason', deadlineMs: 1 }))
    const answer = await app.inject({ method: 'POST', url: '/events', headers: json, payload: someEvent() })
    t.same([answer.statusCode, answer.json().code, answer.json().retryable, answer.headers['retry-after']], [503, code, true, '1'])
  }
  t.match((await app.inject('/metrics')).body, /firn_gateway_unacknowledged_bytes 0\n/)
})

t.test('a client that goes away in the middle of its body leaves nothing behind', async t => {
  const { app } = await startGateway(t)
  const url = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const client = httpRequest({ host: url.hostname, port: url.port, method: 'POST', path: '/v1/events', headers: { ...json, 'content-length': 5000 } })
  client.on('error', () => {})
  const holds = async (bytes: number): Promise<boolean> => (await app.inject('/metrics')).body.includes(`firn_gateway_unacknowledged_bytes ${bytes}\n`)
  client.write('{"event_id":"')
  await t.resolves(until(async () => await holds(5000 * heldPerBodyByte)))
  client.destroy()
  await t.resolves(until(async () => await holds(0)))
})

t.test('closing answers what is under way and loses nothing', async t => {
  const { wrap, arrived, open } = gate()
  const gateway = await startGateway(t, { wrap })
  const address = await gateway.app.listen({ host: '127.0.0.1', port: 0 })
  const sent = Array.from({ length: 20 }, async (_, i) => (await fetch(`${address}/v1/events`, { method: 'POST', headers: json, body: JSON.stringify(someEvent({ event_id: `e-${i}` })) })).status)
  await arrived(20)
  const startedMs = performance.now()
  const closed = gateway.app.close()
  await sleep(20)
  open()
  t.same(await Promise.all(sent), Array.from({ length: 20 }, () => 202))
  await closed
  t.ok(performance.now() - startedMs < 3500, 'kept-alive connections do not hold the close')
  t.equal((await gateway.records()).length, 20)
})

t.test('a body that never ends is cut when the gateway closes', async t => {
  const { app } = await startGateway(t, { settings: { FIRN_GATEWAY_CLOSE_MS_MAX: '200' } })
  const url = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  const client = httpRequest({ host: url.hostname, port: url.port, method: 'POST', path: '/v1/events', headers: json })
  client.write('[')
  const ended = once(client, 'error')
  await until(async () => (await app.inject('/metrics')).body.includes(`firn_gateway_unacknowledged_bytes ${heldPerBodyByte}\n`))
  await app.close()
  await ended
  t.pass('closed')
})
