// The line end to end on real parts: what was sent is one row each, or a dead letter.

import t from 'tap'
import { mainSnapshotId } from '../catalog/index.ts'
import { adversaryBefore } from './adversary.ts'
import { offsetsProperty, parseOffsets } from './offsets.ts'
import { day, openLine, pageView, receivedAt, type Line, type Sent } from './started-line.ts'
import { eventsId } from './tables.ts'

const many = (from: number, to: number): { value: string, key: string }[] => Array.from({ length: to - from }, (_, i) => ({ value: pageView(`e${from + i}`), key: `k${i}` }))
const count = async (line: Line, where = 'true', table = 'events'): Promise<number> => Number((await line.query(`SELECT count(*) AS n FROM ${table} WHERE ${where}`))[0]!.n)
const assertOnce = async (t: Tap, line: Line, ids: number): Promise<void> => {
  t.same(await line.query('SELECT count(*)::INT AS rows, count(DISTINCT event_id)::INT AS ids, count(DISTINCT (log_topic, log_partition, log_offset))::INT AS places FROM events'), [{ rows: ids, ids, places: ids }])
}
type Tap = typeof t
const isolated = (name: string, run: (t: Tap, line: Line) => Promise<void>, topics?: string[]): void => {
  void t.test(name, async t => {
    const line = await openLine(t.testdir({}), topics)
    try {
      await run(t as unknown as Tap, line)
    } finally {
      await line.close()
    }
  })
}

isolated('records become rows, and the same commit carries the offsets', async (t, line) => {
  await line.send(many(0, 100))
  // One commit on a busy machine as well: the end of the log closes the batch, not the time.
  await line.drain({ intervalMs: 600_000 })
  await assertOnce(t, line, 100)
  const { metadata } = await line.table('events')
  const offsets = parseOffsets(metadata.properties[offsetsProperty]!)!
  t.equal(offsets.snapshotId, mainSnapshotId(metadata))
  t.equal([...offsets.topics.get('ecommerce_events')!.partitions.values()].reduce((sum, { start, next }) => sum + next - start, 0n), 100n)
  t.equal(metadata.snapshots.length, 1)
  await line.drain()
  t.equal((await line.table('events')).metadata.snapshots.length, 1, 'without records there is no commit')
})

isolated('duplicates are dropped across batches, types and restarts, and listed', async (t, line) => {
  await line.send([{ value: pageView('a') }, { value: pageView('a', { event_type: 'search' }) }, { value: pageView('b') }])
  await line.drain()
  await line.send([{ value: pageView('b'), key: 'other' }, { value: pageView('c') }])
  await line.drain()
  t.same(await line.query('SELECT event_id, event_type FROM events ORDER BY 1'), [{ event_id: 'a', event_type: 'page_view' }, { event_id: 'b', event_type: 'page_view' }, { event_id: 'c', event_type: 'page_view' }])
  t.same(await line.query('SELECT event_id, reason, payload FROM dead_letters ORDER BY 1'), [{ event_id: 'a', reason: 'duplicate', payload: null }, { event_id: 'b', reason: 'duplicate', payload: null }])
})

isolated('the same id further apart than the window is two events', async (t, line) => {
  const now = Date.now() / 1000
  await line.send([{ value: pageView('a'), headers: receivedAt(now - 20 * day) }, { value: pageView('b'), headers: receivedAt(now - 6 * day) }])
  await line.drain()
  await line.send([{ value: pageView('a'), headers: receivedAt(now) }, { value: pageView('b'), headers: receivedAt(now) }])
  await line.drain()
  t.equal(await count(line, "event_id = 'a'"), 2)
  t.equal(await count(line, "event_id = 'b'"), 1)
  // Arrivals older than the index reaches are compared with the table itself.
  await line.send([{ value: pageView('a'), headers: receivedAt(now - 19 * day) }, { value: pageView('a'), headers: receivedAt(now - 10 * day) }])
  await line.drain()
  t.equal(await count(line, "event_id = 'a'"), 3)
})

isolated('what is no event is a dead letter with its bytes, and stops nobody', async (t, line) => {
  await line.send([{ value: 'not json' }, { value: Buffer.from([0xff, 0x0a, 0x1f]) }, { value: pageView('good') }, { value: '{"no":"event"}', headers: {} }, { value: '' }, { value: pageView('x', { timestamp: '2001-01-01T00:00:00Z' }), headers: {} }])
  await line.drain()
  await assertOnce(t, line, 1)
  const letters = await line.query('SELECT reason, hex(payload) AS payload, error IS NOT NULL AS explained FROM dead_letters ORDER BY log_offset')
  t.equal(letters.length, 5)
  t.same(letters.map(letter => Buffer.from(String(letter.payload), 'hex').toString('latin1')).slice(0, 4), ['not json', '\xff\n\x1f', '{"no":"event"}', ''])
  t.notOk(letters.some(letter => letter.reason === null))
})

isolated('types beyond the bound land as unlisted, with their own name', async (t, line) => {
  await line.send(['own_b', 'own_a', 'page_view', 'own_c'].map(type => ({ value: pageView(`id-${type}`, { event_type: type }) })))
  await line.drain({ typesMax: 20 })
  await line.send([{ value: pageView('again', { event_type: 'own_a', properties: { k: 1 } }) }, { value: pageView('late', { event_type: 'own_d', properties: { k: 1 } }) }])
  await line.drain({ typesMax: 20 })
  t.same(await line.query('SELECT event_id, event_type, properties FROM events ORDER BY 1'), [
    { event_id: 'again', event_type: 'own_a', properties: '{"k":1}' },
    { event_id: 'id-own_a', event_type: 'own_a', properties: null },
    { event_id: 'id-own_b', event_type: 'unlisted', properties: '{"$type":"own_b"}' },
    { event_id: 'id-own_c', event_type: 'unlisted', properties: '{"$type":"own_c"}' },
    { event_id: 'id-page_view', event_type: 'page_view', properties: null },
    { event_id: 'late', event_type: 'unlisted', properties: '{"k":1,"$type":"own_d"}' }
  ])
})

isolated('a full duplicate index asks the table: it admits nothing unchecked and does not stop', async (t, line) => {
  await line.send(many(0, 2000))
  await line.drain()
  await line.send([...many(2000, 2100), ...many(0, 2050)])
  await line.drain({ idsMax: 1000, rowsMax: 300 })
  await assertOnce(t, line, 2100)
})

isolated('late arrivals that come again are duplicates, in every batch, after a rival and after a whole log is read again', async (t, line) => {
  const now = Date.now() / 1000
  const late = (from: number, to: number, hours: number, topic = 'late'): Sent[] => Array.from({ length: to - from }, (_, i) =>
    ({ topic, key: `k${i}`, value: pageView(`e${from + i}`, { timestamp: new Date((now - 10 * day) * 1000).toISOString() }), headers: receivedAt(now - 10 * day + hours * 3600) }))
  await line.send([...late(0, 3000, 0), { topic: 'late', value: pageView('today') }])
  await line.drain({ topics: ['late'] })
  await line.send(late(0, 2000, 1))
  await line.drain({ topics: ['late'], rowsMax: 500 })
  await assertOnce(t, line, 3001)
  await line.send([...late(2000, 3100, 2), ...late(3000, 3100, 3, 'rival')])
  const catalog = adversaryBefore(line.catalog)
  let rivals = 0
  catalog.before = async ({ name }) => {
    if (name === 'events' && rivals++ === 0) await line.drain({ topics: ['rival'] })
  }
  await line.drain({ topics: ['late'], catalog })
  t.ok(rivals > 1, 'another writer had landed the same ids in between')
  await assertOnce(t, line, 3101)
  await line.catalog.commitTable(eventsId, { requirements: [], updates: [{ 'action': 'remove-properties', 'removals': [offsetsProperty] }] })
  await line.drain({ topics: ['late', 'rival'], resumeFrom: 'earliest', rowsMax: 1000 })
  await assertOnce(t, line, 3101)
}, ['late', 'rival'])

isolated('small batches land in order and the table stays whole', async (t, line) => {
  await line.send(many(0, 500))
  await line.drain({ rowsMax: 20, bytesMax: 65_536 })
  await assertOnce(t, line, 500)
})
