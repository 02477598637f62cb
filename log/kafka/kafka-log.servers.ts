// The behaviour suite of logs against a real broker, and what only Kafka can show.

import { execFile } from 'node:child_process'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import t from 'tap'
import { until } from '../../runtime/index.ts'
import { nextBatch, readAll, record, testLogBehaviour, valueOf } from '../behaviour.ts'
import { openLog, partitionOf, type Log } from '../index.ts'

const brokers = process.env.TEST_KAFKA
if (brokers === undefined) throw new Error('TEST_KAFKA is not set: run `npm run test:servers`, which starts a broker')
const url = `kafka://${brokers}`

interface Closing { after(run: () => Promise<void>): unknown }

interface TransactionalProducer {
  connect(options: object, done: (error?: Error | null) => void): void
  initTransactions(ms: number, done: (error?: Error | null) => void): void
  beginTransaction(done: (error?: Error | null) => void): void
  commitTransaction(ms: number, done: (error?: Error | null) => void): void
  abortTransaction(ms: number, done: (error?: Error | null) => void): void
  produce(...args: unknown[]): void
  flush(ms: number, done: (error?: Error | null) => void): void
  disconnect(done: () => void): void
}

const newTopic = (): string => `test-${crypto.randomUUID()}`

async function open (t: Closing, partitions = 3): Promise<Log> {
  const log = await openLog(url, { partitions })
  t.after(async () => { await log.close() })
  return log
}

void t.test('every log behaves like this', { jobs: 4 }, async t => {
  testLogBehaviour(t, async t => ({ log: await open(t), topic: newTopic(), again: async () => await open(t) }))
})

void t.test('acknowledged offsets are the group\'s, for lag tools to read', async t => {
  const log = await open(t)
  const topic = newTopic()
  const group = `group-${topic}`
  await log.ensureTopic(topic)
  await log.append([record(topic, 'k', 'v')])
  const reader = await log.open({ topics: [topic], startAt: () => 'earliest', group })
  const batch = await nextBatch(reader)
  await log.acknowledge(topic, new Map([[batch.partition, batch.nextOffset]]))
  const { KafkaJS } = createRequire(import.meta.url)('@confluentinc/kafka-javascript') as { KafkaJS: { Kafka: new (options: object) => { admin(): { connect(): Promise<void>, disconnect(): Promise<void>, fetchOffsets(options: object): Promise<{ partitions: { partition: number, offset: string }[] }[]> } } } }
  const admin = new KafkaJS.Kafka({ kafkaJS: { brokers: [brokers] } }).admin()
  await admin.connect()
  let committed: string | undefined
  await until(async () => {
    const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] })
    committed = found?.partitions.find(({ partition }) => partition === batch.partition)?.offset
    return committed === String(batch.nextOffset)
  })
  t.equal(committed, '1')
  await admin.disconnect()
  await reader.close()
})

void t.test('closing the log waits for readers that are being closed or opened, whoever began it', async t => {
  const log = await open(t)
  const topic = newTopic()
  await log.ensureTopic(topic)
  const options = { topics: [topic], startAt: () => 'earliest' as const, group: `group-${topic}` }
  const reader = await log.open(options)
  await until(async () => (await reader.poll(500, 1024))?.kind === 'assigned')
  const ended: string[] = []
  void reader.close().then(() => { ended.push('reader') })
  const opening = log.open(options).then(() => { ended.push('opened') }, (error: { code: string }) => { ended.push(error.code) })
  await reader.close()
  t.ok(ended.includes('reader'), 'a second call waits as the first does')
  await log.close()
  ended.push('log')
  await opening
  t.equal(ended.at(-1), 'log', ended.join())
})

void t.test('records of foreign producers are read: no key, plain headers, no value', async t => {
  const log = await open(t)
  const topic = newTopic()
  await log.ensureTopic(topic)
  const { Producer } = createRequire(import.meta.url)('@confluentinc/kafka-javascript') as { Producer: new (config: object) => { connect(options: object, done: () => void): void, produce(...args: unknown[]): void, flush(ms: number, done: () => void): void, disconnect(done: () => void): void } }
  const producer = new Producer({ 'metadata.broker.list': brokers })
  await new Promise<void>(resolve => { producer.connect({}, resolve) })
  producer.produce(topic, 0, Buffer.from('{"a":1}'), null, 1_700_000_000_123, undefined, [{ source: 'shop' }, { note: 'ünï' }])
  producer.produce(topic, 0, null, 'gone', 1_700_000_000_124)
  producer.produce(topic, 0, Buffer.from('x'), 'k', 1_700_000_000_125, undefined, [{ 'firn.headers': 'not ours' }])
  await new Promise<void>(resolve => { producer.flush(5000, resolve) })
  await new Promise<void>(resolve => { producer.disconnect(resolve) })
  const read = await readAll(await log.open({ topics: [topic], startAt: () => 'earliest' }), 3)
  t.strictSame(read.get('0/0'), { key: null, value: '{"a":1}', headers: { source: 'shop', note: 'ünï' }, timestampMs: 1_700_000_000_123 })
  t.strictSame(read.get('0/1'), { key: 'gone', value: '', headers: {}, timestampMs: 1_700_000_000_124 }, 'a deletion is an empty value')
  t.strictSame(read.get('0/2')?.headers, { 'firn.headers': 'not ours' })
})

void t.test('a topic that was deleted and made again is another topic', async t => {
  const log = await open(t)
  const topic = newTopic()
  await log.ensureTopic(topic)
  const before = await log.identity([topic])
  const { AdminClient } = createRequire(import.meta.url)('@confluentinc/kafka-javascript') as { AdminClient: { create(config: object): { deleteTopic(topic: string, ms: number, done: (error?: Error) => void): void, disconnect(): void } } }
  const admin = AdminClient.create({ 'metadata.broker.list': brokers })
  await new Promise<void>((resolve, reject) => { admin.deleteTopic(topic, 5000, error => { if (error) reject(error); else resolve() }) })
  admin.disconnect()
  await until(async () => (await log.identity([topic])).topicIds.size === 0)
  await log.ensureTopic(topic)
  const after = await log.identity([topic])
  t.equal(after.clusterId, before.clusterId)
  t.not(after.topicIds.get(topic), before.topicIds.get(topic))
})

void t.test('a reader passes what transactions leave behind: markers, aborted records; and waits at one that is open', async t => {
  const log = await open(t)
  const topic = newTopic()
  await log.ensureTopic(topic)
  const { Producer } = createRequire(import.meta.url)('@confluentinc/kafka-javascript') as { Producer: new (config: object) => TransactionalProducer }
  const producer = new Producer({ 'metadata.broker.list': brokers, 'transactional.id': `tx-${topic}` })
  const call = async (run: (done: (error?: Error | null) => void) => void): Promise<void> => { await new Promise<void>((resolve, reject) => { run(error => { if (error) reject(error); else resolve() }) }) }
  await call(done => { producer.connect({}, done) })
  await call(done => { producer.initTransactions(10_000, done) })
  const transaction = async (value: string, end: 'commitTransaction' | 'abortTransaction' | null): Promise<void> => {
    await call(done => { producer.beginTransaction(done) })
    producer.produce(topic, 0, Buffer.from(value), 'k')
    await call(done => { producer.flush(5000, done) })
    if (end !== null) await call(done => { producer[end](10_000, done) })
  }
  const reader = await log.open({ topics: [topic], startAt: () => 'earliest', ends: true })
  const values: string[] = []
  let ended: { offset: bigint, fingerprint: string } | null = null
  const readTo = async (offset: bigint): Promise<void> => {
    await until(async () => {
      const event = await reader.poll(500, 1e6)
      if (event?.kind === 'batch') values.push(...Array.from({ length: event.batch.count }, (_, i) => valueOf(event.batch, i)))
      if (event?.kind === 'end' && event.partition === 0) ended = event
      return ended?.offset === offset
    })
  }
  await transaction('landed', 'commitTransaction')
  await readTo(2n)
  t.strictSame(values, ['landed'])
  t.equal((await log.ranges(topic)).end.get(0), 2n, 'the end of the log is behind the marker')
  const { fingerprint } = ended as unknown as { fingerprint: string }
  t.equal(await log.compareFingerprint(topic, 0, 2n, fingerprint), 'same', 'the record before the marker tells')
  await transaction('aborted', 'abortTransaction')
  await readTo(4n)
  t.strictSame(values, ['landed'])
  await transaction('open', null)
  t.equal((await log.ranges(topic)).end.get(0), 4n, 'records of an open transaction are not there yet')
  await call(done => { producer.commitTransaction(10_000, done) })
  await readTo(6n)
  t.strictSame(values, ['landed', 'open'])
  values.length = 0
  ended = null
  reader.seek(topic, 0, 0n)
  await readTo(6n)
  t.strictSame(values, ['landed', 'open'], 'an end that was heard before a seek skips nothing')
  await reader.close()
  await call(done => { producer.disconnect(() => { done() }) })
})

void t.test('a fingerprint tells a topic that was made anew from the one that was read, and says nothing once its records are gone', async t => {
  const log = await open(t)
  const topic = newTopic()
  await log.ensureTopic(topic)
  const append = async (...values: string[]): Promise<number> => (await log.append(values.map(value => record(topic, 'k', value, {}, 1_700_000_000_000))))[0]!.partition
  const partition = await append('a', 'b', 'c', 'd', 'e', 'f')
  const reader = await log.open({ topics: [topic], startAt: () => 'earliest' })
  let batch = await nextBatch(reader)
  while (batch.nextOffset < 6n) batch = await nextBatch(reader)
  await reader.close()
  const { AdminClient } = createRequire(import.meta.url)('@confluentinc/kafka-javascript') as { AdminClient: { create(config: object): { deleteTopic(topic: string, ms: number, done: (error?: Error) => void): void, deleteRecords(offsets: object[], options: object, done: (error?: Error) => void): void, disconnect(): void } } }
  const admin = AdminClient.create({ 'metadata.broker.list': brokers })
  t.teardown(() => { admin.disconnect() })
  const removeTo = async (offset: number): Promise<void> => { await new Promise<void>((resolve, reject) => { admin.deleteRecords([{ topic, partition, offset }], { timeout: 5000, operation_timeout: 5000 }, error => { if (error) reject(error); else resolve() }) }) }
  const ask = async (): Promise<string> => await log.compareFingerprint(topic, partition, batch.nextOffset, batch.fingerprint)
  t.equal(await ask(), 'same')
  await removeTo(5)
  t.equal(await ask(), 'same', 'the last record is enough')
  await append('g')
  await removeTo(6)
  t.equal(await ask(), 'unknown')
  await new Promise<void>((resolve, reject) => { admin.deleteTopic(topic, 5000, error => { if (error) reject(error); else resolve() }) })
  await until(async () => (await log.identity([topic])).topicIds.size === 0)
  t.equal(await ask(), 'other', 'a topic that is gone')
  await log.ensureTopic(topic)
  await until(async () => await log.ranges(topic).then(() => true, () => false))
  t.equal(await ask(), 'other', 'one that is shorter')
  await append('a', 'b', 'c', 'd', 'e', 'F', 'g')
  t.equal(await ask(), 'other', 'one that has grown past the place with one other record')
})

void t.test('records that leave before seven days are over are warned of, once', async t => {
  const topic = newTopic()
  const log = await open(t)
  await log.ensureTopic(topic)
  const [position] = await log.append([1, 2, 3].map(i => record(topic, 'k', `v${i}`, {}, Date.now())))
  const { AdminClient } = createRequire(import.meta.url)('@confluentinc/kafka-javascript') as { AdminClient: { create(config: object): { deleteRecords(offsets: object[], options: object, done: (error?: Error) => void): void, disconnect(): void } } }
  const admin = AdminClient.create({ 'metadata.broker.list': brokers })
  await new Promise<void>((resolve, reject) => { admin.deleteRecords([{ topic, partition: position!.partition, offset: 2 }], { timeout: 5000, operation_timeout: 5000 }, error => { if (error) reject(error); else resolve() }) })
  admin.disconnect()
  const warnings: string[] = []
  const again = await openLog(url, { warn: sentence => { warnings.push(sentence) } })
  t.after(async () => { await again.close() })
  await again.ensureTopic(topic)
  await again.ensureTopic(topic)
  await until(async () => warnings.length > 0)
  t.equal((await again.ranges(topic)).first.get(position!.partition), 2n)
  t.equal(warnings.length, 1)
  t.match(warnings[0], new RegExp(`records leave topic ${topic} in less than 7 days.*retention.ms`))
})

void t.test('keys of any alphabet meet on the partition that other clients give them', async t => {
  const log = await open(t, 7)
  const topic = newTopic()
  const partitions = await log.ensureTopic(topic)
  const keys = ['', 'a', 'session-1', 'é☃😀', 'x'.repeat(300)]
  t.strictSame((await log.append(keys.map(key => record(topic, key, 'v')))).map(({ partition }) => partition), keys.map(key => partitionOf(key, partitions)))
})

void t.test('a log that is closed while it is asked leaves nothing running', async t => {
  const topic = newTopic()
  const log = await open(t)
  await log.ensureTopic(topic)
  const script = `
    const { openLog } = await import(${JSON.stringify(new URL('../index.ts', import.meta.url).href)})
    const log = await openLog(${JSON.stringify(url)})
    const asked = [log.ranges('${topic}'), log.identity(['${topic}']), log.ranges('${topic}')]
    await log.close()
    console.log((await Promise.allSettled(asked)).map(({ reason }) => reason?.code ?? 'answered').join(' '))`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], { timeout: 20_000, env: { PATH: process.env.PATH } })
  t.match(stdout, /LOG_CLOSED/)
})
