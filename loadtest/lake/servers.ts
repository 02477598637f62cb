// The parts that users run, for one test: Kafka, an S3 server, a REST catalog and Trino on free ports, and the settings
// that point our services at them. They end with this process.

import { join } from 'node:path'
import { prepareServers, startServer, type RunningServer } from '../../deploy/servers/index.ts'

export interface LakeServers {
  /** FIRN_… for the services and the verifier. */
  readonly settings: Readonly<Record<string, string>>
  readonly trinoUrl: string
  readonly restUrl: string
  readonly s3: { readonly url: string, readonly key: string, readonly secret: string }
  stop(): Promise<void>
}

const warehouse = 's3://lake/warehouse'
const partitions = 6

export async function startLakeServers (dir: string, { log, onReady }: { log: 'kafka' | 'file', onReady: (name: string, seconds: number) => void }): Promise<LakeServers> {
  await prepareServers([...log === 'kafka' ? ['kafka' as const] : [], 's3', 'iceberg-rest', 'trino'])
  const running: RunningServer[] = []
  const start = async (name: Parameters<typeof startServer>[0], settings: NonNullable<Parameters<typeof startServer>[1]['settings']> = {}): Promise<RunningServer> => {
    const began = performance.now()
    const server = await startServer(name, { dir: join(dir, name), settings })
    running.push(server)
    onReady(name, (performance.now() - began) / 1000)
    return server
  }
  const stop = async (): Promise<void> => { await Promise.allSettled(running.toReversed().map(async server => { await server.stop() })) }
  try {
    const s3 = await start('s3')
    const { TEST_S3_KEY: key = '', TEST_S3_SECRET: secret = '' } = s3.env
    const [kafka, rest] = await Promise.all([log === 'kafka' ? start('kafka') : null, start('iceberg-rest', { s3Url: s3.url, s3Key: key, s3Secret: secret, warehouse })])
    const trino = await start('trino', { s3Url: s3.url, s3Key: key, s3Secret: secret, restUrl: rest.url })
    return {
      settings: {
        ...kafka === null ? {} : { FIRN_LOG_URL: `kafka://127.0.0.1:${kafka.port}` },
        FIRN_LOG_PARTITIONS: String(partitions),
        FIRN_CATALOG_URL: rest.url,
        FIRN_WAREHOUSE_URL: warehouse,
        FIRN_S3_ENDPOINT: s3.url,
        FIRN_S3_REGION: 'us-east-1',
        FIRN_S3_PATH_STYLE: 'true',
        FIRN_S3_ACCESS_KEY_ID: key,
        FIRN_S3_SECRET_ACCESS_KEY: secret
      },
      trinoUrl: trino.url,
      restUrl: rest.url,
      s3: { url: s3.url, key, secret },
      stop
    }
  } catch (error) {
    await stop()
    throw error
  }
}
