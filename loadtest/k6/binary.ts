// Finds k6: on the PATH, in the cache, or built into the cache from the version named here by Go's own client.
// Refuses a k6 that is too old to read TypeScript.

import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fail } from '../errors.ts'

export const k6Version = '1.8.1'
const k6Module = `go.k6.io/k6@v${k6Version}`
const buildMsMax = 15 * 60_000

/** The path of a k6 that runs. Errors: LOADTEST_K6_MISSING. */
export async function findK6 (say: (sentence: string) => void): Promise<string> {
  const cached = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'firn', 'bin')
  const built = join(cached, process.platform === 'win32' ? 'k6.exe' : 'k6')
  if (readsTypeScript('k6')) return 'k6'
  if (existsSync(built) && readsTypeScript(built)) return built
  mkdirSync(cached, { recursive: true })
  say(`building k6 ${k6Version} into ${cached} (once; one to five minutes) …`)
  await build(cached)
  if (!readsTypeScript(built)) throw fail('LOADTEST_K6_MISSING', { reason: `${built} does not run` })
  return built
}

function readsTypeScript (k6: string): boolean {
  const { status, stdout } = spawnSync(k6, ['version'], { encoding: 'utf8' })
  return status === 0 && Number(/\bv?(\d+)\.\d+\.\d+/.exec(stdout)?.[1] ?? 0) >= 1
}

async function build (folder: string): Promise<void> {
  const child = spawn('go', ['install', k6Module], { env: { ...process.env, GOBIN: folder, GOFLAGS: '' }, stdio: ['ignore', 'ignore', 'pipe'], timeout: buildMsMax, killSignal: 'SIGKILL' })
  let words = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => { words = (words + chunk).slice(-10_000) })
  const { promise, resolve } = Promise.withResolvers<string | null>()
  child.once('error', error => { resolve((error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no go on the PATH' : error.message) })
  child.once('close', code => { resolve(code === 0 ? null : `go install ${k6Module} ended with ${code}: ${words.trim().split('\n').at(-1) ?? ''}`) })
  const reason = await promise
  if (reason !== null) throw fail('LOADTEST_K6_MISSING', { reason })
}
