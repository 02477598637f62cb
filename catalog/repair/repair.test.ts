/** Ways back to every table that the warehouse still holds, after its catalog was lost, damaged, set back or pointed wrongly. */
import { cpSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { startCatalog, tableRequest, type Client } from '../server/started-catalog.ts'
import { findNewer } from '../server/behind.ts'
import { openLocalStorage } from '../storage/local.ts'
import { inspectWarehouse, registerAll, registerFile, takeOlder, type RepairPlace } from './repair.ts'

const filesMax = 3
const tables = { a: 'db/tables/a', b: 'db/tables/b' }
const commit = async (call: Client, table: string, n: number): Promise<number> => (await call('POST', `/v1/namespaces/${table}`, { requirements: [], updates: [{ action: 'set-properties', updates: { n: String(n) } }] })).status
const load = async (call: Client, table: string) => await call('GET', `/v1/namespaces/${table}`)

function placeIn(dataDir: string): RepairPlace {
  return { dataDir, warehouse: `file://${dataDir}/warehouse`, storage: openLocalStorage() }
}

/** Two tables with a few commits each; `during` may look on while the catalog runs. */
async function filled(dataDir: string, during: (call: Client) => Promise<void> = async () => {}): Promise<Record<string, string>> {
  const catalog = await startCatalog(dataDir)
  for (const name of ['a', 'b']) await catalog.call('POST', '/v1/namespaces/db/tables', tableRequest(name))
  for (let n = 1; n <= 4; n++) for (const table of Object.values(tables)) await commit(catalog.call, table, n)
  await during(catalog.call)
  const at: Record<string, string> = {}
  for (const [name, table] of Object.entries(tables)) at[name] = (await load(catalog.call, table)).body['metadata-location']
  await catalog.close()
  return at
}

async function pointers(dataDir: string): Promise<Record<string, string>> {
  const catalog = await startCatalog(dataDir)
  const at: Record<string, string> = {}
  for (const [name, table] of Object.entries(tables)) {
    const { status, body } = await load(catalog.call, table)
    at[name] = status === 200 ? body['metadata-location'] : `${status} ${body.error.message}`
  }
  await catalog.close()
  return at
}

t.test('a catalog whose folder is gone comes back whole from the warehouse', async t => {
  const dataDir = t.testdir({})
  const at = await filled(dataDir)
  rmSync(join(dataDir, 'catalog'), { recursive: true })
  const { state, folders } = await inspectWarehouse(placeIn(dataDir), filesMax)
  t.equal(state.kind, 'none')
  t.same(folders.map(({ name, files }) => [name!.name, files.length]), [['a', 5], ['b', 5]])
  t.equal(folders[0]!.reports.length, filesMax)
  t.same(folders[0]!.reports[0], { ...folders[0]!.reports[0], snapshots: 0, rows: '0', unreadable: null, file: { ...folders[0]!.files[0], location: at['a'] } })
  t.equal((await registerAll(placeIn(dataDir), filesMax)).length, 2)
  t.same(await pointers(dataDir), at)
  t.equal((await registerAll(placeIn(dataDir), filesMax)).length, 0, 'and then there is nothing to do')
})

t.test('a lost, a cut and a damaged state file are each put right by registering', async t => {
  const disasters: Record<string, (file: string) => void> = {
    lost: file => { rmSync(file) },
    cut: file => { truncateSync(file, 5000) },
    overwritten: file => { writeFileSync(file, 'not a database at all, but long enough to look like one: '.repeat(100)) },
    flipped: file => {
      const bytes = readFileSync(file)
      bytes[bytes.indexOf('/metadata/')]! ^= 1
      writeFileSync(file, bytes)
    }
  }
  for (const [what, happen] of Object.entries(disasters)) {
    const dataDir = join(t.testdir({}), what)
    const at = await filled(dataDir)
    happen(join(dataDir, 'catalog/catalog.sqlite'))
    await t.rejects(startCatalog(dataDir), { message: /npm run repair/ }, what)
    const { state } = await inspectWarehouse(placeIn(dataDir), filesMax)
    t.match(state.kind, /damaged|older/, what)
    const registered = await registerAll(placeIn(dataDir), filesMax)
    t.equal(registered.length, 2, what)
    const [first] = registered
    if (state.kind === 'damaged') t.ok(existsSync(join(first!.putAside!, 'catalog.sqlite')), 'the damaged state is kept')
    t.same(await pointers(dataDir), at, what)
  }
})

t.test('a catalog that was set back to a backup is noticed table by table, and the newest file is registered', async t => {
  const dataDir = t.testdir({})
  const backup = `${dataDir}-backup`
  await filled(dataDir)
  cpSync(join(dataDir, 'catalog'), backup, { recursive: true })
  const catalog = await startCatalog(dataDir)
  for (let n = 5; n <= 7; n++) t.equal(await commit(catalog.call, tables.a, n), 200)
  const newest = (await load(catalog.call, tables.a)).body['metadata-location'] as string
  await catalog.close()
  rmSync(join(dataDir, 'catalog'), { recursive: true })
  cpSync(backup, join(dataDir, 'catalog'), { recursive: true })
  rmSync(backup, { recursive: true })

  const again = await startCatalog(dataDir)
  const refused = await load(again.call, tables.a)
  t.equal(refused.body.error.type, 'TableBehindException')
  t.match(refused.body.error.message, new RegExp(`db\\.a is at .*00004-.*newer metadata file of it \\(number 7, ${newest}\\).*npm run repair -- --register`))
  t.equal((await again.call('POST', `/v1/namespaces/${tables.a}`, { requirements: [], updates: [] })).status, 500, 'nothing is built on it')
  t.equal((await load(again.call, tables.b)).status, 200, 'other tables are not affected')
  await t.rejects(registerFile(placeIn(dataDir), newest, null), { message: /in use by another process/ })
  await again.close()

  const { id, before } = await registerFile(placeIn(dataDir), newest, null)
  t.same(id, { namespace: ['db'], name: 'a' })
  t.match(before, /00004-/)
  t.equal((await pointers(dataDir))['a'], newest)
})

t.test('an operator who registers an earlier file, or takes an older state, is not asked again', async t => {
  const dataDir = t.testdir({})
  let early = ''
  const at = await filled(dataDir, async call => { early = (await load(call, tables.a)).body.metadata['metadata-log'][1]['metadata-file'] })
  await registerFile(placeIn(dataDir), early, null)
  t.equal((await pointers(dataDir))['a'], early)
  const catalog = await startCatalog(dataDir)
  t.equal(await commit(catalog.call, tables.a, 9), 200)
  t.equal(await commit(catalog.call, tables.a, 10), 200)
  await catalog.close()
  t.match((await pointers(dataDir))['a'], /00003-/)

  cpSync(join(dataDir, 'catalog/catalog.sqlite'), join(dataDir, 'old.sqlite'))
  const later = await startCatalog(dataDir)
  await commit(later.call, tables.b, 5)
  await later.close()
  cpSync(join(dataDir, 'old.sqlite'), join(dataDir, 'catalog/catalog.sqlite'))
  await t.rejects(startCatalog(dataDir), { message: /is not the newest .*npm run repair -- --take-older/ })
  t.equal(takeOlder(dataDir), 2)
  t.equal((await pointers(dataDir))['b'], at['b'])
})

t.test('a file that cannot be read is listed with its reason and never registered', async t => {
  const dataDir = t.testdir({})
  const at = await filled(dataDir)
  const path = at['a']!.slice('file://'.length)
  writeFileSync(path, readFileSync(path).subarray(0, 100))
  const { folders } = await inspectWarehouse(placeIn(dataDir), filesMax)
  const [newest, before] = folders[0]!.reports
  t.match(newest!.unreadable, /cannot be read as table metadata/)
  t.equal(before!.unreadable, null)
  await t.rejects(registerFile(placeIn(dataDir), at['a']!, null), { message: /cannot be registered: .*choose another file of the list/ })
  await t.rejects(registerFile(placeIn(dataDir), `${at['a']!}.none`, null), { message: /cannot be registered/ })
  rmSync(join(dataDir, 'catalog'), { recursive: true })
  await registerAll(placeIn(dataDir), filesMax)
  t.equal((await pointers(dataDir))['a'], before!.file.location, 'the newest that can be read')
})

t.test('only a file that a lost pointer explains counts as newer', async t => {
  const file = (number: number) => ({ number, location: `file:///t/metadata/0000${number}-x.metadata.json` })
  const rows: [pointer: number, known: number, lie: number[], newer: number[]][] = [
    [3, -1, [1, 2, 3], []],
    [3, -1, [3, 4], []], // the rest of a commit that died
    [3, -1, [3, 4, 5], [5]],
    [3, -1, [3, 4, 5, 6], [6, 5]],
    [3, 6, [3, 4, 5, 6], []], // they lay there when the operator chose number 3
    [3, 6, [3, 6, 7, 8], [8]]
  ]
  for (const [pointer, known, lie, newer] of rows) t.same(findNewer(file(pointer).location, known, lie.map(file)).map(({ number }) => number), newer, JSON.stringify([pointer, known, lie]))
  t.same(findNewer('file:///t/metadata/v3.metadata.json', -1, [file(9)]), [], 'names of others say nothing')
})
