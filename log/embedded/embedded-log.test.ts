import t from 'tap'
import { readFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { nextBatch, record, testLogBehaviour } from '../behaviour.ts'
import { openLog } from '../index.ts'

testLogBehaviour(t, async t => {
  const url = pathToFileURL(t.testdir()).href
  const log = await openLog(url)
  t.teardown(async () => { await log.close() })
  return { log, topic: 'events', again: async () => await openLog(url) }
})

t.test('reading much does not pile up the pages of the log in this process, and nobody notices the file being mapped anew', async t => {
  const log = await openLog(pathToFileURL(t.testdir()).href)
  await log.ensureTopic('events')
  for (let i = 0; i < 160; i++) await log.append([record('events', 'k', String(i).padEnd(1_000_000, 'x'))])
  const mappedBefore = mappedBytes()
  const reader = await log.open({ topics: ['events'], startAt: () => 'earliest' })
  let beside = 0
  for (let next = 0n; next < 160n;) {
    const batch = await nextBatch(reader, 4_000_000)
    t.equal(batch.bytes.toString('utf8', batch.valueStart[0]!, batch.valueStart[0]! + 10).replaceAll('x', '').trim(), String(next))
    next = batch.nextOffset
    void log.append([record('events', 'other-key', 'beside')]).then(() => { beside++ })
    void log.ranges('events')
  }
  const grown = mappedBytes() - mappedBefore
  t.ok(grown < 110e6, `${grown} bytes more are mapped after reading 160 MB`)
  await log.close()
  t.ok(beside > 30, 'appends went on')
})

function mappedBytes (): number {
  return Number(/^RssFile:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'latin1'))![1]) * 1024
}
