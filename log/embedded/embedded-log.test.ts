import t from 'tap'
import { pathToFileURL } from 'node:url'
import { testLogBehaviour } from '../behaviour.ts'
import { openLog } from '../index.ts'

testLogBehaviour(t, async t => {
  const url = pathToFileURL(t.testdir()).href
  const log = await openLog(url)
  t.teardown(async () => { await log.close() })
  return { log, topic: 'events', again: async () => await openLog(url) }
})
