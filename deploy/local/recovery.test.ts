// The commands of docs/recovery.md, run as they stand there against folders to which just that was done.

import { execFile } from 'node:child_process'
import { cpSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { connectCatalog, openStorage, relocateFolder, schemaOfColumns, setProperties, startCatalogServer, type Catalog } from '../../catalog/index.ts'
import { checkDataFolder, markDataFolder, writeMark } from '../../runtime/index.ts'

const root = join(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'docs/recovery.md'), 'utf8')
const events = { namespace: ['firn'], name: 'events' }
const logger = { info () {}, warn () {}, error () {} }
const made = t.testdir({})
/** Made once; each section works on a copy of it. */
const origin = join(made, 'origin')

/** The `sh` blocks under a heading. */
function commandsOf (heading: string): string[] {
  const section = page.split(/^## /m).find(part => part.startsWith(`${heading}\n`)) ?? ''
  return [...section.matchAll(/^```sh\n(.*?)\n```$/gms)].map(([, command]) => command!)
}

/** As a shell would, with the folder and the locations filled in. */
async function run (command: string, places: Record<string, string>): Promise<string> {
  const [, task, rest] = /^npm run (\w+) -- (.*)$/.exec(command) ?? []
  const args = rest!.split(' ').map(part => places[part] ?? part)
  const env = { PATH: process.env.PATH, HOME: process.env.HOME }
  return (await promisify(execFile)(process.execPath, [join(root, `deploy/local/${task}.ts`), ...args], { cwd: root, env })).stdout
}

async function withCatalog<T> (dataDir: string, work: (catalog: Catalog) => Promise<T>): Promise<T> {
  const server = await startCatalogServer({ dataDir, warehouse: `file://${dataDir}/warehouse`, host: '127.0.0.1', port: 0, logger })
  try {
    return await work(connectCatalog(server.url))
  } finally {
    await server.close()
  }
}

async function commit (catalog: Catalog, dataDir: string, n: number): Promise<void> {
  await setProperties({ catalog, storage: openStorage(`file://${dataDir}/warehouse`), table: await catalog.loadTable(events), clock: Date.now }, { n: String(n) })
}

async function standOf (dataDir: string): Promise<string | undefined> {
  return await withCatalog(dataDir, async catalog => (await catalog.loadTable(events)).metadata.properties['n'])
}

function newestFile (dataDir: string): string {
  const folder = join(dataDir, 'warehouse/firn/events/metadata')
  return join(folder, readdirSync(folder).filter(name => name.endsWith('.metadata.json')).sort().at(-1)!)
}

/** A copy of the folder at the place where the test wants it, belonging there. */
async function folderAt (dir: string): Promise<string> {
  const dataDir = join(dir, 'data')
  cpSync(origin, dataDir, { recursive: true })
  await relocateFolder({ dataDir, from: [origin], isCopy: true, storage: openStorage(`file://${dataDir}/warehouse`), say: () => {} })
  writeMark(dataDir, { replace: true })
  return dataDir
}

await withCatalog(origin, async catalog => {
  await catalog.ensureNamespace(events.namespace)
  await catalog.createTable(events, { schema: schemaOfColumns([{ name: 'event_id', type: 'string' }]) })
  for (let n = 1; n <= 3; n++) await commit(catalog, origin, n)
})
markDataFolder(origin)

void t.test('the data folder was copied', async t => {
  const copy = join(t.testdir({}), 'copy')
  cpSync(origin, copy, { recursive: true })
  t.throws(() => { checkDataFolder(copy) }, { code: 'DATA_FOLDER_COPIED' })
  for (const command of commandsOf('The data folder was copied')) t.match(await run(command, { './data': copy }), /belongs where it lies now: 1 tables/)
  checkDataFolder(copy)
  t.equal(await standOf(copy), '3')
})

void t.test('the data folder was moved', async t => {
  const dir = t.testdir({})
  renameSync(await folderAt(dir), join(dir, 'moved'))
  t.throws(() => { checkDataFolder(join(dir, 'moved')) }, { code: 'DATA_FOLDER_MOVED' })
  for (const command of commandsOf('The data folder was moved')) await run(command, { './data': join(dir, 'moved') })
  checkDataFolder(join(dir, 'moved'))
  t.equal(await standOf(join(dir, 'moved')), '3')
})

void t.test('the catalog\'s state is lost or damaged', async t => {
  const disasters: Record<string, (catalog: string) => void> = {
    lost: catalog => { rmSync(catalog, { recursive: true }) },
    damaged: catalog => { writeFileSync(join(catalog, 'catalog.sqlite'), 'nothing that a catalog could be read from'.repeat(50)) }
  }
  for (const [what, happen] of Object.entries(disasters)) {
    const dataDir = await folderAt(join(t.testdir({}), what))
    happen(join(dataDir, 'catalog'))
    const [list, all] = commandsOf('The catalog\'s state is lost or damaged') as [string, string]
    if (what === 'lost') t.match(await run(list, { './data': dataDir }), /firn\.events: the catalog cannot be asked; \d metadata files\n {2}file:\/\/\S+metadata\.json {2}\d{4}-\S+ \S+ UTC {2}0 snapshots {2}0 rows {2}readable/)
    t.match(await run(all, { './data': dataDir }), /firn\.events is registered at .*: 0 snapshots, 0 rows\n {2}Start the line: the writer goes on at the offsets/)
    t.equal(await standOf(dataDir), '3', what)
  }
})

void t.test('the catalog\'s state is older than the tables', async t => {
  const dir = t.testdir({})
  const dataDir = await folderAt(dir)
  cpSync(join(dataDir, 'catalog'), join(dir, 'backup'), { recursive: true })
  await withCatalog(dataDir, async catalog => { for (let n = 4; n <= 7; n++) await commit(catalog, dataDir, n) })
  const setBack = (): void => {
    rmSync(join(dataDir, 'catalog/catalog.sqlite'))
    cpSync(join(dir, 'backup/catalog.sqlite'), join(dataDir, 'catalog/catalog.sqlite'))
  }
  const [register, takeOlder] = commandsOf('The catalog\'s state is older than the tables') as [string, string]
  setBack()
  await t.rejects(standOf(dataDir), { message: /is not the newest/ })
  await run(register, { './data': dataDir, LOCATION: `file://${newestFile(dataDir)}` })
  t.equal(await standOf(dataDir), '7')
  setBack()
  t.match(await run(takeOlder, { './data': dataDir }), /goes on with its state as it lies/)
  await t.rejects(standOf(dataDir), { code: 'CATALOG_TABLE_UNUSABLE', message: /there is a newer metadata file/ }, 'and the table still says so')
})

void t.test('a metadata file is missing', async t => {
  const dataDir = await folderAt(t.testdir({}))
  await withCatalog(dataDir, async catalog => { await commit(catalog, dataDir, 4) })
  rmSync(newestFile(dataDir))
  await t.rejects(standOf(dataDir), { code: 'CATALOG_TABLE_UNUSABLE', message: /the metadata file is missing/ })
  for (const command of commandsOf('A metadata file is missing or damaged')) await run(command, { './data': dataDir, EARLIER: `file://${newestFile(dataDir)}` })
  t.equal(await standOf(dataDir), '3')
})

void t.test('every command of the page is one of these', async t => {
  t.equal([...page.matchAll(/^```sh\n/gm)].length, 7)
})
