/**
 * `npm run test:rck`: Apache Iceberg's own REST Compatibility Kit against this catalog, as a process of its own with a fresh folder and a
 * local-file warehouse. Prints each test that failed, with its reason, and `N passed, N failed`; the exit code tells the same.
 *
 * Needs Java 17 or newer and Maven; the kit's jars are fetched once. Arguments: `--strict` runs what the kit leaves out for
 * Iceberg's own server as well (namespaces must exist before their tables, see FIRN_CATALOG_NAMESPACE_REQUIRED; names with dots; variant
 * columns); names of single tests, e.g. `testLoadTable` or `RESTCompatibilityKitViewCatalogTests#createView`.
 */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'

const kitVersion = '1.11.0'
const fetchMsMax = 20 * 60_000
const startMsMax = 60_000
const kitMsMax = 15 * 60_000
/** Where the kit wants its tables. */
const kitPlaces = 'file:///tmp'
const packageName = 'org.apache.iceberg.rest'
const strictFlags = ['-Drck.requires-namespace-create=true', '-Drck.supports-names-with-dot=true', '-Drck.supports-variant=true']
const suites = ['RESTCompatibilityKitCatalogTests', 'RESTCompatibilityKitViewCatalogTests']

const strict = process.argv.includes('--strict')
const folder = mkdtempSync(join(tmpdir(), 'firn-rck-'))
let server: ChildProcess | undefined
try {
  const jars = fetchKit()
  const url = await startServer()
  process.exitCode = await runKit(jars, url, process.argv.slice(2).filter(word => word !== '--strict'))
} catch (error) {
  console.error((error as Error).message)
  console.log('0 passed, 1 failed')
  process.exitCode = 1
} finally {
  server?.kill('SIGTERM')
  if (process.exitCode === 0) rmSync(folder, { recursive: true, force: true })
}

/** The folder of the kit's jars, fetched through Maven when they are not there yet. */
function fetchKit(): string {
  demandTool('java', ['-version'], 'a Java runtime 17 or newer (on Debian or Ubuntu: apt-get install default-jre-headless)')
  const pom = join(import.meta.dirname, 'pom.xml')
  const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'firn', `rck-${kitVersion}`)
  const marker = join(cache, '.complete')
  const wanted = createHash('sha256').update(readFileSync(pom)).digest('hex')
  if (existsSync(marker) && readFileSync(marker, 'utf8') === wanted) return join(cache, 'lib')
  demandTool('mvn', ['-v'], 'Maven, which fetches the kit (on Debian or Ubuntu: apt-get install maven)')
  console.error(`fetching Iceberg's compatibility kit ${kitVersion} into ${cache} (once, about 100 MB) …`)
  rmSync(cache, { recursive: true, force: true })
  mkdirSync(cache, { recursive: true })
  const done = spawnSync('mvn', ['-B', '-q', '-f', pom, 'dependency:copy-dependencies', `-DoutputDirectory=${join(cache, 'lib')}`], { stdio: ['ignore', 'inherit', 'inherit'], timeout: fetchMsMax })
  if (done.status !== 0) throw new Error(`the kit could not be fetched by Maven (exit code ${done.status ?? done.signal}): check the network and Maven's settings, then run this again`)
  writeFileSync(marker, wanted)
  return join(cache, 'lib')
}

function demandTool(name: string, args: string[], what: string): void {
  if (spawnSync(name, args, { stdio: 'ignore' }).status !== 0) throw new Error(`${name} is not there: the kit needs ${what}`)
}

/** Starts the catalog on a free port; resolves to its address. */
async function startServer(): Promise<string> {
  const env = { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_'))), FIRN_DATA_DIR: join(folder, 'data'), FIRN_CATALOG_PORT: '0', FIRN_CATALOG_NAMESPACE_REQUIRED: String(strict), FIRN_CATALOG_PLACES: kitPlaces }
  const child = server = spawn(process.execPath, [join(import.meta.dirname, '../main.ts')], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const late = setTimeout(() => { reject(new Error(`the catalog was not ready within ${startMsMax} ms`)) }, startMsMax)
  child.once('exit', code => { reject(new Error(`the catalog ended with code ${code} before it was ready`)) })
  let unended = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (unended + chunk).split('\n')
    unended = lines.pop()!
    for (const line of lines) {
      const found = /"address":"([^"]+)"/.exec(line)?.[1]
      if (found !== undefined) resolve(found)
      if (/"level":[56]0/.test(line)) console.error(line)
    }
  })
  try {
    return await promise
  } finally {
    clearTimeout(late)
  }
}

async function runKit(jars: string, url: string, names: string[]): Promise<number> {
  const reports = join(folder, 'reports')
  const selected = names.length === 0
    ? suites.flatMap(suite => ['--select-class', `${packageName}.${suite}`])
    : names.flatMap(name => ['--select-method', `${packageName}.${name.includes('#') ? name : `${suites[0]}#${name}`}`])
  console.error(`running the kit against ${url} …`)
  const child = spawn('java', [
    '-Xmx512m', '-XX:+UseSerialGC', '-Dorg.slf4j.simpleLogger.defaultLogLevel=error', '-Drck.local=false', '-Drck.purge-test-namespaces=true', '-Drck.supports-serverside-retry=true', ...(strict ? strictFlags : []),
    `-Duri=${url}`, '-Dio-impl=org.apache.iceberg.hadoop.HadoopFileIO', '-cp', `${jars}/*`, 'org.junit.platform.console.ConsoleLauncher', 'execute',
    '--disable-banner', '--disable-ansi-colors', '--details=tree', '--details-theme=ascii', `--reports-dir=${reports}`, ...selected
  ], { stdio: ['ignore', 'pipe', 'inherit'], timeout: kitMsMax, killSignal: 'SIGKILL' })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => { text += chunk })
  const signal = await new Promise<string | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (_code, cause) => { resolve(cause) })
  })
  writeFileSync(join(folder, 'kit.log'), text)
  return report(text, signal, reports)
}

function report(text: string, signal: string | null, reports: string): number {
  const count = (what: string): number => Number(new RegExp(`\\[\\s*(\\d+) ${what}\\s*\\]`).exec(text)?.[1] ?? 0)
  const failures = failedTests(join(reports, 'TEST-junit-jupiter.xml'))
  for (const { name, reason } of failures) console.log(`FAILED ${name}: ${reason}`)
  const passed = count('tests successful')
  const failed = Math.max(count('tests failed') + count('containers failed'), failures.length, passed === 0 || signal !== null ? 1 : 0)
  if (signal !== null) console.log(`the kit was ended after ${kitMsMax / 60_000} minutes (${signal})`)
  if (failed > 0) console.log(`reports and the kit's own output: ${folder}`)
  console.log(`Iceberg REST Compatibility Kit ${kitVersion}: ${count('tests found')} tests, ${count('tests aborted')} aborted by assumption, ${count('tests skipped')} skipped`)
  console.log(`${passed} passed, ${failed} failed`)
  return failed === 0 ? 0 : 1
}

function failedTests(file: string): { name: string, reason: string }[] {
  if (!existsSync(file)) return []
  const cases = readFileSync(file, 'utf8').matchAll(/<testcase name="([^"]*)" classname="([^"]*)"[^>]*>\s*<(?:failure|error)([^>]*)>/g)
  return [...cases].map(([, name, owner, attributes]) => {
    const reason = unescape(/message="([^"]*)"/.exec(attributes ?? '')?.[1] ?? 'see the report')
    return { name: `${owner?.split('.').at(-1)}#${name}`, reason: reason.split('\n').map(line => line.trim()).filter(line => line !== '').slice(0, 4).join(' | ').slice(0, 400) }
  })
}

function unescape(xml: string): string {
  return xml.replace(/&#(x[\da-f]+|\d+);/gi, (_, code: string) => String.fromCodePoint(Number(code.startsWith('x') ? `0${code}` : code))).replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&apos;', "'").replaceAll('&amp;', '&')
}
