import { rmSync } from 'node:fs'
import t from 'tap'
import { locationsOf, openTestTable, type TestTable } from '../actions/table-for-tests.ts'
import type { LoadedTable } from '../catalogs/catalog.ts'
import { addedEntry, encodeManifest } from '../files/manifest.ts'
import { decodeManifestList, encodeManifestList } from '../files/manifest-list.ts'
import type { ManifestFile } from '../spec/data-file.ts'
import { specById } from '../spec/partition.ts'
import { currentSchema } from '../spec/schema.ts'
import { createSnapshotId } from '../spec/snapshot.ts'
import type { Snapshot, Update } from '../spec/types.ts'
import { openLocalStorage, toPath } from '../storage/local.ts'
import { changesSince, recordOf, type SourceChanges, type SourceRecord } from './changes-since.ts'

const record = (test: TestTable): SourceRecord => {
  const found = recordOf(test.table)
  if (found === null) throw new Error('the table has no snapshot')
  return found
}
const since = (test: TestTable, from: SourceRecord): Promise<SourceChanges> => changesSince(openLocalStorage(), test.table, from)
const expire = (...ids: bigint[]): Update => ({ 'action': 'remove-snapshots', 'snapshot-ids': ids })
const added = (changes: SourceChanges) => changes.kind === 'appended' ? locationsOf(changes.files) : changes

t.test('a table without a snapshot has no record; the same snapshot is no change', async t => {
  const test = await openTestTable(t, 'still')
  t.equal(recordOf(test.table), null)
  await test.append([await test.file(7)])
  t.same(record(test), { uuid: test.table.metadata['table-uuid'], snapshotId: test.current()['snapshot-id'], sequence: 1n, records: 7n })
  t.same(await since(test, record(test)), { kind: 'unchanged' })
  await test.change({ 'action': 'set-properties', 'updates': { a: 'b' } })
  t.same(await since(test, record(test)), { kind: 'unchanged' })
})

t.test('what was appended since is told without reading an older manifest', async t => {
  const test = await openTestTable(t, 'appended')
  await test.append([await test.file(), await test.file()])
  const from = record(test)
  const lists = openLocalStorage()
  const [b, c] = [await test.file(1), await test.file(2)]
  await test.append([b])
  await test.append([c])
  const read: string[] = []
  const storage = { ...lists, read: (location: string) => { read.push(location); return lists.read(location) } }
  t.same(added(await changesSince(storage, test.table, from)), locationsOf([b, c]))
  t.equal(read.length, 3, 'a list and the manifests of two commits')
})

t.test('after expiry of the recorded snapshot the rows of the older files prove that nothing went', async t => {
  const test = await openTestTable(t, 'expired')
  await test.append([await test.file(10)])
  const from = record(test)
  const later = await test.file(3)
  await test.append([later])
  await test.append([])
  await test.change(expire(from.snapshotId, ...test.table.metadata.snapshots.slice(1, 2).map(each => each['snapshot-id'])))
  t.same(added(await since(test, from)), [later.location])
  await test.overwrite({ removed: (await test.live()).filter(file => file.recordCount === 10n), added: [await test.file(9)] })
  t.match(await since(test, from), { kind: 'unknown', reason: /which has expired \(files up to sequence number 1 had 10 rows and have 0\)/ })
})

for (const [engine, pinned] of [['keeps the sequence number (Spark, Trino 475 and later, ours)', true], ['gives a new sequence number (older Trino)', false]] as const) {
  t.test(`compaction that ${engine} hides no row and is no deletion`, async t => {
    const test = await openTestTable(t, 'compacted')
    await test.append([await test.file(4)])
    await test.append([await test.file(6)])
    const from = record(test)
    const live = await test.live()
    const during = await test.file(2)
    await test.append([during])
    const together = await test.file(10)
    await test.replace(live, [together], pinned ? from.sequence : null)
    const after = await test.file(1)
    await test.append([after])
    t.same(added(await since(test, from)), pinned ? locationsOf([during, after]) : locationsOf([during, together, after]))
    // A compaction that began after the record may hold new rows under one number.
    const wide = await test.file(3)
    await test.replace((await test.live()).filter(file => file.location === during.location || file.location === after.location), [wide], pinned ? test.current()['sequence-number'] : null)
    t.same(added(await since(test, from)), pinned ? [wide.location] : locationsOf([together, wide]))
    await test.change(expire(...test.table.metadata.snapshots.slice(0, -1).map(each => each['snapshot-id'])))
    const changes = await since(test, from)
    if (pinned) t.same(added(changes), [wide.location])
    else t.match(changes, { kind: 'unknown' }, 'the rows look new, which is not proven')
  })
}

t.test('an overwrite since is told as the difference of files, while the recorded snapshot is there', async t => {
  const test = await openTestTable(t, 'replaced')
  const [a, b, c] = [await test.file(10), await test.file(20), await test.file(5)]
  await test.append([a, b])
  const from = record(test)
  await test.append([c])
  await test.overwrite({ removed: (await test.live()).filter(file => file.location === b.location), added: [await test.file(19)] })
  const changes = await since(test, from)
  if (changes.kind !== 'replaced') throw new Error(changes.kind)
  t.same(locationsOf(changes.removed), [b.location])
  t.equal(changes.added.length, 2)
  t.ok(changes.added.some(file => file.location === c.location))
})

t.test('an overwrite of what came later is an append to who never saw it', async t => {
  const test = await openTestTable(t, 'corrected')
  await test.append([await test.file()])
  const from = record(test)
  const [wrong, right] = [await test.file(3), await test.file(2)]
  await test.append([wrong])
  await test.overwrite({ removed: (await test.live()).filter(file => file.location === wrong.location), added: [right] })
  t.same(added(await since(test, from)), [right.location])
  await test.change(expire(from.snapshotId))
  t.same(added(await since(test, from)), [right.location])
})

t.test('a table that went back, or began anew, is not guessed about', async t => {
  const test = await openTestTable(t, 'back')
  await test.append([await test.file(10)])
  const first = record(test)
  await test.append([await test.file(5)])
  const second = record(test)
  const main = (id: bigint): Update => ({ 'action': 'set-snapshot-ref', 'ref-name': 'main', 'type': 'branch', 'snapshot-id': id })
  await test.change(main(first.snapshotId))
  t.match(await since(test, second), { kind: 'unknown', reason: /rolled back: its sequence number was 2 and is 1/ })
  await test.append([await test.file(5)])
  t.match(await since(test, second), { kind: 'unknown', reason: /rolled back: snapshot \d+ is not among the ancestors/ })
  t.equal((await since(test, first)).kind, 'appended')
  t.match(await since(test, { ...first, uuid: 'other' }), { kind: 'unknown', reason: /created anew/ })
  await test.change(expire(second.snapshotId))
  t.match(await since(test, second), { kind: 'unknown' })
  await test.change({ 'action': 'remove-snapshot-ref', 'ref-name': 'main' })
  t.match(await since(test, second), { kind: 'unknown', reason: /no snapshot any more/ })
})

t.test('without parents, as on Nessie, the rows of the older files still prove an append; a replaced table is told by its files', async t => {
  const test = await openTestTable(t, 'orphaned')
  await test.append([await test.file(10)])
  const from = record(test)
  const later = await test.file(3)
  await test.append([later])
  const orphaned = (table: LoadedTable, keep: (snapshot: Snapshot) => boolean): LoadedTable => ({
    ...table, metadata: { ...table.metadata, snapshots: table.metadata.snapshots.filter(keep).map(({ 'parent-snapshot-id': _parent, ...snapshot }) => snapshot) }
  })
  const onlyCurrent = (snapshot: Snapshot) => snapshot['snapshot-id'] === test.current()['snapshot-id']
  t.same(added(await changesSince(openLocalStorage(), orphaned(test.table, onlyCurrent), from)), [later.location])
  await test.overwrite({ removed: await test.live(), added: [await test.file(13)] })
  t.match(await changesSince(openLocalStorage(), orphaned(test.table, onlyCurrent), from), { kind: 'unknown' })
  t.match(await changesSince(openLocalStorage(), orphaned(test.table, () => true), from), { kind: 'replaced', removed: [{ recordCount: 10n }], added: [{ recordCount: 13n }] })
})

t.test('delete files since the record forbid an answer', async t => {
  const test = await openTestTable(t, 'deletes')
  await test.append([await test.file(10)])
  const from = record(test)
  await test.append([await test.file(1)])
  // As another engine commits them: a manifest of deletes in the list of a new snapshot.
  const parent = test.current()
  const storage = openLocalStorage()
  const manifests = await decodeManifestList(await storage.read(parent['manifest-list']), 'list')
  const snapshotId = createSnapshotId()
  const list = await encodeManifestList({ snapshotId, parentSnapshotId: parent['snapshot-id'], sequenceNumber: 3n }, [...manifests, await deleteManifest(test, snapshotId)])
  const location = `${test.table.metadata.location}/metadata/snap-deletes.avro`
  await storage.writeDurably(location, list.bytes)
  await test.change(
    { 'action': 'add-snapshot', 'snapshot': { 'snapshot-id': snapshotId, 'parent-snapshot-id': parent['snapshot-id'], 'sequence-number': 3n, 'timestamp-ms': test.nowMs, 'manifest-list': location, 'summary': { 'operation': 'overwrite' }, 'schema-id': 0 } },
    { 'action': 'set-snapshot-ref', 'ref-name': 'main', 'type': 'branch', 'snapshot-id': snapshotId }
  )
  t.match(await since(test, from), { kind: 'unknown', reason: /rows were deleted since snapshot \d+ by 1 delete files/ })
  t.equal(recordOf(test.table)?.records, -1n, 'who does not say how many rows there are is not believed')
  const own = record(test)
  await test.append([])
  t.equal((await since(test, own)).kind, 'appended', 'older delete files cannot reach newer rows')
  await test.change(expire(own.snapshotId))
  t.equal((await since(test, own)).kind, 'appended', 'the chain still names the recorded one')
})

t.test('what cannot be read is an error, not an answer', async t => {
  const test = await openTestTable(t, 'damaged')
  await test.append([await test.file(10)])
  const from = record(test)
  await test.append([await test.file(1)])
  rmSync(toPath(test.current()['manifest-list']))
  await t.rejects(since(test, from), { code: 'STORAGE_NOT_FOUND' })
})

async function deleteManifest(test: TestTable, snapshotId: bigint): Promise<ManifestFile> {
  const { metadata } = test.table
  const spec = specById(metadata, 0)
  if (spec === undefined) throw new Error('no spec')
  const location = `${metadata.location}/metadata/deletes-m0.avro`
  const { bytes, manifest } = await encodeManifest(location, [{ ...addedEntry(await test.file(1), snapshotId), content: 'position-deletes' }], { schema: currentSchema(metadata), schemas: metadata.schemas, spec, snapshotId })
  await openLocalStorage().writeDurably(location, bytes)
  return { ...manifest, content: 'deletes' }
}
