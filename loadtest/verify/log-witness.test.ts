import { pathToFileURL } from 'node:url'
import { join } from 'node:path'
import t from 'tap'
import { openLog, type LogRecord, type TopicChoice } from '../../log/index.ts'
import { openWitness, type LogWitness } from './log-witness.ts'
import type { ProgressRecord } from './progress-record.ts'

const record = (id: string): LogRecord => ({ topic: 'x', key: 'one key', value: Buffer.from(JSON.stringify({ event_id: id })), headers: {}, timestampMs: Date.now() })

async function idsOf (witness: LogWitness | null): Promise<string[]> {
  const ids: string[] = []
  for await (const id of witness!.waiting()) ids.push(id)
  return ids
}

const listed = (topics: string[]): TopicChoice => ({ FIRN_LOG_TOPICS: topics, FIRN_LOG_MAPPINGS: [] })

t.test('a gap in the table is lost when the log has records there, and what lies beyond the recorded offset waits', async t => {
  const url = pathToFileURL(join(t.testdir(), 'log')).href
  const log = await openLog(url, { partitions: 2 })
  await log.ensureTopic('x')
  const positions = await log.append(['a', 'b', 'c', 'd'].map(record))
  const partition = positions[0]?.partition ?? 0
  const { clusterId, topicIds } = await log.identity(['x'])
  const progress: ProgressRecord = { tableUuid: '', snapshotId: 1n, clusterId, topicIds, partitions: [{ topic: 'x', partition, start: 0n, next: 3n, fingerprint: '' }] }
  const witness = await openWitness(url, progress, listed(['x', 'not there']))
  t.equal(witness?.stranger, null)
  t.equal(witness?.lag, 1n)
  t.strictSame(await witness?.explain([{ topic: 'x', partition, from: 1n, to: 2n }]), { lost: 1n, holes: 0n, forgotten: 0n, unreadable: 0n, examples: [`x/${partition}@1`] })
  t.strictSame(await idsOf(witness), ['d'])
  t.strictSame(witness?.before, [])
  await witness?.close()

  const late = await openWitness(url, { ...progress, partitions: [{ topic: 'x', partition, start: 2n, next: 3n, fingerprint: '' }] }, listed(['x']))
  t.strictSame(late?.before, [{ topic: 'x', partition, from: 0n, to: 2n }], 'what a first read skipped')
  t.strictSame((await late?.explain(late.before))?.examples, [`x/${partition}@0`, `x/${partition}@1`])
  await late?.close()

  const before = await openWitness(url, null, listed(['x']))
  t.equal(before?.lag, 4n, 'while the table has taken nothing, everything waits')
  t.strictSame((await idsOf(before)).sort(), ['a', 'b', 'c', 'd'])
  await before?.close()

  const other = await openWitness(url, { ...progress, clusterId: 'another' }, listed([]))
  t.match(other?.stranger, /filled from log another/)
  await other?.close()
  await log.close()
})

t.test('where there is no log nobody makes one', async t => {
  t.equal(await openWitness(pathToFileURL(join(t.testdir(), 'nothing')).href, null, listed(['x'])), null)
})
