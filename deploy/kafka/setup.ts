// `npm run setup:kafka`: makes the native Kafka client usable by the Node that runs the product. In this order, until
// one loads with what the product needs (zstd, SCRAM, OAUTHBEARER): what is there, an earlier build from the cache, the
// project's prebuilt binary, a build from source. It is safe to repeat; the embedded log needs nothing of this.

import { execFileSync, spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const packageName = '@confluentinc/kafka-javascript'
const prebuiltMsMax = 60_000
const installMsMax = 5 * 60_000
const buildMsMax = 20 * 60_000
const wordsBytesMax = 50_000
const neededFeatures = ['zstd', 'ssl', 'sasl_plain', 'sasl_scram', 'sasl_oauthbearer']
const builtFiles = ['Release/confluent-kafka-javascript.node', 'deps/librdkafka.so.1', 'deps/librdkafka++.so.1']
const buildPackages = { 'build-essential': ['/usr/bin/cc', '/usr/bin/make'], python3: ['/usr/bin/python3'], 'libssl-dev': ['openssl/ssl.h'], 'zlib1g-dev': ['zlib.h'], 'libzstd-dev': ['zstd.h'], 'libsasl2-dev': ['sasl/sasl.h'], 'libcurl4-openssl-dev': ['curl/curl.h'] }

const root = resolve(import.meta.dirname, '../..')
const version = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { optionalDependencies: Record<string, string> }).optionalDependencies[packageName]!
const folder = join(root, 'node_modules', packageName)
const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'firn', 'kafka-client', `${version}-${process.platform}-${process.arch}-abi${process.versions.modules}`)

interface Loaded { readonly version: string, readonly features: readonly string[] }

try {
  const loaded = await useWhatIsThere() ?? await useCached() ?? await usePrebuilt() ?? await build()
  console.log(`the Kafka client ${version} (librdkafka ${loaded.version}) loads under Node ${process.versions.node}; it can: ${loaded.features.join(', ')}`)
} catch (error) {
  console.error(`firn: ${(error as Error).message}`)
  process.exitCode = 1
}

async function useWhatIsThere (): Promise<Loaded | undefined> {
  if (!existsSync(join(folder, 'package.json'))) {
    say(`installing the package ${packageName} ${version} (npm leaves it out where its binary could not be had) …`)
    const npm = npmCommand()
    await run(npm.command, [...npm.args, 'install', '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', `${packageName}@${version}`], { cwd: root, msMax: installMsMax })
  }
  const loaded = tryLoad()
  if (loaded !== undefined) keepInCache()
  return loaded
}

async function useCached (): Promise<Loaded | undefined> {
  if (!existsSync(cache)) return undefined
  say(`trying the build in ${cache} …`)
  copyFiles(cache, join(folder, 'build'))
  return tryLoad()
}

async function usePrebuilt (): Promise<Loaded | undefined> {
  say('asking for the prebuilt binary …')
  rmSync(join(folder, 'build'), { recursive: true, force: true })
  try {
    await run(process.execPath, [preGyp(), 'install'], { cwd: folder, msMax: prebuiltMsMax })
  } catch {
    say('it cannot be had from here')
    return undefined
  }
  const loaded = tryLoad()
  if (loaded !== undefined) keepInCache()
  return loaded
}

async function build (): Promise<Loaded> {
  await demandBuildPackages()
  const temporary = mkdtempSync(join(tmpdir(), 'firn-kafka-client-'))
  try {
    const headers = await nodeHeaders(temporary)
    const env = { CKJS_LINKING: 'dynamic', npm_config_nodedir: headers, npm_config_node_gyp: nodeGyp() }
    say('building from source (two to five minutes) …')
    rmSync(join(folder, 'build'), { recursive: true, force: true })
    // Alone and first: the build's own parallel make does not wait for it.
    await run(process.execPath, ['../util/configure'], { cwd: join(folder, 'deps'), env, msMax: buildMsMax })
    await run(process.execPath, [preGyp(), 'install', '--build-from-source'], { cwd: folder, env, msMax: buildMsMax })
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
  const loaded = tryLoad()
  if (loaded === undefined) throw new Error(`the build of ${packageName} went through but does not load with ${neededFeatures.join(', ')}: ${loadWords()}`)
  keepInCache()
  return loaded
}

/** Loads it in a process of its own, since what has failed to load once cannot be loaded again. */
function tryLoad (): Loaded | undefined {
  try {
    const loaded = JSON.parse(loadWords()) as Loaded
    const missing = neededFeatures.filter(feature => !loaded.features.includes(feature))
    if (missing.length === 0) return loaded
    say(`what is there lacks ${missing.join(', ')}`)
  } catch {}
  return undefined
}

function loadWords (): string {
  const script = `const kafka = require(${JSON.stringify(folder)}); console.log(JSON.stringify({ version: kafka.librdkafkaVersion, features: kafka.features }))`
  try {
    return execFileSync(process.execPath, ['-e', script], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 30_000 })
  } catch (error) {
    return String((error as { stderr?: string }).stderr ?? error).split('\n').find(line => /Error/.test(line)) ?? 'no reason given'
  }
}

async function demandBuildPackages (): Promise<void> {
  if (process.platform !== 'linux') return
  const places = ['/usr/include', `/usr/include/${process.arch === 'arm64' ? 'aarch64' : 'x86_64'}-linux-gnu`, '/usr/local/include']
  const isThere = (file: string): boolean => file.startsWith('/') ? existsSync(file) : places.some(place => existsSync(join(place, file)))
  const missing = Object.entries(buildPackages).filter(([, files]) => !files.every(isThere)).map(([name]) => name)
  if (missing.length === 0) return
  const command = ['apt-get', 'install', '-y', '--no-install-recommends', ...missing]
  const mayInstall = process.argv.includes('--apt') && process.getuid?.() === 0
  if (!mayInstall) throw new Error(`the Kafka client has no binary for this machine, and to build it these packages are missing: on Debian or Ubuntu ${command.join(' ')} (npm run setup:kafka -- --apt as root does it); then run this again`)
  say(`installing ${missing.join(' ')} …`)
  await run('apt-get', ['update', '-q'], { cwd: root, msMax: installMsMax }).catch(() => {})
  await run('apt-get', command.slice(1), { cwd: root, msMax: installMsMax, env: { DEBIAN_FRONTEND: 'noninteractive' } })
}

/** The headers of the very Node that runs the product: npm's package of its binary has them. */
async function nodeHeaders (temporary: string): Promise<string> {
  const beside = resolve(process.execPath, '../..')
  if (existsSync(join(beside, 'include/node/node.h'))) return beside
  const name = `node-${process.platform}-${process.arch}`
  const npm = npmCommand()
  await run(npm.command, [...npm.args, 'install', '--prefix', temporary, '--no-save', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error', `${name}@${process.versions.node}`], { cwd: temporary, msMax: installMsMax })
  return join(temporary, 'node_modules', name)
}

function keepInCache (): void {
  if (existsSync(cache) || !builtFiles.every(file => existsSync(join(folder, 'build', file)))) return
  mkdirSync(resolve(cache, '..'), { recursive: true })
  const copy = mkdtempSync(`${cache}-`)
  try {
    copyFiles(join(folder, 'build'), copy)
    if (!existsSync(cache)) renameSync(copy, cache)
  } finally {
    rmSync(copy, { recursive: true, force: true })
  }
}

function copyFiles (from: string, to: string): void {
  for (const file of builtFiles) {
    mkdirSync(resolve(to, file, '..'), { recursive: true })
    // Renamed into place: a process that has the old one open goes on with it.
    copyFileSync(join(from, file), join(to, `${file}.new`))
    renameSync(join(to, `${file}.new`), join(to, file))
  }
}

function npmCommand (): { command: string, args: string[] } {
  const cli = process.env.npm_execpath
  return cli !== undefined && /npm-cli\.c?js$/.test(cli) ? { command: process.execPath, args: [cli] } : { command: 'npm', args: [] }
}

function nodeGyp (): string {
  if (process.env.npm_config_node_gyp !== undefined) return process.env.npm_config_node_gyp
  const npm = npmCommand()
  return join(execFileSync(npm.command, [...npm.args, 'root', '-g'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim(), 'npm/node_modules/node-gyp/bin/node-gyp.js')
}

function preGyp (): string {
  return join(root, 'node_modules/@mapbox/node-pre-gyp/bin/node-pre-gyp')
}

async function run (command: string, args: readonly string[], { cwd, env = {}, msMax }: { cwd: string, env?: Record<string, string>, msMax: number }): Promise<void> {
  // The Node that builds has to be the one that is built for, also where a script asks PATH.
  const path = `${resolve(process.execPath, '..')}:${process.env.PATH ?? ''}`
  const child = spawn(command, args, { cwd, env: { ...process.env, PATH: path, ...env }, stdio: ['ignore', 'pipe', 'pipe'], timeout: msMax, killSignal: 'SIGKILL' })
  let words = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (chunk: string) => { words = (words + chunk).slice(-wordsBytesMax) })
  const code = await new Promise<number | string>((resolve, reject) => { child.once('error', reject).once('close', (code, signal) => { resolve(code ?? signal ?? 1) }) })
  if (code === 0) return
  const telling = words.split('\n').filter(line => /error|No rule|not found/i.test(line)).slice(-3).join(' | ').slice(0, 600)
  throw new Error(`${[command, ...args].join(' ')} ended with ${code}: ${telling || words.slice(-300)}`)
}

function say (sentence: string): void {
  console.error(`setup:kafka: ${sentence}`)
}
