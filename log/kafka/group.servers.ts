// Readers that share a topic: who has which partition is the group's word, where to begin is the caller's, and what is
// revoked is silent from then on.

import t, { type Test } from 'tap'
import { nextBatch, record, valueOf } from '../behaviour.ts'
import { openLog, type Log, type LogEvent, type LogReader } from '../index.ts'

const brokers = process.env.TEST_KAFKA
if (brokers === undefined) throw new Error('TEST_KAFKA is not set: run `npm run test:servers`, which starts a broker')

const partitions = 4
const sharedMsMax = 20_000
const bytesMax = 1024 * 1024
const name = (what: string): string => `test-${what}-${crypto.randomUUID()}`

/** Polls readers in turn until `done`, keeping what each has and every batch that came. */
async function pollUntil (t: Test, members: readonly Member[], done: () => boolean): Promise<void> {
  for (const endMs = performance.now() + sharedMsMax; !done();) {
    if (performance.now() > endMs) throw new Error(`not within ${sharedMsMax} ms: ${members.map(({ owned }) => [...owned].join()).join(' | ')}`)
    await Promise.all(members.map(async member => {
      const event = await member.reader.poll(50, bytesMax)
      if (event === null) return
      member.events.push(event)
      if (event.kind === 'assigned') for (const partition of event.partitions) member.owned.add(partition)
      if (event.kind === 'revoked') for (const partition of event.partitions) member.owned.delete(partition)
      if (event.kind === 'batch') {
        t.ok(member.owned.has(event.batch.partition), `a batch of partition ${event.batch.partition} comes to who has it`)
        const next = member.next.get(event.batch.partition)
        if (next !== undefined) t.equal(event.batch.firstOffset, next, 'without a hole')
        member.next.set(event.batch.partition, event.batch.nextOffset)
      }
    }))
  }
}

interface Member { readonly reader: LogReader, readonly owned: Set<number>, readonly events: LogEvent[], readonly next: Map<number, bigint> }

async function setUp (t: Test): Promise<{ log: Log, topic: string, group: string, join (startAt?: (partition: number) => bigint | 'earliest'): Promise<Member> }> {
  const log = await openLog(`kafka://${brokers}`, { partitions })
  t.after(async () => { await log.close() })
  const topic = name('shared')
  const group = name('group')
  await log.ensureTopic(topic)
  return {
    log,
    topic,
    group,
    join: async (startAt = () => 'earliest') => ({ reader: await log.open({ topics: [topic], group, startAt: (_, partition) => startAt(partition) }), owned: new Set(), events: [], next: new Map() })
  }
}

const keys = Array.from({ length: 40 }, (_, i) => `key-${i}`)

void t.test('two readers of a group share the partitions, and one takes over when the other leaves, from where it is told', async t => {
  const { log, topic, join } = await setUp(t)
  await log.append(keys.map(key => record(topic, key, 'before')))
  const first = await join()
  await pollUntil(t, [first], () => first.owned.size === partitions)
  const second = await join(partition => first.next.get(partition) ?? 'earliest')
  await pollUntil(t, [first, second], () => first.owned.size === partitions / 2 && second.owned.size === partitions / 2)
  t.equal(new Set([...first.owned, ...second.owned]).size, partitions, 'nobody has what another has')
  t.ok(first.events.some(event => event.kind === 'revoked'), 'who had it was told')
  const left = [...second.owned]
  await second.reader.close()
  const started = first.events.length
  await pollUntil(t, [first], () => first.owned.size === partitions)
  const assigned = first.events.slice(started).flatMap(event => event.kind === 'assigned' ? event.partitions : [])
  t.strictSame(assigned.toSorted(), left.toSorted(), 'what the other had, and no more')
  await first.reader.close()
})

void t.test('what a reader had fetched of a partition does not come once it is revoked', async t => {
  const { log, topic, join } = await setUp(t)
  for (let round = 0; round < 20; round++) await log.append(keys.map(key => record(topic, key, 'x'.repeat(2000))))
  const first = await join()
  // Small batches: most of what was fetched still waits in the reader.
  const slow: Member = { ...first, reader: { ...first.reader, poll: async waitMs => await first.reader.poll(waitMs, 3000) } as LogReader }
  await pollUntil(t, [slow], () => slow.next.size === partitions)
  const second = await join(() => 0n)
  await pollUntil(t, [slow, second], () => second.owned.size === partitions / 2 && slow.owned.size === partitions / 2)
  const got = new Set<number>()
  await pollUntil(t, [slow, second], () => {
    for (const event of second.events) if (event.kind === 'batch') got.add(event.batch.partition)
    return got.size === partitions / 2
  })
  await Promise.all([slow.reader === first.reader ? null : first.reader.close(), second.reader.close()])
})

void t.test('a reader of a group reads an offset that the group never committed, and not the one that it did', async t => {
  const { log, topic, join } = await setUp(t)
  await log.append(Array.from({ length: 10 }, (_, i) => record(topic, 'same', `v${i}`)))
  const first = await join()
  const batch = await nextBatch(first.reader)
  await log.acknowledge(topic, new Map([[batch.partition, 9n]]))
  await first.reader.close()
  const second = await join(() => 3n)
  let event: LogEvent | null = null
  for (const endMs = performance.now() + sharedMsMax; performance.now() < endMs && event?.kind !== 'batch'; event = await second.reader.poll(500, bytesMax));
  t.equal(event?.kind === 'batch' ? valueOf(event.batch, 0) : event?.kind, 'v3')
  await second.reader.close()
})

void t.test('a reader without a group disturbs nobody', async t => {
  const { log, topic, join } = await setUp(t)
  const member = await join()
  await pollUntil(t, [member], () => member.owned.size === partitions)
  const alone = await log.open({ topics: [topic], startAt: () => 'earliest' })
  await log.append([record(topic, 'k', 'v')])
  t.equal(valueOf(await nextBatch(alone), 0), 'v')
  await pollUntil(t, [member], () => member.next.size === 1)
  t.notOk(member.events.some(event => event.kind === 'revoked'))
  await Promise.all([alone.close(), member.reader.close()])
})
