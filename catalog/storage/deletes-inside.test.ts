/** What is deleted lies in the warehouse: expiry, purge and clean-up cannot reach another owner's files. */
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { keepDeletesInside } from './deletes-inside.ts'
import { openLocalStorage } from './local.ts'

t.test('files outside the warehouse are left, whatever way their location leads there, and named once', async t => {
  const dir = t.testdir({ own: { warehouse: { a: { 'x.parquet': 'own', 'y.parquet': 'own' } } }, other: { warehouse: { b: { 'x.parquet': 'theirs' } } }, 'own-warehouse-beside': { 'x': 'theirs' } })
  mkdirSync(join(dir, 'own', 'warehouse', 'deep'))
  symlinkSync(join(dir, 'other', 'warehouse', 'b'), join(dir, 'own', 'warehouse', 'linked'))
  symlinkSync(join(dir, 'own'), join(dir, 'alias'))
  writeFileSync(join(dir, 'own', 'warehouse-2'), 'theirs')
  const said: string[] = []
  const storage = keepDeletesInside(openLocalStorage(), `file://${dir}/own/warehouse`, sentence => { said.push(sentence) })
  const theirs = ['other/warehouse/b/x.parquet', 'own/warehouse/linked/x.parquet', 'own/warehouse/../../other/warehouse/b/x.parquet', 'own/warehouse-2', 'own-warehouse-beside/x']
  await storage.delete(theirs.map(path => `file://${dir}/${path}`))
  await storage.delete(theirs.map(path => `${dir}/${path}`))
  for (const path of theirs) t.ok(existsSync(join(dir, path)), path)
  t.equal(said.length, 1)
  t.match(said[0], /5 files outside the warehouse .* are not deleted, the first .*other\/warehouse\/b\/x\.parquet/)
  await storage.delete([`file://${dir}/own/warehouse/a/x.parquet`, `file:${dir}/alias/warehouse/a/y.parquet`, `file://${dir}/own/warehouse/gone/z`, `file://${dir}/other/warehouse/b/x.parquet`])
  t.notOk(existsSync(join(dir, 'own/warehouse/a/x.parquet')))
  t.notOk(existsSync(join(dir, 'own/warehouse/a/y.parquet')), 'the same warehouse by another name')
  t.ok(existsSync(join(dir, 'other/warehouse/b/x.parquet')))
  t.equal(said.length, 1)
})
