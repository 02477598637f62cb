// What was refused is there to be looked up: events and bodies that nobody could read, by code and key, within a bound, after a
// restart too.

import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { createLogger } from '../runtime/index.ts'
import { createGateway } from './gateway.ts'
import { Refusals } from './refusals.ts'
import { nowMs, someEvent, startGateway, type StartedGateway } from './started-gateway.ts'

const json = { 'content-type': 'application/json' }
const post = async ({ app }: Pick<StartedGateway, 'app'>, payload: object | string | Buffer, headers: Record<string, string> = json) => await app.inject({ method: 'POST', url: '/v1/events', headers, payload })

t.test('what was refused can be looked up by code and key, with samples, and each key sees its own', async t => {
  const gateway = await startGateway(t, { settings: { FIRN_GATEWAY_WRITE_KEYS: 'web:k-web, app:k-app' } })
  const send = async (key: string, payload: object) => await post(gateway, payload, { ...json, 'x-write-key': key })
  for (let i = 0; i < 5; i++) await send('k-web', someEvent({ event_id: `bad-${i}`, timestamp: 'yesterday' }))
  await send('k-app', [someEvent({ event_id: 'good' }), someEvent({ event_id: 'x'.repeat(128), session_id: 7 })])
  const seen = async (key: string) => (await gateway.app.inject({ url: '/v1/refusals', headers: { 'x-write-key': key } })).json().refusals
  const [web, app] = [await seen('k-web'), await seen('k-app')]
  t.match(web, [{ key: 'web', count: 5, samples: { length: 3 } }])
  t.equal(web[0].samples[2].path, 'timestamp')
  t.match(app, [{ code: 'EVENT_FIELD_TYPE', key: 'app', count: 1, samples: [{ path: 'session_id', event_id: 'x'.repeat(64) }] }])
  t.equal((await gateway.app.inject('/v1/refusals')).statusCode, 401)
  const metrics = (await gateway.app.inject('/metrics')).body
  t.match(metrics, /firn_gateway_key_events_total\{key="web",outcome="refused"\} 5\n/)
  t.match(metrics, /firn_gateway_key_events_total\{key="app",outcome="valid"\} 1\n/)
  t.notMatch(JSON.stringify([web, app]) + metrics, /k-web|k-app/)
})

t.test('refusals are bounded: of many kinds the latest stay', t => {
  const refusals = new Refusals()
  for (let i = 0; i < 2000; i++) refusals.add(`key-${i}`, [{ event_id: null, code: 'A', path: null, message: 'm'.repeat(1000) }], nowMs + i)
  const kept = refusals.list()
  t.ok(kept.length <= 500)
  t.equal(kept[0]?.key, 'key-1999')
  t.equal(kept[0]?.samples[0]?.message.length, 200)
  t.end()
})

t.test('a body of which no event can be read is counted and sampled as well, under its key; what may be taken later is not', async t => {
  const gateway = await startGateway(t, { settings: { FIRN_GATEWAY_WRITE_KEYS: 'web:k-web, slow:k-slow:0.01', FIRN_GATEWAY_BODY_BYTES_MAX: '2048' } })
  const { app } = gateway
  const web = { ...json, 'x-write-key': 'k-web' }
  const sent: Array<[string, string | Buffer, Record<string, string>]> = [
    ['BODY_JSON', '{"event_id":', web],
    ['GATEWAY_MEDIA_TYPE', 'x', { ...web, 'content-type': 'image/png' }],
    ['GATEWAY_BODY_TOO_LARGE', 'x'.repeat(3000), web],
    ['GATEWAY_BODY_TOO_LARGE', gzipSync('x'.repeat(9000)), { ...web, 'content-encoding': 'gzip' }],
    ['GATEWAY_ENCODING_DAMAGED', 'no gzip', { ...web, 'content-encoding': 'gzip' }],
    ['GATEWAY_ENCODING_UNKNOWN', 'x', { ...web, 'content-encoding': 'rot13' }],
    ['GATEWAY_BODY_EMPTY', '', web],
    ['BODY_EMPTY', '[]', web]
  ]
  const codes = new Map<string, number>()
  for (const [expected, body, headers] of sent) {
    const { code } = (await post(gateway, body, headers)).json() as { code: string }
    if (expected !== 'BODY_JSON') t.equal(code, expected)
    codes.set(code, (codes.get(code) ?? 0) + 1)
  }
  await post(gateway, someEvent({ event_id: 'a' }), { ...json, 'x-write-key': 'k-nobody' })
  await post(gateway, someEvent({ event_id: 'b' }), { ...json, 'x-write-key': 'k-slow' })
  t.equal((await post(gateway, someEvent({ event_id: 'c' }), { ...json, 'x-write-key': 'k-slow' })).statusCode, 429)
  const seen = (await app.inject({ url: '/v1/refusals', headers: { 'x-write-key': 'k-web' } })).json().refusals as Array<{ code: string, key: string, count: number, samples: Array<{ message: string }> }>
  t.strictSame(Object.fromEntries(seen.map(({ code, count }) => [code, count])), Object.fromEntries(codes))
  t.ok(seen.every(({ key, samples }) => key === 'web' && samples[0]!.message.length > 10))
  const { body: metrics } = await app.inject('/metrics')
  t.match(metrics, /firn_gateway_bodies_refused_total\{code="GATEWAY_BODY_TOO_LARGE"\} 2\n/)
  t.match(metrics, /firn_gateway_bodies_refused_total\{code="GATEWAY_KEY_UNKNOWN"\} 1\n/)
  t.match(metrics, /firn_gateway_key_events_total\{key="web",outcome="refused"\} 8\n/)
  t.notMatch(metrics, /GATEWAY_RATE"|GATEWAY_BUSY"/, 'what may be sent again is no refusal')
  const { hours } = (await app.inject('/v1/refusals/hours')).json() as { hours: Array<{ hour: string, code: string, key: string | null, events: number }> }
  t.strictSame(hours.filter(({ key }) => key === null), [{ hour: '2026-03-01T12:00:00Z', code: 'GATEWAY_KEY_UNKNOWN', key: null, events: 1 }])
  t.equal(hours.reduce((sum, { events }) => sum + events, 0), 9)
  t.notMatch(JSON.stringify(hours), /k-web|k-nobody/)
})

t.test('what was refused outlives the gateway that refused it, within its folder and for its owner alone', async t => {
  const gateway = await startGateway(t)
  await post(gateway, someEvent({ event_id: 'bad', timestamp: 'yesterday' }))
  await post(gateway, 'no json')
  const before = (await gateway.app.inject('/v1/refusals')).json()
  const hours = (await gateway.app.inject('/v1/refusals/hours')).json()
  await gateway.app.close()
  const file = join(gateway.folder, 'refusals.json')
  t.equal(statSync(file).mode & 0o777, 0o600)
  const again = await createGateway({ log: gateway.log, config: gateway.config, logger: createLogger('gateway', 'silent'), now: () => nowMs })
  t.after(async () => { await again.close() })
  t.strictSame((await again.inject('/v1/refusals')).json(), before)
  t.strictSame((await again.inject('/v1/refusals/hours')).json(), hours, 'under the same name')
  await post({ app: again }, someEvent({ event_id: 'worse', timestamp: 'yesterday' }))
  t.equal((await again.inject('/v1/refusals')).json().refusals[0].count, 2)
})

t.test('a file that is damaged, or cannot be written, costs the memory of refusals and nothing else', async t => {
  const dir = mkdtempSync(join(tmpdir(), 'firn-refusals-'))
  t.after(() => { rmSync(dir, { recursive: true }) })
  const file = join(dir, 'refusals.json')
  const one = { event_id: null, code: 'A', path: null, message: 'm' }
  for (const text of ['', '{', 'null', '[]', '{"v":2}', '{"v":1,"id":"x","kinds":[{}],"hours":{}}', '{"v":1,"id":"x","kinds":null,"hours":{}}', '{"v":1,"id":"x","kinds":[],"hours":null}']) {
    writeFileSync(file, text)
    const refusals = new Refusals({ file, writeAfterMs: 1 })
    t.strictSame([refusals.list(), refusals.hours()], [[], []], text)
    refusals.add(null, [one], nowMs)
    await refusals.close()
    t.equal(JSON.parse(readFileSync(file, 'utf8')).kinds.length, 1)
  }
  const faults: unknown[] = []
  writeFileSync(join(dir, 'file'), '')
  const nowhere = new Refusals({ file: join(dir, 'file', 'refusals.json'), writeAfterMs: 1, onFault: error => { faults.push(error) } })
  for (let i = 0; i < 3; i++) {
    nowhere.add(null, [one], nowMs)
    await nowhere.close()
  }
  t.equal(faults.length, 1, 'said once')
  t.equal(nowhere.list()[0]!.count, 3)
})

t.test('hours are bounded: two days, however many kinds', t => {
  const refusals = new Refusals()
  for (let hour = 0; hour < 100; hour++) {
    for (let i = 0; i < 600; i += 100) refusals.add(`key ${i}`, [{ event_id: null, code: 'A', path: null, message: '' }], nowMs + hour * 3_600_000)
  }
  t.equal(new Set(refusals.hours().map(({ hour }) => hour)).size, 48)
  t.match(refusals.hours()[0], { hour: '2026-03-03T16:00:00Z', key: 'key 0', events: 1 })
  t.end()
})
