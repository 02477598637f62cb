import { EventEmitter } from 'node:events'
import t from 'tap'
import type { ClientError, NativeKafka } from './client.ts'
import { KafkaProducer } from './producer.ts'
import { Trouble } from './trouble.ts'
import { Turns } from './turns.ts'

/** A client as librdkafka's is when its brokers are silent: it connects, takes records, and reports nothing. */
class SilentClient extends EventEmitter {
  static readonly all: SilentClient[] = []
  isAnswering = false
  error: Partial<ClientError> | null = null
  isGone = false

  constructor () {
    super()
    SilentClient.all.push(this)
  }

  connect (_: unknown, done: (error: null) => void): void { setImmediate(done, null) }
  setPollInBackground (): void {}
  getMetadata (_: unknown, done: (error: ClientError | null) => void): void { setImmediate(done, this.isAnswering ? null : { code: -195, message: 'Local: Broker transport failure' }) }
  produce (): void { if (this.error !== null) throw Object.assign(new Error('Local: Fatal error'), this.error) }
  disconnect (_: number, done: () => void): void {
    this.isGone = true
    setImmediate(done)
  }
}

function open (t: { after(run: () => Promise<void>): unknown }, silentMsMax: number): KafkaProducer {
  SilentClient.all.length = 0
  const trouble = new Trouble('kafka://broker:9092', 'broker:9092')
  const producer = new KafkaProducer({ Producer: SilentClient } as unknown as NativeKafka, {}, { appendMsMax: 300, silentMsMax }, trouble, new Turns(trouble))
  t.after(async () => { await producer.close() })
  return producer
}

const record = { topic: 'events', key: 'k', value: Buffer.from('v'), headers: {}, timestampMs: 0 }

t.test('a client whose brokers stay silent makes room for a new one, and not before', async t => {
  const producer = open(t, 50)
  await t.rejects(producer.check(100), { code: 'LOG_UNREACHABLE' })
  t.equal(SilentClient.all.length, 1)
  await t.rejects(producer.check(100), { code: 'LOG_UNREACHABLE' })
  t.equal(SilentClient.all.length, 1, 'too soon')
  await new Promise(resolve => setTimeout(resolve, 60))
  await t.rejects(producer.check(100), { code: 'LOG_UNREACHABLE' })
  t.equal(SilentClient.all[0]?.isGone, true)
  const asked = producer.check(100)
  await new Promise(resolve => setImmediate(resolve))
  SilentClient.all[1]!.isAnswering = true
  await asked
  t.equal(SilentClient.all.length, 2)
})

t.test('records of a client that failed for good are answered, and take no room any more', async t => {
  const producer = open(t, 60_000)
  const first = producer.append([record, record], () => 3)
  await t.rejects(first, { code: 'LOG_TIMEOUT' }, 'no report came')
  t.ok(producer.oldestMs > 0, 'a report may still come')
  SilentClient.all[0]!.error = { code: -150 }
  await t.rejects(producer.append([record], () => 3), { code: 'LOG_TIMEOUT' })
  await new Promise(resolve => setImmediate(resolve))
  t.equal(SilentClient.all[0]?.isGone, true)
  t.equal(producer.oldestMs, 0, 'nothing waits')
})
