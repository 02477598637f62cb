// The commands of SECURITY.md, run as they stand there against the SASL listener: the gateway's user can append and not
// read, the writer's can read and commit its group's offsets and not append, and neither can make a topic.

import t from 'tap'
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fetchJars } from '../servers/downloads.ts'
import { findJava } from '../servers/java.ts'

const brokerMsMax = 20_000
const tools: Record<string, string> = { 'kafka-topics.sh': 'org.apache.kafka.tools.TopicCommand', 'kafka-configs.sh': 'kafka.admin.ConfigCommand', 'kafka-acls.sh': 'org.apache.kafka.tools.AclCommand' }
const passwords = { GATEWAY_PASSWORD: 'gateway-pass', WRITER_PASSWORD: 'writer-pass' }
const topic = `secured-${Date.now()}`
const security = readFileSync(join(import.meta.dirname, '../../SECURITY.md'), 'utf8')

type Settings = Record<string, unknown>
interface Client { connect (options: object, done: (error: unknown) => void): void, disconnect (done?: () => void): void, on (event: string, listener: (...words: any[]) => void): void }
interface Producer extends Client { setPollInterval (ms: number): void, produce (topic: string, partition: number | null, value: Buffer, key: string): void }
interface Consumer extends Client { subscribe (topics: string[]): void, consume (count: number, done: (error: { message: string } | null, messages: unknown[]) => void): void, commitSync (what: object[]): void }
interface Admin { createTopic (topic: object, ms: number, done: (error: { message: string } | null) => void): void, disconnect (): void }
const kafka = createRequire(import.meta.url)('@confluentinc/kafka-javascript') as { Producer: new (settings: Settings) => Producer, KafkaConsumer: new (settings: Settings, topics: Settings) => Consumer, AdminClient: { create (settings: Settings): Admin } }

function address (name: string): string {
  const value = process.env[name]
  if (value === undefined) throw new Error(`${name} is not set: run this file with npm run test:servers`)
  return value
}

const login = (user: 'gateway' | 'writer'): Settings => ({
  'bootstrap.servers': address('TEST_KAFKA_SASL'),
  'security.protocol': 'sasl_plaintext',
  'sasl.mechanisms': 'SCRAM-SHA-512',
  'sasl.username': `firn-${user}`,
  'sasl.password': passwords[user === 'gateway' ? 'GATEWAY_PASSWORD' : 'WRITER_PASSWORD']
})

t.before(async () => {
  const java = await findJava('kafka', 17)
  const jars = await fetchJars('kafka')
  const admin = join(t.testdir(), 'admin.properties')
  writeFileSync(admin, 'security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-256\nsasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="admin" password="admin-secret";\n')
  const variables: Record<string, string> = { KAFKA: address('TEST_KAFKA_SASL'), ADMIN: admin, ...passwords }
  const block = /<!-- begin kafka -->\n```sh\n([^]*?)```/.exec(security)?.[1] ?? ''
  for (const line of block.trim().split('\n')) {
    const [tool = '', ...words] = line.split(/\s+/).map(word => word.replace(/\$([A-Z_]+)/g, (hole, name: string) => variables[name] ?? hole).replace(/^ecommerce_events$/, topic))
    // One broker has no three copies.
    const fitting = words.map(word => word === '3' && words.includes('--replication-factor') ? '1' : word.replace('min.insync.replicas=2', 'min.insync.replicas=1'))
    execFileSync(java, ['-Xmx128m', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-cp', `${jars}/*`, tools[tool]!, ...fitting], { encoding: 'utf8', timeout: 60_000, stdio: ['ignore', 'pipe', 'pipe'] })
  }
})

t.test('the gateway\'s user appends, idempotent and acknowledged by all, and may not read or make topics', async t => {
  t.equal(await append('gateway'), 'acknowledged')
  t.match(await read('gateway', 'firn-writer'), /authorization failed/i)
  t.match(await createTopic('gateway'), /authorization failed/i)
})

t.test('the writer\'s user reads and commits offsets in its group, and may not append or use another group', async t => {
  t.equal(await read('writer', 'firn-writer'), 'read 1')
  t.match(await append('writer'), /authorization failed/i)
  t.match(await read('writer', 'another'), /authorization failed/i)
  t.match(await createTopic('writer'), /authorization failed/i)
})

async function append (user: 'gateway' | 'writer'): Promise<string> {
  const producer = new kafka.Producer({ ...login(user), 'enable.idempotence': true, acks: 'all', dr_cb: true, 'message.timeout.ms': 5000 })
  const { promise, resolve } = Promise.withResolvers<string>()
  const late = setTimeout(() => { resolve('nothing came') }, brokerMsMax)
  producer.on('delivery-report', (error: Error | null) => { resolve(error === null ? 'acknowledged' : error.message) })
  producer.on('event.error', (error: Error) => { resolve(error.message) })
  await connected(producer)
  producer.setPollInterval(20)
  try {
    producer.produce(topic, null, Buffer.from('{}'), 'a')
  } catch {
    // The client has heard already that it may not append: the reason comes as an event.
  }
  const outcome = await promise
  clearTimeout(late)
  producer.disconnect()
  return outcome
}

async function read (user: 'gateway' | 'writer', group: string): Promise<string> {
  const consumer = new kafka.KafkaConsumer({ ...login(user), 'group.id': group, 'enable.auto.commit': false }, { 'auto.offset.reset': 'earliest' })
  await connected(consumer)
  const { promise, resolve } = Promise.withResolvers<string>()
  const late = setTimeout(() => { resolve('nothing came') }, brokerMsMax)
  consumer.on('event.error', (error: Error) => { if (/authoriz/i.test(error.message)) resolve(error.message) })
  consumer.subscribe([topic])
  const poll = (): void => {
    consumer.consume(10, (error, messages) => {
      if (error !== null) resolve(error.message)
      else if (messages.length > 0) {
        consumer.commitSync(messages.map(message => ({ ...message as object, offset: (message as { offset: number }).offset + 1 })))
        resolve(`read ${messages.length}`)
      }
    })
  }
  const polling = setInterval(poll, 200)
  const outcome = await promise
  clearTimeout(late)
  clearInterval(polling)
  await new Promise<void>(resolve => { consumer.disconnect(() => { resolve() }) })
  return outcome
}

async function createTopic (user: 'gateway' | 'writer'): Promise<string> {
  const admin = kafka.AdminClient.create(login(user))
  const outcome = await new Promise<string>(resolve => { admin.createTopic({ topic: `${topic}-${user}`, num_partitions: 1, replication_factor: 1 }, 5000, error => { resolve(error?.message ?? 'made') }) })
  admin.disconnect()
  return outcome
}

async function connected (client: Client): Promise<void> {
  await new Promise<void>((resolve, reject) => { client.connect({ timeout: brokerMsMax }, error => { if (error) reject(error as Error); else resolve() }) })
}
