/**
 * Tables of format version 3: every snapshot of ours gives its rows ids as the specification wants them (row lineage), from the first commit
 * after another engine's upgrade on. Iceberg's catalogs refuse a commit that does not, and its readers number rows by it.
 */
import t from 'tap'
import { commitSnapshot } from '../commit/commit.ts'
import { decodeManifest } from '../files/manifest.ts'
import { decodeManifestList } from '../files/manifest-list.ts'
import { createSnapshotId } from '../spec/snapshot.ts'
import type { ManifestEntry, ManifestFile } from '../spec/data-file.ts'
import { stageAppend } from './append.ts'
import { openTestTable, type TestTable } from './table-for-tests.ts'

const upgraded = async (test: TestTable, version = 3) => await test.change({ 'action': 'upgrade-format-version', 'format-version': version })
const lineageOf = (test: TestTable) => ({ first: test.current()['first-row-id'], added: test.current()['added-rows'], next: test.table.metadata['next-row-id'] })

async function listOf(test: TestTable): Promise<ManifestFile[]> {
  const location = test.current()['manifest-list']
  return await decodeManifestList(await test.storage.read(location), location)
}

/** Row ids of every live file: [first, behind the last], sorted. */
async function rangesOf(test: TestTable): Promise<[bigint, bigint][]> {
  const ranges: [bigint, bigint][] = []
  for (const manifest of await listOf(test)) {
    for (const { status, firstRowId, file } of await decodeManifest(await test.storage.read(manifest.location), manifest, test.table.metadata)) {
      if (status === 'deleted') continue
      if (firstRowId === null) throw new Error(`${file.location} has no row ids`)
      ranges.push([firstRowId, firstRowId + file.recordCount])
    }
  }
  return ranges.sort(([a], [b]) => a < b ? -1 : 1)
}

function checkDisjoint(t: { ok(value: unknown, what: string): unknown }, ranges: readonly [bigint, bigint][], next: bigint | undefined): void {
  t.ok(ranges.every(([start], index) => index === 0 || start >= (ranges[index - 1]?.[1] ?? 0n)), 'no two rows have one id')
  t.ok((ranges.at(-1)?.[1] ?? 0n) <= (next ?? 0n), 'no row has an id that is still to be given')
}

t.test('the first commit after an upgrade gives ids to the rows that were there, and to its own', async t => {
  const test = await openTestTable(t, 'upgraded')
  await test.append([await test.file(10), await test.file(5)])
  await test.append([await test.file(7)])
  await upgraded(test)
  t.equal(test.table.metadata['next-row-id'], 0n)
  await test.append([await test.file(3)])
  t.same(lineageOf(test), { first: 0n, added: 25n, next: 25n })
  t.same((await listOf(test)).map(manifest => manifest.firstRowId !== null), [true, true, true])
  checkDisjoint(t, await rangesOf(test), 25n)
  const before = await rangesOf(test)
  await test.append([await test.file(4), await test.file(6)])
  t.same(lineageOf(test), { first: 25n, added: 10n, next: 35n })
  const after = await rangesOf(test)
  t.same(after.slice(0, before.length), before, 'ids that were given stay')
  t.same(after.slice(before.length), [[25n, 29n], [29n, 35n]])
  const { firstRowId } = (await listOf(test)).find(manifest => manifest.addedSnapshotId === test.current()['snapshot-id']) ?? {}
  t.equal(firstRowId, 25n, 'the manifest says where its files begin; they themselves say nothing, so that a conflict rewrites the list alone')
})

t.test('a table that is upgraded between the staging and the commit takes the commit all the same', async t => {
  const test = await openTestTable(t, 'in-between')
  await test.append([await test.file(10)])
  const file = await test.file(5)
  const snapshotId = createSnapshotId(test.table.metadata)
  const { storage, catalog, table } = test
  const outcome = await commitSnapshot({ catalog, storage, table }, snapshotId, async (base, attempt) => {
    const staged = await stageAppend({ storage }, base, { snapshotId, files: [file] })
    if (attempt === 1) await upgraded(test)
    return staged
  }, { backoffMsMin: 1, backoffMsMax: 4 })
  if (outcome.kind !== 'landed') throw new Error(outcome.kind === 'failed' ? outcome.error.message : outcome.reason)
  test.table = outcome.table
  t.same(lineageOf(test), { first: 0n, added: 15n, next: 15n })
  t.equal((await test.live()).length, 2)
})

t.test('an overwrite keeps the ids of files that stay', async t => {
  const test = await openTestTable(t, 'overwritten')
  await upgraded(test)
  await test.append([await test.file(10), await test.file(20), await test.file(30)])
  const [, second] = await test.live()
  if (second === undefined) throw new Error('no file')
  await test.overwrite({ added: [await test.file(2)], removed: [second] })
  const ranges = await rangesOf(test)
  const firstRows = ranges.filter(([start]) => start < 60n)
  t.same(firstRows, [[0n, 10n], [30n, 60n]])
  checkDisjoint(t, ranges, test.table.metadata['next-row-id'])
  const { first, added, next } = lineageOf(test)
  t.equal(first, 60n)
  t.equal(next, 60n + (added ?? 0n))
})

t.test('merged manifests carry the ids of their files', async t => {
  const test = await openTestTable(t, 'merged', { 'commit.manifest.min-count-to-merge': '2' })
  await upgraded(test)
  let before: [bigint, bigint][] = []
  for (let commit = 0; commit < 12; commit++) {
    await test.append([await test.file(commit + 1)])
    const after = await rangesOf(test)
    t.same(after.filter(([start]) => before.some(([known]) => known === start)), before, `commit ${commit} moved nobody's ids`)
    checkDisjoint(t, after, test.table.metadata['next-row-id'])
    before = after
  }
  t.ok((await listOf(test)).length < 12, 'manifests were merged')
})

t.test('files of a format version that is not known are neither read nor written, and the sentence says what to do', async t => {
  const test = await openTestTable(t, 'later')
  await test.append([await test.file(1)])
  const { metadata } = test.table
  test.table = { ...test.table, metadata: { ...metadata, 'format-version': 4 } }
  await t.rejects(test.live(), { code: 'CATALOG_FORMAT_UNSUPPORTED', message: /analytics\.later uses format version 4, which is not read.*release that knows version 4/ })
  await t.rejects(test.append([await test.file(1)]), { code: 'CATALOG_FORMAT_UNSUPPORTED', message: /not written.*release that knows version 4/ })
  test.table = { ...test.table, metadata: { ...metadata, 'format-version': 1 } }
  await t.rejects(test.append([await test.file(1)]), { message: /upgrade the table to version 2/ })
})

t.test('what a manifest of v3 holds comes back: vectors, row ids, keys of encrypted files', async t => {
  const test = await openTestTable(t, 'manifest')
  const { encodeManifest, addedEntry } = await import('../files/manifest.ts')
  const spec = test.table.metadata['partition-specs'][0]
  if (spec === undefined) throw new Error('no spec')
  const vector: ManifestEntry = {
    ...addedEntry(await test.file(3), 9n), status: 'existing', sequenceNumber: 1n, fileSequenceNumber: 1n, content: 'position-deletes', referencedDataFile: 'file:///a', contentOffset: 4n, contentSizeBytes: 50n, keyMetadata: Buffer.from('k')
  }
  const context = { schema: test.table.metadata.schemas[0] ?? { type: 'struct', fields: [] }, schemas: test.table.metadata.schemas, spec, snapshotId: 9n, formatVersion: 3 }
  const { bytes, manifest } = await encodeManifest('file:///m.avro', [vector], { ...context, content: 'deletes' })
  t.equal(manifest.content, 'deletes')
  t.same(await decodeManifest(bytes, { ...manifest, firstRowId: 5n }, test.table.metadata), [vector], 'delete files have no row ids')
  const rows = { ...vector, content: 'data' as const, referencedDataFile: null, firstRowId: null }
  const data = await encodeManifest('file:///d.avro', [rows, { ...rows, firstRowId: 70n }, rows, { ...rows, status: 'deleted' }, rows], context)
  const read = async (firstRowId: bigint | null) => (await decodeManifest(data.bytes, { ...data.manifest, firstRowId }, test.table.metadata)).map(entry => entry.firstRowId)
  t.same(await read(100n), [100n, 70n, 103n, null, 106n])
  t.same(await read(null), [null, null, null, null, null], 'before the upgrade nobody has one')
})
