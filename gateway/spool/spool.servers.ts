// The spool in front of a real Kafka. The broker is shared, so it is never stopped here: that its answers stay away is played
// on our side of it, while what was sent lands for real; brokers that nobody can reach are a port that nobody listens on.
// (Brokers that are killed, frozen and cut off for real: npm run test:outage.)

import t from 'tap'
import { openLog } from '../../log/index.ts'
import { createLogger } from '../../runtime/index.ts'
import { openPatiently } from '../late-log.ts'
import { playOutages } from './random-outages.ts'
import { recordOf, startSpool, topic } from './started-spool.ts'

const brokers = process.env.TEST_KAFKA
if (brokers === undefined) throw new Error('TEST_KAFKA is not set: run `npm run test:servers`, which starts a broker')
const url = `kafka://${brokers}`
const nobody = 'kafka://127.0.0.1:1'
const openKafka = async () => await openLog(url, { partitions: 3 })

for (const seed of [Date.now() % 1_000_000, 7]) {
  t.test(`outages, kills and restarts in front of Kafka lose nothing and keep each session's order (seed ${seed})`, async t => {
    await playOutages(t, seed, { roundMs: 3000, openTarget: openKafka, afterMs: 100, answerMsMax: 250 })
  })
}

t.test('brokers that are away at the start: events are taken at once, and are in Kafka when it is there', async t => {
  let there = false
  const log = await openLog(url, { partitions: 3 })
  await log.ensureTopic(topic)
  const late = await openPatiently(async () => {
    const opened = await openLog(there ? url : nobody, { partitions: 3 })
    try {
      await opened.ensureTopic(topic)
      return opened
    } catch (error) {
      await opened.close()
      throw error
    }
  }, createLogger('gateway', 'silent'))
  await t.rejects(late.checkReady(), { code: /LOG_UNREACHABLE|GATEWAY_LOG_OPENING/ })
  t.after(async () => { await late.close() })
  const started = await startSpool(t, { openTarget: async () => log, target: late, afterMs: 500 })
  const before = (await started.landed()).length
  const startedMs = performance.now()
  t.equal(await started.spooling.append([recordOf('a', 'at the start')]), null)
  t.ok(performance.now() - startedMs < 3000, 'it did not wait for the brokers')
  t.match(await started.spooling.checkReady(), /spooling: 1 events/)
  there = true
  await started.untilStraight(20_000)
  const landed = await started.landed()
  t.equal(landed.length, before + 1)
  t.ok(landed.some(({ value }) => value === 'at the start'))
})
