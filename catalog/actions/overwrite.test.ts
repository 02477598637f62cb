import { existsSync, readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { commitSnapshot } from '../commit/commit.ts'
import { decodeManifest } from '../files/manifest.ts'
import { decodeManifestList } from '../files/manifest-list.ts'
import type { LiveFile } from '../spec/data-file.ts'
import { createSnapshotId, mainSnapshotId } from '../spec/snapshot.ts'
import { openLocalStorage, toPath } from '../storage/local.ts'
import { stageOverwrite } from './overwrite.ts'
import { locationsOf, openTestTable, type TestTable } from './table-for-tests.ts'

async function entriesOf(test: TestTable) {
  const storage = openLocalStorage()
  const list = test.current()['manifest-list']
  const found = []
  for (const manifest of await decodeManifestList(await storage.read(list), list)) {
    for (const entry of await decodeManifest(await storage.read(manifest.location), manifest, test.table.metadata)) {
      found.push({ manifest, status: entry.status, name: entry.file.location.slice(entry.file.location.lastIndexOf('/') + 1), snapshotId: entry.snapshotId, sequence: entry.sequenceNumber, fileSequence: entry.fileSequenceNumber })
    }
  }
  return found
}

const find = (files: readonly LiveFile[], wanted: { location: string }): LiveFile => {
  const file = files.find(each => each.location === wanted.location)
  if (file === undefined) throw new Error(`${wanted.location} is not in the table`)
  return file
}

t.test('removed files become DELETED entries of the commit with their numbers kept, their neighbours EXISTING ones', async t => {
  const test = await openTestTable(t, 'entries')
  const [a, b, c, d] = [await test.file(10), await test.file(20, 1), await test.file(30, 2), await test.file(5, 1)]
  await test.append([a, b])
  const first = test.current()
  await test.append([c])
  const second = test.current()
  const outcome = await test.overwrite({ added: [d], removed: [find(await test.live(), b)], properties: { 'firn.model': '{"v":1}' }, summary: { 'firn.rows': '5' } })
  t.equal(outcome.kind, 'landed')
  t.equal(test.table.metadata.properties['firn.model'], '{"v":1}')
  const current = test.current()
  t.same((await entriesOf(test)).map(({ manifest, ...entry }) => entry).sort((left, right) => left.name.localeCompare(right.name)), [
    { status: 'existing', name: '0.parquet', snapshotId: first['snapshot-id'], sequence: 1n, fileSequence: 1n },
    { status: 'deleted', name: '1.parquet', snapshotId: current['snapshot-id'], sequence: 1n, fileSequence: 1n },
    { status: 'added', name: '2.parquet', snapshotId: second['snapshot-id'], sequence: 2n, fileSequence: 2n },
    { status: 'added', name: '3.parquet', snapshotId: current['snapshot-id'], sequence: 3n, fileSequence: 3n }
  ])
  t.same(current.summary, {
    'operation': 'overwrite', 'added-data-files': '1', 'added-records': '5', 'added-files-size': '500', 'deleted-data-files': '1', 'deleted-records': '20', 'removed-files-size': '2000', 'changed-partition-count': '1',
    'total-records': '45', 'total-files-size': '4500', 'total-data-files': '3', 'total-delete-files': '0', 'total-position-deletes': '0', 'total-equality-deletes': '0',
    'manifests-created': '2', 'manifests-kept': '1', 'manifests-replaced': '1', 'firn.rows': '5'
  })
  t.same(locationsOf(await test.live()), locationsOf([a, c, d]))
  t.same(locationsOf(await test.live(second['snapshot-id'])), locationsOf([a, b, c]), 'the state before is still there')
  t.same(test.catalog.commits.at(-1)?.requirements.map(requirement => requirement.type), ['assert-table-uuid', 'assert-ref-snapshot-id', 'assert-current-schema-id', 'assert-default-spec-id'])
})

t.test('everything may go with nothing in its place, and what is only a removal leaves the list with the next commit', async t => {
  const test = await openTestTable(t, 'emptied')
  await test.append([await test.file(), await test.file()])
  t.equal((await test.overwrite({ added: [], removed: await test.live() })).kind, 'landed')
  t.match(test.current().summary, { 'operation': 'delete', 'deleted-data-files': '2', 'total-records': '0', 'total-data-files': '0', 'total-files-size': '0' })
  t.same((await entriesOf(test)).map(entry => entry.status), ['deleted', 'deleted'])
  t.same(await test.live(), [])
  const back = await test.file()
  await test.append([back])
  t.same((await entriesOf(test)).map(entry => entry.status), ['added'])
  t.same(locationsOf(await test.live()), [back.location])
})

t.test('without removals it is an append by name, with nothing at all it still carries its properties', async t => {
  const test = await openTestTable(t, 'added')
  t.equal((await test.overwrite({ added: [await test.file(3)], removed: [] })).kind, 'landed')
  t.match(test.current().summary, { 'operation': 'append', 'total-records': '3' })
  t.equal((await test.overwrite({ added: [], removed: [], properties: { a: 'b' } })).kind, 'landed')
  t.equal(test.table.metadata.properties['a'], 'b')
  t.equal(test.current()['sequence-number'], 2n)
})

t.test('a file that is not in the table any more is never removed twice', async t => {
  const test = await openTestTable(t, 'twice')
  await test.append([await test.file(), await test.file()])
  const [gone, kept] = await test.live()
  if (gone === undefined || kept === undefined) throw new Error('two files')
  await test.overwrite({ added: [], removed: [gone] })
  const outcome = await test.overwrite({ added: [await test.file()], removed: [gone, kept] })
  t.match(outcome, { kind: 'abandoned', reason: /1 of the 2 files to remove are not in the table/ })
  t.same(locationsOf(await test.live()), [kept.location])
})

t.test('after a rival commit the overwrite is not staged again: what it was computed from is no longer the table', async t => {
  const test = await openTestTable(t, 'rival')
  await test.append([await test.file()])
  const planned = mainSnapshotId(test.table.metadata)
  const removed = await test.live()
  const before = test.table
  const rival = await test.file(7)
  test.catalog.conflictOnce(() => test.append([rival]))
  const outcome = await test.overwrite({ added: [await test.file()], removed })
  t.match(outcome, { kind: 'abandoned', reason: new RegExp(`no longer at ${planned}`) })
  t.same(locationsOf(await test.live()), locationsOf([...removed, rival]))
  // The same by name: whoever read an older state is told so before anything is sent.
  const sent = test.catalog.commits.length
  t.match(await test.overwrite({ added: [], removed, plannedOn: mainSnapshotId(before.metadata) }), { kind: 'abandoned' })
  t.equal(test.catalog.commits.length, sent)
})

t.test('an overwrite that says it may be rebased is, as long as its files are there', async t => {
  const test = await openTestTable(t, 'rebased')
  await test.append([await test.file(4)])
  const removed = await test.live()
  const rival = await test.file(7)
  test.catalog.conflictOnce(() => test.append([rival]))
  const added = await test.file(4)
  t.equal((await test.overwrite({ added: [added], removed, plannedOn: 'any' })).kind, 'landed')
  t.same(locationsOf(await test.live()), locationsOf([added, rival]))
  t.equal(test.current().summary['total-records'], '11')
})

t.test('an overwrite whose reply was lost is found, not done again', async t => {
  const test = await openTestTable(t, 'lost')
  await test.append([await test.file()])
  const added = await test.file()
  test.catalog.loseResponseOnce()
  t.equal((await test.overwrite({ added: [added], removed: await test.live() })).kind, 'landed')
  t.equal(test.table.metadata.snapshots.length, 2)
  test.catalog.loseRequestOnce()
  t.equal((await test.overwrite({ added: [], removed: await test.live() })).kind, 'landed')
  t.same(await test.live(), [])
})

t.test('files of an attempt that lost for certain go, those of an unknown one stay', async t => {
  const test = await openTestTable(t, 'left')
  await test.append([await test.file()])
  const avros = () => readdirSync(toPath(`${test.table.metadata.location}/metadata`)).filter(name => name.endsWith('.avro')).length
  const before = avros()
  test.catalog.conflictOnce(() => test.append([]))
  const lost = await test.overwrite({ added: [await test.file()], removed: await test.live() })
  t.match(lost, { kind: 'abandoned', certain: true })
  for (const endMs = Date.now() + 10_000; avros() > before + 1 && Date.now() < endMs;) await sleep(5)
  t.equal(avros(), before + 1, 'only the list of the rival came')
  test.catalog.conflictOnce(async () => { await test.append([]); test.catalog.loseRequestOnce() })
  const doubtful = await test.overwrite({ added: [await test.file()], removed: await test.live() })
  t.match(doubtful, { kind: 'abandoned', certain: false })
  await sleep(30)
  t.equal(avros(), before + 5, 'the list of the rival, and three of ours')
})

t.test('many small manifests become few, and merging goes on beside', async t => {
  const test = await openTestTable(t, 'merged')
  for (let commit = 0; commit < 30; commit++) await test.append([await test.file(1, commit % 4)])
  const live = await test.live()
  const removed = live.filter((_, index) => index % 3 === 0)
  t.equal((await test.overwrite({ added: [await test.file(1)], removed })).kind, 'landed')
  t.equal(test.current().summary['total-data-files'], '21')
  t.ok(Number(test.current().summary['manifests-created']) <= 3, 'one for the added, one for the rewritten, one merge at most')
  for (let commit = 0; commit < 20; commit++) {
    const [oldest] = await test.live()
    t.equal((await test.overwrite({ added: [await test.file(2)], removed: oldest === undefined ? [] : [oldest] })).kind, 'landed')
    await sleep(2)
  }
  t.equal((await test.live()).length, 21)
  const list = await decodeManifestList(await openLocalStorage().read(test.current()['manifest-list']), 'list')
  t.ok(list.length < 16, `${list.length} manifests`)
  for (const manifest of list) t.ok(existsSync(toPath(manifest.location)))
})

t.test('the stage says itself when it is asked for another base', async t => {
  const test = await openTestTable(t, 'asked')
  await test.append([await test.file()])
  const snapshotId = createSnapshotId()
  const removed = await test.live()
  const first = test.table
  await test.append([await test.file()])
  const staged = await commitSnapshot({ catalog: test.catalog, storage: test.storage, table: first }, snapshotId, base => stageOverwrite({ storage: test.storage }, base, { snapshotId, added: [], removed }), { backoffMsMin: 1, backoffMsMax: 2 })
  t.match(staged, { kind: 'abandoned' })
})
