// Days of a shop within seconds: the generator's shoppers under a clock of their own, through the log and the writer into a
// table, with the addresses that a gateway would have seen. The truth about fraud goes into a file beside it.

import { appendFileSync } from 'node:fs'
import { openLog, type LogRecord } from '../../log/index.ts'
import { openShop } from '../generate/shop.ts'
import type { Line } from '../line.ts'

const topic = 'ecommerce_events'
const recordsPerAppend = 2_000

export interface HistoryOptions {
  readonly events: number
  readonly seed: number
  readonly startMs: number
  /** Of the shop's clock. */
  readonly eventsPerSecond: number
  readonly shoppers: number
  /** Share of visits. */
  readonly fraud: number
  readonly truthFile: string
}

/** Appends to the line's log; the writer is somebody else's. Each part of the history goes by another `startMs`. */
export async function playHistory (line: Pick<Line, 'logUrl'>, options: HistoryOptions): Promise<void> {
  const log = await openLog(line.logUrl, { partitions: 3, bytesMax: 16 * 2 ** 30, retentionMs: 365 * 86_400_000, appendMsMax: 60_000 })
  await log.ensureTopic(topic)
  let number = 0
  const now = (): number => options.startMs + number * 1000 / options.eventsPerSecond
  const shop = openShop({ seed: options.seed, run: options.startMs.toString(36), shoppers: options.shoppers, fraud: options.fraud, late: 0.02, duplicates: 0.02, malformed: 0.01, now })
  let records: LogRecord[] = []
  for (const event of shop) {
    if (number >= options.events) break
    const atMs = Math.round(now())
    number++
    if (event.fraud !== undefined) appendFileSync(options.truthFile, JSON.stringify({ event_id: event.eventId, ...event.fraud }) + '\n')
    if (event.kind === 'malformed') continue
    const headers = { received_at: String(atMs * 1000), ip: event.ip, user_agent: event.userAgent, source: 'gateway' }
    records.push({ topic, key: /"session_id":"([^"]+)"/.exec(event.json)?.[1] ?? event.eventId ?? 'none', value: Buffer.from(event.json), headers, timestampMs: atMs })
    if (records.length < recordsPerAppend) continue
    await log.append(records)
    records = []
  }
  if (records.length > 0) await log.append(records)
  await log.close()
}
