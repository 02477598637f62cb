import t from 'tap'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { freePorts } from '../../runtime/index.ts'

const root = join(import.meta.dirname, '../..')
const rowMsMax = 6000
const closeMsMax = 10_000

/** `npm start` with its own ports and folder; without tap's hooks, which would slow every process below. */
async function startLine (dataDir: string, ...flags: string[]) {
  const [gateway, catalog, writer, analytics] = await freePorts(4)
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, FIRN_DATA_DIR: dataDir, FIRN_CATALOG_PORT: String(catalog), FIRN_WRITER_PORT: String(writer), FIRN_ANALYTICS_PORT: String(analytics) }
  const child = spawn('env', ['-i', ...Object.entries(env).map(([name, value]) => `${name}=${value}`), process.execPath, join(root, 'start.mjs'), 'start', '--gateway-port', String(gateway), ...flags], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { printed += String(chunk) })
  const until = async (pattern: RegExp, msMax: number): Promise<void> => {
    const deadline = Date.now() + msMax
    while (!pattern.test(printed)) {
      if (Date.now() > deadline || child.exitCode !== null) throw new Error(`${pattern} was not printed:\n${printed}`)
      await sleep(20)
    }
  }
  const run = (entry: string, ...args: string[]) => promisify(execFile)(process.execPath, [join(root, 'start.mjs'), entry, ...args], { cwd: root, env: { ...env, NODE_OPTIONS: '' } })
  return { child, until, run, printed: () => printed, gatewayUrl: `http://127.0.0.1:${gateway}`, gatewayPort: gateway, ports: [gateway, catalog, writer, analytics] }
}

t.test('npm start, one POST, and within 6 s of the 202 the event is a row; a second start on its folder is refused; Ctrl+C ends all of it within 10 s', { timeout: 60_000 }, async t => {
  const dataDir = join(t.testdir(), 'data')
  const line = await startLine(dataDir, '--gateway-spool-dir', join(dataDir, 'spool'))
  t.teardown(() => { line.child.kill('SIGKILL') })
  await line.until(/firn is ready after/, 20_000)
  const answer = await fetch(`${line.gatewayUrl}/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ event_id: 'first', event_type: 'order_created', timestamp: new Date().toISOString(), order_id: 'o-1', amount: '12.30', category: 'Käse' })
  })
  const acceptedAt = Date.now()
  t.equal(answer.status, 202, await answer.text())
  let rows: unknown[] = []
  while (rows.length === 0 && Date.now() - acceptedAt < rowMsMax) {
    const { stdout } = await line.run('sql', '--json', "select event_id, category, cast(amount as varchar) as amount from firn.events where event_id = 'first'").catch(() => ({ stdout: '[]' }))
    rows = JSON.parse(stdout) as unknown[]
  }
  t.strictSame(rows, [{ event_id: 'first', category: 'Käse', amount: '12.30' }])

  const rules = readFileSync(join(root, 'deploy/prometheus/rules.yml'), 'utf8')
  const there = (await Promise.all(line.ports.map(async port => await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()))).join('\n')
  const named = new Set([...rules.matchAll(/^ +(?:expr:|sum|<|>|and)(.*)$/gm)].flatMap(([expression]) => expression.match(/firn_[a-z_]+[a-z]/g) ?? []))
  t.ok(named.size >= 15, 'names are found in the rules')
  t.strictSame([...named].filter(name => !there.includes(`# TYPE ${name.replace(/_bucket$/, '')} `)), [], 'every metric that a rule names is there')
  for (const service of ['gateway', 'writer', 'analytics', 'catalog']) t.match(there, new RegExp(`^firn_build_info\\{[^}]*service="${service}"\\} 1$`, 'm'))
  t.match(there, /^firn_analytics_table_rows\{table="firn.events"\} \d+$/m)

  const open = readdirSync(dataDir, { recursive: true, withFileTypes: true }).map(entry => join(entry.parentPath, entry.name))
    .filter(path => (statSync(path, { throwIfNoEntry: false })?.mode ?? 0) & 0o077)
  t.strictSame(open, [], 'no other user of the machine can read what lies there')

  const second = await startLine(dataDir)
  const [refused] = await once(second.child, 'close') as [number]
  t.equal(refused, 1)
  t.match(second.printed(), new RegExp(`^firn: a line runs on ${dataDir} already \\(process \\d+\\): end it`, 'm'))

  const closing = Date.now()
  line.child.kill('SIGINT')
  const [code] = await once(line.child, 'close') as [number]
  t.equal(code, 0, line.printed())
  t.ok(Date.now() - closing < closeMsMax)
  for (const service of ['gateway', 'writer', 'analytics', 'catalog']) t.match(readFileSync(join(dataDir, 'logs', `${service}.log`), 'utf8'), /"msg":"closed"/, service)
})

t.test('a port in use is one sentence that names the port and the setting, exit code 1, and nothing is left running', { timeout: 60_000 }, async t => {
  const blocker = createServer().listen(0, '127.0.0.1')
  await once(blocker, 'listening')
  t.teardown(() => { blocker.close() })
  const { port } = blocker.address() as AddressInfo
  const line = await startLine(join(t.testdir(), 'data'), '--gateway-port', String(port))
  const [code] = await once(line.child, 'close') as [number]
  t.equal(code, 1)
  t.match(line.printed(), new RegExp(`gateway cannot start: port ${port} on 127\\.0\\.0\\.1 is in use: stop what listens there, or set FIRN_GATEWAY_PORT`))
})

t.test('a setting that no service knows ends the start with the name that was meant', async t => {
  const dataDir = join(t.testdir(), 'data')
  const line = await startLine(dataDir, '--gatway-port', '1')
  const [code] = await once(line.child, 'close') as [number]
  t.not(code, 0)
  t.match(line.printed(), /--gatway-port is not a setting of npm start \(did you mean --gateway-port\?\)/)
  t.notOk(existsSync(dataDir), 'nothing was begun')
})
