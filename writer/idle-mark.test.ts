// A quiet line says that it is quiet: results that wait for time to pass do not wait for the next event.

import t from 'tap'
import { setProperties } from '../catalog/index.ts'
import { idleUntilProperty } from '../openapi/index.ts'
import { IdleMark, isMarkDue, markIdle } from './idle-mark.ts'
import { openLine, pageView, type Line } from './started-line.ts'
import type { eventsId } from './tables.ts'

const minute = 60_000
const topics = ['ecommerce_events']
const markOf = async (line: Line): Promise<string | undefined> => (await line.table('events')).metadata.properties[idleUntilProperty]

t.test('a mark each minute at first, ever more seldom later, none while something happens', async t => {
  const never = Infinity
  t.equal(isMarkDue(0, never), false)
  t.equal(isMarkDue(minute - 1, never), false)
  t.equal(isMarkDue(minute, never), true)
  t.equal(isMarkDue(5 * minute, minute - 1), false)
  t.equal(isMarkDue(5 * minute, minute), true)
  t.equal(isMarkDue(60 * minute, 14 * minute), false)
  t.equal(isMarkDue(60 * minute, 15 * minute), true)
  t.equal(isMarkDue(24 * 60 * minute, 5 * 60 * minute), false)
})

t.test('the table says up to when it has everything, without a snapshot, and only when it has', async t => {
  const line = await openLine(t.testdir({}), topics, 2)
  t.teardown(async () => { await line.close() })
  let nowMs = Date.now()
  const parts = { catalog: line.catalog, source: line.log, topics, nowMs: () => nowMs }
  await line.send([{ value: pageView('a') }])
  await line.drain()
  const { snapshots } = (await line.table('events')).metadata
  t.strictSame(await markIdle(parts), new Date(nowMs))
  t.equal(await markOf(line), new Date(nowMs).toISOString())
  t.equal((await line.table('events')).metadata.snapshots.length, snapshots.length)
  const before = nowMs
  nowMs -= minute
  t.equal(await markIdle(parts), null, 'it never goes back')
  nowMs = before + minute
  await line.send([{ value: pageView('b') }])
  t.equal(await markIdle(parts), null, 'a record of the log is not in the table yet')
  t.equal(await markOf(line), new Date(before).toISOString())
  await line.drain()
  t.strictSame(await line.query('SELECT count(*)::INT AS n FROM events'), [{ n: 2 }], 'a writer lands rows on a marked table')
  t.strictSame(await markIdle(parts), new Date(nowMs))
})

t.test('a commit that lands between the look and the mark keeps the mark away', async t => {
  const line = await openLine(t.testdir({}), topics, 1)
  t.teardown(async () => { await line.close() })
  await line.send([{ value: pageView('a') }])
  await line.drain()
  let looks = 0
  const catalog = {
    ...line.catalog,
    loadTable: async (id: typeof eventsId) => {
      const table = await line.catalog.loadTable(id)
      if (looks++ === 0) {
        await line.send([{ value: pageView('b') }])
        await line.drain()
      }
      return table
    },
    commitTable: line.catalog.commitTable.bind(line.catalog)
  } as Line['catalog']
  t.equal(await markIdle({ catalog, source: line.log, topics, nowMs: Date.now }), null)
  t.equal(await markOf(line), undefined)
})

t.test('a catalog that is away, or a mark that nobody can read, harms no writer', async t => {
  const line = await openLine(t.testdir({}), topics, 1)
  t.teardown(async () => { await line.close() })
  const away = { ...line.catalog, loadTable: async () => await Promise.reject(new Error('away')) } as Line['catalog']
  const mark = new IdleMark({ catalog: away, source: line.log, topics, logger: line.logger, nowMs: Date.now })
  await mark.look(true)
  await mark.look(false)
  await line.send([{ value: pageView('a') }])
  await line.drain()
  const table = await line.table('events')
  await setProperties({ catalog: line.catalog, storage: line.storage, table }, { [idleUntilProperty]: 'soon' })
  const nowMs = Date.now()
  t.strictSame(await markIdle({ catalog: line.catalog, source: line.log, topics, nowMs: () => nowMs }), new Date(nowMs))
})
