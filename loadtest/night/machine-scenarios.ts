// What happens to the machine under the line: its disk fills, its clock is wrong, its folder is moved or copied, and what
// started the line or reads its output goes away.

import { execFileSync, spawn } from 'node:child_process'
import { cpSync, existsSync, readFileSync, renameSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { wordsOf } from './advice.ts'
import { childrenOf, kill, projectDir, services, type NightLine } from './night-line.ts'
import { provesAll, sees, takesEvents, type Night, type Scenario } from './scenario.ts'

const fakeTime = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1'
const diskMiB = 160
const endMsMax = 30_000
const waitMsMax = 60_000

async function diskFull (night: Night): Promise<void> {
  const { line, tally } = night
  const name = 'the disk is full'
  const kept = `${line.dataDir}-kept`
  renameSync(line.dataDir, kept)
  execFileSync('mkdir', [line.dataDir])
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${diskMiB}m`, 'tmpfs', line.dataDir], { stdio: 'pipe' })
  } catch {
    rmSync(line.dataDir, { recursive: true })
    rmSync(kept, { recursive: true })
    return tally.say(`${name}: skipped, this user may not mount a small disk`)
  }
  try {
    cpSync(kept, line.dataDir, { recursive: true, preserveTimestamps: true })
    rmSync(kept, { recursive: true })
    await line.start({ env: { FIRN_ALERT_HOLD_SECONDS: '1' } })
    const ballast = join(line.dataDir, 'ballast')
    // Clients go on sending: that is when it has to be seen, and told.
    let isTold = false
    const clients = sendInto(line, ballast, () => isTold)
    try {
      await sees(night, name, 'the log at … is full', 'the log at … could not write to the disk')
      await sees(night, name, 'ALERT pipeline high:')
    } finally {
      isTold = true
      await clients
    }
    rmSync(ballast)
    // Nobody starts anything: it finds its room again.
    await provesAll(night, name)
    await line.stop()
  } finally {
    line.killAll()
    for (let attempt = 0; attempt < 50; attempt++) {
      try {
        execFileSync('umount', [line.dataDir], { stdio: 'pipe' })
        break
      } catch {
        await sleep(200)
      }
    }
  }
}

/** Whatever room there is, or comes free, is taken. */
async function sendInto (line: NightLine, ballast: string, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const { bavail, bsize } = statfsSync(line.dataDir)
    try {
      writeFileSync(ballast, Buffer.alloc(bavail * bsize), { flag: 'a' })
    } catch { /* that was the last of it */ }
    await line.post(5)
    await sleep(50)
  }
}

/** The services' clock is another one than the client's, and then it is right again. */
function clock (name: string, offset: string, sentence: string | null, short?: true): Scenario {
  return {
    name,
    ...short === undefined ? {} : { short },
    play: async night => {
      const { line, tally } = night
      if (!existsSync(fakeTime)) return tally.say(`${name}: skipped, libfaketime is not installed (apt-get install faketime)`)
      await line.start({ env: { LD_PRELOAD: fakeTime, FAKETIME: offset, FAKETIME_DONT_FAKE_MONOTONIC: '1' } })
      if (sentence === null) {
        // What is accepted by the wrong clock becomes rows by the right one.
        kill(line.pidOf('writer')!, 'SIGSTOP')
        await takesEvents(night, name)
      } else {
        const [answer] = await line.post(1)
        const row = night.advice.get(sentence)
        tally.check(`${name}: the client is told \`${sentence}\``, row !== undefined && row.sees.test(answer!.text), `${answer!.status} ${answer!.text}`)
      }
      line.killAll()
      await line.ended()
      await line.start()
      await provesAll(night, name)
    }
  }
}

function movedOrCopied (how: 'moved' | 'copied'): Scenario {
  const name = `the data folder is ${how}`
  return {
    name,
    ...how === 'copied' ? { short: true } : {},
    play: async night => {
      const { line, tally, advice } = night
      const before = line.dataDir
      const after = `${before}-${how}`
      if (how === 'moved') renameSync(before, after)
      else cpSync(before, after, { recursive: true, preserveTimestamps: true })
      line.dataDir = after
      await line.launch()
      const words = how === 'moved' ? 'was made at … and still names paths there' : 'is a copy of …, which is still there'
      await sees(night, name, words)
      await line.ended()
      const { task, args } = wordsOf(advice.get(words)?.commands.find(command => command.startsWith('npm run')) ?? 'npm run relocate')
      const { code, text } = await line.command(task, args)
      tally.check(`${name}: ${task} is carried out`, code === 0, text.slice(-400))
      await line.start()
      await provesAll(night, name)
      await line.stop()
      if (how === 'moved') return
      line.dataDir = before
      await line.start()
      tally.verdict(`${name}, and the original`, await line.verify({ evening: true }))
      await line.stop()
      rmSync(after, { recursive: true })
    }
  }
}

function npmEnded (signal: NodeJS.Signals): Scenario {
  const name = `npm alone is ended by ${signal}`
  return {
    name,
    ...signal === 'SIGHUP' ? { short: true } : {},
    play: async night => {
      const { line, tally } = night
      await line.start({ command: ['npm', 'start'] })
      const all = descendantsOf(line.child!.pid!)
      tally.check(`${name}: the line runs under npm`, services.every(service => all.some(({ command }) => command.includes(`${service}/`))), `${all.length} processes`)
      await takesEvents(night, name)
      kill(line.child!.pid!, signal)
      const isGone = (pid: number): boolean => !existsSync(`/proc/${pid}`) || /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
      for (const deadline = Date.now() + endMsMax; Date.now() < deadline && !all.every(({ pid }) => isGone(pid));) await sleep(100)
      const left = all.filter(({ pid }) => !isGone(pid))
      tally.check(`${name}: nothing is left running`, left.length === 0, left.map(({ command }) => command).join('\n'))
      for (const { pid } of left) kill(pid, 'SIGKILL')
      await line.start()
      await provesAll(night, name)
    }
  }
}

function descendantsOf (pid: number): Array<{ pid: number, command: string }> {
  return childrenOf(pid).flatMap(child => [child, ...descendantsOf(child.pid)])
}

/** `command | head -1`: ends without a word about it. */
async function pipedToHead (line: NightLine, words: readonly string[]): Promise<{ taken: string, errors: string }> {
  const quoted = [process.execPath, 'start.mjs', ...words].map(word => `'${word}'`).join(' ')
  const child = spawn('bash', ['-c', `${quoted} 2> "$ERRORS" | head -1`], { cwd: projectDir, env: { ...line.settings(), ERRORS: join(line.root, 'errors') }, stdio: ['ignore', 'pipe', 'ignore'], detached: true })
  let taken = ''
  child.stdout.on('data', chunk => { taken += String(chunk) })
  const late = setTimeout(() => { kill(-child.pid!, 'SIGKILL') }, waitMsMax)
  await new Promise(resolve => { child.once('close', resolve) })
  clearTimeout(late)
  return { taken, errors: readFileSync(join(line.root, 'errors'), 'utf8') }
}

const pipes: Scenario = {
  name: 'what reads the output is gone',
  short: true,
  play: async night => {
    const { line, tally } = night
    const name = 'what reads the output is gone'
    await line.start()
    for (const words of [['sql', 'select * from range(200000)'], ['export', 'firn.events', '--format', 'csv'], ['docs', '--check'], ['verify'], ['doctor']]) {
      const { taken, errors } = await pipedToHead(line, words)
      const isQuiet = !/EPIPE|^\s+at /m.test(errors)
      tally.check(`${name}: ${words[0]!} | head ends without a word`, isQuiet && taken !== '', isQuiet && taken !== '' ? '' : `${taken} ${errors.slice(-500)}`)
    }
    await line.stop()
    rmSync(join(line.dataDir, 'logs'), { recursive: true })
    const { errors } = await pipedToHead(line, ['start'])
    tally.check(`${name}: start | head ends in order`, !/EPIPE|^\s+at /m.test(errors) && /"msg":"closed"/.test(readFileSync(join(line.dataDir, 'logs/catalog.log'), 'utf8')), errors.slice(-500))
    await line.start()
    await provesAll(night, name)
  }
}

const installation: Scenario = {
  name: 'an old Node, a folder that cannot be written',
  short: true,
  play: async night => {
    const { line, tally } = night
    const old = ['--import', 'data:text/javascript,Object.defineProperty(process, "versions", { value: { ...process.versions, node: "16.20.2" } })']
    const checkout = join(line.root, 'checkout')
    execFileSync('mkdir', ['-p', join(checkout, 'node_modules')])
    for (const file of ['start.mjs', 'package.json', 'package-lock.json']) cpSync(join(projectDir, file), join(checkout, file))
    execFileSync('chmod', ['-R', 'a-w,a+rX', checkout])
    const asNobody = process.getuid?.() === 0 ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'] : []
    execFileSync('chmod', ['a+x', line.root])
    const cases: Array<{ what: string, words: readonly string[], sees: string }> = [
      { what: 'an old Node', words: [process.execPath, ...old, join(projectDir, 'start.mjs'), 'start'], sees: 'is too old to begin with' },
      { what: 'a folder that cannot be written', words: [...asNobody, process.execPath, join(checkout, 'start.mjs'), 'start'], sees: 'this user may not write there' }
    ]
    for (const { what, words, sees } of cases) {
      const said = await new Promise<string>(resolve => {
        const child = spawn(words[0]!, words.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], cwd: '/', env: { ...line.settings(), HOME: '/nonexistent' } })
        let text = ''
        for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { text += String(chunk) })
        child.once('error', error => { resolve(error.message) }).once('close', () => { resolve(text) })
      })
      tally.check(`${what}: the operator sees \`${sees}\``, night.advice.get(sees)?.sees.test(said) === true && !/^\s+at /m.test(said), said.slice(-600))
    }
    execFileSync('chmod', ['-R', 'u+w', checkout])
  }
}

export const machine: readonly Scenario[] = [
  { name: 'the disk is full', short: true, play: diskFull },
  clock('the clock is 50 minutes ahead', '+50m', null, true),
  clock('the clock is two hours ahead', '+2h', null),
  clock('the clock is two days behind', '-2d', 'at most 60 minutes ahead'),
  movedOrCopied('moved'),
  movedOrCopied('copied'),
  ...(['SIGTERM', 'SIGHUP', 'SIGKILL'] as const).map(npmEnded),
  pipes,
  installation
]
