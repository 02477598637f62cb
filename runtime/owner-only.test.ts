// A data folder that others could read is closed at start, with all that is ours in it, and nothing else is touched.

import { chmodSync, lstatSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { markFile } from './data-folder.ts'
import { keepToOwner } from './owner-only.ts'

const modeOf = (path: string): string => (lstatSync(path).mode & 0o7777).toString(8)
const before = process.umask()
t.teardown(() => { process.umask(before) })

function openFolder (t: { teardown: (end: () => void) => unknown }, names: readonly string[]): string {
  process.umask(0o022)
  const dir = mkdtempSync(join(tmpdir(), 'firn-owner-'))
  t.teardown(() => { rmSync(dir, { recursive: true }) })
  chmodSync(dir, 0o755)
  for (const name of names) {
    mkdirSync(join(dir, name, '..'), { recursive: true })
    writeFileSync(join(dir, name), 'x')
  }
  return dir
}

t.test('what an earlier version left open is its owner\'s alone afterwards, however deep it lies, and what is made next as well', t => {
  const dir = openFolder(t, [markFile, 'warehouse/firn/events/data/event_type=a/1.parquet', 'log/data.mdb', 'alerts/ledger.ndjson', 'logs/writer.log', 'mailbox/1.eml', 'line.lock', 'line.lock.holder'])
  chmodSync(join(dir, 'logs/writer.log'), 0o644)
  keepToOwner(dir)
  for (const name of ['', 'warehouse', 'warehouse/firn/events/data/event_type=a', 'log', 'alerts', 'logs', 'mailbox']) t.equal(modeOf(join(dir, name)), '700', name)
  for (const name of [markFile, 'warehouse/firn/events/data/event_type=a/1.parquet', 'log/data.mdb', 'alerts/ledger.ndjson', 'logs/writer.log', 'mailbox/1.eml', 'line.lock', 'line.lock.holder']) t.equal(modeOf(join(dir, name)), '600', name)
  writeFileSync(join(dir, 'log/new'), '')
  mkdirSync(join(dir, 'spool'))
  t.strictSame([modeOf(join(dir, 'log/new')), modeOf(join(dir, 'spool'))], ['600', '700'])
  t.end()
})

t.test('other people\'s things in the folder, and what links lead to, keep their modes', t => {
  const dir = openFolder(t, ['website/index.html', 'log/data.mdb', 'notes.txt'])
  const outside = openFolder(t, ['precious.txt'])
  symlinkSync(outside, join(dir, 'log/elsewhere'))
  symlinkSync(join(outside, 'precious.txt'), join(dir, 'warehouse'))
  keepToOwner(dir)
  t.strictSame([dir, join(dir, 'website'), join(dir, 'website/index.html'), join(dir, 'notes.txt'), outside, join(outside, 'precious.txt')].map(modeOf), ['755', '755', '644', '644', '755', '644'])
  t.equal(modeOf(join(dir, 'log/data.mdb')), '600')
  t.end()
})

t.test('a place that everybody goes through is not closed, and one that is not there is no error', t => {
  const dir = openFolder(t, [markFile, 'log/data.mdb'])
  chmodSync(dir, 0o1777)
  keepToOwner(dir)
  t.equal(modeOf(dir), '1777')
  t.equal(modeOf(join(dir, 'log/data.mdb')), '600')
  keepToOwner(join(dir, 'not/there'))
  t.end()
})

t.test('a warehouse elsewhere on the machine may be meant for others: what is written there is not closed to them', t => {
  const dir = openFolder(t, [markFile])
  keepToOwner(dir, `file://${tmpdir()}/shared-lake`)
  t.equal(process.umask(), 0o022)
  keepToOwner(dir, `file://${dir}/warehouse`)
  t.equal(process.umask(), 0o077)
  process.umask(0o022)
  keepToOwner(dir, 's3://lake/warehouse')
  t.equal(process.umask(), 0o077)
  t.end()
})
