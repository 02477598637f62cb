import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { memoryOf } from '../actions/table-memory.ts'
import { stageAppend } from '../actions/append.ts'
import { deleteExpiredFiles } from '../actions/delete-expired.ts'
import type { LoadedTable } from '../catalogs/catalog.ts'
import { openMemoryCatalog } from '../catalogs/memory.ts'
import { scanFiles } from '../scan/scan-files.ts'
import type { DataFile } from '../spec/data-file.ts'
import { schemaOfColumns } from '../spec/schema-evolution.ts'
import { createSnapshotId, currentSnapshot, mainSnapshotId, snapshotById } from '../spec/snapshot.ts'
import { openLocalStorage, toPath } from '../storage/local.ts'
import { evolveSchema, setProperties } from './change.ts'
import { commitSnapshot, type CommitOptions, type CommitOutcome } from './commit.ts'

// In memory where that exists: these tests are about order and counting, not about the disk.
const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'firn-commit-'))
t.teardown(() => { rmSync(folder, { recursive: true }) })
const quick: CommitOptions = { backoffMsMin: 1, backoffMsMax: 4, unknownMsMax: 2_000 }
let tables = 0

async function setUp(options: { clock?: () => number, properties?: Record<string, string> } = {}) {
  const catalog = openMemoryCatalog({ warehouse: `file://${folder}`, ...options.clock === undefined ? {} : { clock: options.clock } })
  const storage = openLocalStorage()
  const id = { namespace: ['firn'], name: `events_${tables++}` }
  const table = await catalog.createTable(id, {
    'schema': schemaOfColumns([{ name: 'event_id', type: 'string', required: true }, { name: 'event_type', type: 'string' }, { name: 'event_time', type: 'timestamptz' }]),
    'partition-spec': { 'spec-id': 0, 'fields': [{ 'source-id': 2, 'field-id': 1000, 'name': 'event_type', 'transform': 'identity' }, { 'source-id': 3, 'field-id': 1001, 'name': 'event_date', 'transform': 'day' }] },
    ...options.properties === undefined ? {} : { properties: options.properties }
  })
  const append = async (base: LoadedTable, files: DataFile[], extra: { snapshotId?: bigint, properties?: Record<string, string>, expire?: object } = {}): Promise<CommitOutcome> => {
    const snapshotId = extra.snapshotId ?? createSnapshotId(base.metadata)
    const { clock } = options
    return await commitSnapshot({ catalog, storage, table: base, clock }, snapshotId,
      (current) => stageAppend({ storage, clock }, current, { snapshotId, files, ...extra }), quick)
  }
  return { catalog, storage, id, table, append }
}

let names = 0
function dataFile(rows = 10): DataFile {
  return {
    location: `file://${folder}/data/${names++}.parquet`, format: 'PARQUET', specId: 0, partition: { event_type: 'purchase', event_date: 20_000 + names }, recordCount: BigInt(rows), fileSizeBytes: 1000n,
    columnSizes: new Map([[1, 10n]]), valueCounts: new Map([[1, BigInt(rows)]]), nullValueCounts: new Map([[1, 0n]]), lowerBounds: new Map([[1, Buffer.from('a')]]), upperBounds: new Map([[1, Buffer.from('z')]]), splitOffsets: null, sortOrderId: 0
  }
}

function landed(outcome: CommitOutcome): LoadedTable {
  if (outcome.kind !== 'landed') throw new Error(`not landed: ${JSON.stringify(outcome, (_, value: unknown) => typeof value === 'bigint' ? String(value) : value)}`)
  return outcome.table
}

async function paths(storage: ReturnType<typeof openLocalStorage>, table: LoadedTable): Promise<string[]> {
  return (await scanFiles(storage, table)).files.map(file => file.location).sort()
}

t.test('an append lands with its properties in the same commit', async t => {
  const { storage, table, append, catalog } = await setUp()
  const files = [dataFile(), dataFile(5)]
  const after = landed(await append(table, files, { properties: { 'firn.offsets': '{"v":1}' } }))
  t.equal(after.metadata.properties['firn.offsets'], '{"v":1}')
  t.equal(catalog.commits.length, 1)
  t.match(currentSnapshot(after.metadata)?.summary, { 'operation': 'append', 'added-records': '15', 'total-records': '15', 'total-data-files': '2', 'changed-partition-count': '2' })
  const scan = await scanFiles(storage, after)
  t.same(scan.files.map(file => [file.location, file.dataSequenceNumber, file.partition]), files.map(file => [file.location, 1n, file.partition]))
  const second = landed(await append(after, [dataFile()]))
  t.equal(currentSnapshot(second.metadata)?.summary['total-records'], '25')
  t.equal((await scanFiles(storage, second, { afterSequenceNumber: 1n })).files.length, 1)
  t.equal((await scanFiles(storage, second, { snapshotId: mainSnapshotId(after.metadata) ?? 0n })).files.length, 2)
  t.equal((await scanFiles(storage, second, { filter: partition => partition['event_type'] === 'search' })).files.length, 0)
  await t.rejects(scanFiles(storage, second, { snapshotId: 5n }), { code: 'CATALOG_SNAPSHOT_UNKNOWN' })
})

t.test('a commit that landed but was reported failed is not committed twice', async t => {
  const { catalog, storage, table, append } = await setUp()
  catalog.loseResponseOnce()
  const file = dataFile()
  const after = landed(await append(table, [file]))
  t.equal(after.metadata.snapshots.length, 1)
  t.equal(catalog.commits.length, 1)
  t.same(await paths(storage, after), [file.location])
})

t.test('a commit whose request was lost is sent again, the very same', async t => {
  const { catalog, table, append } = await setUp()
  catalog.loseRequestOnce()
  const after = landed(await append(table, [dataFile()]))
  t.equal(after.metadata.snapshots.length, 1)
  t.equal(catalog.commits.length, 2)
  t.equal(catalog.commits[0], catalog.commits[1])
})

t.test('a request that arrives late, after its copy landed, changes nothing', async t => {
  const { catalog, storage, table, append, id } = await setUp()
  catalog.delayRequestOnce()
  const after = landed(await append(table, [dataFile()]))
  t.equal(catalog.deliverLate().kind, 'conflict')
  t.same((await catalog.loadTable(id)).metadata, after.metadata)
  t.equal((await paths(storage, after)).length, 1)
})

t.test('a commit that landed unseen is found under the commit of a rival on top of it', async t => {
  const { catalog, storage, table, append, id } = await setUp()
  catalog.loseResponseOnce()
  const snapshotId = createSnapshotId()
  const original = catalog.loadTable.bind(catalog)
  let first = true
  catalog.loadTable = async wanted => {
    if (first) { first = false; landed(await append(await original(id), [dataFile()])) }
    return await original(wanted)
  }
  const after = landed(await append(table, [dataFile()], { snapshotId }))
  t.equal(after.metadata.snapshots.length, 2)
  t.not(mainSnapshotId(after.metadata), snapshotId)
  t.equal((await paths(storage, after)).length, 2)
})

t.test('after a conflict the batch is staged again on what is there now, with one manifest and a new list', async t => {
  const { catalog, storage, table, append } = await setUp()
  catalog.conflictOnce(async () => landed(await append(table, [dataFile()])))
  const after = landed(await append(table, [dataFile()]))
  t.equal(after.metadata.snapshots.length, 2)
  t.equal(after.metadata['last-sequence-number'], 2n)
  const scan = await scanFiles(storage, after)
  t.same(scan.files.map(file => file.dataSequenceNumber).sort(), [1n, 2n])
  const [lost] = catalog.commits[1]?.updates.flatMap(update => update.action === 'add-snapshot' ? [update.snapshot['manifest-list']] : []) ?? []
  await new Promise(resolve => setTimeout(resolve, 50))
  t.not(lost, currentSnapshot(after.metadata)?.['manifest-list'])
  t.notOk(existsSync(toPath(lost ?? '')), 'the list of the lost attempt is removed')
})

t.test('files that a batch gave up after a conflict are not committed', async t => {
  const { catalog, storage, table, append } = await setUp()
  catalog.conflictOnce(async () => landed(await append(table, [dataFile()])))
  const files = [dataFile(3), dataFile(4)]
  const snapshotId = createSnapshotId()
  const after = landed(await commitSnapshot({ catalog, storage, table }, snapshotId,
    (base, attempt) => stageAppend({ storage }, base, { snapshotId, files: attempt === 1 ? files : files.slice(1) }), quick))
  t.equal((await paths(storage, after)).includes(files[0]?.location ?? ''), false)
  t.equal(currentSnapshot(after.metadata)?.summary['total-records'], '14')
})

t.test('the stage decides on the metadata that is asserted, and may abandon', async t => {
  const { catalog, storage, table, append } = await setUp()
  catalog.conflictOnce(async () => landed(await append(table, [dataFile()], { properties: { owner: 'rival' } })))
  const snapshotId = createSnapshotId()
  const seen: (string | undefined)[] = []
  const outcome = await commitSnapshot({ catalog, storage, table }, snapshotId, async base => {
    seen.push(base.metadata.properties['owner'])
    if (base.metadata.properties['owner'] !== undefined) return { kind: 'abandon', reason: 'fenced' }
    return await stageAppend({ storage }, base, { snapshotId, files: [dataFile()], properties: { owner: 'us' } })
  }, quick)
  t.match(outcome, { kind: 'abandoned', reason: 'fenced' })
  t.same(seen, [undefined, 'rival'])
})

t.test('writers that race each land once, whatever is lost on the way', async t => {
  const { catalog, storage, table, append, id } = await setUp()
  const writers = Array.from({ length: 4 }, async (_, writer) => {
    let base = table
    for (let round = 0; round < 6; round++) {
      if ((writer + round) % 3 === 0) catalog.loseResponseOnce()
      if ((writer + round) % 4 === 1) catalog.loseRequestOnce()
      base = landed(await append(base, [dataFile(1)]))
    }
  })
  await Promise.all(writers)
  const after = await catalog.loadTable(id)
  const found = await paths(storage, after)
  t.equal(found.length, 24)
  t.equal(new Set(found).size, 24)
  t.equal(currentSnapshot(after.metadata)?.summary['total-records'], '24')
})

t.test('an outcome that stays unknown ends with its own error, and no file is deleted', async t => {
  const { catalog, storage, table } = await setUp()
  catalog.failNext(1_000_000)
  const snapshotId = createSnapshotId()
  const before = Date.now()
  const outcome = await commitSnapshot({ catalog, storage, table }, snapshotId, base => stageAppend({ storage }, base, { snapshotId, files: [dataFile()] }), { ...quick, unknownMsMax: 60 })
  t.match(outcome, { kind: 'failed', error: { code: 'CATALOG_COMMIT_UNKNOWN', retryable: true } })
  t.ok(Date.now() - before < 2_000)
  t.equal(readdirSync(toPath(`${table.metadata.location}/metadata`)).length, 2)
})

t.test('a table that was replaced under the same name gets nothing', async t => {
  const { catalog, storage, table, id } = await setUp()
  catalog.conflictOnce(async () => {
    await catalog.dropTable(id)
    await catalog.createTable(id, { schema: schemaOfColumns([{ name: 'a', type: 'long' }]) })
  })
  const snapshotId = createSnapshotId()
  const outcome = await commitSnapshot({ catalog, storage, table }, snapshotId, base => stageAppend({ storage }, base, { snapshotId, files: [dataFile()] }), quick)
  t.match(outcome, { kind: 'failed', error: { code: 'CATALOG_TABLE_REPLACED' } })
})

t.test('a refused commit fails at once with the catalog\'s reason', async t => {
  const { catalog, storage, table } = await setUp()
  const snapshotId = createSnapshotId()
  const outcome = await commitSnapshot({ catalog, storage, table }, snapshotId, async base => {
    const staged = await stageAppend({ storage }, base, { snapshotId, files: [] })
    return { ...staged, change: { ...staged.change, updates: [{ 'action': 'set-current-schema', 'schema-id': 99 }] } }
  }, quick)
  t.match(outcome, { kind: 'failed', error: { code: 'CATALOG_REFUSED' } })
  t.equal(catalog.commits.length, 1)
})

t.test('two writers that start with the same new column add it once', async t => {
  const { catalog, storage, table } = await setUp()
  const wanted = [{ name: 'loyalty', type: 'long' }]
  catalog.conflictOnce(() => evolveSchema({ catalog, storage, table }, wanted, quick))
  const after = await evolveSchema({ catalog, storage, table }, [...wanted, { name: 'note', type: 'string' }], quick)
  t.same(after.metadata.schemas.at(-1)?.fields.map(field => [field.name, field.id]), [['event_id', 1], ['event_type', 2], ['event_time', 3], ['loyalty', 4], ['note', 5]])
  t.equal(after.metadata['last-column-id'], 5)
  catalog.loseResponseOnce()
  const again = await setProperties({ catalog, storage, table: after }, { a: '1' }, [], quick)
  t.equal(again.metadata.properties['a'], '1')
})

t.test('manifests are merged, so that the list stays short and every file is in it once', async t => {
  const { catalog, storage, table, append, id } = await setUp()
  let base = table
  const written: string[] = []
  for (let commit = 0; commit < 150; commit++) {
    const file = dataFile(1)
    written.push(file.location)
    base = landed(await append(base, [file]))
    await memoryOf(storage, base.metadata['table-uuid']).merging
  }
  const list = await memoryOf(storage, base.metadata['table-uuid']).readList(currentSnapshot(base.metadata)?.['manifest-list'] ?? '')
  t.ok(list.length < 30, `${list.length} manifests`)
  const fresh = openLocalStorage()
  const scan = await scanFiles(fresh, await catalog.loadTable(id))
  t.same(scan.files.map(file => file.location).sort(), written.toSorted())
  t.same(scan.files.map(file => file.dataSequenceNumber).sort((a, b) => Number(a - b)), written.map((_, index) => BigInt(index + 1)), 'each file keeps its sequence number')
  t.equal(list.reduce((sum, manifest) => sum + manifest.addedRows + manifest.existingRows, 0n), 150n)
})

t.test('a merge that was prepared before a rollback brings nothing back', async t => {
  const { catalog, storage, table, append, id } = await setUp()
  let base = table
  const ids: bigint[] = []
  for (let commit = 0; commit < 8; commit++) {
    base = landed(await append(base, [dataFile(1)]))
    ids.push(mainSnapshotId(base.metadata) ?? 0n)
    await memoryOf(storage, base.metadata['table-uuid']).merging
  }
  t.ok(memoryOf(storage, base.metadata['table-uuid']).merge, 'a merge of all eight waits')
  await catalog.commitTable(id, { requirements: [], updates: [{ 'action': 'set-snapshot-ref', 'ref-name': 'main', 'type': 'branch', 'snapshot-id': ids[3] ?? 0n }] })
  const after = landed(await append(await catalog.loadTable(id), [dataFile(1)]))
  t.equal((await paths(storage, after)).length, 5)
})

t.test('retention that somebody set on main survives our commits', async t => {
  const { catalog, table, append, id } = await setUp()
  const first = landed(await append(table, [dataFile()]))
  await catalog.commitTable(id, { requirements: [], updates: [{ 'action': 'set-snapshot-ref', 'ref-name': 'main', 'type': 'branch', 'snapshot-id': mainSnapshotId(first.metadata) ?? 0n, 'min-snapshots-to-keep': 5 }] })
  const after = landed(await append(await catalog.loadTable(id), [dataFile()]))
  t.equal(after.metadata.refs['main']?.['min-snapshots-to-keep'], 5)
})

t.test('old snapshots go, their files with them, and what stays can be read', async t => {
  let now = 1_800_000_000_000
  const { storage, table, append } = await setUp({ clock: () => now })
  const memory = memoryOf(storage, table.metadata['table-uuid'])
  let base = table
  const written: string[] = []
  for (let commit = 0; commit < 120; commit++) {
    now += 60_000
    const file = dataFile(1)
    written.push(file.location)
    const before = base
    base = landed(await append(base, [file], { expire: {} }))
    await memory.merging
    await deleteExpiredFiles(storage, before, base)
  }
  const kept = base.metadata.snapshots
  t.ok(kept.length >= 31 && kept.length <= 34, `${kept.length} snapshots are kept`)
  t.equal(memory.expired.size, 0)
  const fresh = openLocalStorage()
  for (const snapshot of kept) {
    const scan = await scanFiles(fresh, base, { snapshotId: snapshot['snapshot-id'] })
    t.equal(String(scan.files.length), snapshot.summary['total-data-files'])
  }
  t.same(await paths(fresh, base), written.toSorted())
  const files = readdirSync(toPath(`${base.metadata.location}/metadata`))
  t.ok(files.filter(name => name.startsWith('snap-')).length <= kept.length, 'no list of an expired snapshot is left')
  t.ok(files.length < 120, `${files.length} metadata files for 120 commits`)
  t.ok(snapshotById(base.metadata, kept[0]?.['snapshot-id'] ?? 0n))
})
