// For tests
// Models on Trino (TEST_TRINO, its catalog `lake` on TEST_REST, files on TEST_S3): short histories, after each cycle of which
// every table must be what DuckDB's full recompute gives. So the two engines agree as well.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { connectCatalog, openStorage } from '../../catalog/index.ts'
import { openTrinoEngine } from '../query/trino.ts'
import { histories, playHistory } from './incremental-history.ts'
import { identifierOf } from './model-table.ts'
import { eventsId, openTestLake } from './test-lake.ts'
import { testModels } from './test-models.ts'

const { TEST_S3: endpoint, TEST_S3_KEY: accessKeyId, TEST_S3_SECRET: secretAccessKey, TEST_REST, TEST_TRINO } = process.env
const runs = Number(process.env.MODEL_RUNS ?? 2)
const seed = Number(process.env.MODEL_SEED ?? 20260131)

t.setTimeout(280_000)
void t.test('on Trino each table is what a full recompute on DuckDB gives', { timeout: 280_000 }, async t => {
  if (endpoint === undefined || accessKeyId === undefined || secretAccessKey === undefined || TEST_REST === undefined || TEST_TRINO === undefined) {
    t.fail('TEST_S3, TEST_S3_KEY, TEST_S3_SECRET, TEST_REST and TEST_TRINO must name servers: npm run test:servers starts them and sets these')
    return
  }
  const dataDir = mkdtempSync(join(tmpdir(), 'firn-models-trino-'))
  t.teardown(() => { rmSync(dataDir, { recursive: true, force: true }) })
  const storage = openStorage('s3://lake', { s3: { endpoint, region: 'us-east-1', pathStyle: true, accessKeyId, secretAccessKey, cacheDir: dataDir } })
  const catalog = connectCatalog(TEST_REST, { storage, warehouseUrl: 's3://lake' })
  const engine = openTrinoEngine({ url: `${TEST_TRINO.replace(/^http:/, 'trino:')}/lake` })
  const clear = async (): Promise<void> => { for (const id of [eventsId, ...testModels.map(identifierOf)]) await catalog.dropTable(id).catch(() => undefined) }
  const outcomes = { written: 0, fresh: 0, failed: 0, partial: 0 }
  const lake = await openTestLake(t, { catalog, storage, dataDir })
  t.teardown(clear)
  await fc.assert(fc.asyncProperty(histories(8), fc.boolean(), async (steps, lazy) => {
    await clear()
    await playHistory(lake, steps, { lazy, engine }, outcomes)
  }), { numRuns: runs, seed, endOnFailure: true })
  t.comment(JSON.stringify(outcomes))
  t.ok(outcomes.partial > 0, `${outcomes.partial} runs recomputed a part`)
})
