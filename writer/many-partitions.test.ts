// A few events spread over many types and days: they cost few files and no partitions, and land once like all others.

import t from 'tap'
import { currentSnapshot, scanFiles } from '../catalog/index.ts'
import { adversaryBefore } from './adversary.ts'
import { day, openLine, pageView, type Line, type Sent } from './started-line.ts'
import { eventsId } from './tables.ts'
import { unlistedProperty } from './unlisted-types.ts'

type Tap = Pick<typeof t, 'ok' | 'equal' | 'same' | 'match'>

const isolated = (name: string, run: (t: Tap, line: Line) => Promise<void>, topics?: readonly string[]): void => {
  void t.test(name, async t => {
    const line = await openLine(t.testdir({}), topics)
    t.teardown(async () => { await line.close() })
    await run(t, line)
  })
}

const declared = ['page_view', 'product_view', 'search', 'add_to_cart', 'purchase']

function spread (prefix: string, types: readonly string[], days: number, topic?: string): Sent[] {
  return types.flatMap(type => Array.from({ length: days }, (_, ago) => ({
    ...topic === undefined ? {} : { topic }, key: `${type}${ago}`,
    value: pageView(`${prefix}-${type}-${ago}`, { event_type: type, timestamp: new Date(Date.now() - ago * day * 1000 - 60_000).toISOString() })
  })))
}

function some (prefix: string, type: string, count: number, topic?: string): Sent[] {
  return Array.from({ length: count }, (_, i) => ({ ...topic === undefined ? {} : { topic }, key: `k${i}`, value: pageView(`${prefix}-${i}`, { event_type: type }) }))
}

const byType = async (line: Line): Promise<Record<string, number>> =>
  Object.fromEntries((await line.query('SELECT event_type, count(*)::INTEGER AS n FROM events GROUP BY 1 ORDER BY 1')).map(row => [row.event_type as string, row.n as number]))

const once = async (t: Tap, line: Line, rows: number): Promise<void> => {
  t.same(await line.query('SELECT count(*)::INTEGER AS all_rows, count(DISTINCT event_id)::INTEGER AS ids, count(DISTINCT (log_topic, log_partition, log_offset))::INTEGER AS places FROM events'), [{ all_rows: rows, ids: rows, places: rows }])
}

isolated('the largest partitions of a batch have files of their own, and all others share one', async (t, line) => {
  await line.send([...some('busy', 'page_view', 50), ...some('buy', 'purchase', 30), ...spread('rare', declared, 7)])
  await line.drain({ filesUsualMax: 3 })
  await once(t, line, 50 + 30 + 35)
  const table = await line.table('events')
  const { files } = await scanFiles(line.storage, table)
  t.same(files.map(file => [file.specId, Number(file.recordCount)]).sort((a, b) => b[1]! - a[1]!), [[0, 51], [1, 33], [0, 31]])
  t.equal(table.metadata['default-spec-id'], 0, 'whoever else writes goes on as before')
  t.same(table.metadata['partition-specs'][1], { 'spec-id': 1, 'fields': [] })
  t.match(currentSnapshot(table.metadata)?.summary, { 'added-data-files': '3', 'changed-partition-count': '3' })
  await line.send([...spread('rare', declared, 7), ...spread('more', declared, 7)])
  await line.drain({ filesUsualMax: 3 })
  await once(t, line, 115 + 35)
  t.same(await line.query("SELECT count(*)::INTEGER AS n FROM dead_letters WHERE reason = 'duplicate'"), [{ n: 35 }], 'ids in shared files are found')
})

isolated('few partitions make no shared file and change nothing in the table', async (t, line) => {
  await line.send(spread('a', declared, 7))
  await line.drain()
  const { metadata } = await line.table('events')
  t.equal(metadata['partition-specs'].length, 1)
  t.equal(currentSnapshot(metadata)?.summary['added-data-files'], '35')
})

isolated('a spec that another engine removed as unused is no reason to lose or double a batch', async (t, line) => {
  await line.send(spread('a', declared, 7))
  const catalog = adversaryBefore(line.catalog)
  let removed = 0
  catalog.before = async ({ name }, { updates }) => {
    if (name !== 'events' || removed > 0 || !updates.some(({ action }) => action === 'add-snapshot')) return
    removed++
    await line.catalog.commitTable(eventsId, { requirements: [], updates: [{ 'action': 'remove-partition-specs', 'spec-ids': [1] }, { 'action': 'set-properties', 'updates': { a: 'b' } }] })
  }
  await line.drain({ filesUsualMax: 3, catalog })
  t.equal(removed, 1)
  await once(t, line, 35)
  const table = await line.table('events')
  const { files } = await scanFiles(line.storage, table)
  t.ok(files.every(({ specId }) => table.metadata['partition-specs'].some(spec => spec['spec-id'] === specId)), 'no file is of a spec that is not there')
})

isolated('an undeclared type shares `unlisted` until enough rows of it have come, over commits and writers', async (t, line) => {
  await line.send(some('a', 'own_type', 60))
  await line.drain({ typeRowsMin: 100 })
  t.same(await byType(line), { unlisted: 60 })
  t.same(JSON.parse((await line.table('events')).metadata.properties[unlistedProperty]!), { own_type: 60 })
  await line.send([...some('a', 'own_type', 60), ...some('b', 'own_type', 39)])
  await line.drain({ typeRowsMin: 100 })
  t.same(await byType(line), { unlisted: 99 }, 'duplicates do not count')
  await line.send([...some('c', 'own_type', 1), ...some('d', 'page_view', 1), ...some('e', 'other_type', 1)])
  await line.drain({ typeRowsMin: 100 })
  t.same(await byType(line), { own_type: 1, page_view: 1, unlisted: 100 })
  t.same(JSON.parse((await line.table('events')).metadata.properties[unlistedProperty]!), { other_type: 1 })
  await line.send(some('f', 'own_type', 2))
  await line.drain({ typeRowsMin: 100 })
  t.equal((await byType(line)).own_type, 3, 'what has a partition keeps it')
  t.same(await line.query("SELECT DISTINCT properties FROM events WHERE event_id = 'a-0'"), [{ properties: '{"$type":"own_type"}' }])
  await once(t, line, 104)
})

isolated('a rival that lands in between: its rows count, each once', async (t, line) => {
  await line.send(some('mine', 'own_type', 50, 'mine'))
  await line.send(some('rival', 'own_type', 40, 'rival'))
  const catalog = adversaryBefore(line.catalog)
  let rivals = 0
  catalog.before = async ({ name }, { updates }) => {
    if (name === 'events' && updates.some(({ action }) => action === 'add-snapshot') && rivals++ === 0) await line.drain({ topics: ['rival'], typeRowsMin: 100 })
  }
  await line.drain({ topics: ['mine'], typeRowsMin: 100, catalog })
  t.ok(rivals > 1, 'the rival won')
  t.same(JSON.parse((await line.table('events')).metadata.properties[unlistedProperty]!), { own_type: 90 })
  await line.send(some('last', 'own_type', 10, 'mine'))
  await line.drain({ topics: ['mine'], typeRowsMin: 100 })
  t.same(await byType(line), { own_type: 10, unlisted: 90 })
  await once(t, line, 100)
}, ['mine', 'rival'])
