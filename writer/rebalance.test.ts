import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
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
