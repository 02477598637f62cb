// `npm run test:rebalance`: three writers of one group on five topics, under load: the gateway's of six partitions, and four
// of a direct producer with three each; then, in rounds, one is killed, one comes, one goes. The verifier judges the rows, the snapshots' summaries judge who owned what, and events that
// were sent twice under different sessions (other partitions, other writers) have to be one row. Ends with `N passed, N failed`.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sentenceOf } from '../../runtime/index.ts'
import { startLine, type Line } from '../line.ts'
import { startBroker, type Broker } from '../outage/broker.ts'
import { checkSessionOrder, withRows } from '../outage/session-order.ts'
import { startSessions } from '../outage/sessions.ts'
import { createTally } from '../tally.ts'
import { verify, type VerifyOptions } from '../verify/verify.ts'
import { readRebalanceConfig } from './config.ts'
import { startDirect } from './direct.ts'
import { WriterGroup } from './group.ts'
import { judgeOwnership, rangesTaken } from './owners.ts'
import { countCrossed } from './crossed.ts'

const partitions = 6
const topic = 'rebalance'
const directTopics = ['carts', 'clicks', 'payments', 'visits'].map(name => `rebalance_${name}`)
const directPartitions = 3
const topics = [topic, ...directTopics]
const commitMs = 500
const strayEvery = 5
const drainMsMax = 180_000

const config = readRebalanceConfig()
const tally = createTally()
const began = performance.now()
const dataDir = mkdtempSync(join(tmpdir(), 'firn-rebalance-'))
let broker: Broker | undefined
let line: Line | undefined
try {
  broker = await startBroker({ dir: join(dataDir, 'broker'), behindLink: false })
  line = await startLine({
    dataDir,
    backends: { FIRN_LOG_URL: broker.logUrl, FIRN_LOG_TOPICS: topics.join(), FIRN_LOG_PARTITIONS: String(partitions), FIRN_KAFKA_GROUP: topic },
    settings: { writer: { FIRN_WRITER_COMMIT_INTERVAL_MS: String(commitMs), FIRN_WRITER_THREADS: '1' } }
  })
  await run(line)
} catch (error) {
  tally.check('the run came to its end', false, sentenceOf(error))
} finally {
  await line?.stop()
  await broker?.stop()
}
if (tally.failed === 0 && !config.keep) rmSync(dataDir, { recursive: true, force: true })
else tally.say(`data, ledger and what the services printed: ${dataDir}`)
tally.say(`${Math.round((performance.now() - began) / 1000)} s`)
console.log(tally.end())
process.exit(tally.failed === 0 ? 0 : 1)

async function run (line: Line): Promise<void> {
  const ledgerFile = join(dataDir, 'loadtest', 'ledger-rebalance.ndjson')
  const options: VerifyOptions = { ledger: [ledgerFile], drained: false, FIRN_DATA_DIR: dataDir, FIRN_CATALOG_URL: line.catalogUrl, FIRN_WAREHOUSE_URL: line.warehouseUrl, FIRN_LOG_URL: line.logUrl, FIRN_LOG_TOPICS: topics, FIRN_EVENT_AGE_DAYS_MAX: 7 }
  const group = new WriterGroup(line, partitions + directTopics.length * directPartitions)
  const settled = (what: string, ms: number): void => { tally.check(`${what}: every partition has found an owner among ${group.alive.join(', ')}`, true, `after ${ms} ms`) }
  await line.start('catalog')
  const direct = await startDirect(line.logUrl, directTopics, directPartitions)
  let sent: Awaited<ReturnType<typeof direct.stop>> | null = null
  await line.start('gateway')
  const load = startSessions({ url: line.gatewayUrl, ledgerFile, sessions: config.sessions, eventsPerSecond: config.rate, strayEvery })
  try {
    await load.nextAck()
    settled('three writers come', await group.change('when three writers came', 3, async () => { for (let n = 0; n < 3; n++) await group.add() }))
    for (let round = 1; round <= config.rounds; round++) {
      const [victim, leaver] = [group.alive[1]!, group.alive[0]!]
      settled(`round ${round}, ${victim} is killed`, await group.change(`after ${victim} was killed`, 1, async () => { await group.end(victim, 'SIGKILL') }))
      settled(`round ${round}, a writer comes`, await group.change('after a writer came', 1, async () => { await group.add() }))
      let code: number | null = null
      settled(`round ${round}, ${leaver} goes`, await group.change(`after ${leaver} went`, 1, async () => { code = await group.end(leaver, 'SIGTERM') }))
      tally.check(`round ${round}: ${leaver} ended in order`, code === 0, `exit code ${String(code)}`)
      tally.verdict(`after round ${round}, under load`, await verify(options))
      if (round < config.rounds) settled(`round ${round}, another comes`, await group.change('after another writer came', 1, async () => { await group.add() }))
    }
  } finally {
    await load.stop()
    sent = await direct.stop()
  }
  tally.say(`the load ended, drained after ${await untilDrained(options)} ms`)
  tally.verdict('at the end', await verify({ ...options, drained: true }))
  await group.finish()
  const landed = await countDirect(line)
  tally.check('each event of the direct producer is one row', landed.rows === landed.ids && landed.rows >= sent.durable && landed.rows <= sent.possible,
    `${landed.rows} rows, ${landed.ids} ids of ${sent.durable} in ${directTopics.length} topics`)
  const taken = rangesTaken((await group.metadata())!)
  const { broken, restless, handovers, owners } = judgeOwnership(taken, group.epochs)
  tally.check('the ranges of each partition tile: no offset was committed twice or left out', broken.length === 0, broken.length === 0 ? `${taken.length} ranges of ${owners.size} writers` : broken.slice(0, 5).join('; '))
  tally.check('each partition had one owner at a time: it changed hands only when the group changed', restless.length === 0, restless.length === 0 ? `${handovers} handovers` : restless.slice(0, 5).join('; '))
  const crossed = await countCrossed(line, taken)
  tally.check('the same event_id under two sessions is one row, also where two writers had it', crossed.betweenWriters > 0 && crossed.rowsTwice === 0,
    `${crossed.duplicates} copies dropped, ${crossed.betweenPartitions} from another partition than their row, ${crossed.betweenWriters} of them from another writer; ${crossed.rowsTwice} ids are two rows`)
  const order = await withRows(line, checkSessionOrder)
  tally.check('each session keeps its order', order.broken.length === 0 && order.events > 0, order.broken.length === 0 ? `${order.events} events of ${order.sessions} sessions` : order.broken.join('; '))
  tally.check('every event sent was answered in the end', load.counts.unknown === 0 && load.counts.refused === 0, `${load.counts.acked} accepted, strays included`)
}

async function countDirect (line: Line): Promise<{ rows: number, ids: number }> {
  return await withRows(line, async connection => {
    const counted = await connection.runAndReadAll("select count(*), count(distinct event_id) from rows where event_id like 'direct-%'")
    const [rows, ids] = counted.getRows()[0] ?? []
    return { rows: Number(rows), ids: Number(ids) }
  })
}

async function untilDrained (options: VerifyOptions): Promise<number> {
  const startedAt = performance.now()
  for (;;) {
    const { lag } = await verify({ ...options, ledger: [] })
    const elapsed = performance.now() - startedAt
    if (lag === 0n || elapsed > drainMsMax) return Math.round(elapsed)
    await sleep(300)
  }
}
