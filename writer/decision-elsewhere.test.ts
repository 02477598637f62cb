// A decision about a halt needs no restart of the line: a second writer carries it out, given just what docs/analysts.md says,
// and the one that stands still goes on, with whatever came meanwhile.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { mainSnapshotId } from '../catalog/index.ts'
import { readConfig, until } from '../runtime/index.ts'
import { resumeOf, writerSettings } from './config.ts'
import { openLine, pageView } from './started-line.ts'
import { eventsId } from './tables.ts'

const page = readFileSync(join(import.meta.dirname, '../docs/analysts.md'), 'utf8')
const [, command = ''] = /^## Rollback\n.*?^```sh\n(.*?)\n```$/ms.exec(page) ?? []
const [, assignments = '', entry, flags = ''] = /^((?:\w+=\S+ )+)npx node (\S+) (.*)$/.exec(command) ?? []

t.test('after a rollback the decision of a second writer is seen by the first; nothing that came meanwhile is lost or doubled', async t => {
  t.equal(entry, 'writer/main.ts')
  const env = Object.fromEntries(assignments.trim().split(' ').map(assignment => assignment.split('=') as [string, string]))
  const decided = readConfig('writer', writerSettings, { env, argv: flags.split(' ') })
  const line = await openLine(t.testdir(), ['ecommerce_events'], 1)
  t.teardown(() => line.close())
  for (const id of ['a', 'b']) {
    await line.send([{ value: pageView(id) }])
    await line.drain()
  }
  const { metadata } = await line.table('events')
  const main = metadata.snapshots.find(snapshot => snapshot['snapshot-id'] === mainSnapshotId(metadata))!
  await line.catalog.commitTable(eventsId, { requirements: [], updates: [{ 'action': 'set-snapshot-ref', 'ref-name': 'main', 'type': 'branch', 'snapshot-id': main['parent-snapshot-id']! }] })

  const ending = new AbortController()
  let first: { checkReady(): Promise<void> } | undefined
  const running = line.drain({ untilEnd: false, signal: ending.signal, haltedLookMs: 50, onWriter: writer => { first = writer } })
  await until(async () => first !== undefined && await first.checkReady().then(() => false, ({ code }) => code === 'WRITER_HALTED'))
  await line.send([{ value: pageView('c') }])
  await line.drain({ resumeFrom: resumeOf(decided.FIRN_WRITER_RESUME_FROM)!, untilEnd: decided.untilEnd })
  await until(async () => await first!.checkReady().then(() => true, () => false))
  await line.send([{ value: pageView('d') }])
  await until(async () => (await line.query('SELECT event_id FROM events')).length === 4)
  t.strictSame((await line.query('SELECT event_id FROM events ORDER BY 1')).map(row => row.event_id), ['a', 'b', 'c', 'd'])
  ending.abort()
  await running
})
