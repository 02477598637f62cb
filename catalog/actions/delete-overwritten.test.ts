/** Expiry of tables whose files are overwritten: what is gone goes from the disk, what any kept snapshot reads stays. */
import { existsSync, readdirSync } from 'node:fs'
import t from 'tap'
import { CatalogError } from '../errors.ts'
import { printJson } from '../spec/json.ts'
import type { Update } from '../spec/types.ts'
import { openLocalStorage, toPath } from '../storage/local.ts'
import type { Storage } from '../storage/storage.ts'
import { deleteExpiredFiles, resumeCleanup } from './delete-expired.ts'
import { openTestTable, type TestTable } from './table-for-tests.ts'

const expire = (...ids: bigint[]): Update => ({ 'action': 'remove-snapshots', 'snapshot-ids': ids })
const idOf = (test: TestTable) => test.current()['snapshot-id']
const isThere = (file: { location: string }) => existsSync(toPath(file.location))
const filesOn = (test: TestTable) => readdirSync(toPath(`${test.table.metadata.location}/data`)).length
const avros = (test: TestTable) => readdirSync(toPath(`${test.table.metadata.location}/metadata`)).filter(name => name.endsWith('.avro')).length

/** Three states: a and b, then b replaced by c, then an append. */
async function overwritten(t: { teardown(end: () => void): unknown }, name: string) {
  const test = await openTestTable(t, name)
  const [a, b, c] = [await test.file(1), await test.file(2), await test.file(3)]
  await test.append([a, b])
  const first = idOf(test)
  await test.overwrite({ removed: (await test.live()).filter(file => file.location === b.location), added: [c] })
  const second = idOf(test)
  await test.append([await test.file(4)])
  return { test, a, b, c, first, second }
}

t.test('an overwritten file stays as long as a snapshot from before the overwrite does, and goes with the last', async t => {
  const { test, a, b, c, first, second } = await overwritten(t, 'chain')
  const states = [test.table, await test.change(expire(second))]
  if (states[0] !== undefined && states[1] !== undefined) await deleteExpiredFiles(test.storage, states[0], states[1])
  t.ok(isThere(b), 'the first snapshot still reads it')
  t.equal((await test.live(first)).length, 2)
  // By now only appends are in the metadata; that a file was removed in between is remembered.
  const before = test.table
  await deleteExpiredFiles(test.storage, before, await test.change(expire(first)))
  t.notOk(isThere(b))
  t.same([isThere(a), isThere(c)], [true, true])
  t.equal((await test.live()).length, 3)
})

t.test('a tag or a branch keeps what it reads', async t => {
  const { test, b, first, second } = await overwritten(t, 'tagged')
  await test.change({ 'action': 'set-snapshot-ref', 'ref-name': 'audit', 'type': 'tag', 'snapshot-id': first })
  await deleteExpiredFiles(test.storage, test.table, await test.change(expire(second)))
  t.ok(isThere(b))
  const before = await test.change({ 'action': 'remove-snapshot-ref', 'ref-name': 'audit' })
  const { deletedFiles } = await deleteExpiredFiles(test.storage, before, await test.change(expire(first)))
  t.notOk(isThere(b))
  t.equal(deletedFiles, 3, 'the file, the first manifest and the first list')
})

t.test('expiry in the commit of an overwrite, cleaned by who committed it, keeps the disk at what the kept snapshots need', async t => {
  const test = await openTestTable(t, 'cycles')
  await test.append([await test.file(), await test.file()])
  for (let cycle = 0; cycle < 40; cycle++) {
    const before = test.table
    const [oldest] = await test.live()
    test.nowMs += 60_000
    const outcome = await test.overwrite({ removed: oldest === undefined ? [] : [oldest], added: [await test.file()], expire: { keepAllMs: 3 * 60_000, keepHourlyMs: 0 } })
    t.equal(outcome.kind, 'landed')
    await deleteExpiredFiles(test.storage, before, test.table, { onlyOwn: true })
  }
  t.ok(test.table.metadata.snapshots.length <= 5, `${test.table.metadata.snapshots.length} snapshots`)
  t.ok(filesOn(test) <= 6, `${filesOn(test)} data files`)
  t.ok(avros(test) < 25, `${avros(test)} manifests and lists`)
  for (const snapshot of test.table.metadata.snapshots) {
    for (const file of await test.live(snapshot['snapshot-id'])) t.ok(isThere(file))
  }
})

t.test('who dies between the commit and the clean-up leaves files that the next process finds', async t => {
  const { test, b, first, second } = await overwritten(t, 'crashed')
  await test.storage.writeDurably(test.table.metadataLocation ?? '', Buffer.from(printJson(test.table.metadata)))
  await test.change(expire(first, second))
  t.ok(isThere(b))
  const next = openLocalStorage()
  t.same(await resumeCleanup(next, test.table), { deletedFiles: 4, pendingSnapshots: 0 }, 'the file, a manifest, two lists')
  t.notOk(isThere(b))
  t.equal((await test.live()).length, 3)
  t.same(await resumeCleanup(openLocalStorage(), test.table), { deletedFiles: 2, pendingSnapshots: 0 }, 'the two lists are named again, which costs nothing')
})

t.test('a clean-up that dies in the middle is finished by the next, in any step', async t => {
  for (const dieAt of [1, 2, 3]) {
    const { test, b, first, second } = await overwritten(t, `half_${dieAt}`)
    await test.storage.writeDurably(test.table.metadataLocation ?? '', Buffer.from(printJson(test.table.metadata)))
    const before = test.table
    const after = await test.change(expire(first, second))
    let calls = 0
    const dying: Storage = { ...openLocalStorage(), delete: async locations => {
      if (++calls >= dieAt) throw new Error('killed')
      await openLocalStorage().delete(locations)
    } }
    await t.rejects(deleteExpiredFiles(dying, before, after), /killed/)
    await resumeCleanup(openLocalStorage(), after)
    t.notOk(isThere(b), `after step ${dieAt}`)
    t.equal(filesOn(test), 3)
    t.equal(avros(test), 4, 'one list, and the manifests of three commits less what was rewritten')
    t.equal((await test.live()).length, 3)
  }
})

t.test('a file that a kept snapshot needs is kept even when its manifest cannot be read now', async t => {
  const { test, b, first, second } = await overwritten(t, 'unreadable')
  const before = test.table
  const after = await test.change(expire(first, second))
  const kept = new Set<string>()
  for (const file of await test.live()) kept.add(file.location)
  const own = openLocalStorage()
  let failing = true
  const storage: Storage = { ...own, read: async location => {
    if (failing && location.endsWith('-m0.avro')) throw new CatalogError('STORAGE_UNREADABLE', { location, reason: 'a fault of the test' })
    return await own.read(location)
  } }
  t.match(await deleteExpiredFiles(storage, before, after), { deletedFiles: 0, pendingSnapshots: 2 })
  t.ok(isThere(b))
  failing = false
  t.match(await deleteExpiredFiles(storage, after, after), { pendingSnapshots: 0 })
  t.notOk(isThere(b))
  for (const location of kept) t.ok(existsSync(toPath(location)))
})

t.test('what must be read is read over several calls, and nothing of it is deleted before', async t => {
  const test = await openTestTable(t, 'bounded', { 'commit.manifest-merge.enabled': 'false' })
  const files = []
  for (let index = 0; index < 8; index++) files.push(await test.file())
  await test.append(files)
  const first = idOf(test)
  const [old] = files
  if (old === undefined) throw new Error('no file')
  for (const { location } of files.slice(0, 6)) await test.overwrite({ removed: (await test.live()).filter(file => file.location === location), added: [] })
  const before = test.table
  const after = await test.change(expire(first))
  const storage = openLocalStorage()
  let calls = 0
  for (let pending = 1; pending > 0; calls++) {
    t.equal(isThere(old), true)
    pending = (await deleteExpiredFiles(storage, before, after, { bytesReadMax: 1n })).pendingSnapshots
  }
  t.ok(calls > 3, `${calls} calls`)
  t.notOk(isThere(old))
  t.equal(filesOn(test), 7, 'the others are read by snapshots that stay')
})
