// The real parts that refuse: a broker with passwords and rights, an S3 server with a reader, a REST catalog that wants
// tokens. Each is started when the first case asks for it. Records are put into the log past the gateway, each once.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Type } from 'typebox'
import { PutBucketPolicyCommand, S3Client } from '@aws-sdk/client-s3'
import { isCatalogError, lakeSettings, openLake } from '../../catalog/index.ts'
import { prepareServers, startServer, type RunningServer, type ServerName, type ServerSettings } from '../../deploy/servers/index.ts'
import { openLogFrom, logSettings } from '../../log/index.ts'
import { readConfig } from '../../runtime/index.ts'

export type Settings = Readonly<Record<string, string>>

export const oauthClient = { id: 'firn', secret: 'catalog-secret' }
/** Short enough to run out several times within a case. */
export const tokenSeconds = 4
export const topicOfAll = 'ecommerce_events'
const bucket = 'lake'
const region = 'us-east-1'

export interface Ground {
  readonly dir: string
  server(name: ServerName, settings?: ServerSettings): Promise<RunningServer>
  /** FIRN_ settings of the S3 server for its owner, or for the user who may only read. */
  s3Settings(who: 'owner' | 'reader', prefix: string): Promise<Settings>
  /** What the reader may do in the bucket from now on. */
  allowReader(what: 'read' | 'write'): Promise<void>
  /** Makes a bucket. */
  makeBucket(name: string): Promise<void>
  stop(): Promise<void>
}

export function openGround (dir: string): Ground {
  const running = new Map<ServerName, Promise<RunningServer>>()
  const server = (name: ServerName, settings: ServerSettings = {}): Promise<RunningServer> => {
    let one = running.get(name)
    if (one === undefined) {
      one = prepareServers([name]).then(() => startServer(name, { dir: join(dir, name), settings }))
      running.set(name, one)
    }
    return one
  }
  return {
    dir,
    server,
    s3Settings: async (who, prefix) => {
      const { url, env } = await server('s3')
      const [key, secret] = who === 'owner' ? [env.TEST_S3_KEY, env.TEST_S3_SECRET] : [env.TEST_S3_READER_KEY, env.TEST_S3_READER_SECRET]
      return { FIRN_WAREHOUSE_URL: `s3://${bucket}/${prefix}`, FIRN_S3_ENDPOINT: url, FIRN_S3_REGION: region, FIRN_S3_PATH_STYLE: 'true', FIRN_S3_ACCESS_KEY_ID: key!, FIRN_S3_SECRET_ACCESS_KEY: secret! }
    },
    allowReader: async what => {
      const { url, env } = await server('s3')
      const client = new S3Client({ endpoint: url, region, forcePathStyle: true, credentials: { accessKeyId: env.TEST_S3_KEY!, secretAccessKey: env.TEST_S3_SECRET! } })
      const statement = { Effect: 'Allow', Principal: { AWS: [env.TEST_S3_READER_KEY!] } }
      const actions = what === 'write' ? ['s3:GetObject', 's3:PutObject', 's3:DeleteObject', 's3:AbortMultipartUpload'] : ['s3:GetObject']
      const policy = { Version: '2012-10-17', Statement: [{ ...statement, Action: actions, Resource: [`arn:aws:s3:::${bucket}/*`] }, { ...statement, Action: ['s3:ListBucket'], Resource: [`arn:aws:s3:::${bucket}`] }] }
      await client.send(new PutBucketPolicyCommand({ Bucket: bucket, Policy: JSON.stringify(policy) }))
      client.destroy()
    },
    makeBucket: async name => {
      await server('s3')
      // The server keeps a bucket as a folder.
      mkdirSync(join(dir, 's3', 's3-data', name), { recursive: true })
    },
    stop: async () => {
      for (const one of [...running.values()].reverse()) await one.then(async it => { await it.stop() }, () => {})
    }
  }
}

/** The REST catalog that wants tokens, and the one log that its table is filled from: a table knows the log it came from. */
export interface GuardedLake {
  /** Without any token. */
  readonly settings: Settings
  readonly restUrl: string
  /** Puts records into the log; how many rows there are to be when all of them have landed. */
  fill(count: number, prefix: string): Promise<number>
}

export const oauthSettings: Settings = { FIRN_CATALOG_OAUTH_CLIENT_ID: oauthClient.id, FIRN_CATALOG_OAUTH_CLIENT_SECRET: oauthClient.secret }
const filled = new WeakMap<Ground, number>()

export async function guardedLake (ground: Ground): Promise<GuardedLake> {
  const s3 = await ground.server('s3')
  const rest = await ground.server('iceberg-rest', { s3Url: s3.url, oauthCredential: `${oauthClient.id}:${oauthClient.secret}`, oauthTokenSeconds: tokenSeconds })
  const log = { FIRN_LOG_URL: `file://${join(ground.dir, 'guarded-log')}` }
  return {
    settings: { ...await ground.s3Settings('owner', 'warehouse'), ...log, FIRN_CATALOG_URL: rest.url, FIRN_WRITER_COMMIT_INTERVAL_MS: '300' },
    restUrl: rest.url,
    fill: async (count, prefix) => {
      await fillTopic(log, topicOfAll, count, prefix)
      const all = (filled.get(ground) ?? 0) + count
      filled.set(ground, all)
      return all
    }
  }
}

/** Puts `count` events with ids of their own into a topic, as somebody with these settings. */
export async function fillTopic (settings: Settings, topic: string, count: number, prefix: string): Promise<void> {
  const config = readConfig('fill', Type.Object(logSettings), { env: { ...settings }, argv: [] })
  const log = await openLogFrom(config.FIRN_LOG_URL!, config)
  try {
    await log.ensureTopic(topic)
    const timestampMs = Date.now()
    const headers = { received_at: String(timestampMs * 1000), ip: '192.0.2.7', user_agent: 'refusals', source: 'gateway' }
    await log.append(Array.from({ length: count }, (_, n) => ({
      topic,
      key: `${prefix}-s${n % 7}`,
      value: Buffer.from(JSON.stringify({ event_id: `${prefix}-${n}`, event_type: 'page_view', timestamp: new Date(timestampMs).toISOString(), session_id: `${prefix}-s${n % 7}` })),
      headers,
      timestampMs
    })))
  } finally {
    await log.close()
  }
}

/** The rows of `events` as its catalog counts them; 0 when there is no table. */
export async function countRows (settings: Settings, dataDir: string): Promise<number> {
  const env = Object.fromEntries(Object.entries(settings).filter(([name]) => name in lakeSettings))
  const { catalog } = openLake(readConfig('count', Type.Object(lakeSettings), { env, argv: [] }), { dataDir })
  try {
    const { metadata } = await catalog.loadTable({ namespace: ['firn'], name: 'events' })
    const current = metadata.snapshots.find(snapshot => snapshot['snapshot-id'] === metadata['current-snapshot-id'])
    return Number(current?.summary['total-records'] ?? 0)
  } catch (error) {
    if (isCatalogError(error, 'CATALOG_NO_SUCH_TABLE') || isCatalogError(error, 'CATALOG_NO_SUCH_NAMESPACE')) return 0
    throw error
  }
}
