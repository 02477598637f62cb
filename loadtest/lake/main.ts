// `npm run test:lake`: the whole line on Kafka, S3 and a REST catalog, read by Trino. k6 steady and burst, then Trino has
// to hold exactly what was accepted; then, under load, foreign hands work on the table while the writer writes, and a
// writer that starts anew on what they left goes on. Ends with `N passed, N failed`.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openLake } from '../../catalog/index.ts'
import { openLogFrom } from '../../log/index.ts'
import { sentenceOf } from '../../runtime/index.ts'
import { untilDrained } from '../drained.ts'
import { findK6 } from '../k6/binary.ts'
import { runK6, type K6Result, type Scenario } from '../k6/run.ts'
import { startLine, type Line } from '../line.ts'
import { createTally } from '../tally.ts'
import { readVerifyConfig } from '../verify/config.ts'
import { verify } from '../verify/verify.ts'
import { readLakeConfig, type Load } from './config.ts'
import { checkExamples } from './examples.ts'
import { eventOf, expectedOf, type AcceptedRun } from './expected.ts'
import { expireSnapshots, insertRows, optimize, rewriteBySpark, storm, type Hands } from './foreign-hands.ts'
import { startLakeServers, type LakeServers } from './servers.ts'
import { installSpark } from './spark.ts'
import { checkPruning, checkRows } from './table-checks.ts'
import { connectTrino } from './trino.ts'

const seed = 7
const commitMs = 1000
const stillSecondsMax = 60
const topics = ['ecommerce_events']
/** Accepted events that are sent again at the end, as a client does that lost the answer. */
const repeatedCount = 60

const config = readLakeConfig()
const tally = createTally()
const began = performance.now()
const folder = mkdtempSync(join(tmpdir(), 'firn-lake-'))
const runs: AcceptedRun[] = []
let servers: LakeServers | undefined
let line: Line | undefined
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { void end(1) })

try {
  const k6 = await findK6(sentence => { tally.say(sentence) })
  const spark = config.noSpark ? null : await installSpark(sentence => { tally.say(sentence) })
  servers = await startLakeServers(join(folder, 'servers'), { log: config.log, onReady: (name, seconds) => { tally.say(`${name} is ready after ${seconds.toFixed(1)} s`) } })
  line = await startLine({ dataDir: join(folder, 'line'), backends: servers.settings, settings: { writer: { FIRN_WRITER_COMMIT_INTERVAL_MS: String(commitMs) } } })
  for (const name of ['gateway', 'writer'] as const) await line.start(name)
  await testLine(k6, line, servers, spark)
} catch (error) {
  tally.check('the run came to its end', false, sentenceOf(error))
}
await end(tally.failed === 0 ? 0 : 1)

async function testLine (k6: string, line: Line, servers: LakeServers, spark: Hands['spark']): Promise<void> {
  const trino = connectTrino(servers.trinoUrl)
  await load(k6, line, 'steady', config.steady)
  await load(k6, line, 'burst', config.burst)
  await drain(line, servers)
  await checkRows(tally, trino, 'after steady and burst', expectedOf(runs))
  await checkPruning(tally, trino)
  await checkVerdict(line, servers, 'after steady and burst')
  await checkExamples(tally, { ...servers.settings, FIRN_DATA_DIR: line.dataDir }, servers.trinoUrl)

  const hands: Hands = { tally, trino, servers, spark, folder: join(folder, 'spark'), inserted: 0 }
  await underLoad(k6, line, async () => {
    for (let round = 1; round <= config.rounds; round++) {
      await insertRows(hands)
      await optimize(hands)
      await expireSnapshots(hands)
      await startAgain(line, 'after its last snapshot was expired')
      await rewriteBySpark(hands)
      await storm(hands, config.stormSeconds)
      await insertRows(hands)
    }
  })
  await drain(line, servers)
  await checkRows(tally, trino, 'after foreign hands', expectedOf(runs), hands)
  await sendAgain(line)
  await startAgain(line, 'on what others rewrote')
  await sendAgain(line)
  await drain(line, servers)
  await checkRows(tally, trino, 'after events were sent again', expectedOf(runs), hands)
  await checkPruning(tally, trino)
  await checkVerdict(line, servers, 'at the end')
}

async function load (k6: string, line: Line, scenario: Scenario, { rate, seconds }: Load): Promise<K6Result> {
  const run = `k6_${Date.now().toString(36)}`
  const result = await runK6({
    k6, scenario, run, quiet: true, print: false,
    ledgerFile: join(line.dataDir, 'loadtest', `ledger-${run}.ndjson`),
    // What is judged here is what lands; how fast it is accepted beside a JVM or four on two cores is not.
    env: { URL: line.gatewayUrl, RATE: String(rate), DURATION: String(seconds), SEED: String(seed), P95_MS: '10000', P99_MS: '20000', CALM_P95_MS: '10000', RECOVERY_P95_MS: '10000', FAILED_MAX: '0.5' }
  })
  runs.push({ seed, acked: result.acked })
  for (const { sent, expected, status, body } of result.wrongAnswers) tally.say(`wrong answer to ${sent}: expected ${expected}, got ${status} ${body}`)
  tally.check(`k6 ${scenario}: every event was answered as the contract says`, result.code === 0 && result.acked.size === result.accepted, `${result.accepted} accepted at ${Math.round(result.accepted / result.seconds)}/s, ${result.retried} requests sent again, ${result.unknown} without an answer, ${result.wrong} wrong${result.crossed.length > 0 ? `; crossed ${result.crossed.join(', ')}` : ''}`)
  return result
}

/** Steady loads, one after the other, until the work is done. */
async function underLoad (k6: string, line: Line, work: () => Promise<void>): Promise<void> {
  let busy = true
  const working = work().finally(() => { busy = false })
  working.catch(() => {})
  while (busy) await load(k6, line, 'steady', config.foreign)
  await working
}

async function startAgain (line: Line, when: string): Promise<void> {
  await line.kill('writer', 'SIGKILL')
  const startedAt = performance.now()
  const failure = await line.start('writer').then(() => null, (error: unknown) => (error as Error).message)
  tally.check(`a killed writer starts again ${when}`, failure === null, failure ?? `ready after ${Math.round(performance.now() - startedAt)} ms`)
}

/** The same ids, half of them in another session and so mostly in another partition: none may become a row again. */
async function sendAgain (line: Line): Promise<void> {
  const ids = runs.flatMap(({ acked }) => [...acked])
  const step = Math.max(1, Math.floor(ids.length / repeatedCount))
  const events = ids.filter((_, i) => i % step === 0).map((id, i) => ({ ...eventOf(id, seed), ...i % 2 === 0 ? {} : { session_id: `again-${id}` } }))
  const answer = await fetch(`${line.gatewayUrl}/v1/events`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(events) })
  tally.check('events that were accepted before are accepted again', answer.status === 202, `${events.length} sent, status ${answer.status}`)
}

async function drain (line: Line, servers: LakeServers): Promise<void> {
  const options = verifyOptions(line, servers)
  const log = await openLogFrom(options.FIRN_LOG_URL, options)
  try {
    const ms = await untilDrained({ catalog: openLake(options, { dataDir: options.FIRN_DATA_DIR }).catalog, log, topics, stillSecondsMax })
    tally.say(`the writer had drained the log after ${(ms / 1000).toFixed(1)} s`)
  } finally {
    await log.close()
  }
}

async function checkVerdict (line: Line, servers: LakeServers, when: string): Promise<void> {
  tally.verdict(when, await verify({ ...verifyOptions(line, servers), drained: true }))
}

function verifyOptions (line: Line, servers: LakeServers): ReturnType<typeof readVerifyConfig> {
  return readVerifyConfig([], { FIRN_LOG_URL: line.logUrl, ...servers.settings, FIRN_DATA_DIR: line.dataDir })
}

async function end (code: number): Promise<never> {
  await line?.stop()
  await servers?.stop()
  if (code === 0 && !config.keep) rmSync(folder, { recursive: true, force: true })
  else console.log(`data, ledgers and what the parts printed: ${folder}`)
  console.log(`${Math.round((performance.now() - began) / 1000)} s`)
  console.log(tally.end())
  process.exit(code)
}
