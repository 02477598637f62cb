import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import type { LoadedTable } from '../catalogs/catalog.ts'
import { openMemoryCatalog } from '../catalogs/memory.ts'
import { commitSnapshot } from '../commit/commit.ts'
import { scanFiles } from '../scan/scan-files.ts'
import type { DataFile } from '../spec/data-file.ts'
import { schemaOfColumns } from '../spec/schema-evolution.ts'
import { createSnapshotId, currentSnapshot } from '../spec/snapshot.ts'
import type { Update } from '../spec/types.ts'
import { openLocalStorage, toPath } from '../storage/local.ts'
import { stageAppend } from './append.ts'
import { deleteExpiredFiles } from './delete-expired.ts'
import { memoryOf } from './table-memory.ts'

const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'firn-expire-'))
t.teardown(() => { rmSync(folder, { recursive: true }) })
const catalog = openMemoryCatalog({ warehouse: `file://${folder}` })
let names = 0

async function append(table: LoadedTable, storage = openLocalStorage()): Promise<LoadedTable> {
  const file: DataFile = {
    location: `${table.metadata.location}/data/${names++}.parquet`, format: 'PARQUET', specId: 0, partition: {}, recordCount: 1n, fileSizeBytes: 1n, columnSizes: new Map(),
    valueCounts: new Map(), nullValueCounts: new Map(), lowerBounds: new Map(), upperBounds: new Map(), splitOffsets: null, sortOrderId: 0
  }
  await storage.writeDurably(file.location, Buffer.from('x'))
  const snapshotId = createSnapshotId(table.metadata)
  const outcome = await commitSnapshot({ catalog, storage, table }, snapshotId, base => stageAppend({ storage }, base, { snapshotId, files: [file] }))
  if (outcome.kind !== 'landed') throw new Error('not landed')
  await memoryOf(storage, table.metadata['table-uuid']).merging
  return outcome.table
}

async function change(table: LoadedTable, ...updates: Update[]): Promise<LoadedTable> {
  const reply = await catalog.commitTable(table.id, { requirements: [], updates })
  if (reply.kind !== 'landed') throw new Error(JSON.stringify(reply, (_, value: unknown) => typeof value === 'bigint' ? String(value) : value))
  return reply.table
}

const create = (name: string) => catalog.createTable({ namespace: ['firn'], name }, { schema: schemaOfColumns([{ name: 'a', type: 'long' }]) })
const remove = (...ids: bigint[]): Update => ({ 'action': 'remove-snapshots', 'snapshot-ids': ids })
const idOf = (table: LoadedTable) => currentSnapshot(table.metadata)?.['snapshot-id'] ?? 0n

t.test('what a tag still names is kept, although main has left it behind', async t => {
  const storage = openLocalStorage()
  let table = await create('tagged')
  const states: LoadedTable[] = []
  for (let commit = 0; commit < 20; commit++) states.push(table = await append(table, storage))
  const tagged = states[3]
  if (tagged === undefined) throw new Error('no state')
  table = await change(table, { 'action': 'set-snapshot-ref', 'ref-name': 'audit', 'type': 'tag', 'snapshot-id': idOf(tagged) })
  const after = await change(table, remove(...states.slice(0, 18).filter(state => state !== tagged).map(idOf)))
  const result = await deleteExpiredFiles(storage, table, after)
  t.ok(result.deletedFiles > 15, `${result.deletedFiles} files deleted`)
  const fresh = openLocalStorage()
  for (const snapshot of after.metadata.snapshots) {
    const scan = await scanFiles(fresh, after, { snapshotId: snapshot['snapshot-id'] })
    t.equal(String(scan.files.length), snapshot.summary['total-data-files'])
    for (const file of scan.files) t.ok(existsSync(toPath(file.location)))
  }
})

t.test('after a rollback the files of the table that is left are untouched', async t => {
  const storage = openLocalStorage()
  const first = await append(await create('rolled'), storage)
  const second = await append(first, storage)
  const third = await append(second, storage)
  const rolled = await change(third, { 'action': 'set-snapshot-ref', 'ref-name': 'main', 'type': 'branch', 'snapshot-id': idOf(first) })
  const onward = await append(rolled, storage)
  const after = await change(onward, remove(idOf(second), idOf(third)))
  await deleteExpiredFiles(storage, onward, after)
  const fresh = openLocalStorage()
  t.equal((await scanFiles(fresh, after)).files.length, 2)
  t.equal((await scanFiles(fresh, after, { snapshotId: idOf(first) })).files.length, 1)
})

t.test('a process that knows nothing yet reads the lists a few at a time and deletes nothing before', async t => {
  let table = await create('restarted')
  const states: LoadedTable[] = []
  for (let commit = 0; commit < 12; commit++) states.push(table = await append(table))
  const after = await change(table, remove(...states.slice(0, 4).map(idOf)))
  const storage = openLocalStorage()
  const first = await deleteExpiredFiles(storage, table, after, { listsReadMax: 3 })
  t.same(first, { deletedFiles: 0, pendingSnapshots: 4 })
  await deleteExpiredFiles(storage, after, after, { listsReadMax: 3 })
  const third = await deleteExpiredFiles(storage, after, after, { listsReadMax: 3 })
  t.ok(third.deletedFiles >= 4)
  t.equal(third.pendingSnapshots, 0)
  t.equal((await scanFiles(openLocalStorage(), after)).files.length, 12)
})

t.test('when a list that must be read is gone, nothing is deleted', async t => {
  let table = await create('damaged')
  const states: LoadedTable[] = []
  for (let commit = 0; commit < 4; commit++) states.push(table = await append(table))
  const after = await change(table, remove(...states.slice(0, 2).map(idOf)))
  rmSync(toPath(currentSnapshot(states[2]?.metadata ?? table.metadata)?.['manifest-list'] ?? ''))
  const result = await deleteExpiredFiles(openLocalStorage(), table, after)
  t.same(result, { deletedFiles: 0, pendingSnapshots: 2 })
  const forbidden = await change(after, { 'action': 'set-properties', 'updates': { 'gc.enabled': 'false' } })
  t.same(await deleteExpiredFiles(openLocalStorage(), table, forbidden), { deletedFiles: 0, pendingSnapshots: 0 })
})

t.test('with onlyOwn the files of snapshots that others expired are left to them', async t => {
  const storage = openLocalStorage()
  const first = await append(await create('shared'), storage)
  const second = await append(first, storage)
  const theirs = currentSnapshot(first.metadata)?.['manifest-list'] ?? ''
  const expiredByThem = await change(second, remove(idOf(first)))
  t.same(await deleteExpiredFiles(storage, second, expiredByThem, { onlyOwn: true }), { deletedFiles: 0, pendingSnapshots: 0 })
  t.ok(existsSync(toPath(theirs)), 'their clean-up still reads it')

  const third = await append(expiredByThem, storage)
  const ours = currentSnapshot(second.metadata)?.['manifest-list'] ?? ''
  const snapshotId = createSnapshotId(third.metadata)
  const later = () => Date.now() + 365 * 86_400_000
  const outcome = await commitSnapshot({ catalog, storage, table: third }, snapshotId, base => stageAppend({ storage, clock: later }, base, { snapshotId, files: [], expire: {} }))
  if (outcome.kind !== 'landed') throw new Error('not landed')
  t.notOk(outcome.table.metadata.snapshots.some(snapshot => snapshot['snapshot-id'] === idOf(second)), 'our commit expired it')
  const { deletedFiles } = await deleteExpiredFiles(storage, third, outcome.table, { onlyOwn: true })
  t.ok(deletedFiles >= 1)
  t.notOk(existsSync(toPath(ours)))
  t.ok(existsSync(toPath(theirs)))
})
