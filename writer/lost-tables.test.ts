// A table that was renamed, dropped or forgotten by its catalog is never replaced by an empty one that looks whole: the
// writer halts with the choices, also after a restart, and each choice leads back to every event once.

import { cpSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import t from 'tap'
import { judgeAbsence, type TableTraces } from './lost-tables.ts'
import { openLine, pageView, type Line } from './started-line.ts'
import { eventsId, lettersId } from './tables.ts'

const many = (from: number, to: number): { value: string, key: string }[] => Array.from({ length: to - from }, (_, i) => ({ value: pageView(`e${from + i}`), key: `k${i}` }))
const idsOf = async (line: Line): Promise<object> => (await line.query('SELECT count(*)::INT AS rows, count(DISTINCT event_id)::INT AS ids FROM events'))[0]!
type Tap = typeof t
const isolated = (name: string, run: (t: Tap, line: Line, dir: string) => Promise<void>): void => {
  void t.test(name, async t => {
    const dir = t.testdir({})
    const line = await openLine(dir)
    try {
      await run(t as unknown as Tap, line, dir)
    } finally {
      await line.close()
    }
  })
}

async function rest (line: Line, method: string, path: string, body?: object): Promise<number> {
  const answer = await fetch(`${line.catalogUrl}/v1/${path}`, { method, ...body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) } })
  return answer.status
}

isolated('a renamed events table halts the writer until it has its name again', async (t, line) => {
  await line.send(many(0, 20))
  await line.drain()
  const rename = async (source: string, destination: string): Promise<number> => await rest(line, 'POST', 'tables/rename', { source: { namespace: ['firn'], name: source }, destination: { namespace: ['firn'], name: destination } })
  t.equal(await rename('events', 'events_old'), 204)
  await line.send(many(20, 30))
  for (let restart = 0; restart < 2; restart++) {
    await t.rejects(line.drain(), { code: 'WRITER_HALTED', message: /firn\.events is not in the catalog, although partition \d of ecommerce_events was committed up to offset \d+.*rename it back to firn\.events.*npm run repair.*--writer-start-anew firn\.events/ })
  }
  t.equal(await rename('events_old', 'events'), 204)
  await line.drain()
  t.same(await idsOf(line), { rows: 30, ids: 30 })
})

isolated('a dropped events table can be registered again', async (t, line) => {
  await line.send(many(0, 20))
  await line.drain()
  const { metadataLocation } = await line.table('events')
  await line.catalog.dropTable(eventsId)
  await line.send(many(20, 30))
  await t.rejects(line.drain(), { code: 'WRITER_HALTED', message: /a table's files lie in its place \(file:\/\/.*metadata\.json\)/ })
  t.equal(await rest(line, 'POST', 'namespaces/firn/register', { 'name': 'events', 'metadata-location': metadataLocation }), 200)
  await line.drain()
  t.same(await idsOf(line), { rows: 30, ids: 30 })
})

isolated('only an operator lets a dropped table start anew, and says so once', async (t, line) => {
  await line.send(many(0, 20))
  await line.drain()
  await line.catalog.dropTable(eventsId, true)
  await t.rejects(line.drain(), { code: 'WRITER_HALTED' })
  await line.drain({ startAnew: ['firn.events'] })
  await line.send(many(20, 30))
  await line.drain()
  t.same(await idsOf(line), { rows: 30, ids: 30 }, 'what the log still held is there')
})

isolated('an empty table in the place of the right one is not taken for it', async (t, line) => {
  await line.send(many(0, 20))
  await line.drain()
  const { metadata } = await line.table('events')
  await line.catalog.dropTable(eventsId, true)
  await line.catalog.createTable(eventsId, { 'schema': metadata.schemas.at(-1)!, 'partition-spec': metadata['partition-specs'][0]! })
  await t.rejects(line.drain(), { code: 'WRITER_HALTED', message: /firn\.events is empty, although partition/ })
  await line.drain({ startAnew: ['firn.events'] })
  await line.drain()
  t.same(await idsOf(line), { rows: 20, ids: 20 })
})

isolated('lost dead letters halt the writer too', async (t, line) => {
  await line.send([...many(0, 10), { value: 'no event', key: 'x' }])
  await line.drain()
  await line.catalog.dropTable(lettersId, true)
  await line.send(many(10, 20))
  await t.rejects(line.drain(), { code: 'WRITER_HALTED', message: /firn\.dead_letters is not in the catalog, although .*firn\.events records offset/ })
  await line.drain({ startAnew: ['firn.dead_letters'] })
  t.same(await idsOf(line), { rows: 20, ids: 20 })
})

isolated('a namespace that is gone with its tables halts the writer', async (t, line) => {
  await line.send([...many(0, 10), { value: 'no event', key: 'x' }])
  await line.drain()
  for (const id of [eventsId, lettersId]) await line.catalog.dropTable(id)
  t.equal(await rest(line, 'DELETE', 'namespaces/firn'), 204)
  await t.rejects(line.drain(), { code: 'WRITER_HALTED' })
})

void t.test('a catalog whose state is gone, with a log that is new, is told by the files in the warehouse', async t => {
  const dir = t.testdir({})
  const first = await openLine(`${dir}/first`)
  await first.send(many(0, 10))
  await first.drain()
  await first.close()
  mkdirSync(`${dir}/second`)
  cpSync(`${dir}/first/warehouse`, `${dir}/second/warehouse`, { recursive: true })
  const second = await openLine(`${dir}/second`)
  await second.send(many(0, 10))
  await t.rejects(second.drain(), { code: 'WRITER_HALTED', message: /files lie in its place/ })
  rmSync(`${dir}/second/warehouse`, { recursive: true })
  await second.drain()
  t.same(await idsOf(second), { rows: 10, ids: 10 }, 'where nothing was written before, a first start makes its tables')
  await second.close()
})

void t.test('a metadata file that is missing is not a missing table', async t => {
  const dir = t.testdir({})
  const line = await openLine(dir)
  await line.send(many(0, 10))
  await line.drain()
  const { metadataLocation } = await line.table('events')
  const path = line.storage.toEnginePath(metadataLocation!)
  renameSync(path, `${path}.away`)
  await line.send(many(10, 20))
  await t.rejects(line.drain(), { code: 'CATALOG_TABLE_UNUSABLE', message: /the metadata file is missing: put it back from a backup.*npm run repair/ })
  renameSync(`${path}.away`, path)
  await line.drain()
  t.same(await idsOf(line), { rows: 20, ids: 20 })
  await line.close()
})

void t.test('what is left of a table decides whether one may be made', async t => {
  const none: TableTraces = { acknowledged: null, other: null, leftFile: null, isThere: false }
  const acknowledged = { topic: 'x', partition: 0, offset: 3n }
  const rows: [expected: string, traces: Partial<TableTraces>, startAnew: boolean][] = [
    ['create', {}, false],
    ['create', {}, true],
    ['create', { isThere: true }, false],
    ['create', { isThere: true, leftFile: 'file:///its-own' }, false],
    ['halt', { acknowledged }, false],
    ['halt', { acknowledged, isThere: true }, false],
    ['halt', { other: { table: 'firn.dead_letters', ...acknowledged } }, false],
    ['halt', { leftFile: 'file:///left' }, false],
    ['anew', { leftFile: 'file:///left' }, true],
    ['anew', { acknowledged, isThere: true }, true]
  ]
  for (const [expected, traces, startAnew] of rows) t.equal(judgeAbsence('firn.events', { ...none, ...traces }, startAnew).kind, expected)
})
