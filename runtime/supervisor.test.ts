import t from 'tap'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isRunning } from './process-identity.ts'
import { supervise, type SupervisedService, type SuperviseOptions } from './supervisor.ts'
import { until } from './until.ts'

const runtime = join(import.meta.dirname, 'index.ts')

/** A real process on runService that writes down when it closed. */
function service (dir: string, name: string, body = ''): SupervisedService {
  const entry = join(dir, `${name}.ts`)
  writeFileSync(entry, `
    import { appendFileSync } from 'node:fs'
    import { runService } from ${JSON.stringify(runtime)}
    runService(${JSON.stringify(name)}, async ({ onClose, logger, tell }) => {
      onClose(() => { appendFileSync(${JSON.stringify(join(dir, 'closed'))}, ${JSON.stringify(name)} + '\\n') })
      const timer = setInterval(() => {}, 1000)
      onClose(() => clearInterval(timer))
      ${body}
    })`)
  return { name, entry, env: { PATH: process.env.PATH }, closeMsMax: 3000 }
}

function options (dir: string, lines: string[] = []): SuperviseOptions {
  return { logDir: join(dir, 'logs'), closeOrder: ['b', 'a'], backoffMs: { min: 10, max: 40 }, say: line => { lines.push(line) } }
}

t.test('what a service has to tell is said beside what the supervisor says', async t => {
  const lines: string[] = []
  const dir = t.testdir({})
  const supervision = supervise([service(dir, 'a', "tell('fraud: order o-1'); logger.info('only in the log')")], options(dir, lines))
  await supervision.ready
  await until(() => lines.length > 0)
  t.strictSame(lines, ['fraud: order o-1'])
  await supervision.close()
})

t.test('what is set for a first start alone is not set again after a death', async t => {
  const dir = t.testdir()
  const lines: string[] = []
  const once: SupervisedService = { ...service(dir, 'a', "tell(`decision ${process.env.DECISION}, port ${process.env.PORT}`)"), envOnce: ['DECISION'] }
  const supervision = supervise([{ ...once, env: { ...once.env, DECISION: 'earliest', PORT: '1' } }], options(dir, lines))
  t.teardown(() => supervision.close())
  await supervision.ready
  process.kill((supervision.states()[0] as { pid: number }).pid, 'SIGKILL')
  await until(() => lines.filter(line => line.startsWith('decision')).length === 2)
  t.strictSame(lines.filter(line => line.startsWith('decision')), ['decision earliest, port 1', 'decision undefined, port 1'])
})

t.test('services are ready one after the other and close in the wanted order', async t => {
  const dir = t.testdir()
  const supervision = supervise([service(dir, 'a'), service(dir, 'b')], options(dir))
  await supervision.ready
  t.strictSame(supervision.states().map(state => state.at), ['ready', 'ready'])
  await supervision.close()
  t.equal(readFileSync(join(dir, 'closed'), 'utf8'), 'b\na\n')
  t.match(readFileSync(join(dir, 'logs/a.log'), 'utf8'), /"msg":"ready"/)
})

t.test('a service killed with -9 comes back, and the other one does not notice', async t => {
  const dir = t.testdir()
  const lines: string[] = []
  const supervision = supervise([service(dir, 'a'), service(dir, 'b')], options(dir, lines))
  t.teardown(() => supervision.close())
  await supervision.ready
  const [a, b] = supervision.states().map(state => (state as { pid: number }).pid) as [number, number]
  process.kill(a, 'SIGKILL')
  await until(() => supervision.states()[0]?.restarts === 1 && supervision.states()[0]?.at === 'ready')
  t.not((supervision.states()[0] as { pid: number }).pid, a)
  t.equal((supervision.states()[1] as { pid: number }).pid, b)
  t.match(lines.join('\n'), /a ended \(SIGKILL\) and is started again in 10 ms/)
})

t.test('five quick deaths in a row are said in one sentence, take no other service along, and are not the end of trying', async t => {
  const dir = t.testdir()
  const lines: string[] = []
  const dies = service(dir, 'a', `if (existsSync(${JSON.stringify(join(dir, 'mended'))})) return
      setTimeout(() => { process.stderr.write("the flux is low\\n", () => process.exit(3)) }, 30)`)
  writeFileSync(dies.entry, `import { existsSync } from 'node:fs'\n${readFileSync(dies.entry, 'utf8')}`)
  const supervision = supervise([dies, service(dir, 'b')], { ...options(dir, lines), restMs: 20 })
  t.teardown(() => supervision.close())
  await supervision.ready
  const { pid } = supervision.states()[1] as { pid: number }
  await until(() => (supervision.states()[0]?.restarts ?? 0) >= 7)
  const said = lines.filter(line => line.startsWith('a ended 5 times in a row'))
  t.equal(said.length, 1)
  t.match(said[0], /each within 30 s: the others go on, and it is started again every 0\.02 s\. Its last words were "the flux is low"/)
  t.match(supervision.states()[1], { at: 'ready', pid }, 'the other one runs on')
  writeFileSync(join(dir, 'mended'), '')
  await until(() => supervision.states()[0]?.at === 'ready' && lines.length > 0)
  t.equal(supervision.states()[1]?.restarts, 0)
})

t.test('a service that dies of signals before it was ever ready fails the start', async t => {
  const dir = t.testdir()
  const supervision = supervise([service(dir, 'a', 'process.kill(process.pid, "SIGKILL"); await new Promise(() => {})')], options(dir))
  await t.rejects(supervision.ready, { code: 'SERVICE_GIVEN_UP' })
  await supervision.close()
})

t.test('a service that cannot start is not tried again: its own sentence is the answer', async t => {
  const dir = t.testdir()
  const supervision = supervise([service(dir, 'a', 'throw new Error("port 1 is in use")'), service(dir, 'b')], options(dir))
  await t.rejects(supervision.ready, { code: 'SERVICE_CANNOT_START', message: /^a cannot start: port 1 is in use/ })
  t.equal(supervision.states()[1]?.at, 'waiting')
  await supervision.close()
})

t.test('a service that does not close in time is killed, and the next one still closes cleanly', async t => {
  const dir = t.testdir()
  const lines: string[] = []
  const stuck = { ...service(dir, 'b', 'onClose(() => new Promise(() => {}))'), closeMsMax: 200 }
  const supervision = supervise([{ ...service(dir, 'a'), closeMsMax: 2000 }, stuck], options(dir, lines))
  await supervision.ready
  await supervision.close()
  t.match(lines.join('\n'), /b did not end within (200|199) ms and is killed/)
  t.equal(readFileSync(join(dir, 'closed'), 'utf8'), 'a\n')
})

t.test('when the supervisor itself is killed, its services close and none is left behind', async t => {
  const dir = t.testdir()
  const entry = join(dir, 'supervisor.ts')
  writeFileSync(entry, `
    import { supervise } from ${JSON.stringify(join(import.meta.dirname, 'supervisor.ts'))}
    const s = supervise(${JSON.stringify([service(dir, 'a'), service(dir, 'b')])}, { logDir: ${JSON.stringify(join(dir, 'logs'))}, closeOrder: [], say: () => {} })
    await s.ready
    console.log(JSON.stringify([process.pid, ...s.states().map(state => state.pid)]))`)
  // env -i: tap's own hook in every process below would be what ends it.
  const child = spawn('env', ['-i', process.execPath, entry], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(child.stdout, 'data') as [Buffer]
  const [supervisor, ...services] = JSON.parse(line.toString()) as [number, ...number[]]
  process.kill(supervisor, 'SIGKILL')
  await until(() => services.every(pid => !isRunning({ pid, started: null })))
  t.strictSame(readFileSync(join(dir, 'closed'), 'utf8').trim().split('\n').sort(), ['a', 'b'])
})

t.test('warnings and errors are shown shortly, and a storm of them does not bury the terminal', async t => {
  const dir = t.testdir()
  const lines: string[] = []
  const supervision = supervise([service(dir, 'a', 'logger.info("quiet"); for (let i = 0; i < 100; i++) logger.warn("storm " + i)')], options(dir, lines))
  await supervision.ready
  await until(() => existsSync(join(dir, 'logs/a.log')) && /storm 99/.test(readFileSync(join(dir, 'logs/a.log'), 'utf8')))
  await supervision.close()
  t.strictSame(lines.slice(0, 2), ['a: storm 0', 'a: storm 1'])
  t.equal(lines.length, 6)
  t.match(lines[5], /more of that in/)
})

t.test('the supervisor needs neither the HTTP framework nor the logger in its memory', t => {
  const loaded = execFileSync(process.execPath, ['-e', `import(${JSON.stringify(runtime)}).then(() => console.log(Object.keys(require.cache).filter(file => /node_modules.(fastify|pino|prom-client)/.test(file)).length))`], { encoding: 'utf8', env: {} })
  t.equal(loaded.trim(), '0')
  t.end()
})
