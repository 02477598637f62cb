// What a broker refuses is one sentence with what to do, within its limit, and mended without a restart.

import t from 'tap'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { nextBatch, record, valueOf } from '../behaviour.ts'
import { openLog, type Log, type LogSettings } from '../index.ts'
import type { KafkaSettings } from './connection.ts'

const brokers = process.env.TEST_KAFKA
const guarded = process.env.TEST_KAFKA_SASL
if (brokers === undefined || guarded === undefined) throw new Error('TEST_KAFKA and TEST_KAFKA_SASL are not set: run `npm run test:servers`, which starts a broker')

/** No refusal takes longer, whatever was asked. */
const refusedMsMax = 10_000
const name = (): string => `test-refused-${crypto.randomUUID()}`
const admin: KafkaSettings = { saslMechanism: 'SCRAM-SHA-256', username: 'admin', password: 'admin-secret' }

async function open (t: import('tap').Test, address: string, settings: LogSettings): Promise<Log> {
  const log = await openLog(`kafka://${address}`, settings)
  t.after(async () => { await log.close() })
  return log
}

/** Everything that can be asked of a log, each refused with this code and words. */
async function everyRefusal (t: import('tap').Test, log: Log, code: string, words: RegExp): Promise<void> {
  const topic = name()
  const asked: Record<string, () => Promise<unknown>> = {
    append: async () => await log.append([record(topic, 'k', 'v')]),
    identity: async () => await log.identity([topic]),
    ranges: async () => await log.ranges(topic),
    ensureTopic: async () => await log.ensureTopic(topic),
    checkReady: async () => { await log.checkReady() }
  }
  await Promise.all(Object.entries(asked).map(async ([what, ask]) => {
    const began = performance.now()
    await t.rejects(ask(), { code, message: words }, what)
    t.ok(performance.now() - began < refusedMsMax, `${what} answered after ${Math.round(performance.now() - began)} ms`)
  }))
}

void t.test('SCRAM and PLAIN let us in', async t => {
  const log = await open(t, guarded, { kafka: admin })
  const topic = name()
  t.equal(await log.ensureTopic(topic), 3)
  const [position] = await log.append([record(topic, 'k', 'v')])
  t.equal(position!.offset, 0n)
  t.ok((await log.identity([topic])).topicIds.get(topic))
  await log.checkReady()
  const reader = await log.open({ topics: [topic], startAt: () => 'earliest' })
  t.equal(valueOf(await nextBatch(reader), 0), 'v')
  await reader.close()
  const long = await open(t, guarded, { kafka: { ...admin, saslMechanism: 'SCRAM-SHA-512' } })
  t.equal((await long.identity([])).clusterId, (await log.identity([])).clusterId)
  const plain = await open(t, guarded, { kafka: { saslMechanism: 'PLAIN', username: 'plainuser', password: 'plain-secret' } })
  t.equal((await plain.identity([])).clusterId, (await log.identity([])).clusterId)
})

for (const mechanism of ['SCRAM-SHA-256', 'PLAIN'] as const) {
  void t.test(`a wrong password (${mechanism}) is named, without the password`, async t => {
    const log = await open(t, guarded, { kafka: { saslMechanism: mechanism, username: 'admin', password: 'not-the-password' } })
    await everyRefusal(t, log, 'LOG_UNAUTHORIZED', /refused our credentials \(.*(invalid credentials|Invalid username or password).*FIRN_KAFKA_SASL_MECHANISM/i)
    const error = await log.checkReady().catch((error: unknown) => error)
    t.notMatch(String((error as Error).message), /not-the-password/)
    const reader = await log.open({ topics: [name()], startAt: () => 'earliest' }).then(async reader => { await reader.poll(8000, 1000) }, (error: unknown) => error)
    t.match(reader, { code: 'LOG_UNAUTHORIZED' })
  })
}

void t.test('a mechanism that the broker does not offer is named', async t => {
  const endpoint = createServer((_, reply) => { reply.writeHead(200, { 'content-type': 'application/json' }).end('{"access_token":"a.b.c","expires_in":300}') })
  await new Promise<void>(resolve => { endpoint.listen(0, '127.0.0.1', resolve) })
  t.after(() => { endpoint.close() })
  const log = await open(t, guarded, { kafka: { saslMechanism: 'OAUTHBEARER', oauthTokenUrl: `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}/token`, oauthClientId: 'firn', oauthClientSecret: 'top-secret' } })
  await t.rejects(log.checkReady(), { code: 'LOG_UNAUTHORIZED', message: /OAUTHBEARER|mechanism/i })
})

void t.test('a listener that wants a login says so when we bring none', async t => {
  const log = await open(t, guarded, {})
  const began = performance.now()
  await t.rejects(log.checkReady(), { code: 'LOG_UNREACHABLE' })
  t.ok(performance.now() - began < refusedMsMax)
})

void t.test('a token endpoint that refuses is named with its reason, without our secret', async t => {
  const endpoint = createServer((_, reply) => { reply.writeHead(401, { 'content-type': 'application/json' }).end('{"error":"invalid_client"}') })
  await new Promise<void>(resolve => { endpoint.listen(0, '127.0.0.1', resolve) })
  t.after(() => { endpoint.close() })
  const log = await open(t, guarded, { kafka: { saslMechanism: 'OAUTHBEARER', oauthTokenUrl: `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}/token`, oauthClientId: 'firn', oauthClientSecret: 'top-secret' } })
  await everyRefusal(t, log, 'LOG_UNAUTHORIZED', /token endpoint http:\/\/127.0.0.1:\d+\/token answered 401 invalid_client/)
})

void t.test('a user without rights is told which topic', async t => {
  const full = await open(t, brokers, {})
  const topic = name()
  await full.ensureTopic(topic)
  const log = await open(t, guarded, { kafka: { saslMechanism: 'SCRAM-SHA-256', username: 'gateway', password: 'gateway-secret' } })
  await t.rejects(log.append([record(topic, 'k', 'v')]), { code: 'LOG_FORBIDDEN', message: new RegExp(`${topic}.*SECURITY.md`) })
  await t.rejects(log.ensureTopic(topic), { code: 'LOG_FORBIDDEN' })
  await t.rejects(log.identity([topic]), { code: 'LOG_FORBIDDEN' })
  const reader = await log.open({ topics: [topic], startAt: () => 'earliest' })
  await t.rejects(reader.poll(5000, 1000), { code: 'LOG_FORBIDDEN' })
  await reader.close()
  const shared = await log.open({ topics: [topic], startAt: () => 'earliest', group: 'nobody-allowed-this' })
  const polls = (async () => { for (let i = 0; i < 20; i++) await shared.poll(500, 1000) })()
  await t.rejects(polls, { code: 'LOG_FORBIDDEN' })
  await shared.close()
})

void t.test('a host that does not exist and a port where nobody listens', async t => {
  await everyRefusal(t, await open(t, 'no-such-host.invalid:9092', {}), 'LOG_UNREACHABLE', /no-such-host.invalid:9092 cannot be reached \(.*(resolve|resolution)/i)
  await everyRefusal(t, await open(t, '127.0.0.1:1', {}), 'LOG_UNREACHABLE', /127.0.0.1:1 cannot be reached \(.*refused/i)
})

void t.test('a topic is not made where that is off, nor with too few partitions, nor with more copies than brokers', async t => {
  const topic = name()
  await t.rejects((await open(t, brokers, { kafka: { topicCreate: false } })).ensureTopic(topic), { code: 'LOG_TOPIC_NOT_CREATED', message: new RegExp(`${topic} does not exist.*FIRN_KAFKA_TOPIC_CREATE`) })
  await t.rejects((await open(t, brokers, { partitions: 2 })).ensureTopic(topic), { code: 'LOG_SETTING', message: /FIRN_LOG_PARTITIONS is 2, but at least 3/ })
  await t.rejects((await open(t, brokers, { kafka: { replication: 3 } })).ensureTopic(topic), { code: 'LOG_TOPIC_NOT_CREATED', message: /replication factor/i })
  t.equal((await (await open(t, brokers, {})).identity([topic])).topicIds.size, 0, 'nothing was made')
})

void t.test('a record that the topic does not take is refused, and the next one lands', async t => {
  const log = await open(t, brokers, {})
  const topic = name()
  await log.ensureTopic(topic)
  const large = { ...record(topic, 'k', ''), value: crypto.getRandomValues(Buffer.alloc(65_536)) }
  await t.rejects(log.append([{ ...large, value: Buffer.concat(Array.from({ length: 40 }, () => crypto.getRandomValues(Buffer.alloc(65_536)))) }]), { code: 'LOG_RECORD_REFUSED' })
  t.equal((await log.append([large]))[0]!.offset, 0n)
})
