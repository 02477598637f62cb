// Runs any task of this project on a machine that has nothing but npm and some Node (18 or newer): installs what is
// missing, then goes on under the Node 24 that the lock file pins. Plain JavaScript, no dependency, on purpose.
// An installation counts as done only by the marker that is written after it succeeded, so a broken one is repeated.

import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import fs from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** What `npm run <task>` runs: our own .ts entry, a tool with its arguments, or a list of other tasks. */
const tasks = {
  start: { entry: 'deploy/local/main.ts' },
  doctor: { entry: 'deploy/local/doctor.ts' },
  relocate: { entry: 'deploy/local/relocate.ts' },
  repair: { entry: 'deploy/local/repair.ts' },
  sql: { entry: 'analytics/sql/main.ts' },
  models: { entry: 'analytics/runner/main.ts' },
  export: { entry: 'analytics/export/main.ts' },
  verify: { entry: 'loadtest/verify/main.ts' },
  backtest: { entry: 'analytics/fraud/backtest/main.ts' },
  train: { entry: 'analytics/fraud/trained/main.ts' },
  generate: { entry: 'loadtest/generate/main.ts' },
  ingest: { entry: 'gateway/ingest/main.ts' },
  import: { entry: 'gateway/ingest/import.ts' },
  check: { tasks: ['lint', 'types', 'contract --check', 'test'] },
  lint: { tool: 'eslint/bin/eslint.js', args: ['.'] },
  types: { tool: 'typescript/bin/tsc', args: ['--noEmit', '-p', '.'] },
  contract: { entry: 'openapi/main.ts' },
  docs: { entry: 'deploy/local/docs.ts' },
  test: { tool: 'tap/dist/esm/run.mjs', args: [] },
  loadtest: { entry: 'loadtest/k6/main.ts' },
  bench: { entry: 'loadtest/bench/main.ts' },
  'test:engines': { entry: 'loadtest/engines/main.ts' },
  'test:guests': { entry: 'loadtest/guests/main.ts' },
  'test:rck': { entry: 'catalog/server/compatibility-kit/main.ts' },
  'test:durability': { entry: 'loadtest/durability/main.ts' },
  'test:fraud': { entry: 'loadtest/fraud/main.ts' },
  'test:shop': { entry: 'loadtest/shop/main.ts' },
  'test:kill': { entry: 'loadtest/kill/main.ts' },
  'test:night': { entry: 'loadtest/night/main.ts' },
  'test:demo': { entry: 'loadtest/demo/main.ts' },
  'test:servers': { entry: 'deploy/servers/test.ts' },
  'test:outage': { entry: 'loadtest/outage/main.ts' },
  'test:rebalance': { entry: 'loadtest/rebalance/main.ts' },
  'test:refusals': { entry: 'loadtest/refusals/main.ts' },
  'test:hostile': { entry: 'loadtest/hostile/main.ts' },
  'test:alerts': { entry: 'loadtest/alerts/main.ts' },
  'test:lake': { entry: 'loadtest/lake/main.ts' },
  daily: { entry: 'analytics/jobs/main.ts' },
  'daily:topic': { entry: 'deploy/jobs/topic.ts' },
  'daily:stream': { entry: 'deploy/jobs/stream.ts' },
  'daily:wait': { entry: 'analytics/jobs/wait/main.ts' },
  'daily:validate': { entry: 'analytics/jobs/validate/main.ts' },
  'test:airflow': { entry: 'deploy/airflow/test.ts' },
  'test:evolution': { entry: 'loadtest/evolution/main.ts' },
  servers: { entry: 'deploy/servers/main.ts' },
  'servers:stop': { entry: 'deploy/servers/stop.ts' },
  'setup:kafka': { entry: 'deploy/kafka/setup.ts' }
}

// A name that an old Node lacks must not fail the import: this file has to get as far as its own sentence.
const { accessSync, constants, existsSync, readFileSync, realpathSync, rmSync, statfsSync, writeFileSync } = fs
const root = dirname(fileURLToPath(import.meta.url))
const modules = join(root, 'node_modules')
const marker = join(modules, '.firn-installed')
const [taskName = '', ...args] = process.argv.slice(2)
const task = tasks[taskName]

if (Number(process.versions.node.split('.')[0]) < 18) end(`Node ${process.versions.node} is too old to begin with: install Node 18 or newer (Node 24 is then fetched by npm)`)
if (task === undefined) end(`there is no task ${JSON.stringify(taskName)}: it is one of ${Object.keys(tasks).join(', ')}`)
process.chdir(root)
process.env.PATH = `${join(modules, '.bin')}:${process.env.PATH}`
begin().catch(error => {
  const sentence = sentenceOf(error)
  if (sentence === null) throw error
  end(sentence)
})

async function begin () {
  await installIfMissing()
  await run(task, args)
}

async function run (task, args) {
  if (task.tasks !== undefined) {
    for (const name of task.tasks) {
      process.stderr.write(`\n── ${name}\n`)
      const code = await spawnPinned([fileURLToPath(import.meta.url), ...name.split(' '), ...name === task.tasks.at(-1) ? args : []])
      if (code !== 0) process.exit(code)
    }
    return
  }
  const file = task.entry === undefined ? join(modules, task.tool) : join(root, task.entry)
  if (!existsSync(file)) end(`${task.entry ?? task.tool} is not there: this checkout is incomplete`)
  const words = task.entry === undefined ? [file, ...task.args, ...args] : [join(root, 'deploy/local/run.ts'), file, ...args]
  // On the pinned Node already (npm puts its own node_modules first on PATH): go on in this process.
  if (process.version === `v${pinnedVersion()}`) {
    process.argv = [process.execPath, ...words]
    await import(pathToFileURL(words[0]).href)
  } else {
    process.exit(await spawnPinned(words))
  }
}

function spawnPinned (words) {
  return new Promise(resolve => {
    const child = spawn(pinnedNode(), words, { stdio: 'inherit' })
    // Ctrl+C reaches the child through the terminal; a signal sent to this process alone has to be passed on.
    process.on('SIGINT', () => {})
    for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
    child.on('error', error => end(`cannot start ${pinnedNode()}: ${error.message}`))
    child.on('exit', (code, signal) => resolve(code ?? (signal === 'SIGINT' ? 130 : 1)))
  })
}

async function installIfMissing () {
  const wanted = createHash('sha256').update(readFileSync(join(root, 'package-lock.json'))).update(`${process.platform} ${process.arch}`).digest('hex')
  if (existsSync(marker) && readFileSync(marker, 'utf8') === wanted && existsSync(pinnedNode())) return
  if (!installedAsLocked()) await install()
  try {
    writeFileSync(marker, wanted)
  } catch {
    // Whoever may not write there looks again at each start.
  }
}

/** True when npm itself recorded a finished installation of what the lock file asks for (say, by `npm ci`). */
function installedAsLocked () {
  const record = join(modules, '.package-lock.json')
  if (!existsSync(record) || !existsSync(pinnedNode())) return false
  const locked = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  const installed = JSON.parse(readFileSync(record, 'utf8')).packages
  return Object.entries(locked).every(([path, { version, optional, devOptional }]) =>
    path === '' || ((optional || devOptional) && installed[path] === undefined) || installed[path]?.version === version)
}

async function install () {
  accessSync(existsSync(modules) ? modules : root, constants.W_OK)
  const began = Date.now()
  const seconds = () => Math.round((Date.now() - began) / 1000)
  const mebibytesFree = Math.floor(Number(statfsSync(root).bavail) * Number(statfsSync(root).bsize) / 2 ** 20)
  if (mebibytesFree < 1024) end(`only ${mebibytesFree} MiB are free under ${root}: the packages need 1 GiB`)
  process.stderr.write(`firn: installing its packages and Node ${pinnedVersion()} into node_modules (once; about 700 MB, half a minute to a few minutes) …\n`)
  const ticker = setInterval(() => process.stderr.write(`firn: still installing, ${seconds()} s\n`), 10_000)
  rmSync(marker, { force: true })
  let { code, output } = await npm(['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error', '--fetch-retry-mintimeout=2000', '--fetch-retry-maxtimeout=5000'])
  if (code === 0 && !existsSync(pinnedNode())) {
    // The package `node` fetches its binary in an install script; some set-ups of npm skip those.
    ({ code, output } = await npm(['install', '--no-save', '--no-audit', '--no-fund', '--loglevel=error', '--fetch-retry-mintimeout=2000', '--fetch-retry-maxtimeout=5000', `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}@${pinnedVersion()}`]))
  }
  clearInterval(ticker)
  if (code !== 0 || !existsSync(pinnedNode())) {
    if (/ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT|network/i.test(output)) {
      end('the package registry cannot be reached: connect this machine (or set npm\'s proxy or registry) and run the same command again')
    }
    const [, refused] = /npm error code (EACCES|EPERM|EROFS)/.exec(output) ?? []
    if (refused !== undefined) end(sentenceOf({ code: refused, path: /npm error path (\S+)/.exec(output)?.[1] }))
    if (/ENOSPC/.test(output)) end(`the disk is full: free 1 GiB under ${root} and run the same command again`)
    end(`npm ci failed after ${seconds()} s: ${output.trim().split('\n').find(line => /npm error/.test(line)) ?? 'no reason given'} (the same command tries again)`)
  }
  process.stderr.write(`firn: installed in ${seconds()} s\n`)
}

function npm (words) {
  return new Promise(resolve => {
    const cli = process.env.npm_execpath
    const [command, ...before] = cli !== undefined && /npm-cli\.c?js$/.test(cli) ? [process.execPath, cli] : ['npm']
    const child = spawn(command, [...before, ...words], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { output = (output + chunk).slice(-20_000) })
    child.on('error', error => resolve({ code: 1, output: `npm error ${error.message}` }))
    child.on('exit', code => resolve({ code: code ?? 1, output }))
  })
}

function pinnedVersion () {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).dependencies.node
}

/** The real binary: the launcher under node_modules/.bin, or the platform's own package. */
function pinnedNode () {
  const places = [join(modules, 'node/bin/node'), join(modules, `node-${process.platform}-${process.arch}/bin/node`)]
  const found = places.find(place => existsSync(place))
  return found === undefined ? places[0] : realpathSync(found)
}

/** For what is in the way on this machine: a folder, a file, a disk; null for what is a fault of ours. */
function sentenceOf (error) {
  const { code, path } = error
  const where = path === undefined ? '' : ` (${path})`
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return `this user may not write there${where}: give it the right, or run the command as the user who owns ${root}`
  if (code === 'ENOSPC') return `the disk is full${where}: free 1 GiB under ${root} and run the same command again`
  return null
}

function end (sentence) {
  process.stderr.write(`firn: ${sentence}\n`)
  process.exit(1)
}
