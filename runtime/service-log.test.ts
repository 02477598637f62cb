// What the log of a service does when its file, its folder or its disk is not what it was: lines go on to the file under
// its name, never into another file, and what is wrong is said once.

import { existsSync, mkdirSync, openSync, closeSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { ServiceLog } from './service-log.ts'

const full = 'x'.repeat(1024 * 1024 - 1)

function opened (dir: string): { log: ServiceLog, said: string[] } {
  const said: string[] = []
  return { log: new ServiceLog(join(dir, 'logs'), 'writer', line => { if (!line.startsWith('writer: xx')) said.push(line) }), said }
}

/** As many files as could take the number of a descriptor that was closed. */
function strangers (dir: string): { read: () => string, close: () => void } {
  const files = Array.from({ length: 8 }, (_, i) => join(dir, `stranger-${i}`))
  const fds = files.map(file => openSync(file, 'w'))
  return { read: () => files.map(file => readFileSync(file, 'utf8')).join(''), close: () => { for (const fd of fds) closeSync(fd) } }
}

t.test('logs removed while the line runs: the next lines land in a new file, and in nobody else\'s', async t => {
  const dir = t.testdir({})
  const { log } = opened(dir)
  rmSync(join(dir, 'logs'), { recursive: true })
  for (let i = 0; i < 11; i++) log.note(full)
  const others = strangers(dir)
  log.note('a line of the writer')
  t.equal(others.read(), '')
  t.match(readFileSync(log.file, 'utf8'), /a line of the writer\n$/)
  others.close()
  log.close()
  log.note('after the end')
  t.notMatch(readFileSync(log.file, 'utf8'), 'after the end')
})

t.test('a closed log writes into nobody\'s file', async t => {
  const dir = t.testdir({})
  const { log } = opened(dir)
  log.close()
  log.close()
  const others = strangers(dir)
  log.note('late')
  t.equal(others.read(), '')
  others.close()
})

t.test('a log that cannot be rotated grows on, says so once, and rotates when it can', async t => {
  const dir = t.testdir({})
  const { log, said } = opened(dir)
  mkdirSync(join(log.file + '.1', 'in the way'), { recursive: true })
  for (let i = 0; i < 12; i++) log.note(full)
  const others = strangers(dir)
  log.note('the last')
  t.equal(others.read(), '')
  others.close()
  t.match(readFileSync(log.file, 'utf8'), /the last\n$/)
  t.equal(said.filter(line => line.includes('cannot be rotated')).length, 1)
  rmSync(log.file + '.1', { recursive: true })
  log.note('in a new file')
  t.equal(readFileSync(log.file, 'utf8'), 'in a new file\n')
  t.ok(statSync(log.file + '.1').size > 10 * 2 ** 20)
  log.close()
})

t.test('a folder that became a file is said once; when it is a folder again the log goes on', async t => {
  const dir = t.testdir({})
  const { log, said } = opened(dir)
  rmSync(join(dir, 'logs'), { recursive: true })
  writeFileSync(join(dir, 'logs'), 'not a folder')
  const others = strangers(dir)
  for (let i = 0; i < 3; i++) log.note(`line ${i}`)
  t.equal(others.read(), '')
  others.close()
  t.equal(said.filter(line => line.includes('its log cannot be written')).length, 1)
  rmSync(join(dir, 'logs'))
  log.note('here again')
  t.equal(readFileSync(log.file, 'utf8'), 'here again\n')
  log.close()
})

t.test('a file that an operator moved away is left alone', async t => {
  const dir = t.testdir({})
  const { log } = opened(dir)
  log.note('old')
  renameSync(log.file, join(dir, 'kept'))
  log.note('new')
  t.equal(readFileSync(join(dir, 'kept'), 'utf8'), 'old\n')
  t.equal(readFileSync(log.file, 'utf8'), 'new\n')
  log.close()
})

t.test('a disk without space is said once, and the log goes on afterwards', { skip: existsSync('/dev/full') ? false : 'needs /dev/full' }, async t => {
  const dir = t.testdir({ logs: { 'writer.log': t.fixture('symlink', '/dev/full') } })
  const { log, said } = opened(dir)
  for (let i = 0; i < 3; i++) log.note(`line ${i}`)
  t.match(said.filter(line => line.includes('cannot be written')), [/the disk is full/])
  rmSync(log.file)
  log.note('space again')
  t.equal(readFileSync(log.file, 'utf8'), 'space again\n')
  log.close()
})
