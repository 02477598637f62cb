// For tests: the engine that the cases of this process ask, and a lake for it. It is DuckDB over a folder (`npm test`), or, where
// TEST_TRINO names a server (engines.servers.ts), Trino over TEST_S3 and the catalog at TEST_REST. A case is written once and
// asks what is here. Lakes on the servers share one catalog, which each empties first: such cases run one after the other.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectCatalog, openStorage, type Catalog } from '../catalog/index.ts'
import { openDuckdbEngine } from './query/duckdb.ts'
import type { QueryEngine } from './query/engine.ts'
import { openTrinoEngine } from './query/trino.ts'
import { openTestLake, type Owner, type TestLake } from './runner/test-lake.ts'

const { TEST_TRINO, TEST_REST, TEST_S3, TEST_S3_KEY, TEST_S3_SECRET } = process.env

export const engineHere: 'duckdb' | 'trino' = TEST_TRINO === undefined ? 'duckdb' : 'trino'

export interface LakeHere extends TestLake {
  readonly engine: QueryEngine
  /** What the runner of models is given: null where it is DuckDB in its own process. */
  readonly trino: QueryEngine | null
  /** FIRN_QUERY_URL */
  readonly queryUrl: string
}

/** A lake without tables. On the servers the one before it must be done with. */
export async function openLakeHere (t: Owner): Promise<LakeHere> {
  if (TEST_TRINO === undefined) {
    const lake = await openTestLake(t)
    return { ...lake, engine: openDuckdbEngine({ ...lake, memoryMiBMax: 256 }), trino: null, queryUrl: 'duckdb:' }
  }
  const lake = await openOnServers(t)
  const queryUrl = `${TEST_TRINO.replace(/^http/, 'trino')}/lake`
  const engine = openTrinoEngine({ url: queryUrl })
  return { ...lake, engine, trino: engine, queryUrl }
}

/** What the engines spell differently. */
export function inWords<T> (words: { readonly duckdb: T, readonly trino: T }): T {
  return words[engineHere]
}

/** A relation of `count` rows, whose column `n` counts from 0. */
export function numbers (count: number): string {
  return inWords({
    duckdb: `(select range as n from range(${count}))`,
    trino: `(select sequential_number as n from table(sequence(start => 0, stop => ${count - 1})))`
  })
}

async function openOnServers (t: Owner): Promise<TestLake> {
  if (TEST_REST === undefined || TEST_S3 === undefined || TEST_S3_KEY === undefined || TEST_S3_SECRET === undefined) {
    throw new Error('TEST_REST, TEST_S3, TEST_S3_KEY and TEST_S3_SECRET must name servers as TEST_TRINO does: npm run test:servers starts them')
  }
  const dataDir = mkdtempSync(join(tmpdir(), 'firn-lake-here-'))
  const warehouseUrl = 's3://lake/warehouse'
  const s3 = { endpoint: TEST_S3, region: 'us-east-1', pathStyle: true, accessKeyId: TEST_S3_KEY, secretAccessKey: TEST_S3_SECRET, cacheDir: dataDir }
  const storage = openStorage(warehouseUrl, { s3 })
  const catalog = connectCatalog(TEST_REST, { storage, warehouseUrl })
  const empty = async (): Promise<void> => { await dropTables(catalog) }
  await empty()
  t.teardown(async () => { await empty(); rmSync(dataDir, { recursive: true, force: true }) })
  const env = {
    FIRN_CATALOG_URL: TEST_REST, FIRN_WAREHOUSE_URL: warehouseUrl, FIRN_S3_ENDPOINT: TEST_S3, FIRN_S3_REGION: s3.region,
    FIRN_S3_PATH_STYLE: 'true', FIRN_S3_ACCESS_KEY_ID: TEST_S3_KEY, FIRN_S3_SECRET_ACCESS_KEY: TEST_S3_SECRET
  }
  return await openTestLake(t, { catalog, storage, dataDir, catalogUrl: TEST_REST, env })
}

async function dropTables (catalog: Catalog): Promise<void> {
  const ours = (await catalog.listNamespaces()).filter(namespace => namespace.length === 1 && ['firn', 'analytics'].includes(namespace[0]!))
  for (const namespace of ours) {
    for (const id of await catalog.listTables(namespace)) await catalog.dropTable(id).catch(() => undefined)
  }
}
