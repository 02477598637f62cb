// How much the log may hold, and what may leave it.

import t from 'tap'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { nextBatch, record, valueOf } from '../behaviour.ts'
import { openLog, type Log } from '../index.ts'

const topic = 'events'
const megabyte = 1024 * 1024

t.test('a full log refuses with the figures and drops nothing; acknowledged records make room', async t => {
  const folder = t.testdir()
  const log = await openLog(pathToFileURL(folder).href, { bytesMax: megabyte })
  t.teardown(async () => { await log.close() })
  await log.ensureTopic(topic)
  const stored = await fill(log)
  const refusal = { code: 'LOG_FULL', retryable: true, httpStatus: 503, message: /\d+ of at most 1048576 bytes are used and \d+ more are needed.*FIRN_LOG_BYTES_MAX/ }
  await t.rejects(append(log, stored), refusal)
  t.strictSame(await totals(log), { first: 0n, end: BigInt(stored) }, 'all that was acknowledged is there')
  await t.rejects(log.checkReady(), refusal)
  await sleep(200)
  await t.rejects(log.checkReady(), refusal, 'who looks later sees it as well, although an append may be tried')

  await log.acknowledge(topic, new Map([[0, 5n], [1, 5n], [2, 5n]]))
  await log.checkReady()
  await append(log, stored)
  const { first, end } = await totals(log)
  t.equal(end, BigInt(stored) + 1n)
  t.ok(first > 0n && first <= 15n, `only acknowledged records left: ${first}`)
})

t.test('the disk is bounded: after many rounds of filling and acknowledging the file has stopped growing', async t => {
  const folder = t.testdir()
  const log = await openLog(pathToFileURL(folder).href, { bytesMax: megabyte })
  t.teardown(async () => { await log.close() })
  await log.ensureTopic(topic)
  for (let round = 0; round < 12; round++) {
    await fill(log)
    await log.acknowledge(topic, (await log.ranges(topic)).end)
  }
  const { size } = statSync(join(folder, 'data.mdb'))
  t.ok(size < 2 * megabyte, `${size} bytes of file under a bound of ${megabyte}`)
})

t.test('time alone removes nothing; acknowledged records leave after the retention; the rest stays readable', async t => {
  const log = await openLog(pathToFileURL(t.testdir()).href, { retentionMs: 0, retentionEveryMs: 20 })
  t.teardown(async () => { await log.close() })
  await log.ensureTopic(topic)
  for (let i = 0; i < 10; i++) await log.append([record(topic, 'k', `v${i}`)])
  await new Promise(resolve => setTimeout(resolve, 100))
  t.equal((await log.ranges(topic)).first.get(2), 0n, 'not acknowledged, not removed')
  await log.acknowledge(topic, new Map([[2, 6n]]))
  while ((await log.ranges(topic)).first.get(2) !== 6n) await new Promise(resolve => setTimeout(resolve, 20))
  const reader = await log.open({ topics: [topic], startAt: () => 'earliest' })
  const batch = await nextBatch(reader)
  t.equal(batch.firstOffset, 6n)
  t.equal(valueOf(batch, 0), 'v6')
  reader.seek(topic, 2, 3n)
  t.strictSame(await reader.poll(1000, 1000), { kind: 'out-of-range', topic, partition: 2, wanted: 3n, first: 6n, end: 10n })
})

t.test('within the retention acknowledged records stay while there is room', async t => {
  const log = await openLog(pathToFileURL(t.testdir()).href, { retentionMs: 60_000, retentionEveryMs: 20 })
  t.teardown(async () => { await log.close() })
  await log.ensureTopic(topic)
  await log.append([record(topic, 'k', 'v')])
  await log.acknowledge(topic, new Map([[2, 1n]]))
  await new Promise(resolve => setTimeout(resolve, 100))
  t.equal((await log.ranges(topic)).first.get(2), 0n)
})

t.test('what the log holds survives acknowledging beyond its end, and a batch acknowledged in part stays whole', async t => {
  const log = await openLog(pathToFileURL(t.testdir()).href, { retentionMs: 0, retentionEveryMs: 20 })
  t.teardown(async () => { await log.close() })
  await log.ensureTopic(topic)
  await log.append(Array.from({ length: 4 }, (_, i) => record(topic, 'k', `v${i}`)))
  await log.acknowledge(topic, new Map([[2, 2n]]))
  await new Promise(resolve => setTimeout(resolve, 80))
  t.equal((await log.ranges(topic)).first.get(2), 0n)
  await log.acknowledge(topic, new Map([[2, 1000n]]))
  while ((await log.ranges(topic)).first.get(2) !== 4n) await new Promise(resolve => setTimeout(resolve, 20))
  const [position] = await log.append([record(topic, 'k', 'next')])
  t.equal(position!.offset, 4n, 'offsets go on')
  await new Promise(resolve => setTimeout(resolve, 80))
  t.equal((await log.ranges(topic)).first.get(2), 4n, 'an acknowledgment never covers what came after it')
})

t.test('a record that is too large for the log is refused, and its neighbours land', async t => {
  const log = await openLog(pathToFileURL(t.testdir()).href)
  t.teardown(async () => { await log.close() })
  await log.ensureTopic(topic)
  const [large, small] = await Promise.allSettled([log.append([record(topic, 'k', 'x'.repeat(5 * megabyte))]), log.append([record(topic, 'k', 'v')])])
  t.match(large, { status: 'rejected', reason: { code: 'LOG_RECORD_TOO_LARGE', retryable: false, httpStatus: 413 } })
  t.equal(small!.status, 'fulfilled')
})

/** Appends until the log refuses; returns how many records landed. */
async function fill (log: Log): Promise<number> {
  for (let i = 0; ; i++) {
    try {
      await append(log, i)
    } catch {
      return i
    }
  }
}

async function append (log: Log, i: number): Promise<void> {
  await log.append([record(topic, `key-${i}`, `${i} `.padEnd(3000 + i * 997 % 20_000, 'x'))])
}

async function totals (log: Log): Promise<{ first: bigint, end: bigint }> {
  const { first, end } = await log.ranges(topic)
  const sum = (offsets: ReadonlyMap<number, bigint>): bigint => [...offsets.values()].reduce((a, b) => a + b, 0n)
  return { first: sum(first), end: sum(end) }
}
