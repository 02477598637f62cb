import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { testStorageBehaviour } from './behaviour.ts'
import { openStorage } from './open.ts'
import { resolveWarehouse, toPath, writeError } from './local.ts'

const folder = mkdtempSync(join(tmpdir(), 'firn-storage-'))
t.teardown(() => { rmSync(folder, { recursive: true }) })
const storage = openStorage(`file://${folder}`)
const at = (name: string) => `file://${folder}/${name}`

let bases = 0
testStorageBehaviour(t, () => Promise.resolve({ storage, base: at(`suite ${bases++}`), again: () => openStorage(`file://${folder}`) }))

t.test('a folder that was removed behind our back is made again', async t => {
  await storage.writeDurably(at('gone/x'), Buffer.from('1'))
  rmSync(join(folder, 'gone'), { recursive: true })
  await storage.writeDurably(at('gone/y'), Buffer.from('2'))
  t.ok(existsSync(join(folder, 'gone/y')))
})

t.test('many files in one new folder at once are all there', async t => {
  await Promise.all(Array.from({ length: 20 }, (_, index) => storage.writeDurably(at(`many/deep/${index}`), Buffer.from([index]))))
  const names: string[] = []
  for await (const file of storage.list(at('many'))) names.push(file.location)
  t.equal(names.length, 20)
  await storage.makeDurable(names)
})

t.test('an unwritable folder gives one sentence with the path', async t => {
  writeFileSync(join(folder, 'file'), '')
  await t.rejects(storage.writeDurably(at('file/x'), Buffer.from('')), { code: 'STORAGE_UNWRITABLE', message: /file\/x cannot be written/ })
  if (process.getuid?.() === 0) return
  mkdirSync(join(folder, 'locked'))
  chmodSync(join(folder, 'locked'), 0o500)
  await t.rejects(storage.writeDurably(at('locked/x'), Buffer.from('')), { code: 'STORAGE_UNWRITABLE' })
})

t.test('a full disk says so', async t => {
  t.match(writeError(at('x'), Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC' })), { code: 'STORAGE_FULL', message: /no space left while writing file:.*\/x/ })
})

t.test('odd names are taken as they are', async t => {
  const name = 'event_type=a%2Fb+c/é [1].parquet'
  await storage.writeDurably(at(name), Buffer.from('x'))
  t.equal(readFileSync(join(folder, name)).toString(), 'x')
  t.equal(toPath('file:/x/y'), '/x/y')
  t.equal(resolveWarehouse('file:///a/b/'), 'file:///a/b')
  t.equal(resolveWarehouse('file:./x'), `file://${process.cwd()}/x`)
  t.equal(resolveWarehouse('s3a://bucket/a%2Fb/'), 's3://bucket/a%2Fb')
  t.throws(() => resolveWarehouse('gs://bucket'), { code: 'STORAGE_URL_UNSUPPORTED' })
  t.throws(() => openStorage('gs://bucket'), { code: 'STORAGE_URL_UNSUPPORTED' })
})
