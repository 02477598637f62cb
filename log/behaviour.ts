// What every log must do, whatever keeps its records: one suite, run against each backend. A sentence per promise of
// `types.ts`. Backends add what only they can show (crashes, damage, bounds) in tests of their own.

import type { Test } from 'tap'
import { partitionOf } from './partitioner.ts'
import type { Log, LogEvent, LogReader, LogRecord, RecordBatch } from './types.ts'

export interface LogUnderTest {
  readonly log: Log
  /** A name that no other test uses. */
  readonly topic: string
  /** The same stored log, opened once more, as another process would; closed by the test. */
  again(): Promise<Log>
}

/** How long a reader of a test waits for what must come. */
const waitMsMax = 10_000
const bytesMax = 1024 * 1024
const aheadMs = 1_000

export function testLogBehaviour (t: Test, make: (t: Test) => Promise<LogUnderTest>): void {
  const scenario = (sentence: string, run: (t: Test, made: LogUnderTest) => Promise<void>): void => {
    void t.test(sentence, async t => {
      const made = await make(t)
      await run(t, made)
    })
  }

  scenario('what was appended is read back: value, key, headers, time and order within a partition', async (t, { log, topic }) => {
    await log.ensureTopic(topic)
    const shared = { received_at: '1700000000000000', ip: '203.0.113.9', user_agent: 'Browser "1" — ünïcode ☃' }
    const records = Array.from({ length: 300 }, (_, i) => record(topic, `key-${i % 17}${i % 5 === 0 ? 'é☃😀' : ''}`, `value ${i} ☃`, i % 3 === 0 ? { received_at: String(i), source: 'ingest' } : shared, 1_700_000_000_000 + i))
    const positions = await log.append(records)
    const read = await readAll(await log.open({ topics: [topic], startAt: () => 'earliest' }), records.length)
    t.equal(positions.length, records.length, 'one position per record')
    for (const [i, position] of positions.entries()) {
      const got = read.get(`${position.partition}/${position.offset}`)
      const { key, headers, timestampMs } = records[i]!
      t.strictSame(got, { key, value: Buffer.from(records[i]!.value).toString(), headers, timestampMs }, `record ${i}`)
    }
    const last = new Map<number, bigint>()
    for (const { partition, offset } of positions) {
      t.ok(offset > (last.get(partition) ?? -1n), 'order of one append is kept within a partition')
      last.set(partition, offset)
    }
  })

  scenario('the log names its topics, and each of them once', async (t, { log, topic }) => {
    await log.ensureTopic(topic)
    await log.append([record(topic, 'k', 'v')])
    t.equal((await log.topics()).filter(name => name === topic).length, 1)
    t.notOk((await log.topics()).includes(`${topic}-not-there`))
  })

  scenario('a key is always on the partition that murmur2 gives it', async (t, { log, topic }) => {
    const partitions = await log.ensureTopic(topic)
    const keys = Array.from({ length: 50 }, (_, i) => `session-${i}`)
    const positions = await log.append(keys.map(key => record(topic, key, 'v')))
    t.strictSame(positions.map(each => each.partition), keys.map(key => partitionOf(key, partitions)))
  })

  scenario('appends at the same time get dense, unique offsets', async (t, { log, topic }) => {
    await log.ensureTopic(topic)
    const positions = (await Promise.all(Array.from({ length: 100 }, (_, i) => log.append([record(topic, `k${i}`, 'a'), record(topic, `l${i}`, 'b')])))).flat()
    const { first, end } = await log.ranges(topic)
    t.equal(new Set(positions.map(each => `${each.partition}/${each.offset}`)).size, 200, 'no offset twice')
    const stored = [...end].reduce((sum, [partition, offset]) => sum + offset - first.get(partition)!, 0n)
    t.equal(stored, 200n, 'no hole')
  })

  scenario('a reader starts at the offset that it was asked to, also in the middle of an append, and seeks', async (t, { log, topic }) => {
    await log.ensureTopic(topic)
    await log.append(Array.from({ length: 10 }, (_, i) => record(topic, 'same', `v${i}`)))
    const partition = partitionOf('same', await log.ensureTopic(topic))
    const reader = await log.open({ topics: [topic], startAt: (_, each) => each === partition ? 4n : 'earliest' })
    const batch = await nextBatch(reader)
    t.equal(batch.firstOffset, 4n)
    t.equal(valueOf(batch, 0), 'v4')
    t.equal(batch.key(0), 'same')
    t.equal(batch.count, 6)
    t.equal(batch.nextOffset, 10n)
    reader.seek(topic, partition, 9n)
    t.equal(valueOf(await nextBatch(reader), 0), 'v9')
    await reader.close()
  })

  scenario('small batches come from all partitions in turn', async (t, { log, topic }) => {
    const partitions = await log.ensureTopic(topic)
    for (let round = 0; round < 5; round++) await log.append(Array.from({ length: 60 }, (_, i) => record(topic, `k${i}`, 'x'.repeat(100))))
    const reader = await log.open({ topics: [topic], startAt: () => 'earliest' })
    await reader.poll(waitMsMax, bytesMax)
    // A client that fetches ahead has something of each partition by then.
    await new Promise(resolve => setTimeout(resolve, aheadMs))
    const seen: number[] = []
    for (let i = 0; i < partitions; i++) seen.push((await nextBatch(reader, 500)).partition)
    t.equal(new Set(seen).size, partitions, `the first ${partitions} batches are of ${partitions} partitions`)
    await reader.close()
  })

  scenario('a batch holds about as many bytes as asked for, and nothing is lost at the seams', async (t, { log, topic }) => {
    await log.ensureTopic(topic)
    const size = 400
    for (let round = 0; round < 20; round++) await log.append(Array.from({ length: 10 }, (_, i) => record(topic, 'one', `${round}/${i} `.padEnd(100, 'x'))))
    const reader = await log.open({ topics: [topic], startAt: () => 'earliest' })
    let records = 0
    for (let next = 0n; next < 200n;) {
      const batch = await nextBatch(reader, size * 10)
      t.equal(batch.firstOffset, next)
      for (let i = 0; i < batch.count; i++, records++) t.equal(valueOf(batch, i).trim().split(' ')[0], `${records / 10 | 0}/${records % 10}`)
      let bytes = 0
      for (let i = 0; i < batch.count; i++) bytes += batch.valueEnd[i]! - batch.valueStart[i]!
      t.ok(bytes <= size * 10 || batch.count <= 10, `${bytes} bytes`)
      next = batch.nextOffset
    }
    t.equal(records, 200)
    await reader.close()
  })

  scenario('a paused partition is silent until it is resumed', async (t, { log, topic }) => {
    const partitions = await log.ensureTopic(topic)
    const reader = await log.open({ topics: [topic], startAt: () => 'earliest' })
    t.match(await reader.poll(waitMsMax, bytesMax), { kind: 'assigned', topic, partitions: Array.from({ length: partitions }, (_, i) => i) })
    const partition = partitionOf('quiet', partitions)
    reader.pause(topic, partition)
    await log.append([record(topic, 'quiet', 'hush')])
    t.equal(await reader.poll(300, bytesMax), null)
    reader.resume(topic, partition)
    t.equal(valueOf(await nextBatch(reader), 0), 'hush')
    await reader.close()
  })

  scenario('a waiting reader, also one of another process, sees an append soon', async (t, { log, topic, again }) => {
    await log.ensureTopic(topic)
    const other = await again()
    const reader = await other.open({ topics: [topic], startAt: () => 'earliest' })
    await reader.poll(waitMsMax, bytesMax)
    t.equal(await reader.poll(50, bytesMax), null, 'nothing yet')
    const waiting = reader.poll(waitMsMax, bytesMax)
    await new Promise(resolve => setTimeout(resolve, 50))
    const began = performance.now()
    await log.append([record(topic, 'k', 'news')])
    const event = await waiting
    t.equal(event?.kind === 'batch' ? valueOf(event.batch, 0) : event, 'news')
    t.ok(performance.now() - began < waitMsMax / 2, `the append ended the wait, after ${performance.now() - began} ms`)
    await reader.close()
    await other.close()
  })

  scenario('an offset that is not stored is reported once, and the reader stays', async (t, { log, topic }) => {
    await log.ensureTopic(topic)
    const [position] = await log.append([record(topic, 'k', 'only')])
    const { partition } = position!
    const reader = await log.open({ topics: [topic], startAt: (_, each) => each === partition ? 7n : 'earliest' })
    await reader.poll(waitMsMax, bytesMax)
    t.strictSame(await reader.poll(waitMsMax, bytesMax), { kind: 'out-of-range', topic, partition, wanted: 7n, first: 0n, end: 1n })
    t.equal(await reader.poll(100, bytesMax), null)
    reader.seek(topic, partition, 0n)
    t.equal(valueOf(await nextBatch(reader), 0), 'only')
    await reader.close()
  })

  scenario('a reader that asks for it hears where each partition ends, once, and again after what came since', async (t, { log, topic }) => {
    const partitions = await log.ensureTopic(topic)
    const partition = partitionOf('k', partitions)
    await log.append([1, 2, 3].map(i => record(topic, 'k', `v${i}`)))
    const reader = await log.open({ topics: [topic], startAt: () => 'earliest', ends: true })
    const ends = new Map<number, bigint>()
    let fingerprint = ''
    const hear = async (count: number): Promise<void> => {
      let records = 0
      for (const endMs = performance.now() + waitMsMax; records < count || (ends.get(partition) ?? -1n) < (await log.ranges(topic)).end.get(partition)!;) {
        if (performance.now() > endMs) throw new Error('no end was heard of')
        const event = await reader.poll(500, bytesMax)
        if (event?.kind === 'batch') records += event.batch.count
        if (event?.kind !== 'end') continue
        t.ok(records === count || event.partition !== partition, 'not before what lies there was delivered')
        ends.set(event.partition, event.offset)
        if (event.partition === partition) fingerprint = event.fingerprint
      }
    }
    await hear(3)
    t.equal(ends.get(partition), 3n)
    t.equal(await log.compareFingerprint(topic, partition, 3n, fingerprint), 'same')
    while (ends.size < partitions) {
      const event = await reader.poll(500, bytesMax)
      if (event?.kind === 'end') ends.set(event.partition, event.offset)
    }
    t.equal(await reader.poll(700, bytesMax), null, 'once')
    await log.append([record(topic, 'k', 'more')])
    await hear(1)
    t.equal(ends.get(partition), 4n)
    reader.seek(topic, partition, 2n)
    ends.clear()
    await hear(2)
    await reader.close()
  })

  scenario('a topic that is made later is assigned to a reader that asked for it', async (t, { log, topic }) => {
    const reader = await log.open({ topics: [topic], startAt: () => 'earliest' })
    t.equal(await reader.poll(50, bytesMax), null)
    await log.ensureTopic(topic)
    t.match(await reader.poll(waitMsMax, bytesMax), { kind: 'assigned', topic })
    await reader.close()
  })

  scenario('a topic keeps its partitions and the log its identity when it is opened again', async (t, { log, topic, again }) => {
    const partitions = await log.ensureTopic(topic)
    const identity = await log.identity([topic, 'no-such-topic'])
    t.ok(identity.topicIds.get(topic))
    t.equal(identity.topicIds.size, 1, 'a topic that does not exist is absent')
    const other = await again()
    t.equal(await other.ensureTopic(topic), partitions)
    t.strictSame(await other.identity([topic]), identity)
    await other.close()
  })

  scenario('ranges say what is stored', async (t, { log, topic }) => {
    const partitions = await log.ensureTopic(topic)
    await log.append(Array.from({ length: 5 }, () => record(topic, 'k', 'v')))
    const { first, end } = await log.ranges(topic)
    t.equal(first.size, partitions)
    t.equal(end.get(partitionOf('k', partitions)), 5n)
    t.equal(first.get(partitionOf('k', partitions)), 0n)
  })

  scenario('acknowledging what was read is possible and removes nothing by itself', async (t, { log, topic }) => {
    await log.ensureTopic(topic)
    const [position] = await log.append([record(topic, 'k', 'v')])
    await log.acknowledge(topic, new Map([[position!.partition, 1n]]))
    const reader = await log.open({ topics: [topic], startAt: () => 'earliest' })
    t.equal(valueOf(await nextBatch(reader), 0), 'v')
    await reader.close()
  })

  scenario('a log knows its own fingerprint wherever a batch of its reader ended, whatever was appended since and however reading was cut', async (t, { log, topic, again }) => {
    const partition = partitionOf('k', await log.ensureTopic(topic))
    for (let round = 0; round < 8; round++) await log.append([1, 2, 3].map(i => record(topic, 'k', `${round}/${i}`.padEnd(200, 'x'))))
    const taken: { offset: bigint, fingerprint: string }[] = []
    const read = async (startAt: bigint, bytes: number): Promise<void> => {
      const reader = await log.open({ topics: [topic], startAt: (_, each) => each === partition ? startAt : 'earliest' })
      for (let next = startAt; next < 24n;) {
        const batch = await nextBatch(reader, bytes)
        taken.push({ offset: batch.nextOffset, fingerprint: batch.fingerprint })
        next = batch.nextOffset
      }
      await reader.close()
    }
    await read(0n, 700)
    await log.append([record(topic, 'k', 'later')])
    await read(1n, 2000)
    const other = await again()
    for (const { offset, fingerprint } of taken) {
      t.ok(fingerprint.length > 0 && fingerprint.length <= 200, fingerprint)
      t.equal(await log.compareFingerprint(topic, partition, offset, fingerprint), 'same', `at ${offset}`)
      t.equal(await other.compareFingerprint(topic, partition, offset, fingerprint), 'same', 'another process says so as well')
    }
    await other.close()
  })

  scenario('records that are not those that were consumed have another fingerprint', async (t, { log, topic }) => {
    await log.ensureTopic(topic)
    await log.append([1, 2].map(i => record(topic, 'k', `v${i}`)))
    await log.append([3, 4].map(i => record(topic, 'k', `v${i}`)))
    const reader = await log.open({ topics: [topic], startAt: () => 'earliest' })
    let batch = await nextBatch(reader)
    while (batch.nextOffset < 4n) batch = await nextBatch(reader)
    await reader.close()
    const { partition, fingerprint } = batch
    const compare = async (offset: bigint, text = fingerprint): Promise<string> => await log.compareFingerprint(topic, partition, offset, text)
    t.equal(await compare(4n), 'same')
    t.equal(await compare(2n), 'other', 'other records lie there')
    t.equal(await compare(5n), 'other', 'the log ends before it: it was cut off or restored')
    t.equal(await compare(4n, 'of another backend'), 'other')
    t.equal(await compare(4n, ''), 'unknown', 'nothing was noted')
    t.equal(await log.compareFingerprint('no-such-topic', partition, 4n, fingerprint), 'other', 'a topic that is gone')
  })

  scenario('appending nothing is fine, appending to an unknown topic is refused', async (t, { log, topic }) => {
    t.strictSame(await log.append([]), [])
    await t.rejects(log.append([record(topic, 'k', 'v')]), { code: 'LOG_TOPIC_UNKNOWN' })
  })

  scenario('an empty value and a large value come back', async (t, { log, topic }) => {
    await log.ensureTopic(topic)
    await log.append([record(topic, 'k', ''), record(topic, 'k', 'y'.repeat(200_000))])
    const reader = await log.open({ topics: [topic], startAt: () => 'earliest' })
    const batch = await nextBatch(reader)
    t.equal(valueOf(batch, 0), '')
    t.equal(valueOf(batch, 1).length, 200_000)
    await reader.close()
  })

  scenario('a ready log says so; a closed one takes nothing', async (t, { log, topic }) => {
    await log.ensureTopic(topic)
    await log.checkReady()
    const answered = log.append([record(topic, 'k', 'v')])
    await log.close()
    t.equal((await answered).length, 1, 'what was under way when it closed is answered')
    await t.rejects(log.append([record(topic, 'k', 'v')]), { code: 'LOG_CLOSED' })
    await t.rejects(log.checkReady(), { code: 'LOG_CLOSED' })
  })
}

export function record (topic: string, key: string, value: string, headers: Readonly<Record<string, string>> = { received_at: '1' }, timestampMs = 1_700_000_000_000): LogRecord {
  return { topic, key, value: Buffer.from(value), headers, timestampMs }
}

export function valueOf (batch: RecordBatch, i: number): string {
  return batch.bytes.toString('utf8', batch.valueStart[i], batch.valueEnd[i])
}

/** The next batch of records, whatever events come before it. */
export async function nextBatch (reader: LogReader, bytes = bytesMax): Promise<RecordBatch> {
  const deadline = performance.now() + waitMsMax
  for (;;) {
    const event: LogEvent | null = await reader.poll(1000, bytes)
    if (event?.kind === 'batch') return event.batch
    if (event?.kind === 'damaged') throw new Error(`damaged: ${event.from} to ${event.to}, ${event.reason}`)
    if (event?.kind === 'out-of-range') throw new Error(`out of range: ${event.wanted} of ${event.first}..${event.end}`)
    if (performance.now() > deadline) throw new Error('no batch came')
  }
}

/** Everything from the reader's place on, until `count` records came: "partition/offset" → record. */
export async function readAll (reader: LogReader, count: number): Promise<Map<string, { key: string | null, value: string, headers: object, timestampMs: number }>> {
  const found = new Map<string, { key: string | null, value: string, headers: object, timestampMs: number }>()
  while (found.size < count) {
    const batch = await nextBatch(reader)
    for (let i = 0; i < batch.count; i++) {
      found.set(`${batch.partition}/${batch.firstOffset + BigInt(batch.offsetDelta[i]!)}`, {
        key: batch.key(i),
        value: valueOf(batch, i),
        headers: { ...batch.headers[batch.headersIndex[i]!] },
        timestampMs: batch.timestampMs[i]!
      })
    }
  }
  await reader.close()
  return found
}
