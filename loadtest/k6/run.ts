// Runs one k6 script as a process and gives back what it counted and the ledger that it wrote. The two are compared:
// a ledger that does not hold exactly what k6 counted proves nothing.

import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { complain, onLine } from '../../runtime/index.ts'
import { fail } from '../errors.ts'
import { readLedgers } from '../verify/ledgers.ts'
import type { RunCounts } from './summary.ts'

export const scenarios = ['steady', 'burst', 'soak', 'bad-input'] as const
export type Scenario = typeof scenarios[number]

export interface K6Run {
  readonly k6: string
  readonly scenario: Scenario
  /** Names the run in every event_id; another run needs another one. */
  readonly run: string
  readonly ledgerFile: string
  /** URL, RATE, DURATION, …: see settings.ts. */
  readonly env: Readonly<Record<string, string>>
  /** The write key of a gateway that wants one: by the environment, where the list of processes does not show it. */
  readonly key?: string | undefined
  readonly quiet: boolean
  /** False: its summary is not printed. */
  readonly print?: boolean
}

export interface K6Result extends RunCounts {
  readonly code: number
  readonly ledgerFile: string
  /** Counted in the ledger: distinct event_ids that were answered with 202. */
  readonly acked: ReadonlySet<string>
  readonly refusedIds: ReadonlySet<string>
  readonly unknownIds: ReadonlySet<string>
  /** Answers that the contract does not give, as k6 noted them. */
  readonly wrongAnswers: readonly WrongAnswer[]
}

export interface WrongAnswer { readonly sent: string, readonly expected: string, readonly status: number, readonly body: string }

const wrongShown = 5
/** k6 says these once for each request, and once more what the summary said. */
const counted = /^(Request Failed|thresholds on metrics .* have been crossed)$/

/** Errors: LOADTEST_K6_BROKE. */
export async function runK6 ({ k6, scenario, run, ledgerFile, env, key, quiet, print = true }: K6Run): Promise<K6Result> {
  mkdirSync(dirname(ledgerFile), { recursive: true })
  const summaryFile = `${ledgerFile}.summary.json`
  const settings = { ...env, RUN: run, SUMMARY: summaryFile }
  const code = await spawned(k6, [
    'run', '--no-usage-report', '--log-format', 'raw', '--console-output', ledgerFile, ...quiet ? ['--quiet'] : [], ...process.stdout.isTTY ? [] : ['--no-color'],
    ...Object.entries(settings).flatMap(([name, value]) => ['-e', `${name}=${value}`]),
    join(import.meta.dirname, `${scenario}.ts`)
  ], print, key === undefined ? {} : { WRITE_KEY: key })
  const counts = readCounts(summaryFile, code)
  const { acked, refused, unknown } = await readLedgers([ledgerFile])
  return { ...counts, code, ledgerFile, acked, refusedIds: refused, unknownIds: unknown, wrongAnswers: wrongAnswersOf(ledgerFile) }
}

function readCounts (file: string, code: number): RunCounts {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as RunCounts
  } catch (error) {
    throw fail('LOADTEST_K6_BROKE', { code }, error)
  } finally {
    rmSync(file, { force: true })
  }
}

function wrongAnswersOf (ledgerFile: string): WrongAnswer[] {
  return readFileSync(ledgerFile, 'utf8').split('\n').filter(line => line.startsWith('{"wrong"')).slice(0, wrongShown).map(line => (JSON.parse(line) as { wrong: WrongAnswer }).wrong)
}

/** Ctrl+C reaches k6 through the terminal and ends it in order; this process then goes on to the verifier. */
function spawned (command: string, words: readonly string[], print: boolean, more: Readonly<Record<string, string>>): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  const child = spawn(command, words, { stdio: ['ignore', print ? 'inherit' : 'ignore', 'pipe'], env: { ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(K6|FIRN)_/.test(name))), ...more } })
  const ignore = (): void => {}
  const pass = (): void => { child.kill('SIGINT') }
  onLine(child.stderr, line => { if (print && !counted.test(line)) complain(line) })
  process.on('SIGINT', ignore).on('SIGTERM', pass)
  child.once('error', reject)
  child.once('close', code => {
    process.off('SIGINT', ignore).off('SIGTERM', pass)
    resolve(code ?? 1)
  })
  return promise
}
