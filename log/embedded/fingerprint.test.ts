// What a log says of the place where its table stopped reading, after all that can happen to a log's folder.

import t, { type Test } from 'tap'
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { nextBatch, record } from '../behaviour.ts'
import { openLog, type FingerprintVerdict, type Log } from '../index.ts'
import type { StoredBatch } from './batch.ts'
import { judgeFingerprint, printFingerprint } from './fingerprint.ts'

const topic = 'events'
const partition = 2

interface Taken { readonly offset: bigint, readonly fingerprint: string }

async function open (t: Test, folder: string, retentionMs = 60_000): Promise<Log> {
  const log = await openLog(pathToFileURL(folder).href, { retentionMs, retentionEveryMs: 10 })
  t.teardown(async () => { await log.close() })
  await log.ensureTopic(topic)
  return log
}

async function append (log: Log, records: number): Promise<void> {
  for (let i = 0; i < records; i++) await log.append([record(topic, 'k', `v${i}`)])
}

/** Where a reader of the whole log stops, with the fingerprint there. */
async function takeAtEnd (log: Log): Promise<Taken> {
  const end = (await log.ranges(topic)).end.get(partition)!
  const reader = await log.open({ topics: [topic], startAt: () => 'earliest' })
  let batch = await nextBatch(reader)
  while (batch.nextOffset < end) batch = await nextBatch(reader)
  await reader.close()
  return { offset: end, fingerprint: batch.fingerprint }
}

const ask = async (log: Log, { offset, fingerprint }: Taken): Promise<FingerprintVerdict> => await log.compareFingerprint(topic, partition, offset, fingerprint)

t.test('a log that was restored from an older copy and has grown past the place again is another log', async t => {
  const folder = join(t.testdir(), 'log')
  let log = await open(t, folder)
  await append(log, 10)
  await log.close()
  cpSync(folder, `${folder}-copy`, { recursive: true })
  log = await open(t, folder)
  await append(log, 10)
  const taken = await takeAtEnd(log)
  t.equal(await ask(log, taken), 'same')
  await log.close()
  rmSync(folder, { recursive: true })
  cpSync(`${folder}-copy`, folder, { recursive: true })
  log = await open(t, folder)
  t.equal(await ask(log, taken), 'other', 'it ends before the place')
  await append(log, 10)
  t.equal(await ask(log, taken), 'other', 'it ends at the place, after the same values')
  await append(log, 5)
  t.equal(await ask(log, taken), 'other', 'it has grown past the place')
  const again = await takeAtEnd(log)
  t.equal(await ask(log, again), 'same', 'what is consumed from here on is known')
})

t.test('appends that are cut elsewhere are other records', async t => {
  const folder = join(t.testdir(), 'log')
  let log = await open(t, folder)
  await append(log, 3)
  await log.close()
  cpSync(folder, `${folder}-copy`, { recursive: true })
  log = await open(t, folder)
  await append(log, 2)
  const taken = await takeAtEnd(log)
  await log.close()
  log = await open(t, `${folder}-copy`)
  await log.append([0, 1, 2, 3].map(i => record(topic, 'k', `v${i}`)))
  t.equal(await ask(log, taken), 'other')
})

t.test('after retention the place is known for as long as a batch begins or ends there, and unknown after that', async t => {
  const log = await open(t, t.testdir(), 0)
  await append(log, 4)
  const taken = await takeAtEnd(log)
  await append(log, 4)
  const acknowledge = async (offset: bigint): Promise<void> => {
    await log.acknowledge(topic, new Map([[partition, offset]]))
    while ((await log.ranges(topic)).first.get(partition) !== offset) await new Promise(resolve => setImmediate(resolve))
  }
  await acknowledge(4n)
  t.equal(await ask(log, taken), 'same', 'all before it has left')
  await acknowledge(5n)
  t.equal(await ask(log, taken), 'unknown')
  await acknowledge(8n)
  t.equal(await ask(log, await takeEmpty(log)), 'same', 'a log that holds nothing knows where it ends')
})

/** The fingerprint at the end of a log whose records have all left, as the reader of the last one took it. */
async function takeEmpty (log: Log): Promise<Taken> {
  await append(log, 1)
  const taken = await takeAtEnd(log)
  await log.acknowledge(topic, new Map([[partition, taken.offset]]))
  while ((await log.ranges(topic)).first.get(partition) !== taken.offset) await new Promise(resolve => setImmediate(resolve))
  return taken
}

t.test('each circumstance has its verdict', async t => {
  const state = { first: 10n, end: 40n, acknowledged: 10n, chain: 4 }
  const batch = (offset: bigint, count: number, before: number, after: number): StoredBatch => ({ count, flags: 0, headersBytes: 0, keysBytes: 0, valuesBytes: 0, baseTimestampMs: 0, appendedMs: 0, place: { topicNumber: 1, partition, offset, before, after } })
  const old: StoredBatch = { ...batch(0n, 1, 0, 0), place: null }
  const mark = (after: number): string => printFingerprint({ after })
  const nothing = { state, at: null, before: null }
  t.equal(judgeFingerprint(40n, mark(4), nothing), 'same', 'the end')
  t.equal(judgeFingerprint(40n, mark(5), nothing), 'other', 'the end of another log')
  t.equal(judgeFingerprint(41n, mark(4), nothing), 'other', 'behind the end')
  t.equal(judgeFingerprint(9n, mark(1), nothing), 'unknown', 'before the beginning')
  t.equal(judgeFingerprint(20n, '', { ...nothing, at: batch(20n, 5, 3, 4) }), 'unknown', 'nothing was noted')
  t.equal(judgeFingerprint(20n, mark(3), { ...nothing, state: null }), 'other', 'a partition that is not there')
  t.equal(judgeFingerprint(20n, mark(3), { ...nothing, at: batch(20n, 5, 3, 4) }), 'same', 'a batch begins there')
  t.equal(judgeFingerprint(20n, mark(2), { ...nothing, at: batch(20n, 5, 3, 4) }), 'other')
  t.equal(judgeFingerprint(20n, mark(3), nothing), 'other', 'a batch lies across it')
  t.equal(judgeFingerprint(20n, mark(3), { ...nothing, at: old }), 'unknown', 'a batch of the format before')
  t.equal(judgeFingerprint(20n, mark(3), { ...nothing, at: 'damaged', before: batch(15n, 5, 2, 3) }), 'same', 'the batch before it tells')
  t.equal(judgeFingerprint(20n, mark(2), { ...nothing, at: 'damaged', before: batch(15n, 5, 2, 3) }), 'other')
  t.equal(judgeFingerprint(20n, mark(3), { ...nothing, at: 'damaged', before: batch(14n, 5, 2, 3) }), 'other', 'which ends elsewhere')
  t.equal(judgeFingerprint(20n, mark(3), { ...nothing, at: 'damaged', before: 'damaged' }), 'unknown')
})
