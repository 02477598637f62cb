// PyIceberg as a guest: installed once into a cache through pip, kept running beside the line, one command at a time.

import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { onLine } from '../../runtime/index.ts'
import { fail } from '../errors.ts'

const version = '0.12.0'
const installMsMax = 10 * 60_000
const answerMsMax = 60_000

export interface GuestRead {
  readonly rows: readonly (readonly (string | null)[])[]
  /** Filters that found other rows than the scan has. */
  readonly wrong: readonly string[]
}

export interface Command { readonly do: string, readonly [detail: string]: unknown }

export interface Guest {
  /** Throws what the guest says when it cannot. */
  ask<T = unknown>(command: Command): Promise<T>
  close(): void
}

export async function startGuest (catalogUrl: string): Promise<Guest> {
  const child = spawn(install(), [join(import.meta.dirname, 'python/guest.py'), catalogUrl], { stdio: ['pipe', 'pipe', 'inherit'] })
  const waiting: ((line: string) => void)[] = []
  onLine(child.stdout, line => { waiting.shift()?.(line) })
  const next = async (what: string): Promise<unknown> => {
    const { promise, resolve, reject } = Promise.withResolvers<string>()
    waiting.push(resolve)
    const late = setTimeout(() => { reject(fail('LOADTEST_TOOL', { tool: 'PyIceberg', reason: `no answer to ${what}` })) }, answerMsMax)
    const gone = (): void => { reject(fail('LOADTEST_TOOL', { tool: 'PyIceberg', reason: `it ended at ${what}` })) }
    child.once('exit', gone)
    const { ok, error } = JSON.parse(await promise.finally(() => { clearTimeout(late); child.off('exit', gone) })) as { ok?: unknown, error?: string }
    if (error !== undefined) throw fail('LOADTEST_TOOL', { tool: 'PyIceberg', reason: `${what}: ${error}` })
    return ok
  }
  await next('its start')
  return {
    ask: async <T>(command: Command) => {
      const answer = next(JSON.stringify(command).slice(0, 200))
      child.stdin.write(`${JSON.stringify(command)}\n`)
      return await answer as T
    },
    close: () => { child.kill() }
  }
}

/** With its core, which partitioned writes need. */
function install (): string {
  const dir = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'firn', `pyiceberg-guest-${version}`)
  const done = join(dir, '.installed')
  if (!existsSync(done)) {
    console.log('installing PyIceberg into the cache; this happens once')
    rmSync(dir, { recursive: true, force: true })
    mkdirSync(dir, { recursive: true })
    execFileSync('python3', ['-m', 'venv', dir], { stdio: ['ignore', 'ignore', 'inherit'], timeout: installMsMax })
    execFileSync(join(dir, 'bin/pip'), ['install', '--quiet', '--disable-pip-version-check', `pyiceberg[pyarrow]==${version}`, 'pyiceberg-core'], { stdio: ['ignore', 'ignore', 'inherit'], timeout: installMsMax })
    writeFileSync(done, '')
  }
  return join(dir, 'bin/python')
}
