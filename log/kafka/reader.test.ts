import { EventEmitter } from 'node:events'
import t from 'tap'
import type { LogEvent } from '../types.ts'
import type { ClientError, NativeKafka, NativeMessage, TopicPartition } from './client.ts'
import { KafkaReader } from './reader.ts'
import type { Topics } from './topics.ts'
import { Trouble } from './trouble.ts'
import { Turns } from './turns.ts'

type Say = (error: ClientError, partitions: readonly TopicPartition[]) => void
const given = { code: -175 } as ClientError
const taken = { code: -174 } as ClientError
const topics = ['carts', 'clicks', 'orders', 'payments', 'visits']
const ofAll = (partition: number): TopicPartition[] => topics.map(topic => ({ topic, partition }))

/** A client of a group whose word the test gives. */
class GroupClient extends EventEmitter {
  static last: GroupClient
  readonly say: Say
  readonly assigned = new Set<string>()
  readonly calls: string[] = []
  /** Said by the group while a call is under way. */
  onConsume: (() => void) | null = null

  constructor (config: { rebalance_cb: Say }) {
    super()
    this.say = config.rebalance_cb
    GroupClient.last = this
  }

  connect (_: unknown, done: (error: null) => void): void { setImmediate(done, null) }
  disconnect (done: () => void): void { setImmediate(done) }
  subscribe (): void {}
  setDefaultIsTimeoutOnlyForFirstMessage (): void {}
  setDefaultConsumeTimeout (): void {}
  consume (_: number, done: (error: null, messages: NativeMessage[]) => void): void {
    setImmediate(() => {
      this.onConsume?.()
      this.onConsume = null
      done(null, [])
    })
  }

  seek (place: TopicPartition, _: number, done: () => void): void {
    this.calls.push(`seek ${place.topic}/${place.partition}`)
    setImmediate(done)
  }

  pause ([place]: TopicPartition[]): void { this.calls.push(`pause ${place!.topic}/${place!.partition}`) }
  resume ([place]: TopicPartition[]): void { this.calls.push(`resume ${place!.topic}/${place!.partition}`) }
  incrementalAssign (places: readonly TopicPartition[]): void { for (const { topic, partition } of places) this.assigned.add(`${topic}/${partition}`) }
  incrementalUnassign (places: readonly TopicPartition[]): void { for (const { topic, partition } of places) this.assigned.delete(`${topic}/${partition}`) }
}

async function join (t: { after(run: () => Promise<void>): unknown }): Promise<{ reader: KafkaReader, client: GroupClient }> {
  const trouble = new Trouble('kafka://broker:9092', 'broker:9092')
  const ranges = { ranges: async () => ({ first: new Map(), end: new Map() }) } as unknown as Topics
  const kafka = { KafkaConsumer: GroupClient } as unknown as NativeKafka
  const options = { topics, group: 'writers', startAt: () => 'earliest' as const }
  const reader = await KafkaReader.open(kafka, {}, options, ranges, trouble, new Turns(trouble), () => {})
  t.after(async () => { await reader.close() })
  return { reader, client: GroupClient.last }
}

async function hear (reader: KafkaReader, count: number): Promise<string[]> {
  const heard: string[] = []
  for (let i = 0; i < count; i++) heard.push(print(await reader.poll(20, 1)))
  return heard
}

function print (event: LogEvent | null): string {
  if (event === null) return 'nothing'
  return event.kind === 'assigned' || event.kind === 'revoked' ? `${event.kind} ${event.topic}/${event.partitions.join()}` : event.kind
}

t.test('what the group took of five topics may be sought, paused and resumed until the caller has heard of it', async t => {
  const { reader, client } = await join(t)
  client.say(given, [...ofAll(0), ...ofAll(1)])
  await hear(reader, topics.length)
  client.say(taken, ofAll(1))
  t.strictSame(await hear(reader, 1), ['revoked carts/1'])
  for (const topic of topics.slice(1)) {
    reader.seek(topic, 1, 3n)
    reader.pause(topic, 1)
    reader.resume(topic, 1)
  }
  t.strictSame(await hear(reader, 5), [...topics.slice(1).map(topic => `revoked ${topic}/1`), 'nothing'])
  t.strictSame(client.calls, [], 'the client heard nothing of it')
  t.throws(() => { reader.seek('visits', 1, 3n) }, RangeError, 'heard: from now on it is a mistake of the caller')
})

t.test('a partition that came back before its loss was heard is read from where its second owner is told', async t => {
  const { reader, client } = await join(t)
  client.say(given, ofAll(0))
  await hear(reader, topics.length)
  client.say(taken, [{ topic: 'orders', partition: 0 }])
  client.say(given, [{ topic: 'orders', partition: 0 }])
  reader.pause('orders', 0)
  t.strictSame(await hear(reader, 2), ['revoked orders/0', 'assigned orders/0'])
  reader.seek('orders', 0, 4n)
  await hear(reader, 1)
  t.strictSame(client.calls, ['seek orders/0'], 'the pause was of what had been taken')
})

t.test('what was given and taken back within one call of the client was never ours', async t => {
  const { reader, client } = await join(t)
  client.onConsume = () => {
    client.say(given, ofAll(2))
    client.say(taken, ofAll(2).slice(1))
  }
  t.strictSame(await hear(reader, 2), ['assigned carts/2', 'nothing'])
  t.strictSame([...client.assigned], ['carts/2'])
})
