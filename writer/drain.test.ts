// A drain ends when everything that lay in the log when it began is in the table, and not before; what takes room in the log
// and is no record does not keep it from its end.

import t, { type Test } from 'tap'
import type { Log, LogEvent } from '../log/index.ts'
import { isDrained } from './drain.ts'
import { shareLog } from './shared-log.ts'
import { openLine, pageView, type Line } from './started-line.ts'
import { offsetsProperty, parseOffsets } from './offsets.ts'

const topics = ['ecommerce_events', 'orders', 'payments']

t.test('each circumstance of a partition has its verdict', async t => {
  const judge = (more: object): boolean => isDrained({ end: 5n }, { isHalted: false, hasEnded: false, position: undefined, ...more })
  t.equal(judge({}), false, 'nothing is known of it')
  t.equal(judge({ position: 4n }), false)
  t.equal(judge({ position: 5n }), true)
  t.equal(judge({ position: 9n }), true, 'more came since')
  t.equal(judge({ position: 4n, hasEnded: true }), true, 'behind it lies nothing that can be read')
  t.equal(judge({ isHalted: true }), true, 'an operator is waited for, not the log')
})

t.test('a drain reads every topic to its end, whichever of them have something new', async t => {
  const line = await openLine(t.testdir({}), topics, 3)
  t.teardown(async () => { await line.close() })
  let rows = 0
  for (const [topic, group] of [['ecommerce_events', null], ['orders', null], ['payments', 'writers'], ['orders', 'writers']] as const) {
    await line.send(Array.from({ length: 20 }, (_, i) => ({ topic, key: `k${i}`, value: pageView(`e-${rows + i}`) })))
    rows += 20
    await line.drain({ topics, group })
    t.strictSame(await line.query('SELECT count(*)::INT AS n FROM events'), [{ n: rows }], `${topic}, group ${group}`)
  }
})

t.test('markers of transactions and aborted records behind the last record are passed, and are no lag', async t => {
  const { line, source } = await markedLine(t, 2n)
  await line.send([{ value: pageView('a') }])
  await line.drain({ source })
  t.strictSame(await line.query('SELECT event_id FROM events'), [{ event_id: 'a' }])
  t.equal(await nextOf(line), 3n, 'the table says that it has read to the end')
  const { snapshots } = (await line.table('events')).metadata
  await line.drain({ source })
  t.equal((await line.table('events')).metadata.snapshots.length, snapshots.length, 'and the next drain has nothing to do')
})

t.test('a topic that holds nothing but markers is drained', async t => {
  const { line, source } = await markedLine(t, 4n)
  await line.drain({ source })
  t.equal(await nextOf(line), 4n)
  t.strictSame(await line.query('SELECT count(*)::INT AS n FROM events'), [{ n: 0 }])
})

t.test('a running writer commits that it has passed markers, and rows that come behind them', async t => {
  const { line, source } = await markedLine(t, 2n)
  const stop = new AbortController()
  const running = line.drain({ source, untilEnd: false, signal: stop.signal })
  await line.send([{ value: pageView('a') }])
  while (await nextOf(line) !== 3n) await new Promise(resolve => setTimeout(resolve, 20))
  stop.abort()
  await running
  t.strictSame(await line.query('SELECT event_id FROM events'), [{ event_id: 'a' }])
})

t.test('an end that lies behind what can be read (an open transaction) is not waited for', async t => {
  const line = await openLine(t.testdir({}), [topics[0]!], 1)
  t.teardown(async () => { await line.close() })
  await line.send([{ value: pageView('a') }])
  const source = withLog(line.log, { ranges: async topic => {
    const { first, end } = await line.log.ranges(topic)
    return { first, end: new Map([...end].map(([partition, offset]) => [partition, offset + 7n])) }
  } })
  await line.drain({ source })
  t.strictSame(await line.query('SELECT event_id FROM events'), [{ event_id: 'a' }])
})

t.test('what another writer of the group holds is waited for until the table has it', async t => {
  const line = await openLine(t.testdir({}), [topics[0]!], 2)
  t.teardown(async () => { await line.close() })
  const shared = shareLog(line.log)
  shared.assign(topics[0]!, ['mine', 'theirs'])
  await line.send(Array.from({ length: 30 }, (_, i) => ({ key: `k${i}`, value: pageView(`e-${i}`) })))
  await t.rejects(line.drain({ source: shared.of('mine'), group: 'writers', elsewhereMsMax: 1 }), { code: 'WRITER_DRAIN_ELSEWHERE', message: /ecommerce_events\/1 at 0 of \d+ are with other writers of group writers/ })
  const mine = line.drain({ source: shared.of('mine'), group: 'writers' })
  await line.drain({ source: shared.of('theirs'), group: 'writers' })
  await mine
  t.strictSame(await line.query('SELECT count(*)::INT AS n FROM events'), [{ n: 30 }])
})

async function nextOf (line: Line): Promise<bigint | undefined> {
  const { properties } = (await line.table('events').catch(() => ({ metadata: { properties: {} } }))).metadata as { properties: Record<string, string> }
  return parseOffsets(properties[offsetsProperty] ?? '')?.topics.get(topics[0]!)?.partitions.get(0)?.next
}

/** A line whose log says that so many offsets behind its last record hold none, as Kafka's does behind a transaction. */
async function markedLine (t: Test, markers: bigint): Promise<{ line: Line, source: Log }> {
  const line = await openLine(t.testdir({}), [topics[0]!], 1)
  t.teardown(async () => { await line.close() })
  const { log } = line
  const source = withLog(log, {
    ranges: async topic => {
      const { first, end } = await log.ranges(topic)
      return { first, end: new Map([...end].map(([partition, offset]) => [partition, offset + markers])) }
    },
    compareFingerprint: async () => 'unknown',
    open: async options => {
      const reader = await log.open({ ...options, startAt: (topic, partition) => {
        const at = options.startAt(topic, partition)
        return at === 'earliest' || at < markers ? at : at - markers
      } })
      return {
        poll: async (waitMsMax, bytesMax) => {
          const event: LogEvent | null = await reader.poll(waitMsMax, bytesMax)
          return event?.kind === 'end' ? { ...event, offset: event.offset + markers } : event
        },
        seek: (...to) => reader.seek(...to),
        pause: (...of) => reader.pause(...of),
        resume: (...of) => reader.resume(...of),
        close: async () => { await reader.close() }
      }
    }
  })
  return { line, source }
}

function withLog (log: Log, changed: Partial<Log>): Log {
  return {
    append: async records => await log.append(records),
    open: async options => await log.open(options),
    identity: async names => await log.identity(names),
    ranges: async topic => await log.ranges(topic),
    topics: async () => await log.topics(),
    compareFingerprint: async (...asked) => await log.compareFingerprint(...asked),
    ensureTopic: async topic => await log.ensureTopic(topic),
    acknowledge: async (topic, offsets) => { await log.acknowledge(topic, offsets) },
    checkReady: async () => { await log.checkReady() },
    close: async () => { await log.close() },
    ...changed
  }
}
