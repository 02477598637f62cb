// What reads a service's log may stop reading: the service goes on.

import t from 'tap'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { linesThatMayWait } from './logger.ts'
import type { SupervisedService } from './supervisor.ts'
import { until } from './until.ts'

const runtime = join(import.meta.dirname, 'index.ts')

function service (dir: string, body: string): SupervisedService {
  const entry = join(dir, 'a.ts')
  writeFileSync(entry, `
    import { runService } from ${JSON.stringify(runtime)}
    runService('a', async ({ onClose, logger }) => {
      ${body}
    })`)
  return { name: 'a', entry, env: { PATH: process.env.PATH }, closeMsMax: 3000 }
}

t.test('beyond its bound lines are dropped, and their number is the next line that goes out', t => {
  const out = { written: [] as string[], writableLength: 0, write (line: string) { this.written.push(line); return true } }
  const lines = linesThatMayWait(out as never)
  lines.write('one\n')
  out.writableLength = 2 ** 20
  for (let i = 0; i < 7; i++) lines.write('lost\n')
  out.writableLength = 0
  lines.write('two\n')
  t.equal(out.written.length, 3)
  t.match(JSON.parse(out.written[1]!), { level: 40, lines: 7, msg: /^7 lines of this log were dropped/ })
  t.equal(out.written[2], 'two\n')
  t.end()
})

t.test('a supervisor that is stopped does not hold its services: what they cannot say is dropped and counted', async t => {
  const dir = t.testdir()
  const entry = join(dir, 'supervisor.ts')
  const turns = join(dir, 'turns')
  const chatty = service(dir, `
    const { writeFileSync } = await import('node:fs')
    let turn = 0
    const talk = setInterval(() => {
      for (let i = 0; i < 100; i++) logger.info('x'.repeat(1000))
      writeFileSync(${JSON.stringify(turns)}, String(++turn))
    }, 1)
    onClose(() => { clearInterval(talk) })`)
  writeFileSync(entry, `
    import { supervise } from ${JSON.stringify(join(import.meta.dirname, 'supervisor.ts'))}
    const s = supervise(${JSON.stringify([chatty])}, { logDir: ${JSON.stringify(join(dir, 'logs'))}, closeOrder: [], say: () => {} })
    process.once('SIGTERM', async () => { await s.close(); process.exit(0) })
    await s.ready
    console.log('ready')`)
  const child = spawn('env', ['-i', process.execPath, entry], { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  const done = (): number => Number(existsSync(turns) ? readFileSync(turns, 'utf8') : 0)
  await until(() => done() > 0)
  child.kill('SIGSTOP')
  const stopped = done()
  await until(() => done() > stopped + 100)
  child.kill('SIGCONT')
  await until(() => /lines of this log were dropped/.test(readFileSync(join(dir, 'logs/a.log'), 'utf8')))
  child.kill('SIGTERM')
  await once(child, 'exit')
})
