// `npm run test:outage`: the line on Kafka under load, and Kafka taken away and given back: killed, frozen, its link cut,
// with and without a spool at the gateway. Nothing accepted may be missing or twice, and each session keeps its order.
// Prints the recovery times, judges behaviour only, and ends with `N passed, N failed`.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sentenceOf } from '../../runtime/index.ts'
import { startLine, type Line } from '../line.ts'
import { createTally } from '../tally.ts'
import { verify, type VerifyOptions } from '../verify/verify.ts'
import { startBroker, type Broker, type Cut } from './broker.ts'
import { readOutageConfig } from './config.ts'
import { playOutage } from './outage.ts'
import { checkSessionOrder, withRows } from './session-order.ts'
import { startSessions } from './sessions.ts'

const drainMsMax = 180_000
/** Spooled events of the longest outage fit easily. */
const commitMs = 1_000

const config = readOutageConfig()
const tally = createTally()
const began = performance.now()
const folder = mkdtempSync(join(tmpdir(), 'firn-outage-'))
const wanted = new Set(config.cut)

for (const behindLink of [false, true]) {
  const cuts = (behindLink ? ['link cut'] as const : ['killed', 'frozen'] as const).filter(cut => wanted.has(cut.split(' ')[0]!))
  if (cuts.length === 0) continue
  let broker: Broker | undefined
  try {
    broker = await startBroker({ dir: join(folder, behindLink ? 'behind-link' : 'direct'), behindLink })
    for (const spool of [false, true]) if (config.spool.includes(spool ? 'on' : 'off')) await runLine(broker, cuts, spool)
  } catch (error) {
    tally.check('the run came to its end', false, sentenceOf(error))
  } finally {
    await broker?.stop()
  }
}
if (tally.failed === 0 && !config.keep) rmSync(folder, { recursive: true, force: true })
else tally.say(`data, ledgers and what the services printed: ${folder}`)
tally.say(`${Math.round((performance.now() - began) / 1000)} s`)
console.log(tally.end())
process.exit(tally.failed === 0 ? 0 : 1)

/** One line with a topic, tables and ledger of its own through all the cuts. */
async function runLine (broker: Broker, cuts: readonly Cut[], spool: boolean): Promise<void> {
  const name = `${cuts[0]!.replace(' ', '-')}-${spool ? 'spool' : 'bare'}`
  const dataDir = join(folder, name)
  const topic = `outage-${name}`
  const line = await startLine({
    dataDir,
    backends: { FIRN_LOG_URL: broker.logUrl, FIRN_LOG_TOPICS: topic, FIRN_LOG_PARTITIONS: '6', FIRN_KAFKA_GROUP: topic },
    settings: { gateway: spool ? { FIRN_GATEWAY_SPOOL_DIR: join(dataDir, 'spool') } : {}, writer: { FIRN_WRITER_COMMIT_INTERVAL_MS: String(commitMs) } }
  })
  const ledgerFile = join(dataDir, 'loadtest', 'ledger-outage.ndjson')
  const options: VerifyOptions = { ledger: [ledgerFile], drained: false, FIRN_DATA_DIR: dataDir, FIRN_CATALOG_URL: line.catalogUrl, FIRN_WAREHOUSE_URL: line.warehouseUrl, FIRN_LOG_URL: line.logUrl, FIRN_LOG_TOPICS: [topic], FIRN_EVENT_AGE_DAYS_MAX: 7 }
  try {
    for (const service of ['catalog', 'gateway', 'writer'] as const) await line.start(service)
    const load = startSessions({ url: line.gatewayUrl, ledgerFile, sessions: config.sessions, eventsPerSecond: config.rate })
    try {
      for (const how of cuts) await playOutage({ line, load, ledgerFile, broker, how, seconds: config.seconds, spool, tally })
    } finally {
      await load.stop()
    }
    const when = `${cuts.join(' and ')}, ${spool ? 'with' : 'without'} spool`
    const drainedMs = await untilDrained(line, options)
    tally.say(`${when}: the load ended, drained after ${drainedMs} ms`)
    tally.verdict(when, await verify({ ...options, drained: true }))
    tally.check(`${when}: every event sent was answered in the end`, load.counts.unknown === 0 && load.counts.refused === 0, `${load.counts.acked} accepted, ${load.counts.refused} refused, ${load.counts.unknown} without an answer`)
    const order = await withRows(line, checkSessionOrder)
    tally.check(`${when}: each session keeps the order of its first 202s`, order.broken.length === 0 && order.events === load.counts.acked, order.broken.length === 0 ? `${order.events} events of ${order.sessions} sessions` : order.broken.join('; '))
  } finally {
    await line.stop()
  }
}

/** Until no accepted event is missing and nothing waits in the log: what a spool held comes after what the log held. */
async function untilDrained (line: Line, options: VerifyOptions): Promise<number> {
  const startedAt = performance.now()
  for (;;) {
    const verdict = await verify({ ...options, drained: true }).catch(() => null)
    const elapsed = performance.now() - startedAt
    if (verdict?.findings.every(finding => finding.kept) === true || elapsed > drainMsMax || line.process('writer') === undefined) return Math.round(elapsed)
    await sleep(500)
  }
}
