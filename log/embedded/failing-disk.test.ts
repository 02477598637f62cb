// A disk that refuses: with libfiu, system calls of a child process fail at random. Skipped where libfiu is not installed.

import t, { type Test } from 'tap'
import { pathToFileURL } from 'node:url'
import { readAll, record } from '../behaviour.ts'
import { openLog } from '../index.ts'
import { linesOfFailing } from './adversary-process.ts'

const topic = 'events'

t.test('after a failed fdatasync nothing is acknowledged any more, and what was acknowledged is there', async t => {
  const { lines, folder } = await tryAppends('enable_random name=posix/io/sync/fdatasync,probability=0.1,failinfo=5', t, 200)
  if (lines === null) return
  const failed = lines.indexOf('LOG_FAILED')
  t.ok(failed >= 0, 'a sync failed')
  t.ok(lines.slice(failed).every(line => line === 'LOG_FAILED'), 'and nothing was acknowledged after it')
  await expectStored(t, folder, lines)
})

t.test('a disk without space refuses appends, and takes them again when there is space', async t => {
  const { lines, folder } = await tryAppends('enable_random name=posix/io/rw/writev,probability=0.5,failinfo=28', t, 120)
  if (lines === null) return
  const full = lines.indexOf('LOG_FULL')
  t.ok(full >= 0, 'space was missing')
  t.ok(lines.slice(full).some(line => line.includes(' ')), 'later appends landed')
  t.ok(lines.every(line => line.includes(' ') || line === 'LOG_FULL'), 'and nothing else happened')
  await expectStored(t, folder, lines)
})

t.test('a meta page that cannot be written ends the log of this process, and what was acknowledged is there', async t => {
  const { lines, folder } = await tryAppends('enable_random name=posix/io/rw/pwrite,probability=0.2,failinfo=28', t, 20)
  if (lines === null) return
  const failed = lines.indexOf('LOG_FAILED')
  if (failed >= 0) t.ok(lines.slice(failed).every(line => line === 'LOG_FAILED'), 'nothing was acknowledged after it')
  t.ok(lines.every(line => line.includes(' ') || line === 'LOG_FULL' || line === 'LOG_FAILED'), lines.join())
  await expectStored(t, folder, lines)
})

async function tryAppends (faults: string, t: Test, count: number): Promise<{ lines: string[] | null, folder: string }> {
  const folder = t.testdir()
  const log = await openLog(pathToFileURL(folder).href)
  await log.ensureTopic(topic)
  await log.close()
  const lines = await linesOfFailing(t, faults, 'try', folder, String(count))
  if (lines === null) t.pass('libfiu is not installed', { skip: 'needs fiu-run' })
  return { lines, folder }
}

async function expectStored (t: Test, folder: string, lines: readonly string[]): Promise<void> {
  const log = await openLog(pathToFileURL(folder).href)
  t.teardown(async () => { await log.close() })
  await log.append([record(topic, 'k', 'after')])
  const stored = [...(await log.ranges(topic)).end.values()].reduce((sum, end) => sum + Number(end), 0)
  const read = await readAll(await log.open({ topics: [topic], startAt: () => 'earliest' }), stored)
  const acknowledged = lines.filter(line => line.includes(' ')).map(line => line.split(' '))
  t.strictSame(acknowledged.filter(([partition, offset, value]) => read.get(`${partition}/${offset}`)?.value !== value), [], `all ${acknowledged.length} acknowledged records are there`)
}
