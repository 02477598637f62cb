// A data folder that was copied and relocated is a folder of its own: both go on, neither reads, writes or deletes a file
// of the other. One that was moved goes on as if it had not been. A relocation that dies anywhere can be run again.

import { cpSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { connectCatalog, isCatalogError, openStorage, relocateFolder, scanFiles, type Storage } from '../catalog/index.ts'
import { openLine, pageView, type Line } from './started-line.ts'

const many = (from: number, to: number): { value: string, key: string }[] => [
  ...Array.from({ length: to - from }, (_, i) => ({ value: pageView(`e${from + i}`), key: `k${i}` })),
  { value: `bad ${from}`, key: 'x' }
]
const idsOf = async (line: Line): Promise<object> => (await line.query('SELECT count(*)::INT AS rows, count(DISTINCT event_id)::INT AS ids FROM events'))[0]!
const lettersOf = async (line: Line): Promise<object> => (await line.query('SELECT count(*)::INT AS n FROM dead_letters'))[0]!

/** Every file below a folder with its bytes' length and time: what another line did to it shows. */
function filesOf (dir: string): Record<string, string> {
  return Object.fromEntries(readdirSync(dir, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile()).map(entry => {
    const path = join(entry.parentPath, entry.name)
    const { size, mtimeMs } = statSync(path)
    return [path.slice(dir.length), `${size} ${mtimeMs}`]
  }))
}

/** Made once; each test works on copies of it. */
/** Of it, before a test goes on in it. */
const rows = 30
const made = t.testdir({})
const origin = `${made}/origin`

await fillFolder(origin)

async function fillFolder (dir: string): Promise<void> {
  const line = await openLine(dir)
  for (let round = 0; round < 3; round++) {
    await line.send(many(round * 10, round * 10 + 10))
    await line.drain()
  }
  await line.close()
}

async function relocate (dataDir: string, from: string, options: { storage?: Storage, isCopy?: boolean } = {}): Promise<{ moved: number }> {
  return await relocateFolder({ dataDir, from: [from], isCopy: options.isCopy ?? true, storage: options.storage ?? openStorage(`file://${dataDir}/warehouse`), say: () => {} })
}

/** Everything that a table names, from its metadata down to its data files. */
async function locationsOf (line: Line): Promise<string[]> {
  const found: string[] = []
  for (const name of ['events', 'dead_letters'] as const) {
    const table = await line.table(name)
    found.push(table.metadataLocation!, table.metadata.location, ...table.metadata.snapshots.map(snapshot => snapshot['manifest-list']), ...table.metadata['metadata-log'].map(entry => entry['metadata-file']))
    const { files } = await scanFiles(line.storage, table)
    found.push(...files.map(file => file.location))
  }
  return found
}

void t.test('a moved folder goes on where it is, also inside the place where it was', async t => {
  const dir = t.testdir({ deep: {} })
  cpSync(origin, `${dir}/a`, { recursive: true })
  await relocate(`${dir}/a`, origin)
  for (const [from, to] of [['a', 'b'], ['b', 'b-outer'], ['b-outer', 'deep/b-outer']] as const) {
    renameSync(`${dir}/${from}`, `${dir}/${to}`)
    await relocate(`${dir}/${to}`, `${dir}/${from}`, { isCopy: false })
    const line = await openLine(`${dir}/${to}`)
    t.same(await idsOf(line), { rows, ids: rows })
    t.same((await locationsOf(line)).filter(location => !location.startsWith(`file://${dir}/${to}/warehouse/`)), [])
    await line.close()
  }
})

void t.test('a relocation that dies at any write leaves the folder as it was, and can be run again', async t => {
  const dir = t.testdir({})
  const original = origin
  const copy = `${dir}/copy`
  cpSync(original, copy, { recursive: true })
  const real = openStorage(`file://${copy}/warehouse`)
  let failed = 0
  for (let failAt = 1; ; failAt++) {
    let writes = 0
    const storage: Storage = { ...real, writeDurably: async (location, bytes) => {
      if (++writes === failAt) throw new Error('the process died here')
      await real.writeDurably(location, bytes)
    } }
    const done = await relocate(copy, original, { storage }).catch((error: unknown) => { t.match(error, { message: /nothing was changed/ }); return null })
    if (done !== null) break
    failed++
  }
  t.ok(failed >= 10, `${failed} places to die at`)
  const line = await openLine(copy)
  t.same(await idsOf(line), { rows, ids: rows })
  t.same((await locationsOf(line)).filter(location => !location.startsWith(`file://${copy}/`)), [])
  await line.close()
})

void t.test('a folder without a mark finds out by itself where it was', async t => {
  const dir = t.testdir({})
  const original = origin
  cpSync(original, `${dir}/copy`, { recursive: true })
  const { moved } = await relocateFolder({ dataDir: `${dir}/copy`, from: null, isCopy: false, storage: openStorage(`file://${dir}/copy/warehouse`), say: () => {} })
  t.equal(moved, 2)
  const line = await openLine(`${dir}/copy`)
  t.same(await idsOf(line), { rows, ids: rows })
  await line.close()
})

void t.test('a copy whose tables lie elsewhere is refused: the original uses them', async t => {
  const dir = t.testdir({})
  const original = origin
  cpSync(original, `${dir}/copy`, { recursive: true })
  await t.rejects(relocate(`${dir}/copy`, `${dir}/never`), { message: /2 tables of this copy lie outside the data folder \(firn\.dead_letters at .*belong to the original as well/ })
  const before = readFileSync(join(original, 'catalog/catalog.sqlite'))
  t.same(readFileSync(join(`${dir}/copy`, 'catalog/catalog.sqlite')).length, before.length)
})

void t.test('a folder in use is not relocated', async t => {
  const dir = t.testdir({})
  const line = await openLine(`${dir}/a`)
  await t.rejects(relocate(`${dir}/a`, `${dir}/b`), { message: /in use by another process/ })
  t.notOk(isCatalogError(await connectCatalog(line.catalogUrl).listNamespaces()))
  await line.close()
})

void t.test('the copy and the original go on side by side', async t => {
  const dir = t.testdir({})
  const original = origin
  const copy = `${dir}/a-copy`
  cpSync(original, copy, { recursive: true, preserveTimestamps: true })
  const before = filesOf(original)
  t.equal((await relocate(copy, original)).moved, 2)
  t.equal((await relocate(copy, original)).moved, 0, 'a second run finds nothing to do')

  const second = await openLine(copy)
  t.same(await idsOf(second), { rows, ids: rows })
  t.same((await locationsOf(second)).filter(location => !location.startsWith(`file://${copy}/warehouse/`)), [], 'nothing in the copy names the original')
  await second.send(many(30, 50))
  await second.drain()
  await second.send(many(0, 10))
  await second.drain()
  t.same(await idsOf(second), { rows: rows + 20, ids: rows + 20 }, 'and repeated events are still known')
  await second.close()
  t.same(filesOf(original), before, 'no file of the original was written, changed or deleted')

  const copied = filesOf(copy)
  const first = await openLine(original)
  await first.send(many(100, 110))
  await first.drain()
  t.same(await idsOf(first), { rows: rows + 10, ids: rows + 10 })
  t.same(await lettersOf(first), { n: 4 })
  await first.close()
  t.same(filesOf(copy), copied)
})
