// For tests: a gateway over a real embedded log in a folder of its own, gone when the test ends.

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { FastifyInstance } from 'fastify'
import { openLog, ownTopic, type Log, type RecordBatch } from '../log/index.ts'
import { createLogger, readConfig } from '../runtime/index.ts'
import { gatewaySettings, type GatewayConfig } from './config.ts'
import type { EventLog } from './event-log.ts'
import { createGateway } from './gateway.ts'

export interface StartedGateway {
  readonly app: FastifyInstance
  readonly log: Log
  readonly config: GatewayConfig
  readonly folder: string
  /** All records of a topic (the first one) so far, in the order of partitions and offsets. */
  records(topic?: string): Promise<StoredRecord[]>
}

export interface StoredRecord {
  readonly key: string | null
  readonly value: string
  readonly headers: Readonly<Record<string, string>>
  readonly timestampMs: number
}

export interface StartOptions {
  readonly settings?: Record<string, string>
  /** Stands between the gateway and the log. */
  readonly wrap?: (log: Log) => EventLog
  readonly now?: () => number
  readonly elapsedMs?: () => number
  readonly waitedMs?: () => number
}

/** A busy machine makes every process late: only tests of that are to see it. */
const patient = { FIRN_GATEWAY_QUEUE_MS_MAX: '60000' }

export const nowMs = Date.parse('2026-03-01T12:00:00Z')

/** An event of the contract that is valid at `nowMs`. */
export function someEvent (more: Record<string, unknown> = {}): Record<string, unknown> {
  return { event_id: 'e-1', event_type: 'page_view', timestamp: '2026-03-01T11:59:00Z', session_id: 's-1', ...more }
}

export async function startGateway (t: { after: (fn: () => Promise<void>) => unknown }, options: StartOptions = {}): Promise<StartedGateway> {
  const folder = await mkdtemp(join(tmpdir(), 'firn-gateway-'))
  const config = readConfig('gateway', gatewaySettings, { env: { FIRN_DATA_DIR: folder, ...patient, ...options.settings }, argv: [] })
  const log = await openLog(pathToFileURL(join(folder, 'log')).href, { partitions: 2 })
  for (const topic of config.FIRN_LOG_TOPICS ?? [ownTopic]) await log.ensureTopic(topic)
  const app = await createGateway({ log: options.wrap?.(log) ?? log, config, logger: createLogger('gateway', 'silent'), now: options.now ?? (() => nowMs), ...options.elapsedMs === undefined ? {} : { elapsedMs: options.elapsedMs }, ...options.waitedMs === undefined ? {} : { waitedMs: options.waitedMs } })
  t.after(async () => {
    await app.close()
    await log.close()
    await rm(folder, { recursive: true, force: true })
  })
  return { app, log, config, folder, records: async (topic = config.FIRN_LOG_TOPICS?.[0] ?? ownTopic) => await readRecords(log, topic) }
}

export async function readRecords (log: Log, topic: string): Promise<StoredRecord[]> {
  const { end } = await log.ranges(topic)
  let missing = Number([...end.values()].reduce((sum, offset) => sum + offset, 0n))
  const reader = await log.open({ topics: [topic], startAt: () => 'earliest' })
  const records: StoredRecord[] = []
  while (missing > 0) {
    const event = await reader.poll(1000, 1024 * 1024)
    if (event?.kind !== 'batch') continue
    for (let i = 0; i < event.batch.count; i++) records.push(recordAt(event.batch, i))
    missing -= event.batch.count
  }
  await reader.close()
  return records
}

function recordAt (batch: RecordBatch, i: number): StoredRecord {
  return {
    key: batch.key(i),
    value: batch.bytes.toString('utf8', batch.valueStart[i], batch.valueEnd[i]),
    headers: batch.headers[batch.headersIndex[i] as number] as Readonly<Record<string, string>>,
    timestampMs: batch.timestampMs[i] as number
  }
}
