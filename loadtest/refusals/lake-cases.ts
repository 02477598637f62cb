// What the catalog and the storage refuse to the writer; its log is the embedded one, where its records wait.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../runtime/index.ts'
import { runCatalog, startCatalog, warehouseOf } from './catalog-beside.ts'
import { fillTopic, guardedLake, oauthSettings, topicOfAll, type Ground, type Settings } from './ground.ts'
import type { Prepared, Refusal } from './refusal.ts'
import type { Watched } from './watched.ts'

const records = 50

async function ownLog (dataDir: string, prefix: string): Promise<Settings> {
  mkdirSync(dataDir, { recursive: true })
  const settings = { FIRN_LOG_URL: `file://${join(dataDir, 'log')}` }
  await fillTopic(settings, topicOfAll, records, prefix)
  return { ...settings, FIRN_WRITER_COMMIT_INTERVAL_MS: '300' }
}

export const lakeCases: readonly Refusal[] = [
  {
    name: 'writer, missing bucket',
    program: 'writer',
    codes: ['STORAGE_BUCKET_MISSING'],
    then: 'waits',
    prepare: async (ground, dataDir) => {
      const storage = { ...await ground.s3Settings('owner', 'warehouse'), FIRN_WAREHOUSE_URL: 's3://nobody-made-me/warehouse' }
      const { settings: lake, close } = await startCatalog(dataDir, storage)
      return { settings: { ...lake, ...await ownLog(dataDir, 'bucket') }, mend: async () => { await ground.makeBucket('nobody-made-me') }, rows: { count: records, settings: lake }, close }
    }
  },
  {
    name: 'writer, read-only S3 credentials',
    program: 'writer',
    codes: ['STORAGE_DENIED'],
    then: 'waits',
    prepare: async (ground, dataDir) => {
      const { settings: lake, close } = await startCatalog(dataDir, await ground.s3Settings('owner', 'read-only'))
      const settings = { ...lake, ...await ground.s3Settings('reader', 'read-only'), ...await ownLog(dataDir, 'reader') }
      await ground.allowReader('read')
      return { settings, mend: async () => { await ground.allowReader('write') }, rows: { count: records, settings: lake }, close }
    }
  },
  {
    name: 'writer, catalog down',
    program: 'writer',
    codes: ['CATALOG_UNREACHABLE'],
    then: 'waits',
    prepare: async (_, dataDir) => {
      const port = await freePort()
      const lake = { ...warehouseOf(dataDir), FIRN_CATALOG_URL: `http://127.0.0.1:${port}` }
      let catalog: Watched | undefined
      return { settings: { ...lake, ...await ownLog(dataDir, 'down') }, mend: async () => { catalog = await runCatalog(dataDir, port) }, rows: { count: records, settings: lake }, close: async () => { await catalog?.close() } }
    }
  },
  {
    name: 'writer, wrong catalog token',
    program: 'writer',
    codes: ['CATALOG_UNAUTHORIZED'],
    then: 'waits',
    prepare: async ground => await withToken(ground, 'token', { FIRN_CATALOG_TOKEN: 'not-a-token' })
  },
  {
    name: 'writer, wrong OAuth2 secret',
    program: 'writer',
    codes: ['CATALOG_TOKEN_REFUSED'],
    then: 'waits',
    prepare: async ground => await withToken(ground, 'secret', { ...oauthSettings, FIRN_CATALOG_OAUTH_CLIENT_SECRET: 'not-the-secret' })
  }
]

async function withToken (ground: Ground, prefix: string, wrong: Settings): Promise<Prepared> {
  const lake = await guardedLake(ground)
  const count = await lake.fill(records, prefix)
  const right = { ...lake.settings, ...oauthSettings }
  return { settings: { ...lake.settings, ...wrong }, rightSettings: right, rows: { count, settings: right } }
}
