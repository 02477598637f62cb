import t from 'tap'
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { sentenceOf } from './service.ts'

const runtime = JSON.stringify(join(import.meta.dirname, 'index.ts'))

/** A real process whose start is the given code. */
function run (dir: string, body: string): ChildProcessByStdio<null, Readable, Readable> {
  const entry = join(dir, 'service.ts')
  writeFileSync(entry, `
    import { defineErrors, runService } from ${runtime}
    const { fail } = defineErrors('demo', { DEMO_SHUT: { message: 'the shop {name} is shut: come tomorrow', retryable: true } })
    void fail
    runService('demo', async ({ onClose, stop, signal }) => { void [onClose, stop, signal]; ${body} })`)
  return spawn(process.execPath, [entry], { stdio: ['ignore', 'pipe', 'pipe'] })
}

async function outcome (child: ChildProcessByStdio<null, Readable, Readable>): Promise<{ code: number | null, stdout: string, stderr: string }> {
  const printed = { stdout: '', stderr: '' }
  child.stdout.on('data', chunk => { printed.stdout += String(chunk) })
  child.stderr.on('data', chunk => { printed.stderr += String(chunk) })
  const [code] = await once(child, 'close') as [number | null]
  return { code, ...printed }
}

t.test('SIGTERM closes what was opened, the last one first', async t => {
  const child = run(t.testdir(), `
    setInterval(() => {}, 1000)
    onClose(() => { console.log('close 1') })
    onClose(async () => { await new Promise(r => setTimeout(r, 20)); console.log('close 2', signal.aborted) })`)
  child.stdout.on('data', chunk => { if (String(chunk).includes('"ready"')) child.kill('SIGTERM') })
  const { code, stdout } = await outcome(child)
  t.equal(code, 0)
  t.match(stdout, /close 2 true\nclose 1\n/)
})

t.test('a start that fails is one sentence and exit code 1, and what was open is closed', async t => {
  const { code, stdout, stderr } = await outcome(run(t.testdir(), "onClose(() => { console.log('closed it') }); throw fail('DEMO_SHUT', { name: 'corner' })"))
  t.equal(code, 1)
  t.equal(stderr, 'demo cannot start: the shop corner is shut: come tomorrow\n')
  t.match(stdout, /closed it/)
})

t.test('an error that nobody expected ends the process and says which', async t => {
  const { code, stderr } = await outcome(run(t.testdir(), "setTimeout(() => { void Promise.reject(new Error('a bug')) }, 5); setInterval(() => {}, 1000)"))
  t.equal(code, 1)
  t.match(stderr, /^demo ends because of an unexpected error: a bug$/m)
})

t.test('a run with an end stops itself and still closes', async t => {
  const { code, stdout } = await outcome(run(t.testdir(), "onClose(() => { console.log('closed it') }); setInterval(() => {}, 1000); setTimeout(() => stop(0), 5)"))
  t.equal(code, 0)
  t.match(stdout, /closed it/)
})

t.test('the failures of a machine say what to do', async t => {
  const error = (code: string, path?: string) => Object.assign(new Error(code), { code, ...path === undefined ? {} : { path } })
  t.match(sentenceOf(error('ENOSPC', '/data/x')), /the disk is full \(\/data\/x\): free some space/)
  t.match(sentenceOf(error('EACCES', '/data')), /permission denied \(\/data\)/)
  t.match(sentenceOf(error('EROFS')), /read-only/)
  t.equal(sentenceOf(new Error('two\n  lines')), 'two lines')
})
