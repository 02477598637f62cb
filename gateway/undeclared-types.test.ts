import t from 'tap'
import { someEvent, startGateway, nowMs } from './started-gateway.ts'
import { UndeclaredTypes } from './undeclared-types.ts'

const json = { 'content-type': 'application/json' }
const typed = (type: string, n = 0): object => someEvent({ event_id: `${type}-${n}`, event_type: type })

t.test('a sender that makes up types is refused those beyond its bound, and the rest of its events are taken', async t => {
  let now = nowMs
  const gateway = await startGateway(t, { settings: { FIRN_GATEWAY_UNDECLARED_TYPES_MAX: '3' }, now: () => now })
  const post = async (payload: object, headers = {}) => await gateway.app.inject({ method: 'POST', url: '/v1/events', headers: { ...json, ...headers }, payload })
  const answer = await post([typed('own_a'), typed('own_b'), typed('page_view'), typed('own_c'), typed('own_d'), typed('own_a', 1), typed('own_e')])
  t.same([answer.statusCode, answer.json().accepted, answer.json().errors.map(({ index, code, path }: Record<string, unknown>) => [index, code, path])],
    [202, 5, [[4, 'GATEWAY_TYPES_MANY', '/event_type'], [6, 'GATEWAY_TYPES_MANY', '/event_type']]])
  t.match(answer.json().errors[0].message, /own_d is not declared, and this sender has used 3 .* send again in 3600 s/)
  t.equal((await gateway.records()).length, 5)
  for (const only of [typed('own_d'), [typed('own_d')], { events: [typed('own_d'), typed('own_f')] }]) {
    const refused = await post(only)
    t.same([refused.statusCode, refused.json().code, refused.json().retryable, refused.headers['retry-after']], [429, 'GATEWAY_TYPES_MANY', true, '1'])
  }
  const mixed = await post([typed('own_d'), { event_id: '' }])
  t.same([mixed.statusCode, mixed.json().retryable], [400, false], 'part of it can never be taken')
  t.match((await gateway.app.inject('/metrics')).body, /events_rejected_total\{code="GATEWAY_TYPES_MANY"\} 7\n/)
  t.equal((await post(typed('own_d'), { 'x-forwarded-for': '203.0.113.7' })).statusCode, 202, 'another address has its own')
  t.equal((await post(typed('own_c', 2))).statusCode, 202, 'known ones go on')
  now += 3_600_000
  t.equal((await post(someEvent({ event_id: 'later', event_type: 'own_d', timestamp: new Date(now).toISOString() }))).statusCode, 202, 'an hour later')
})

t.test('with keys the bound is the key\'s, from whatever address', async t => {
  const gateway = await startGateway(t, { settings: { FIRN_GATEWAY_UNDECLARED_TYPES_MAX: '1', FIRN_GATEWAY_WRITE_KEYS: 'web:a,shop:b' } })
  const post = async (key: string, type: string, address: string): Promise<number> => (await gateway.app.inject({ method: 'POST', url: '/v1/events', headers: { ...json, 'x-write-key': key, 'x-forwarded-for': address }, payload: typed(type) })).statusCode
  t.same([await post('a', 'own_a', '203.0.113.1'), await post('a', 'own_b', '203.0.113.2'), await post('b', 'own_b', '203.0.113.2')], [202, 429, 202])
})

t.test('senders without end are no memory without end', t => {
  const types = new UndeclaredTypes(1)
  for (let i = 0; i < 5000; i++) t.equal(types.refusalOf('own_a', `sender-${i}`, 0), null)
  t.equal(types.refusalOf('own_b', 'sender-4999', 0)?.code, 'GATEWAY_TYPES_MANY')
  t.equal(types.refusalOf('own_b', 'sender-0', 0), null, 'the first one was forgotten')
  t.end()
})
