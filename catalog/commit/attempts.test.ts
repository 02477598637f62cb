/**
 * Keeps away: a landed overwrite that deleted its own manifest, because a proxy had sent the POST twice and the second copy's 409 was believed.
 */
import { existsSync } from 'node:fs'
import t from 'tap'
import { openTestTable, type TestTable } from '../actions/table-for-tests.ts'
import type { CommitReply } from '../catalogs/catalog.ts'
import { CatalogError } from '../errors.ts'
import { decodeManifestList } from '../files/manifest-list.ts'
import { toPath } from '../storage/local.ts'
import { filesAfterLanding, isCertain, type Attempt } from './attempts.ts'
import { discardFiles } from './commit.ts'

const attempt = (name: string, fate: Attempt['fate']): Attempt => ({ list: `${name}-list`, files: [`${name}-list`, `${name}-manifest`], fate })

t.test('what may be deleted follows from what became of every attempt', async t => {
  const rows: [string, Attempt[], string | undefined, string[], boolean][] = [
    ['one attempt that landed', [attempt('a', 'open')], 'a-list', [], false],
    ['one that landed and was answered 409', [attempt('a', 'lost')], 'a-list', [], true],
    ['lost, then landed', [attempt('a', 'lost'), attempt('b', 'open')], 'b-list', ['a-list', 'a-manifest'], false],
    ['the first landed, and a second was sent', [attempt('a', 'open'), attempt('b', 'lost')], 'a-list', ['b-list', 'b-manifest'], false],
    ['lost twice, then landed', [attempt('a', 'lost'), attempt('b', 'lost'), attempt('c', 'open')], 'c-list', ['a-list', 'a-manifest', 'b-list', 'b-manifest'], false],
    ['unresolved, then landed', [attempt('a', 'open'), attempt('b', 'open')], 'b-list', [], false],
    ['lost, unresolved, landed', [attempt('a', 'lost'), attempt('b', 'open'), attempt('c', 'open')], 'c-list', [], false],
    ['landed under a name that no attempt wrote', [attempt('a', 'lost'), attempt('b', 'open')], 's3a://a-list', [], false],
    ['landed, and its snapshot is gone', [attempt('a', 'lost'), attempt('b', 'open')], undefined, [], false],
    ['never sent', [], undefined, [], true]
  ]
  for (const [what, attempts, landed, deleted, certain] of rows) {
    t.same(filesAfterLanding(attempts, landed), deleted, what)
    t.equal(isCertain(attempts), certain, `${what}: certain`)
  }
})

/** How a commit is answered on the way: `repeat` is a layer that sends a request that landed once more. */
type Fault = 'plain' | 'repeat' | 'repeat-refused' | 'repeat-unknown' | 'busy' | 'rival' | 'rival-then-lost-request' | 'lost-response'

function injectFaults(test: TestTable, faults: readonly Fault[]): void {
  const commit = test.catalog.commitTable
  let n = 0
  test.catalog.commitTable = async (id, change) => {
    const fault = faults[n++] ?? 'plain'
    const unknown: CommitReply = { kind: 'unknown', cause: new CatalogError('CATALOG_UNREACHABLE', { url: 'memory:', reason: 'a fault of the test' }) }
    if (fault === 'busy') return { kind: 'conflict', reason: 'a lock was held; nothing moved' }
    if (fault.startsWith('rival')) await rival(test, commit)
    if (fault === 'rival-then-lost-request') return unknown
    const reply = await commit(id, change)
    if (fault === 'repeat') return await commit(id, change)
    if (fault === 'repeat-refused') return { kind: 'refused', error: new CatalogError('CATALOG_REFUSED', { status: 400, url: 'memory:', reason: 'snapshot already exists' }) }
    return fault === 'repeat-unknown' || fault === 'lost-response' ? unknown : reply
  }
}

/** Another writer that changes a property and appends nothing, as a snapshot of its own. */
async function rival(test: TestTable, commit: TestTable['catalog']['commitTable']): Promise<void> {
  const mine = test.catalog.commitTable
  test.catalog.commitTable = commit
  const before = test.table
  test.table = await test.catalog.loadTable(before.id)
  await test.append([])
  test.table = before
  test.catalog.commitTable = mine
}

t.test('an overwrite that landed keeps every file that the table names, however often its request was answered', async t => {
  const histories: Fault[][] = [['repeat'], ['repeat-refused'], ['repeat-unknown'], ['lost-response'], ['busy', 'repeat'], ['rival', 'repeat'], ['rival', 'plain'], ['rival', 'lost-response'], ['rival-then-lost-request', 'repeat'], ['busy', 'busy', 'plain']]
  for (const faults of histories) {
    const test = await openTestTable(t, faults.join('_').replaceAll('-', '_'))
    const [a, b] = [await test.file(), await test.file()]
    await test.append([a, b])
    const removed = (await test.live()).filter(file => file.location === a.location)
    const deleted = recordDeletes(test)
    injectFaults(test, faults)
    const outcome = await test.overwrite({ removed, added: [await test.file()], plannedOn: 'any' })
    t.equal(outcome.kind, 'landed', faults.join(', '))
    const list = test.current()['manifest-list']
    const manifests = await decodeManifestList(await test.storage.read(list), list)
    t.same(deleted.filter(location => location === list || manifests.some(manifest => manifest.location === location)), [], `what the table names stays: ${faults.join(', ')}`)
    t.equal((await test.live()).length, 2, `the table can be read: ${faults.join(', ')}`)
  }
})

t.test('an overwrite that was given up takes its files along only when no copy of a request can still land', async t => {
  const rows: [Fault[], boolean][] = [[['rival'], true], [['busy', 'rival'], false], [['rival-then-lost-request'], false]]
  for (const [faults, certain] of rows) {
    const test = await openTestTable(t, faults.join('_').replaceAll('-', '_'))
    await test.append([await test.file()])
    const deleted = recordDeletes(test)
    injectFaults(test, faults)
    const added = await test.file()
    const outcome = await test.overwrite({ removed: await test.live(), added: [added] })
    t.match(outcome, { kind: 'abandoned', certain }, faults.join(', '))
    await discardFiles(test.storage, outcome, [added])
    t.equal(existsSync(toPath(added.location)), !certain, `the data file: ${faults.join(', ')}`)
    t.equal(deleted.some(location => location.endsWith('.avro')), certain, `what was staged: ${faults.join(', ')}`)
  }
})

/** What was asked to be deleted; the commit does not wait for it. */
function recordDeletes(test: TestTable): string[] {
  const deleted: string[] = []
  const { storage } = test
  test.storage = { ...storage, delete: async locations => {
    deleted.push(...locations)
    await storage.delete(locations)
  } }
  return deleted
}
