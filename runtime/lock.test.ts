import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { takeLock, type Lock } from './lock.ts'

/** Answers each word with what came of it; `work` takes the lock, writes down that it is in, and looks whether it was alone. */
const contender = `
  import { appendFileSync, readFileSync } from 'node:fs'
  import { takeLock } from ${JSON.stringify(new URL('lock.ts', import.meta.url).href)}
  const [path, journal] = process.argv.slice(-2)
  let lock
  process.on('message', word => {
    try {
      if (word === 'release') lock.release()
      else {
        lock = takeLock(path, () => Object.assign(new Error(), { code: 'HELD' }))
        appendFileSync(journal, word + ' ' + process.pid + '\\n')
      }
      process.send('done')
    } catch (error) {
      process.send(error.code)
    }
  })
  process.on('disconnect', () => process.exit())
  process.send('here')
`

function take (path: string): Lock {
  return takeLock(path, pid => Object.assign(new Error(`held by ${pid}`), { code: 'HELD' }))
}

async function startContender (path: string, journal: string): Promise<ChildProcess> {
  const child = fork('-', [path, journal], { execPath: process.execPath, execArgv: ['--input-type=module', '--eval', contender], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
  await once(child, 'message')
  return child
}

async function ask (child: ChildProcess, word: string): Promise<unknown> {
  const answer = once(child, 'message')
  child.send(word)
  return (await answer)[0]
}

async function kill (child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}

t.test('of three contenders over a dead holder one gets the lock, a hundred times', async t => {
  const dir = t.testdir()
  const [path, journal] = [join(dir, 'folder', 'lock'), join(dir, 'journal')]
  let contenders = await Promise.all([1, 2, 3].map(async () => await startContender(path, journal)))
  t.teardown(async () => { await Promise.all(contenders.map(kill)) })
  for (let round = 0; round < 100; round++) {
    const answers = await Promise.all(contenders.map(async child => await ask(child, String(round))))
    t.same([...answers].sort(), ['HELD', 'HELD', 'done'], `round ${round}`)
    const holder = contenders[answers.indexOf('done')]!
    // Every third time the holder is not killed but gives it back.
    if (round % 3 === 2) await ask(holder, 'release')
    else {
      await kill(holder)
      contenders = [...contenders.filter(child => child !== holder), await startContender(path, journal)]
    }
  }
  t.equal(readFileSync(journal, 'utf8').trim().split('\n').length, 100)
})

t.test('the sentence names the holder, and nobody once the holder is dead and the next has not said its name', async t => {
  const path = join(t.testdir(), 'lock')
  const lock = take(path)
  t.throws(() => take(path), { code: 'HELD', message: `held by ${process.pid}` }, 'in the same process too')
  writeFileSync(`${path}.holder`, '{"pid":999999999,"started":null}')
  t.throws(() => take(path), { code: 'HELD', message: 'held by unknown' })
  writeFileSync(`${path}.holder`, 'torn{')
  t.throws(() => take(path), { code: 'HELD', message: 'held by unknown' })
  lock.release()
  lock.release()
  t.notOk(existsSync(`${path}.holder`))
  take(path).release()
})

t.test('a refused attempt does not loosen the lock that this process holds', async t => {
  const dir = t.testdir()
  const path = join(dir, 'lock')
  const lock = take(path)
  t.teardown(() => { lock.release() })
  for (let time = 0; time < 3; time++) t.throws(() => take(path), { code: 'HELD' })
  const other = await startContender(path, join(dir, 'journal'))
  t.teardown(async () => { await kill(other) })
  t.equal(await ask(other, 'work'), 'HELD')
})

t.test('a path that cannot be locked is said with its reason', async t => {
  const dir = t.testdir({ file: 'no folder' })
  t.throws(() => take(join(dir, 'file', 'lock')), { code: 'LOCK_UNAVAILABLE', message: /lock cannot be had .*(ENOTDIR|EEXIST)/ })
  t.throws(() => take(dir), { code: 'LOCK_UNAVAILABLE' })
})
