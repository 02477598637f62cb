// `npm run test:kill`: the real line under load; kill −9 of writer, gateway and catalog at seeded moments; then the verifier
// and the senders' ledger say whether anything acknowledged is missing, twice or unreadable. Prints how many kills fell
// inside a commit and ends with `N passed, N failed`.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sentenceOf } from '../../runtime/index.ts'
import { startLine, type ServiceName } from '../line.ts'
import { verdictLines, sentenceOfVerdict } from '../verify/report.ts'
import { verify, type Verdict } from '../verify/verify.ts'
import { tableFolders, watchCommits, type CommitWatch } from './commit-watch.ts'
import { readKillConfig } from './config.ts'
import { startLoad } from './load.ts'
import { planRounds, type Round } from './rounds.ts'

const commitWaitMsMax = 5_000
const drainMsMax = 120_000
const startAttemptsMax = 4
/** Below this many rounds chance alone decides how many kills meet a commit. */
const roundsFull = 30
const order: readonly ServiceName[] = ['catalog', 'gateway', 'writer']

const config = readKillConfig()
const dataDir = mkdtempSync(join(tmpdir(), 'firn-kill-'))
const line = await startLine({ dataDir, settings: { writer: { FIRN_WRITER_COMMIT_INTERVAL_MS: String(config.commitMs) } } })
const options = { ledger: [], drained: false, FIRN_DATA_DIR: dataDir, FIRN_CATALOG_URL: line.catalogUrl, FIRN_WAREHOUSE_URL: line.warehouseUrl, FIRN_LOG_URL: line.logUrl, FIRN_LOG_TOPICS: ['ecommerce_events'], FIRN_EVENT_AGE_DAYS_MAX: 7 }
let passed = 0
let failed = 0
const check = (sentence: string, ok: boolean, detail = ''): void => {
  if (ok) passed++
  else failed++
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${sentence}${detail === '' ? '' : `: ${detail}`}`)
}

try {
  await run()
} catch (error) {
  check('the run came to its end', false, sentenceOf(error))
} finally {
  await line.stop()
}
if (failed === 0 && !config.keep) rmSync(dataDir, { recursive: true, force: true })
else console.log(`data, ledger and what the services printed: ${dataDir}`)
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)

async function run (): Promise<void> {
  for (const name of order) await line.start(name)
  const load = startLoad({ url: line.gatewayUrl, ledgerFile: join(dataDir, 'loadtest', 'ledger-kill.ndjson'), eventsPerSecond: config.rate, seed: config.seed })
  let inside = 0
  try {
    await untilRows()
    const commits = watchCommits(line, await tableFolders(line.catalogUrl))
    for (const [i, round] of planRounds(config.seed, config.rounds).entries()) {
      const left = await playRound(round, commits)
      if (left.length > 0) inside++
      check(`round ${i + 1}: killed ${round.victims.join(' and ')} ${round.aim}`, order.every(name => line.process(name) !== undefined),
        `${left.length > 0 ? `inside a commit (${left.length} unfinished files)` : 'between commits'}, all are up again; ${load.counts.acked} acknowledged so far`)
      if ((i + 1) % config.verifyEvery === 0 && i + 1 < config.rounds) checkVerdict(`after round ${i + 1}, under load`, await verify(options))
    }
  } finally {
    await load.stop()
  }
  const waited = await untilDrained()
  checkVerdict(`at the end, drained in ${waited} ms`, await verify({ ...options, drained: true }))
  check('every event sent was answered in the end', load.counts.unknown === 0, `${load.counts.acked} acknowledged, ${load.counts.refused} refused, ${load.counts.retries} retries`)
  // In a short run chance decides how many there are: it has to meet some, a full run a third.
  const wanted = config.rounds < roundsFull ? 1 : Math.ceil(config.rounds / 3)
  check(`at least ${wanted} of the kills fell inside a commit`, inside >= wanted, `${inside} of ${config.rounds}`)
}

async function playRound (round: Round, commits: CommitWatch): Promise<string[]> {
  await sleep(round.waitMs)
  if (round.aim === 'at a commit') {
    await commits.nextCommit(commitWaitMsMax)
    await sleep(round.delayMs)
  }
  const commitsDie = round.victims.some(name => name !== 'gateway')
  // Nobody may finish the commit while it is being judged: the writer stands still until then.
  const frozen = commitsDie && !round.victims.includes('writer') ? line.process('writer') : undefined
  const deaths = round.victims.map(name => line.kill(name, 'SIGKILL'))
  frozen?.kill('SIGSTOP')
  const files = commitsDie ? commits.filesNow() : new Set<string>()
  await Promise.all(deaths)
  if (!commitsDie || round.victims.includes('catalog')) await sleep(round.deadMs)
  if (round.victims.includes('catalog')) await startAgain('catalog')
  const left = commitsDie ? await commits.unfinished(files) : []
  frozen?.kill('SIGCONT')
  if (!round.victims.includes('catalog')) await sleep(round.deadMs)
  for (const name of order) if (line.process(name) === undefined) await startAgain(name)
  return left
}

/** What a supervisor does: a few tries, each with the reason of the last one. */
async function startAgain (name: ServiceName): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await line.start(name)
      return
    } catch (error) {
      if (attempt === startAttemptsMax) throw error
      await line.kill(name, 'SIGKILL')
      await sleep(250 * attempt)
    }
  }
}

async function untilRows (): Promise<void> {
  for (const end = Date.now() + drainMsMax; ;) {
    const verdict = await verify(options).catch((error: unknown) => error as Error)
    if (!(verdict instanceof Error) && verdict.rows > 0n) return
    if (Date.now() > end) throw verdict instanceof Error ? verdict : new Error(`no row within ${drainMsMax} ms`)
    await sleep(200)
  }
}

async function untilDrained (): Promise<number> {
  const startedAt = performance.now()
  for (;;) {
    for (const name of order) if (line.process(name) === undefined) await startAgain(name)
    const { lag } = await verify({ ...options, ledger: [] })
    const elapsed = performance.now() - startedAt
    if (lag === 0n || elapsed > drainMsMax) return Math.round(elapsed)
    await sleep(300)
  }
}

function checkVerdict (when: string, verdict: Verdict): void {
  for (const finding of verdict.findings) {
    if (finding.kept) passed++
    else check(`${when}: ${finding.promise}`, false, `${finding.detail} ${finding.examples.join(', ')}`)
  }
  console.log(`       ${when}: ${sentenceOfVerdict(verdict)}`)
  if (verdict.findings.some(finding => !finding.kept)) for (const line of verdictLines(verdict)) console.log(line)
}
