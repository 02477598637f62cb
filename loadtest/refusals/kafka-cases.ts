// What Kafka refuses, and a log folder that cannot be written: for the gateway and for the writer.

import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fillTopic, type Ground, type Settings } from './ground.ts'
import type { Prepared, Refusal } from './refusal.ts'
import { startCatalog } from './catalog-beside.ts'

const records = 50
const partitions = '3'

/** The address of the listener that asks who one is, two ports above the open one. */
async function guardedLog (ground: Ground, user: string, password: string): Promise<Settings> {
  const { port } = await ground.server('kafka')
  return { FIRN_LOG_URL: `kafka://127.0.0.1:${port + 2}`, FIRN_LOG_PARTITIONS: partitions, FIRN_KAFKA_SASL_MECHANISM: 'SCRAM-SHA-256', FIRN_KAFKA_USERNAME: user, FIRN_KAFKA_PASSWORD: password }
}

async function openLog (ground: Ground): Promise<Settings> {
  return { FIRN_LOG_URL: `kafka://${(await ground.server('kafka')).url}`, FIRN_LOG_PARTITIONS: partitions }
}

/** A writer with a catalog of its own beside it; the topic holds records when `fill` says as whom. */
async function writerOn (dataDir: string, topic: string, wrong: Settings, right: Settings, fill: Settings | null): Promise<Prepared> {
  const { settings: lake, close } = await startCatalog(dataDir)
  if (fill !== null) await fillTopic(fill, topic, records, topic)
  const own = { ...lake, FIRN_LOG_TOPICS: topic, FIRN_KAFKA_GROUP: topic, FIRN_WRITER_COMMIT_INTERVAL_MS: '300' }
  return { settings: { ...own, ...wrong }, rightSettings: { ...own, ...right }, rows: { count: records, settings: lake }, close }
}

export const kafkaCases: readonly Refusal[] = [
  {
    name: 'gateway, wrong Kafka password',
    program: 'gateway',
    codes: ['LOG_UNAUTHORIZED'],
    then: 'waits',
    prepare: async ground => {
      const topic = { FIRN_LOG_TOPICS: 'refused-password-gateway' }
      return { settings: { ...await guardedLog(ground, 'admin', 'not-the-password'), ...topic }, rightSettings: { ...await guardedLog(ground, 'admin', 'admin-secret'), ...topic } }
    }
  },
  {
    name: 'writer, wrong Kafka password',
    program: 'writer',
    codes: ['LOG_UNAUTHORIZED'],
    then: 'waits',
    prepare: async (ground, dataDir) => await writerOn(dataDir, 'refused-password-writer', await guardedLog(ground, 'admin', 'not-the-password'), await guardedLog(ground, 'admin', 'admin-secret'), await openLog(ground))
  },
  {
    name: 'gateway, missing topic that it may not create',
    program: 'gateway',
    codes: ['LOG_TOPIC_UNKNOWN', 'LOG_TOPIC_NOT_CREATED'],
    then: 'waits',
    prepare: async ground => {
      const settings = { ...await openLog(ground), FIRN_LOG_TOPICS: 'refused-topic-gateway', FIRN_KAFKA_TOPIC_CREATE: 'false' }
      return { settings, mend: async () => { await fillTopic(await openLog(ground), 'refused-topic-gateway', 1, 'mend') } }
    }
  },
  {
    name: 'writer, missing topic that it may not create',
    program: 'writer',
    codes: ['LOG_TOPIC_UNKNOWN', 'LOG_TOPIC_NOT_CREATED'],
    then: 'waits',
    prepare: async (ground, dataDir) => {
      const log = { ...await openLog(ground), FIRN_KAFKA_TOPIC_CREATE: 'false' }
      const prepared = await writerOn(dataDir, 'refused-topic-writer', log, log, null)
      return { ...prepared, mend: async () => { await fillTopic(await openLog(ground), 'refused-topic-writer', records, 'mended') } }
    }
  },
  {
    name: 'gateway, no right to the topic',
    program: 'gateway',
    codes: ['LOG_FORBIDDEN'],
    then: 'waits',
    prepare: async ground => {
      const topic = { FIRN_LOG_TOPICS: 'refused-right-gateway' }
      return { settings: { ...await guardedLog(ground, 'gateway', 'gateway-secret'), ...topic }, rightSettings: { ...await guardedLog(ground, 'admin', 'admin-secret'), ...topic } }
    }
  },
  {
    name: 'writer, no right to the topic',
    program: 'writer',
    codes: ['LOG_FORBIDDEN'],
    then: 'waits',
    prepare: async (ground, dataDir) => await writerOn(dataDir, 'refused-right-writer', await guardedLog(ground, 'writer', 'writer-secret'), await guardedLog(ground, 'admin', 'admin-secret'), await openLog(ground))
  },
  {
    name: 'gateway, log folder that is read-only',
    program: 'gateway',
    codes: ['LOG_UNWRITABLE'],
    then: 'ends',
    prepare: async (_, dataDir) => {
      const { wrong, right } = readOnlyLog(dataDir)
      return { settings: wrong, rightSettings: right }
    }
  },
  {
    name: 'writer, log folder that is read-only',
    program: 'writer',
    codes: ['LOG_UNWRITABLE'],
    then: 'ends',
    prepare: async (_, dataDir) => {
      const { wrong, right } = readOnlyLog(dataDir)
      return await writerOn(dataDir, 'ecommerce_events', wrong, right, right)
    }
  }
]

/** Root may write into a folder of mode 0555, but not even root into /sys. */
function readOnlyLog (dataDir: string): { wrong: Settings, right: Settings } {
  const right = { FIRN_LOG_URL: `file://${join(dataDir, 'log')}` }
  if (process.getuid?.() === 0) return { wrong: { FIRN_LOG_URL: 'file:///sys/kernel/firn-log' }, right }
  const folder = join(dataDir, 'read-only')
  mkdirSync(folder, { recursive: true })
  chmodSync(folder, 0o555)
  return { wrong: { FIRN_LOG_URL: `file://${join(folder, 'log')}` }, right }
}
