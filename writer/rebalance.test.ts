import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { partitionOf } from '../log/index.ts'
import { until } from '../runtime/index.ts'
import { died, withFaults } from './adversary.ts'
import { shareLog } from './shared-log.ts'
import { openLine, pageView } from './started-line.ts'

const topic = 'ecommerce_events'
const partitions = 4

t.test('writers that take partitions from one another in the middle of their batches land each event once', async t => {
  const line = await openLine(t.testdir({}), [topic], partitions)
  const shared = shareLog(line.log)
  const stop = new AbortController()
  const names = ['a', 'b', 'c']
  const rounds = 12
  const perRound = 40
  try {
    const running = names.map(name => line.drain({ source: shared.of(name), untilEnd: false, intervalMs: 60, group: 'writers', signal: stop.signal }))
    let next = 0
    for (let round = 0; round < rounds; round++) {
      shared.assign(topic, Array.from({ length: partitions }, (_, partition) => names[(partition * 7 + round * 5 + (round % 3)) % names.length]!))
      // The same ids under other keys: their twins lie on another partition, perhaps in another writer's hands.
      await line.send(Array.from({ length: perRound }, (_, i) => ({ key: `k${i}`, value: pageView(`e-${next + i}`) })))
      await line.send(Array.from({ length: perRound / 4 }, (_, i) => ({ key: `twin${i}`, value: pageView(`e-${next + i * 4}`) })))
      next += perRound
      await sleep(40 + round * 37 % 160)
    }
    stop.abort()
    await Promise.all(running)
    await line.drain()
    t.strictSame(await line.query('SELECT count(*)::INTEGER AS n, count(DISTINCT event_id)::INTEGER AS ids FROM events'), [{ n: next, ids: next }])
    t.strictSame(await line.query("SELECT count(*)::INTEGER AS n FROM dead_letters WHERE reason <> 'duplicate'"), [{ n: 0 }])
    t.strictSame(await line.query('SELECT log_partition, log_offset FROM (SELECT log_partition, log_offset FROM events UNION ALL SELECT log_partition, log_offset FROM dead_letters) GROUP BY ALL HAVING count(*) > 1'), [], 'no offset was taken twice')

    // The ranges that snapshots took of a partition lie end to end: nobody took what another one had.
    const ends = new Map<string, bigint>()
    const owners = new Set<string>()
    const { snapshots } = (await line.table('events')).metadata
    for (const { summary } of snapshots.toSorted((a, b) => Number(a['sequence-number'] - b['sequence-number']))) {
      owners.add(summary['firn.writer']!)
      const ranges = JSON.parse(summary['firn.ranges'] ?? '{}') as Record<string, Record<string, [string, string]>>
      for (const [partition, [start, end]] of Object.entries(ranges[topic] ?? {})) {
        t.equal(BigInt(start), ends.get(partition) ?? 0n, `partition ${partition} goes on at ${start}`)
        ends.set(partition, BigInt(end))
      }
    }
    t.ok(owners.size >= 2, `${owners.size} writers committed`)
  } finally {
    stop.abort()
    await line.close()
  }
})

t.test('five topics that change hands at once, again and again: no writer dies of it, and each event lands once', async t => {
  const topics = ['carts', 'clicks', 'orders', 'payments', 'visits']
  const line = await openLine(t.testdir({}), topics, 2)
  const shared = shareLog(line.log)
  const stop = new AbortController()
  const names = ['a', 'b', 'c']
  try {
    const running = names.map(name => line.drain({ topics, source: shared.of(name), untilEnd: false, intervalMs: 60, group: 'writers', signal: stop.signal }))
    let died: unknown = null
    for (const each of running) each.catch((error: unknown) => { died ??= error })
    let next = 0
    for (let round = 0; round < 8 && died === null; round++) {
      for (const [i, topic] of topics.entries()) shared.assign(topic, [0, 1].map(partition => names[(partition + round + i * (round % 2)) % names.length]!))
      await line.send(topics.flatMap(topic => [0, 1, 2, 3].map(i => ({ topic, key: `k${i}`, value: pageView(`e-${next++}`) }))))
      const [{ n } = { n: 0 }] = await line.query('SELECT count(*)::INTEGER AS n FROM events').catch(() => [])
      const seen = Number(n)
      await until(async () => died !== null || Number((await line.query('SELECT count(*)::INTEGER AS n FROM events').catch(() => []))[0]?.n ?? 0) > seen)
    }
    stop.abort()
    await Promise.all(running)
    await line.drain({ topics })
    t.strictSame(await line.query('SELECT count(*)::INTEGER AS n, count(DISTINCT event_id)::INTEGER AS ids FROM events'), [{ n: next, ids: next }])
  } finally {
    stop.abort()
    await line.close()
  }
})

t.test('what a writer listed before it died is not listed again by the one that takes its partition over', async t => {
  const line = await openLine(t.testdir({}), [topic], 2)
  const shared = shareLog(line.log)
  const stop = new AbortController()
  const keyOf = (partition: number): string => Array.from({ length: 100 }, (_, i) => `k${i}`).find(key => partitionOf(key, 2) === partition)!
  try {
    const stays = line.drain({ source: shared.of('stays'), untilEnd: false, group: 'writers', signal: stop.signal })
    shared.assign(topic, ['stays', 'dies'])
    await line.send([{ key: keyOf(0), value: pageView('first') }])
    await arrived(async () => await line.query("SELECT 1 FROM events WHERE event_id = 'first'"))
    await line.send([{ key: keyOf(1), value: 'no event' }, { key: keyOf(1), value: pageView('second') }])
    await t.rejects(line.drain({ source: shared.of('dies'), group: 'writers', catalog: withFaults(line.catalog, { events: ['die-before'] }) }), { message: died })
    t.strictSame(await line.query('SELECT log_partition FROM dead_letters'), [{ log_partition: 1 }], 'listed, and then it died')

    // Its own letters make the other writer load the table that lists them.
    await line.send([{ key: keyOf(0), value: 'no event either' }])
    await arrived(async () => await line.query('SELECT 1 FROM dead_letters WHERE log_partition = 0'))
    shared.assign(topic, ['stays', 'stays'])
    await arrived(async () => await line.query("SELECT 1 FROM events WHERE event_id = 'second'"))
    stop.abort()
    await stays
    t.strictSame(await line.query('SELECT log_partition, count(*)::INTEGER AS n FROM dead_letters GROUP BY ALL ORDER BY ALL'), [{ log_partition: 0, n: 1 }, { log_partition: 1, n: 1 }])
  } finally {
    stop.abort()
    await line.close()
  }
})

async function arrived (look: () => Promise<unknown[]>): Promise<void> {
  const endMs = performance.now() + 20_000
  while ((await look().catch(() => [])).length === 0) {
    if (performance.now() > endMs) throw new Error('it did not arrive within 20 s')
    await sleep(30)
  }
}
