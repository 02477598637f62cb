// `npm run test:servers [paths]`: starts the servers that the *.servers.ts files ask for (by the TEST_… variables they
// name), on free ports and in a folder of its own, runs those files under tap, then, one after the other since they share a
// catalog, the *.test.ts files whose cases ask whatever engine is here (analytics/engine-here.fixture.ts), on Trino. Stops all
// of it whatever happened, and closes with `N passed, N failed`. `--keep` leaves the servers running and prints how to use and
// end them.

import { spawn, type ChildProcess } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { sentenceOf } from '../../runtime/index.ts'
import type { RunningServer, ServerName } from './index.ts'
import { startSet, stopSet } from './set.ts'

const minutesMax = 30
const fileSecondsMax = 600
const root = resolve(import.meta.dirname, '../..')

/** Its cases run on Trino where that is here: by what such a file imports. */
const engineHere = 'analytics/engine-here.fixture.ts'
const asksEngineHere = /from '[./\w-]*\/(engine-here|service)\.fixture\.ts'/

/** Who stands for which variable. */
const serverOf: Record<string, ServerName> = { TEST_KAFKA: 'kafka', TEST_S3: 's3', TEST_REST: 'iceberg-rest', TEST_NESSIE: 'nessie', TEST_GLUE: 'glue', TEST_TRINO: 'trino', TEST_TOXIPROXY: 'toxiproxy' }

const words = process.argv.slice(2)
const keep = words.includes('--keep')
const paths = words.filter(word => !word.startsWith('--'))
const began = Date.now()
const folder = mkdtempSync(join(tmpdir(), 'firn-servers-'))
const interrupted = new AbortController()
const late = setTimeout(() => { interrupted.abort(new Error(`not done after ${minutesMax} minutes`)) }, minutesMax * 60_000)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => { interrupted.abort(new Error(`ended by ${signal}`)) })

let servers: RunningServer[] = []
let [passed, failed] = [0, 0]
try {
  const files = chosen('{analytics,catalog,compaction,deploy,gateway,loadtest,log,runtime,writer}/**/*.servers.ts')
  const onTrino = chosen('analytics/**/*.test.ts').filter(file => asksEngineHere.test(readFileSync(join(root, file), 'utf8')))
  if (files.length + onTrino.length === 0) throw new Error(`no *.servers.ts under ${paths.join(', ') || root}`)
  servers = await startSet(serversFor([...files, ...onTrino.length === 0 ? [] : [engineHere]]), { dir: folder, keep, signal: interrupted.signal, onReady: (server, ms) => { say(`${server.name} at ${server.url} after ${(ms / 1000).toFixed(1)} s`) } })
  const env = Object.assign({}, ...servers.map(server => server.env)) as Record<string, string>
  if (keep) say(`export ${Object.entries(env).map(([name, value]) => `${name}=${value}`).join(' ')}`)
  for (const [some, jobs] of [[files, 2], [onTrino, 1]] as const) {
    const [pass, fail] = some.length === 0 ? [0, 0] : await runTap(some, env, jobs)
    passed += pass
    failed += fail
  }
} catch (error) {
  say(sentenceOf(error))
  failed += 1
} finally {
  clearTimeout(late)
  if (keep) say(`left running under ${folder}; to end them: kill ${servers.map(server => server.pid).join(' ')}`)
  else await stopSet(servers)
}
if (failed === 0 && !keep) rmSync(folder, { recursive: true, force: true })
else if (!keep) say(`the servers' logs are in ${folder}`)
say(`${Math.round((Date.now() - began) / 1000)} s`)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)

function chosen (pattern: string): string[] {
  const all = globSync(pattern, { cwd: root }).sort()
  return paths.length === 0 ? all : all.filter(file => paths.some(path => file.startsWith(path.replace(/^\.\//, ''))))
}

function serversFor (files: readonly string[]): ServerName[] {
  const names = files.flatMap(file => [...readFileSync(join(root, file), 'utf8').matchAll(/\bTEST_[A-Z0-9]+/g)].flatMap(([name]) => serverOf[name] ?? []))
  return [...new Set(names)]
}

/** What tap counted: passed and failed assertions. */
async function runTap (files: readonly string[], env: Readonly<Record<string, string>>, jobs: number): Promise<[number, number]> {
  const words = [join(root, 'node_modules/tap/dist/esm/run.mjs'), '--disable-coverage', '--allow-empty-coverage', `--jobs=${jobs}`, `--timeout=${fileSecondsMax}`, '--reporter=tap', ...files]
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(FIRN_|AWS_|TEST_)/.test(name)))
  const child: ChildProcess = spawn(process.execPath, words, { cwd: root, env: { ...clean, ...env }, stdio: ['ignore', 'pipe', 'inherit'] })
  let last = ''
  child.stdout!.setEncoding('utf8').on('data', (chunk: string) => { process.stdout.write(chunk); last = (last + chunk).slice(-20_000) })
  const end = (): void => { child.kill('SIGTERM') }
  if (interrupted.signal.aborted) end()
  else interrupted.signal.addEventListener('abort', end, { once: true })
  const code = await new Promise<number>((resolve, reject) => { child.once('error', reject).once('close', code => { resolve(code ?? 1) }) })
  if (interrupted.signal.aborted) say(String((interrupted.signal.reason as Error).message))
  const summary = [...last.matchAll(/^# \{ total: .*\}/gm)].at(-1)?.[0] ?? ''
  const count = (what: string): number => Number(new RegExp(`\\b${what}: (\\d+)`).exec(summary)?.[1] ?? 0)
  return [count('pass'), Math.max(count('fail'), code === 0 ? 0 : 1)]
}

function say (sentence: string): void {
  console.error(`servers: ${sentence}`)
}
