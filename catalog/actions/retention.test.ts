// What the table's owner wants kept is kept: by property, by ref, staged, and whatever another engine's clock says.

import t from 'tap'
import type { Snapshot, SnapshotRef, TableMetadata } from '../spec/types.ts'
import { planExpiry } from './expire-snapshots.ts'
import { openTestTable } from './table-for-tests.ts'

const now = 1_800_000_000_000
const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

interface Made { readonly id: number, readonly ageMs: number, readonly parent?: number, readonly summary?: Record<string, string> }

function table (made: readonly Made[], refs: Record<string, Partial<SnapshotRef> & { at: number }>, properties: Record<string, string> = {}): TableMetadata {
  const snapshots = made.map(({ id, ageMs, parent, summary }): Snapshot => ({
    'snapshot-id': BigInt(id),
    ...parent === undefined ? {} : { 'parent-snapshot-id': BigInt(parent) },
    'sequence-number': BigInt(id),
    'timestamp-ms': now - ageMs,
    'manifest-list': `file:///list-${id}`,
    'summary': { operation: 'append', ...summary ?? { 'firn.batch': '1' } }
  }))
  const made2 = Object.entries(refs).map(([name, { at, ...ref }]) => [name, { 'type': 'branch', ...ref, 'snapshot-id': BigInt(at) }])
  return { snapshots, properties, 'metadata-log': [], 'current-snapshot-id': BigInt(refs['main']!.at), 'refs': Object.fromEntries(made2) } as unknown as TableMetadata
}

/** 1 … count, each the parent of the next, the last one `firstMs` old and each `stepMs` older than its child. */
const chain = (count: number, stepMs: number, firstMs = 0): Made[] => Array.from({ length: count }, (_, i) => ({ id: i + 1, ageMs: firstMs + (count - 1 - i) * stepMs, ...i === 0 ? {} : { parent: i } }))
const kept = (metadata: TableMetadata, policy = {}): number[] => {
  const gone = new Set(planExpiry(metadata, policy, now))
  return metadata.snapshots.filter(snapshot => !gone.has(snapshot['snapshot-id'])).map(snapshot => Number(snapshot['snapshot-id']))
}
const oldChain = chain(6, 10 * day, 10 * day)

for (const { name, refs, properties, wanted } of [
  { name: 'nothing is set: only main is left of an old history', refs: {}, properties: {}, wanted: [6] },
  { name: 'the number that a table wants', refs: {}, properties: { 'history.expire.min-snapshots-to-keep': '3' }, wanted: [4, 5, 6] },
  { name: 'the age that a table wants', refs: {}, properties: { 'history.expire.max-snapshot-age-ms': String(35 * day) }, wanted: [4, 5, 6] },
  { name: 'whichever of both keeps more', refs: {}, properties: { 'history.expire.max-snapshot-age-ms': String(15 * day), 'history.expire.min-snapshots-to-keep': '4' }, wanted: [3, 4, 5, 6] },
  { name: 'what is no number is not set', refs: {}, properties: { 'history.expire.max-snapshot-age-ms': 'never', 'history.expire.min-snapshots-to-keep': '-3' }, wanted: [6] },
  { name: 'what main itself wants, before the table', refs: { main: { 'at': 6, 'min-snapshots-to-keep': 2 } }, properties: { 'history.expire.min-snapshots-to-keep': '5' }, wanted: [5, 6] },
  { name: 'the age of main itself', refs: { main: { 'at': 6, 'max-snapshot-age-ms': 45 * day } }, properties: {}, wanted: [3, 4, 5, 6] },
  { name: 'a branch keeps its own number', refs: { audit: { 'at': 3, 'min-snapshots-to-keep': 2 } }, properties: {}, wanted: [2, 3, 6] },
  { name: 'a branch keeps what is young enough for it', refs: { audit: { 'at': 3, 'max-snapshot-age-ms': 55 * day } }, properties: {}, wanted: [2, 3, 6] },
  { name: 'a branch goes by the table where it says nothing', refs: { audit: { at: 3 } }, properties: { 'history.expire.min-snapshots-to-keep': '2' }, wanted: [2, 3, 5, 6] },
  { name: 'a branch older than refs may be keeps its snapshot alone', refs: { audit: { 'at': 3, 'min-snapshots-to-keep': 3, 'max-ref-age-ms': day } }, properties: {}, wanted: [3, 6] },
  { name: 'and by the table\'s age for refs', refs: { audit: { 'at': 3, 'min-snapshots-to-keep': 3 } }, properties: { 'history.expire.max-ref-age-ms': String(day) }, wanted: [3, 6] },
  { name: 'a tag keeps its snapshot, whatever its numbers say', refs: { release: { 'at': 2, 'type': 'tag' as const, 'min-snapshots-to-keep': 9, 'max-ref-age-ms': 1 } }, properties: {}, wanted: [2, 6] }
]) {
  t.test(name, async t => { t.same(kept(table(oldChain, { main: { at: 6 }, ...refs }, properties)), wanted) })
}

t.test('an age that is shorter than ours takes away the hours, not the last minutes', async t => {
  const metadata = table(chain(12, 20 * minute), { main: { at: 12 } }, { 'history.expire.max-snapshot-age-ms': String(65 * minute) })
  t.same(kept(metadata), [9, 10, 11, 12])
  t.same(kept(table(chain(4, 10 * minute), { main: { at: 4 } }, { 'history.expire.max-snapshot-age-ms': '1' })), [1, 2, 3, 4])
})

t.test('what the owner wants is never given up for the size of the metadata', async t => {
  const metadata = table(chain(300, minute), { main: { at: 300 } }, { 'history.expire.min-snapshots-to-keep': '200' })
  t.equal(kept(metadata, { metadataBytesMax: 41_000 }).filter(id => id > 100).length, 200)
})

t.test('a staged snapshot stays while it is fresh, by its table\'s age or for five days', async t => {
  const staged = (ageMs: number, summary: Record<string, string>): Made => ({ id: 7, ageMs, parent: 5, summary })
  const of = (made: Made, properties: Record<string, string> = {}): boolean => kept(table([...oldChain, made], { main: { at: 6 } }, properties)).includes(7)
  for (const summary of [{ 'wap.id': 'audit-1' }, { 'spark.app.id': 'x' }, {}]) {
    t.ok(of(staged(4 * day, summary)), JSON.stringify(summary))
    t.notOk(of(staged(8 * day, summary)), 'nor does one an hour keep it')
    t.ok(of(staged(8 * day, summary), { 'history.expire.max-snapshot-age-ms': String(9 * day) }))
    t.notOk(of(staged(2 * day, summary), { 'history.expire.max-snapshot-age-ms': String(day) }))
  }
  const two = (summary: Record<string, string>): number[] => kept(table([...oldChain, { id: 7, ageMs: 4 * day + 2, parent: 5, summary }, { id: 8, ageMs: 4 * day + 1, parent: 5, summary }], { main: { at: 6 } }))
  t.same(two({ 'wap.id': 'a' }), [6, 7, 8], 'two within an hour')
  t.same(two({ 'firn.batch': '1' }), [6, 8], 'ours were main, and are not any more: one an hour')
})

t.test('an engine whose clock is ahead ages nothing but its own snapshot', async t => {
  const test = await openTestTable(t, 'skewed')
  for (let i = 0; i < 5; i++) await test.append([await test.file()])
  const known = test.nowMs
  test.nowMs += 45 * minute
  await test.append([await test.file()])
  const ahead = test.current()['timestamp-ms']
  test.nowMs = known + minute
  for (let i = 0; i < 3; i++) await test.append([await test.file()], { expire: {} })
  t.equal(test.table.metadata.snapshots.length, 9, 'all of the last half hour is there')
  const times = test.table.metadata.snapshots.map(snapshot => snapshot['timestamp-ms'])
  t.same(times, times.toSorted((a, b) => a - b), 'and times never go back')
  t.ok(test.current()['timestamp-ms'] >= ahead)
})

t.test('a history that was thinned out keeps what the table\'s age asks for, though the links are gone', async t => {
  const thinned = chain(10, hour).filter(({ id }) => id % 3 !== 0)
  t.same(kept(table(thinned, { main: { at: 10 } }, { 'history.expire.max-snapshot-age-ms': String(day) })), thinned.map(({ id }) => id))
})
