// A log that failed for good ends its process, which is started again; other refusals pass by themselves.

import t from 'tap'
import { renameSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { until } from '../runtime/index.ts'
import { failLog, openLog, watchForGood } from './index.ts'

t.test('only what no retry mends ends the process, and once', async t => {
  const answers: (Error | null)[] = [null, failLog('LOG_FULL', { path: 'x', reason: 'y' }), failLog('LOG_TIMEOUT', { path: 'x', deadlineMs: 1, reason: 'y' }), null]
  let asked = 0
  const ended: string[] = []
  const stop = watchForGood({ checkReady: async () => {
    const answer = asked < answers.length ? answers[asked]! : failLog('LOG_FAILED', { path: 'x', reason: 'EIO' })
    asked++
    if (answer !== null) throw answer
  } }, error => { ended.push((error as { code?: string }).code!) }, { everyMs: 1 })
  t.teardown(stop)
  await until(() => ended.length > 0)
  t.equal(asked, answers.length + 1, 'none of the others ended it')
  t.strictSame(ended, ['LOG_FAILED'])
})

t.test('on a full disk a failed log refuses on, and ends its process when there is room', async t => {
  let [free, asked, ended] = [0, 0, 0]
  const checkReady = async (): Promise<void> => {
    asked++
    throw failLog('LOG_FAILED', { path: 'x', reason: 'EIO' })
  }
  t.teardown(watchForGood({ checkReady }, () => { ended++ }, { everyMs: 1, freeBytes: () => free }))
  await until(() => asked > 3)
  t.equal(ended, 0)
  free = 2 ** 30
  await until(() => ended > 0)
})

t.test('a folder that was replaced under an open log ends the process that has it open', async t => {
  const dir = t.testdir()
  const log = await openLog(pathToFileURL(`${dir}/log`).href)
  await log.ensureTopic('a')
  const ended: string[] = []
  t.teardown(watchForGood(log, error => { ended.push((error as { code?: string }).code!) }, { everyMs: 5 }))
  renameSync(`${dir}/log`, `${dir}/aside`)
  await until(() => ended.length > 0)
  t.strictSame(ended, ['LOG_RECREATED'])
  await log.close()
})
