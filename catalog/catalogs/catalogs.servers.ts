// For tests
// The suite of every catalog on real servers: Iceberg's own REST catalog (TEST_REST), Nessie (TEST_NESSIE) and Glue's API (TEST_GLUE), all with
// their files on S3 (TEST_S3).

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { openStorage } from '../storage/open.ts'
import { testCatalogBehaviour } from './behaviour.ts'
import { connectCatalog, type CatalogOptions } from './connect.ts'
import { isTableCommit, startLossyProxy } from './lossy-proxy.ts'

const cacheDir = mkdtempSync(join(tmpdir(), 'firn-catalogs-'))
t.teardown(() => { rmSync(cacheDir, { recursive: true, force: true }) })
const run = crypto.randomUUID().slice(0, 8)
let namespaces = 0

const { TEST_S3: endpoint, TEST_S3_KEY: accessKeyId, TEST_S3_SECRET: secretAccessKey, TEST_REST, TEST_NESSIE, TEST_GLUE } = process.env

interface Backend { readonly variable: string, readonly address: string | undefined, readonly glue?: boolean, readonly isNessie?: boolean }

const backends: readonly Backend[] = [
  { variable: 'TEST_REST', address: TEST_REST },
  { variable: 'TEST_NESSIE', address: TEST_NESSIE, isNessie: true },
  { variable: 'TEST_GLUE', address: TEST_GLUE, glue: true }
]

for (const { variable, address, glue = false, isNessie = false } of backends) {
  void t.test(`${variable}: the suite of every catalog`, t => {
    if (address === undefined || endpoint === undefined || accessKeyId === undefined || secretAccessKey === undefined) {
      t.fail(`${variable}, TEST_S3, TEST_S3_KEY and TEST_S3_SECRET must name a catalog and its storage: npm run test:servers starts them and sets these`)
      t.end()
      return
    }
    const storage = openStorage('s3://lake', { s3: { endpoint, region: 'us-east-1', pathStyle: true, accessKeyId, secretAccessKey, cacheDir } })
    const options = (at: string): CatalogOptions => glue ? { storage, endpoint: at, warehouseUrl: 's3://lake/glue', accessKeyId: 'x', secretAccessKey: 'y' } : {}
    const connect = (at: string) => connectCatalog(glue ? 'glue://us-east-1' : at, options(at))
    testCatalogBehaviour(t, t => {
      const lossy = async () => {
        const proxy = await startLossyProxy(address, isTableCommit)
        t.teardown(() => { proxy.stop() })
        return { ...proxy, catalog: connect(proxy.url) }
      }
      return Promise.resolve({ catalog: connect(address), storage, namespace: `behaviour_${run}_${namespaces++}`, again: () => connect(address), lossy, isNessie })
    })
    t.end()
  })
}
