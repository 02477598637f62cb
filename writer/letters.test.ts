// A record is a row or a dead letter, never both, whatever two writers do to one another between their two commits.

import t from 'tap'
import { adversaryBefore, died, withFaults, type Adversary } from './adversary.ts'
import { openLine, pageView, receivedAt, type Line } from './started-line.ts'

const topics = ['left', 'right']
const at = Date.now() / 1000
const sent = (topic: string, id: string): Parameters<Line['send']>[0][number] => ({ topic, key: topic, value: pageView(id, { session_id: topic }), headers: receivedAt(at) })
const both = 'SELECT log_topic, log_offset FROM events INTERSECT SELECT log_topic, log_offset FROM dead_letters'

/** Another writer takes all of `right` when this one is about to commit to a table for the first time. */
function rivalBefore (line: Line, table: string): Adversary {
  const catalog = adversaryBefore(line.catalog)
  let isFirst = true
  catalog.before = async ({ name }) => {
    if (name !== table || !isFirst) return
    isFirst = false
    await line.drain({ topics: ['right'] })
  }
  return catalog
}

type Tap = typeof t

async function assertOnce (t: Tap, line: Line, ids: readonly string[], records: number): Promise<void> {
  t.same(await line.query(both), [], 'no offset is a row and a dead letter')
  t.same((await line.query('SELECT event_id FROM events ORDER BY 1')).map(row => row.event_id), ids)
  const places = 'SELECT log_topic, log_offset FROM events UNION ALL SELECT log_topic, log_offset FROM dead_letters'
  t.same(await line.query(`SELECT count(*)::INT AS n, count(DISTINCT (log_topic, log_offset))::INT AS places FROM (${places})`), [{ n: records, places: records }])
}

for (const table of ['dead_letters', 'events']) {
  t.test(`a writer that is overtaken before its commit to ${table} leaves no letter of what became a row`, async t => {
    const line = await openLine(t.testdir({}), topics, 1)
    try {
      await line.send([sent('left', 'A'), sent('right', 'A'), sent('right', 'B')])
      await line.drain({ topics, catalog: rivalBefore(line, table) })
      await assertOnce(t as unknown as Tap, line, ['A', 'B'], 3)
      await line.send([sent('right', 'C'), sent('left', 'C')])
      await line.drain()
      await assertOnce(t as unknown as Tap, line, ['A', 'B', 'C'], 5)
    } finally {
      await line.close()
    }
  })
}

t.test('a writer that dies after its letters, overtaken before them: the next one takes them out', async t => {
  const line = await openLine(t.testdir({}), topics, 1)
  try {
    await line.send([sent('left', 'A'), sent('right', 'A'), sent('right', 'B'), { topic: 'left', key: 'left', value: 'no event' }])
    const rival = rivalBefore(line, 'dead_letters')
    const overtaken = { ...withFaults(line.catalog, { dead_letters: ['die-after'] }) }
    await t.rejects(line.drain({ topics, catalog: { ...overtaken, commitTable: async (id, change) => {
      await rival.before(id, change)
      return await overtaken.commitTable(id, change)
    } } }), { message: died })
    t.same(await line.query(both), [{ log_topic: 'right', log_offset: '0' }], 'it died in between')
    await line.drain()
    await assertOnce(t as unknown as Tap, line, ['A', 'B'], 4)
  } finally {
    await line.close()
  }
})

t.test('a writer that dies after its letters, overtaken by nobody: they stand and decide', async t => {
  const line = await openLine(t.testdir({}), topics, 1)
  try {
    await line.send([sent('left', 'A'), sent('right', 'A'), { topic: 'left', key: 'left', value: 'no event' }])
    await t.rejects(line.drain({ topics, catalog: withFaults(line.catalog, { events: ['die-before'] }) }), { message: died })
    const listed = await line.query('SELECT log_topic, log_offset, committed_at FROM dead_letters ORDER BY ALL')
    t.equal(listed.length, 2)
    await line.drain()
    await assertOnce(t as unknown as Tap, line, ['A'], 3)
    t.same(await line.query('SELECT log_topic, log_offset, committed_at FROM dead_letters ORDER BY ALL'), listed)
  } finally {
    await line.close()
  }
})
