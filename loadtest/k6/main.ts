// `npm run loadtest`: a k6 load against a running line, or with --own against one of its own; then, when the writer has
// drained the log, the verifier says whether what was accepted is what landed. Exit code 0: every threshold was kept and
// nothing is missing or twice; 1: one of them is not so; 2: nothing could be judged.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative, resolve } from 'node:path'
import { openLake } from '../../catalog/index.ts'
import { openLogFrom, topicsToRead } from '../../log/index.ts'
import { complain, exitWhenPrinted, sentenceOf, show } from '../../runtime/index.ts'
import { untilDrained } from '../drained.ts'
import { writeKeyOf } from '../../gateway/config.ts'
import { fail } from '../errors.ts'
import { startLine, type Line } from '../line.ts'
import { readVerifyConfig, type VerifyConfig } from '../verify/config.ts'
import { verdictLines } from '../verify/report.ts'
import { verify } from '../verify/verify.ts'
import { findK6 } from './binary.ts'
import { k6Env, readLoadtestConfig, type LoadtestConfig } from './config.ts'
import { runK6, type K6Result } from './run.ts'

const say = (sentence: string): void => { complain(`loadtest: ${sentence}`) }

try {
  process.exitCode = await loadtest(readLoadtestConfig())
} catch (error) {
  say(sentenceOf(error))
  process.exitCode = 2
}
await exitWhenPrinted()

async function loadtest (config: LoadtestConfig): Promise<number> {
  const k6 = await findK6(say)
  const folder = config.own ? mkdtempSync(join(tmpdir(), 'firn-loadtest-')) : null
  const line = folder === null ? null : await startOwnLine(folder)
  let good = false
  try {
    const url = line?.gatewayUrl ?? config.url.replace(/\/+$/, '')
    await checkGateway(url)
    const run = `k6_${Date.now().toString(36)}`
    const ledgerFile = join(resolve(folder ?? config.FIRN_DATA_DIR), 'loadtest', `ledger-${run}.ndjson`)
    say(`${config.scenario} against ${url}, run ${run}`)
    const result = await runK6({ k6, scenario: config.scenario, run, ledgerFile, env: k6Env(config, url), key: line === null ? writeKeyOf(config.FIRN_GATEWAY_WRITE_KEYS) : undefined, quiet: !process.stdout.isTTY })
    good = report(result)
    if (!config.noVerify) good = await checkLanded(config, result, line) && good
    return good ? 0 : 1
  } finally {
    await line?.stop()
    if (folder !== null && good) rmSync(folder, { recursive: true, force: true })
    else if (folder !== null) say(`data, ledger and what the services printed: ${folder}`)
  }
}

async function startOwnLine (dataDir: string): Promise<Line> {
  const line = await startLine({ dataDir })
  try {
    for (const name of ['catalog', 'gateway', 'writer'] as const) await line.start(name)
    return line
  } catch (error) {
    await line.stop()
    throw error
  }
}

function report ({ code, crossed, wrongAnswers, acked, accepted, ledgerFile }: K6Result): boolean {
  for (const { sent, expected, status, body } of wrongAnswers) show(`wrong answer to ${sent}: expected ${expected}, got ${status} ${body}`)
  const exact = acked.size === accepted
  if (!exact) show(`the ledger holds ${acked.size} accepted events, k6 counted ${accepted}: one of them is wrong`)
  if (crossed.length > 0) show(`thresholds crossed: ${crossed.join(', ')}`)
  if (code !== 0 && crossed.length === 0) show(`k6 did not come to its end (code ${code}): what was answered until then is verified`)
  show(`ledger ${relative('.', ledgerFile)}`)
  return exact && code === 0
}

async function checkLanded (config: LoadtestConfig, { ledgerFile }: K6Result, line: Line | null): Promise<boolean> {
  const own: Record<string, string> = line === null ? {} : { FIRN_DATA_DIR: line.dataDir, FIRN_CATALOG_URL: line.catalogUrl, FIRN_WAREHOUSE_URL: line.warehouseUrl, FIRN_LOG_URL: line.logUrl }
  // Flags such as --log-url count here as they do for the services.
  const settings = Object.fromEntries(Object.entries(config).flatMap(([name, value]) => name.startsWith('FIRN_') ? [[name, String(value)]] : []))
  const options: VerifyConfig = { ...readVerifyConfig([], line === null ? { ...process.env, ...settings } : own), ledger: [ledgerFile], drained: true }
  const lake = openLake(options, { dataDir: options.FIRN_DATA_DIR })
  const log = await openLogFrom(options.FIRN_LOG_URL, options)
  try {
    const ms = await untilDrained({ catalog: lake.catalog, log, topics: await topicsToRead(log, options), stillSecondsMax: config.drainSeconds })
    show(`the writer had drained the log ${(ms / 1000).toFixed(1)} s after the last answer`)
  } finally {
    await log.close()
  }
  const verdict = await verify(options)
  show(['', ...verdictLines(verdict)])
  return verdict.findings.every(finding => finding.kept)
}

async function checkGateway (url: string): Promise<void> {
  try {
    const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5000) })
    if (!answer.ok) throw new Error(`/readyz says ${answer.status}: ${(await answer.text()).slice(0, 200)}`)
  } catch (error) {
    const { cause, message } = error as Error
    throw fail('LOADTEST_GATEWAY_AWAY', { url, reason: cause instanceof Error ? cause.message : message })
  }
}
