import t from 'tap'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseJobs, type Job } from './jobs-file.ts'
import { runJob, type JobFailure, type RunOptions } from './run-job.ts'
import { isRunning, until } from '../../runtime/index.ts'
import { readRunState, runFolder, type RunState } from './run-state.ts'

const date = '2026-01-31'

/** Steps are one-line programs; each appends its name to the file `ran` first. */
function jobOf (steps: ReadonlyArray<{ name: string, code?: string, after?: string[], retries?: number, stepSecondsMax?: number }>, more: object = {}): Job {
  const text = JSON.stringify({ jobs: { tiny: { doc: 'a job', ...more, steps: steps.map(({ code = '', ...step }) => ({ ...step, command: [step.name, code === '' ? '//' : code] })) } } })
  return parseJobs(text, 'jobs.json')[0]!
}

function optionsIn (dataDir: string, job: Job, more: Partial<RunOptions> = {}): RunOptions {
  return {
    job, date, dataDir, retryDelayMs: 20,
    commandOf: ([name, code]) => [process.execPath, '-e', `require('fs').appendFileSync(${JSON.stringify(join(dataDir, 'ran'))}, '${name} ');${code}`],
    ...more
  }
}

const ran = (dataDir: string): string => existsSync(join(dataDir, 'ran')) ? readFileSync(join(dataDir, 'ran'), 'utf8').trim() : ''

t.test('steps run in order, the date fills their words, and a date that is done is not run again', async t => {
  const dataDir = t.testdir()
  const job = jobOf([{ name: 'one', code: 'console.log("day {date}")' }, { name: 'two' }])
  const first = await runJob(optionsIn(dataDir, job))
  t.equal(first.outcome, 'done')
  t.equal(ran(dataDir), 'one two')
  t.match(readFileSync(join(runFolder(dataDir, 'tiny', date), 'one.log'), 'utf8'), /day 2026-01-31/)
  const second = await runJob(optionsIn(dataDir, job))
  t.match(second, { outcome: 'done', before: true })
  t.equal(ran(dataDir), 'one two')
  t.equal((await runJob(optionsIn(dataDir, job, { again: true }))).state.run, 2)
  t.equal(ran(dataDir), 'one two one two')
})

t.test('a step that fails is tried again after the delay, and the run goes on when it succeeds', async t => {
  const dataDir = t.testdir()
  const flaky = `if (require('fs').readFileSync('${join(dataDir, 'ran')}', 'utf8').split('flaky').length < 4) { console.error('not yet'); process.exit(3) }`
  const said: string[] = []
  const began = performance.now()
  const { outcome, state } = await runJob(optionsIn(dataDir, jobOf([{ name: 'flaky', code: flaky }, { name: 'last' }]), { retryDelayMs: 60, say: sentence => { said.push(sentence) } }))
  t.equal(outcome, 'done')
  t.equal(ran(dataDir), 'flaky flaky flaky last')
  t.equal(state.steps.flaky?.tries, 3)
  t.ok(performance.now() - began >= 120, 'two delays')
  t.match(said[0], /try 1 of 3 failed: it ended with 3: not yet; the next one in 0.06 s/)
})

t.test('a step that fails for good ends the run, is told once, and the next run begins at that step', async t => {
  const dataDir = t.testdir()
  const told: JobFailure[] = []
  const broken = `if (!require('fs').existsSync('${join(dataDir, 'mended')}')) { console.error('the broker is away'); process.exit(1) }`
  const job = jobOf([{ name: 'one' }, { name: 'bad', code: broken, retries: 1 }, { name: 'last' }])
  const options = optionsIn(dataDir, job, { onFailure: async failure => { told.push(failure) } })
  const first = await runJob(options)
  t.equal(first.outcome, 'failed')
  t.equal(ran(dataDir), 'one bad bad')
  t.match(told, [{ job: 'tiny', date, run: 1, step: 'bad', tries: 2, reason: /ended with 1: the broker is away/ }])
  writeFileSync(join(dataDir, 'mended'), '')
  const second = await runJob(options)
  t.match(second, { outcome: 'done', state: { run: 2 } })
  t.equal(ran(dataDir), 'one bad bad bad last')
  t.equal(told.length, 1)
})

t.test('a teller that throws changes nothing, and a job without e-mail tells nobody', async t => {
  const said: string[] = []
  const failing = { onFailure: async () => { throw new Error('no mail server') }, say: (sentence: string) => { said.push(sentence) } }
  t.equal((await runJob(optionsIn(join(t.testdir(), 'a'), jobOf([{ name: 'bad', code: 'process.exit(1)', retries: 0 }]), failing))).outcome, 'failed')
  t.match(said.at(-1), /nobody could be told of the failure: no mail server/)
  let told = 0
  await runJob(optionsIn(join(t.testdir(), 'b'), jobOf([{ name: 'bad', code: 'process.exit(1)', retries: 0 }], { emailOnFailure: false }), { onFailure: async () => { told++ } }))
  t.equal(told, 0)
})

t.test('a step that runs too long is ended with all that it started', async t => {
  const dataDir = t.testdir()
  const code = `const c = require('child_process').spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e3)'], { stdio: 'ignore' }); require('fs').writeFileSync('${join(dataDir, 'pid')}', String(c.pid)); setInterval(() => {}, 1e3)`
  const { outcome, state } = await runJob(optionsIn(dataDir, jobOf([{ name: 'slow', code, retries: 0, stepSecondsMax: 1 }])))
  t.equal(outcome, 'failed')
  t.match(state.steps.slow?.reason, /ran longer than 1 s/)
  const child = { pid: Number(readFileSync(join(dataDir, 'pid'), 'utf8')), started: null }
  await t.resolves(until(() => !isRunning(child)), 'its child has ended too')
})

t.test('a process that a step leaves behind ends with it when its time is up', async t => {
  const dataDir = t.testdir()
  const code = `const c = require('child_process').spawn(process.execPath, ['-e', 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1e3)'], { stdio: ['ignore', 'inherit', 'inherit'] }); require('fs').writeFileSync('${join(dataDir, 'pid')}', String(c.pid)); setTimeout(() => process.exit(0), 300)`
  const { outcome } = await runJob(optionsIn(dataDir, jobOf([{ name: 'left', code, retries: 0, stepSecondsMax: 1 }])))
  t.equal(outcome, 'failed', 'it holds the output of the step open')
  t.notOk(isRunning({ pid: Number(readFileSync(join(dataDir, 'pid'), 'utf8')), started: null }))
})

t.test('a command that does not exist is said, not thrown', async t => {
  const { state } = await runJob(optionsIn(t.testdir(), jobOf([{ name: 'odd', retries: 0 }]), { commandOf: () => ['/no/such/program'] }))
  t.match(state.steps.odd?.reason, /cannot be started: spawn \/no\/such\/program ENOENT/)
})

t.test('steps that do not wait for each other run side by side; who waits for a failed one does not run', async t => {
  const dataDir = t.testdir()
  const meet = (own: string, other: string): string => `const f = require('fs'); f.writeFileSync('${dataDir}/${own}', ''); const t = setInterval(() => { if (f.existsSync('${dataDir}/${other}')) clearInterval(t) }, 5)`
  const job = jobOf([
    { name: 'left', after: [], code: meet('l', 'r') },
    { name: 'right', after: [], code: `${meet('r', 'l')}; process.on('exit', () => { process.exitCode = 1 })`, retries: 0 },
    { name: 'join', after: ['left', 'right'] }
  ].map(step => ({ stepSecondsMax: 5, ...step })))
  const { outcome, state } = await runJob(optionsIn(dataDir, job))
  t.equal(outcome, 'failed')
  t.equal(state.steps.left?.state, 'done')
  t.notOk(ran(dataDir).includes('join'))
})

t.test('the same date does not run twice at once; another date does', async t => {
  const dataDir = t.testdir()
  const job = jobOf([{ name: 'wait', code: `const t = setInterval(() => { if (require('fs').existsSync('${dataDir}/go')) clearInterval(t) }, 5)` }])
  const running = runJob(optionsIn(dataDir, job))
  await until(() => ran(dataDir).includes('wait'))
  await t.rejects(runJob(optionsIn(dataDir, job)), { code: 'JOB_RUNNING', message: /tiny for 2026-01-31 is running already/ })
  writeFileSync(join(dataDir, 'go'), '')
  t.equal((await runJob(optionsIn(dataDir, job, { date: '2026-02-01' }))).outcome, 'done')
  t.equal((await running).outcome, 'done')
})

t.test('stopped from outside, the run ends its step, gives the try back and goes on later', async t => {
  const dataDir = t.testdir()
  const job = jobOf([{ name: 'one' }, { name: 'long', code: `if (!require('fs').existsSync('${join(dataDir, 'quick')}')) setInterval(() => {}, 1e3)` }])
  const stop = new AbortController()
  const running = runJob(optionsIn(dataDir, job, { signal: stop.signal }))
  while (!ran(dataDir).includes('long')) await sleep(10)
  stop.abort()
  t.equal((await running).outcome, 'stopped')
  writeFileSync(join(dataDir, 'quick'), '')
  const { outcome, state } = await runJob(optionsIn(dataDir, job))
  t.equal(outcome, 'done')
  t.match(state, { run: 1, steps: { long: { tries: 1 } } })
  t.equal(ran(dataDir), 'one long long')
})

t.test('killed with -9 in a step, the next run ends what was left behind and goes on at that step', async t => {
  const dataDir = t.testdir()
  const code = `if (!require('fs').existsSync('${join(dataDir, 'quick')}')) setInterval(() => {}, 1e3)`
  const file = join(dataDir, 'jobs-file.json')
  writeFileSync(file, JSON.stringify({ jobs: { tiny: { doc: 'a job', steps: [{ name: 'one', command: ['one', '//'] }, { name: 'long', command: ['long', code] }, { name: 'last', command: ['last', '//'] }] } } }))
  const program = `
    const { readJobs } = await import(${JSON.stringify(join(import.meta.dirname, 'jobs-file.ts'))})
    const { runJob } = await import(${JSON.stringify(join(import.meta.dirname, 'run-job.ts'))})
    const commandOf = ([name, code]) => [process.execPath, '-e', "require('fs').appendFileSync('${join(dataDir, 'ran')}', '" + name + " ');" + code]
    await runJob({ job: readJobs(${JSON.stringify(file)})[0], date: '${date}', dataDir: ${JSON.stringify(dataDir)}, commandOf })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'inherit' })
  const folder = runFolder(dataDir, 'tiny', date)
  let state: RunState | null = null
  while (state?.steps.long?.process === undefined || !ran(dataDir).includes('long')) {
    if (child.exitCode !== null) throw new Error('the run ended by itself')
    await sleep(10)
    state = await readRunState(folder).catch(() => null)
  }
  child.kill('SIGKILL')
  await once(child, 'exit')
  const orphan = state.steps.long.process
  t.ok(isRunning(orphan), 'the step outlived its run')
  writeFileSync(join(dataDir, 'quick'), '')
  const said: string[] = []
  const job = jobOf([{ name: 'one' }, { name: 'long', code }, { name: 'last' }])
  const result = await runJob(optionsIn(dataDir, job, { say: sentence => { said.push(sentence) } }))
  t.match(result, { outcome: 'done', state: { run: 1, steps: { long: { tries: 2 } } } })
  t.notOk(isRunning(orphan))
  t.equal(ran(dataDir), 'one long long last')
  t.match(said.join('\n'), /still runs as process/)
  t.match(said.join('\n'), /goes on: one done before/)
})

t.test('a state that cannot be read is refused with its file', async t => {
  const dataDir = t.testdir()
  const folder = runFolder(dataDir, 'tiny', date)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'state.json'), '{"v":1')
  await t.rejects(runJob(optionsIn(dataDir, jobOf([{ name: 'one' }]))), { code: 'JOB_STATE_UNREADABLE', message: /state\.json.*remove the file/ })
})
