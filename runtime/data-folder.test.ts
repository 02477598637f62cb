// A data folder that was copied or moved is refused before anything in it is used; the same folder under another name is not.

import { cpSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { checkDataFolder, judgeFolder, markDataFolder, markFile } from './data-folder.ts'

function folder (dir: string, name = 'data'): string {
  const path = join(dir, name)
  mkdirSync(join(path, 'catalog'), { recursive: true })
  t.equal(markDataFolder(path), true)
  writeFileSync(join(path, 'catalog', 'catalog.sqlite'), 'names paths')
  return path
}

t.test('a copy is refused while the original is there, and after it is gone', async t => {
  const data = folder(t.testdir({}))
  cpSync(data, `${data}-copy`, { recursive: true })
  t.throws(() => { checkDataFolder(`${data}-copy`) }, { code: 'DATA_FOLDER_COPIED', message: new RegExp(`is a copy of .*${data}, which is still there.*npm run relocate`) })
  t.throws(() => markDataFolder(`${data}-copy`), { code: 'DATA_FOLDER_COPIED' })
  checkDataFolder(data)
  rmSync(data, { recursive: true })
  t.throws(() => { checkDataFolder(`${data}-copy`) }, { code: 'DATA_FOLDER_MOVED' })
})

t.test('a copy of hard links is a copy', async t => {
  const data = folder(t.testdir({}))
  mkdirSync(`${data}-copy/catalog`, { recursive: true })
  for (const file of [markFile, 'catalog/catalog.sqlite']) linkSync(join(data, file), join(`${data}-copy`, file))
  t.throws(() => { checkDataFolder(`${data}-copy`) }, { code: 'DATA_FOLDER_COPIED' })
})

t.test('a folder that was moved is refused, also where another one has taken its place', async t => {
  const data = folder(t.testdir({}))
  renameSync(data, `${data}-new`)
  t.throws(() => { checkDataFolder(`${data}-new`) }, { code: 'DATA_FOLDER_MOVED', message: /move it back, or type `npm run relocate -- --data-dir .*data-new`/ })
  mkdirSync(data)
  markDataFolder(data)
  t.throws(() => { checkDataFolder(`${data}-new`) }, { code: 'DATA_FOLDER_MOVED' })
  rmSync(data, { recursive: true })
  renameSync(`${data}-new`, data)
  checkDataFolder(data)
})

t.test('another name of the same folder, and a backup put back to its path, are that folder', async t => {
  const data = folder(t.testdir({}))
  symlinkSync(data, `${data}-link`)
  checkDataFolder(`${data}-link`)
  t.equal(markDataFolder(`${data}-link`), false)
  cpSync(data, `${data}-backup`, { recursive: true })
  rmSync(data, { recursive: true })
  renameSync(`${data}-backup`, data)
  checkDataFolder(data)
})

t.test('a folder that holds nothing yet belongs anywhere', async t => {
  const dir = t.testdir({})
  mkdirSync(join(dir, 'data'))
  markDataFolder(join(dir, 'data'))
  const before = readFileSync(join(dir, 'data', markFile), 'utf8')
  cpSync(join(dir, 'data'), join(dir, 'copy'), { recursive: true })
  checkDataFolder(join(dir, 'copy'))
  t.equal(markDataFolder(join(dir, 'copy')), true)
  t.not(readFileSync(join(dir, 'copy', markFile), 'utf8'), before, 'it is one of its own then')
})

t.test('a mark that cannot be read is not guessed', async t => {
  const data = folder(t.testdir({}))
  for (const text of ['', '{"id":', '{"id":"x","path":7}']) {
    writeFileSync(join(data, markFile), text)
    t.throws(() => { checkDataFolder(data) }, { code: 'DATA_FOLDER_UNREADABLE', message: /folder\.json, which says where this data folder belongs/ })
  }
})

t.test('where a folder was and what lies there now decides', async t => {
  const mark = { id: 'a', path: '/old', named: '/old' }
  const here = { path: '/new', place: '1:2', id: 'a' }
  const rows: [expected: string, mark: Parameters<typeof judgeFolder>[0], here: typeof here, there: Parameters<typeof judgeFolder>[2]][] = [
    ['unmarked', null, here, null],
    ['own', mark, { ...here, path: '/old' }, { path: '/old', place: '9:9', id: 'a' }],
    ['own', mark, here, { path: '/old', place: '1:2', id: 'a' }],
    ['moved', mark, here, null],
    ['moved', mark, here, { path: '/old', place: '1:3', id: null }],
    ['moved', mark, here, { path: '/old', place: '1:3', id: 'b' }],
    ['copied', mark, here, { path: '/old', place: '1:3', id: 'a' }]
  ]
  for (const [expected, of, at, there] of rows) t.equal(judgeFolder(of, at, there).kind, expected)
})
