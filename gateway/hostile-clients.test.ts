// What one client may do to the others: eight unfinished bodies kept a gateway busy for minutes.

import t, { type Test } from 'tap'
import { connect, type Socket } from 'node:net'
import { until } from '../runtime/index.ts'
import { Budget, heldPerBodyByte } from './budget.ts'
import { readClientAddresses } from './client-address.ts'
import { someEvent, startGateway, type StartedGateway, type StartOptions } from './started-gateway.ts'
import { chooseToGiveWay, giveWayMsMin, slowLooksMax, UnfinishedBodies, type UnfinishedBody } from './unfinished-bodies.ts'

const json = { 'content-type': 'application/json' }
const mebibyte = 1024 * 1024

function body (more: Partial<UnfinishedBody> = {}): UnfinishedBody & { arrivedBytes: number, error: Error | null } {
  return { held: 1, arrivedBytes: 0, beganMs: 0, error: null, drop (error: Error) { this.error = error }, ...more }
}

async function listening (t: Test, options: StartOptions): Promise<StartedGateway & { dial: (text: string) => { socket: Socket, text: () => string } }> {
  const gateway = await startGateway(t, options)
  const port = Number(new URL(await gateway.app.listen({ host: '127.0.0.1', port: 0 })).port)
  return {
    ...gateway,
    dial: text => {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
      t.teardown(() => { socket.destroy() })
      let answer = ''
      socket.on('error', () => {}).on('data', chunk => { answer += String(chunk) })
      socket.write(text)
      return { socket, text: () => answer }
    }
  }
}

async function held (gateway: StartedGateway): Promise<number> {
  return Number(/^firn_gateway_unacknowledged_bytes (\d+)$/m.exec((await gateway.app.inject('/metrics')).body)?.[1])
}

t.test('unfinished bodies that fill the room give way to a request that comes when they had their time', async t => {
  let elapsed = 0
  const gateway = await listening(t, { elapsedMs: () => elapsed })
  const head = (bytes: number): string => `POST /v1/events HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${bytes}\r\n\r\n`
  const bytesMax = gateway.config.FIRN_GATEWAY_UNACKNOWLEDGED_BYTES_MAX
  const each = 8 * mebibyte
  const attackers = Array.from({ length: bytesMax / each / heldPerBodyByte }, () => gateway.dial(head(each) + ' '.repeat(1000)))
  await until(async () => await held(gateway) === bytesMax)
  const probe = async (): Promise<[number, string]> => {
    const answer = await gateway.app.inject({ method: 'POST', url: '/v1/events', headers: json, payload: someEvent() })
    return [answer.statusCode, answer.json().code]
  }
  t.same(await probe(), [429, 'GATEWAY_BUSY'], 'they are young')
  elapsed = giveWayMsMin
  t.equal((await probe())[0], 202)
  await until(() => attackers.some(({ text }) => text().includes('GATEWAY_BODY_GAVE_WAY')))
  await until(async () => await held(gateway) === bytesMax - each * heldPerBodyByte)
  t.match((await gateway.app.inject('/metrics')).body, /firn_gateway_bodies_dropped_total 1\n/)
})

t.test('the body that has held the most for the longest gives way, and none before its time', t => {
  const rows: Array<[string, UnfinishedBody[], number | null]> = [
    ['none is there', [], null],
    ['all are young', [body({ held: 1e9, beganMs: 9000 })], null],
    ['one is old enough', [body({ held: 1e9, beganMs: 9000 }), body({ held: 1 })], 1],
    ['a small one that is old stays for a large one', [body({ held: 1000, beganMs: 0 }), body({ held: 8e6, beganMs: 7000 })], 1],
    ['of two alike the older one', [body({ beganMs: 2000 }), body({ beganMs: 1000 })], 1]
  ]
  for (const [name, bodies, chosen] of rows) t.equal(chooseToGiveWay(bodies, 10_000), chosen === null ? null : bodies[chosen], name)
  t.end()
})

t.test('a body that brings hardly anything is dropped, one that goes on after a pause is not', t => {
  const bodies = new UnfinishedBodies(200, () => 0)
  const [still, trickle, slow, paused] = [body(), body(), body(), body()]
  for (const one of [still, trickle, slow, paused]) bodies.add(one)
  for (let look = 0; look <= slowLooksMax; look++) {
    trickle.arrivedBytes += 999
    slow.arrivedBytes += 1000
    if (look === slowLooksMax) paused.arrivedBytes += 5000
    bodies.look()
  }
  t.match([still.error, trickle.error], [{ code: 'GATEWAY_BODY_SLOW', httpStatus: 408 }, { code: 'GATEWAY_BODY_SLOW' }])
  t.same([slow.error, paused.error, bodies.dropped], [null, null, 2])
  for (const one of [slow, paused]) bodies.remove(one)
  bodies.look()
  t.end()
})

t.test('one address has a share of the room, however it is spelt, and others find theirs', t => {
  const { shareOf } = readClientAddresses(['loopback', '10.0.0.0/8', '::ffff:192.168.0.0/112'])
  const budget = new Budget({ bytesMax: 100, bytesPerShareMax: 50 })
  budget.take(40, shareOf('2001:db8::1'))
  for (const spelling of ['2001:DB8:0:0:0:0:0:1', '[2001:db8::1]:443', '2001:db8::1%eth0', '2001:0db8::ffff:0:2', '2001:db8:0:0:9::']) {
    t.throws(() => { budget.take(20, shareOf(spelling)) }, { code: 'GATEWAY_SHARE' }, spelling)
  }
  budget.take(20, shareOf('2001:db8:0:1::1'))
  t.equal(budget.bytes, 60, 'another network')
  t.equal(budget.isShedding, false, 'a share that is used up is no overload')
  const mapped = ['203.0.113.9', '::ffff:203.0.113.9', '::FFFF:cb00:7109', '0:0:0:0:0:ffff:203.0.113.9', '203.0.113.9:80']
  t.same(new Set(mapped.map(shareOf)), new Set(['203.0.113.9']))
  t.same(['127.0.0.1', '::1', '::ffff:127.0.0.1', '10.1.2.3', '::ffff:a01:203', '192.168.0.7', 'unknown', undefined].map(shareOf), Array.from({ length: 8 }, () => null))
  t.end()
})

t.test('a proxy is not bounded as one address, and each address that it names is', async t => {
  const gateway = await startGateway(t, {
    settings: { FIRN_GATEWAY_UNACKNOWLEDGED_BYTES_MAX: '8000', FIRN_GATEWAY_ADDRESS_SHARE_PERCENT: '25' },
    wrap: log => Object.assign(Object.create(log) as typeof log, { append: async () => await new Promise<never>(() => {}) })
  })
  const codes: string[] = []
  const send = (id: string, forwardedFor: string): void => {
    void gateway.app.inject({ method: 'POST', url: '/events', headers: { ...json, 'x-forwarded-for': forwardedFor }, payload: someEvent({ event_id: id, properties: { x: 'x'.repeat(200) } }) })
      .then(answer => { codes.push(`${id} ${answer.json().code}`) })
  }
  send('a1', '203.0.113.1')
  send('a2', '203.0.113.1')
  send('a3', '::ffff:203.0.113.1')
  send('b1', '203.0.113.2')
  send('c1', '203.0.113.3')
  await until(() => codes.length === 2)
  t.same(codes, ['a2 GATEWAY_SHARE', 'a3 GATEWAY_SHARE'])
})

t.test('addresses of events have one spelling', async t => {
  const { of } = readClientAddresses(['loopback'])
  t.same(['2001:DB8::0:1', '2001:db8:0:0:0:0:0:1', '[2001:db8::1]:443', '2001:0db8::1%2'].map(hop => of('::1', hop)), Array.from({ length: 4 }, () => '2001:db8::1'))
  t.same(['::ffff:cb00:7109', '0:0:0:0:0:FFFF:203.0.113.9'].map(hop => of('::ffff:7f00:1', hop)), ['203.0.113.9', '203.0.113.9'])
})
