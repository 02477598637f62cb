import t from 'tap'
import type { Log, LogEvent, LogOpenOptions, LogReader } from '../log/index.ts'
import { HeldReader } from './held-reader.ts'
import type { Session } from './session.ts'

const topics = ['carts', 'clicks', 'orders', 'payments', 'visits']

/** A log whose reader says what the test puts into `events`, and keeps where it was sent. */
function scripted (): { log: Log, events: LogEvent[], asked: LogOpenOptions[], sought: string[] } {
  const events: LogEvent[] = []
  const asked: LogOpenOptions[] = []
  const sought: string[] = []
  const reader: LogReader = {
    poll: async () => events.shift() ?? null,
    seek: (topic, partition, offset) => { sought.push(`${topic}/${partition} to ${offset}`) },
    pause: () => {},
    resume: () => {},
    close: async () => {}
  }
  const log = {
    open: async (options: LogOpenOptions) => {
      asked.push(options)
      return reader
    },
    ranges: async () => ({ first: new Map([[0, 0n], [1, 0n]]), end: new Map([[0, 99n], [1, 99n]]) })
  } as unknown as Log
  return { log, events, asked, sought }
}

/** A session whose table ends at `next` in each partition. */
function sessionAt (next: bigint): Session {
  const partitions = new Map([0, 1].map(partition => [partition, { start: 0n, next, fingerprint: '' }]))
  return { offsets: { topics: new Map(topics.map(topic => [topic, { id: '', partitions }])) } } as unknown as Session
}

const assigned = (topic: string, partitions: number[]): LogEvent => ({ kind: 'assigned', topic, partitions })
const revoked = (topic: string, partitions: number[]): LogEvent => ({ kind: 'revoked', topic, partitions })

t.test('one rebalance of five topics is one start over, and what was taken is not sought', async t => {
  const { log, events, asked, sought } = scripted()
  const held = new HeldReader(log, { group: 'writers' })
  await held.follow(sessionAt(5n), topics)
  for (const topic of topics) for (const partition of [0, 1]) asked[0]?.startAt(topic, partition)
  events.push(...topics.map(topic => assigned(topic, [0, 1])))
  for (const topic of topics) t.equal((await held.poll(0, 1))?.kind, 'assigned', topic)
  events.push(...topics.map(topic => revoked(topic, [1])))
  t.equal((await held.poll(0, 1))?.kind, 'revoked', 'the first of them ends the session')
  await held.hear()
  await held.follow(sessionAt(7n), topics)
  t.strictSame(sought, topics.map(topic => `${topic}/0 to 7`))
  t.equal(await held.poll(0, 1), null, 'nothing of the same rebalance ends the next session')
})

t.test('what is given between two sessions is held, and begins where the newer table ends', async t => {
  const { log, events, sought } = scripted()
  const held = new HeldReader(log, { group: 'writers' })
  await held.follow(sessionAt(5n), topics)
  events.push(assigned('orders', [0]), revoked('orders', [0]), assigned('orders', [0, 1]))
  await held.hear()
  t.ok(held.holds('orders', 0) && held.holds('orders', 1), 'the last word counts')
  sought.length = 0
  await held.follow(sessionAt(9n), topics)
  t.strictSame(sought, ['orders/0 to 9', 'orders/1 to 9'])
})

t.test('a partition that was given with an older session\'s place is read from the newer one\'s', async t => {
  const { log, events, asked, sought } = scripted()
  const held = new HeldReader(log, { group: 'writers' })
  await held.follow(sessionAt(5n), topics)
  t.equal(asked[0]?.startAt('visits', 0), 5n, 'asked by the group while that session stands')
  await held.follow(sessionAt(9n), topics)
  events.push(assigned('visits', [0]))
  await held.poll(0, 1)
  t.strictSame(sought, ['visits/0 to 9'])
})

t.test('a partition that was given with this session\'s place is not sent anywhere', async t => {
  const { log, events, asked, sought } = scripted()
  const held = new HeldReader(log, { group: 'writers' })
  await held.follow(sessionAt(5n), topics)
  asked[0]?.startAt('visits', 0)
  events.push(assigned('visits', [0]))
  await held.poll(0, 1)
  t.strictSame(sought, [])
})
