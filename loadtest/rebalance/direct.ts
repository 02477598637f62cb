// A direct producer beside the gateway: numbered events of its own into further topics, each partition of them again and
// again, so that a group that changes has many topics to hand over at once. Knows what was durable, for the count at the end.

import { setTimeout as sleep } from 'node:timers/promises'
import { openLog, type LogRecord } from '../../log/index.ts'

const roundMs = 250
const keys = 24

export interface DirectLoad {
  /** Resolves with the events that are durable: what a failed append held may be there as well, and counts as possible. */
  stop (): Promise<{ durable: number, possible: number }>
}

export async function startDirect (logUrl: string, topics: readonly string[], partitions: number): Promise<DirectLoad> {
  const log = await openLog(logUrl, { partitions })
  for (const topic of topics) await log.ensureTopic(topic)
  let isStopping = false
  let [durable, possible] = [0, 0]
  const run = (async () => {
    for (let round = 0; !isStopping; round++) {
      const records = topics.flatMap(topic => Array.from({ length: keys }, (_, i) => recordOf(topic, round, i)))
      possible += records.length
      await log.append(records).then(() => { durable += records.length }, () => undefined)
      await sleep(roundMs)
    }
  })()
  return {
    stop: async () => {
      isStopping = true
      await run
      await log.close()
      return { durable, possible }
    }
  }
}

function recordOf (topic: string, round: number, i: number): LogRecord {
  const nowMs = Date.now()
  const event = { event_id: `direct-${topic}-${round}-${i}`, event_type: 'page_view', timestamp: new Date(nowMs).toISOString() }
  return { topic, key: `key-${i}`, value: Buffer.from(JSON.stringify(event)), headers: {}, timestampMs: nowMs }
}
