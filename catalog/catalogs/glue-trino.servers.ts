// For tests
// A table that we made in Glue, in the hands of Trino (TEST_TRINO, catalog `glue` on TEST_GLUE, files on TEST_S3): each side reads what the other
// committed, whoever comes last.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { stageAppend } from '../actions/append.ts'
import { evolveSchema } from '../commit/change.ts'
import { commitSnapshot } from '../commit/commit.ts'
import { scanFiles } from '../scan/scan-files.ts'
import { schemaOfColumns } from '../spec/schema-evolution.ts'
import { createSnapshotId, currentSnapshot } from '../spec/snapshot.ts'
import { openStorage } from '../storage/open.ts'
import type { LoadedTable } from './catalog.ts'
import { connectCatalog } from './connect.ts'

const { TEST_S3: endpoint, TEST_S3_KEY: accessKeyId, TEST_S3_SECRET: secretAccessKey, TEST_GLUE, TEST_TRINO } = process.env
const namespace = `glue_trino_${crypto.randomUUID().slice(0, 8)}`
const id = { namespace: [namespace], name: 'events' }

void t.test('Trino reads and writes a table that we made in Glue, and we what Trino wrote', async t => {
  if (endpoint === undefined || accessKeyId === undefined || secretAccessKey === undefined || TEST_GLUE === undefined || TEST_TRINO === undefined) {
    t.fail('TEST_S3, TEST_S3_KEY, TEST_S3_SECRET, TEST_GLUE and TEST_TRINO must name servers: npm run test:servers starts them and sets these')
    return
  }
  const cacheDir = mkdtempSync(join(tmpdir(), 'firn-glue-trino-'))
  t.teardown(() => { rmSync(cacheDir, { recursive: true, force: true }) })
  const storage = openStorage('s3://lake', { s3: { endpoint, region: 'us-east-1', pathStyle: true, accessKeyId, secretAccessKey, cacheDir } })
  const catalog = connectCatalog('glue://us-east-1', { storage, endpoint: TEST_GLUE, warehouseUrl: 's3://lake/glue', accessKeyId: 'x', secretAccessKey: 'y' })
  const appendNothing = async (table: LoadedTable) => {
    const snapshotId = createSnapshotId(table.metadata)
    return await commitSnapshot({ catalog, storage, table }, snapshotId, base => stageAppend({ storage }, base, { snapshotId, files: [], properties: { 'firn.offsets': String(snapshotId) } }))
  }
  await catalog.ensureNamespace([namespace])
  const made = await catalog.createTable(id, {
    'schema': schemaOfColumns([{ name: 'event_id', type: 'string', required: true }, { name: 'amount', type: 'decimal(18,2)' }, { name: 'event_time', type: 'timestamptz' }]),
    'partition-spec': { 'spec-id': 0, 'fields': [{ 'source-id': 3, 'field-id': 1000, 'name': 'event_date', 'transform': 'day' }] }
  })
  t.match(await appendNothing(made), { kind: 'landed' })
  const name = `glue.${namespace}.events`
  t.same(await ask(TEST_TRINO, `DESCRIBE ${name}`), [['event_id', 'varchar', '', ''], ['amount', 'decimal(18,2)', '', ''], ['event_time', 'timestamp(6) with time zone', '', '']])
  t.same(await ask(TEST_TRINO, `SELECT count(*) FROM ${name}`), [[0]])

  await ask(TEST_TRINO, `INSERT INTO ${name} VALUES ('a', 1.25, TIMESTAMP '2026-11-21 10:00:00 UTC'), ('b', NULL, TIMESTAMP '2026-11-20 10:00:00 UTC')`)
  const inserted = await catalog.loadTable(id)
  t.equal(currentSnapshot(inserted.metadata)?.summary['total-records'], '2')
  t.equal((await scanFiles(storage, inserted)).files.length, 2, 'a file for each day')

  const evolved = await evolveSchema({ catalog, storage, table: inserted }, [{ name: 'note', type: 'string' }])
  t.match(await appendNothing(evolved), { kind: 'landed' })
  t.same(await ask(TEST_TRINO, `SELECT event_id, CAST(amount AS varchar), note FROM ${name} ORDER BY 1`), [['a', '1.25', null], ['b', null, null]], 'with a column that we added')
  await ask(TEST_TRINO, `INSERT INTO ${name} VALUES ('c', 2, TIMESTAMP '2026-11-21 11:00:00 UTC', 'from Trino')`)
  // Our commit is staged on a base that Trino has moved on from: it is a conflict first, and lands then.
  t.match(await appendNothing(evolved), { kind: 'landed' })
  const last = await catalog.loadTable(id)
  t.equal(currentSnapshot(last.metadata)?.summary['total-records'], '3')
  t.equal(last.metadata.snapshots.filter(snapshot => snapshot.summary.operation === 'append').length, 5)
  t.same(await ask(TEST_TRINO, `SELECT count(*) FROM "glue"."${namespace}"."events$snapshots"`), [[5]])
  t.same(await ask(TEST_TRINO, `SELECT count(*) FROM ${name} WHERE event_time >= TIMESTAMP '2026-11-21 00:00:00 UTC'`), [[2]])
  await ask(TEST_TRINO, `DROP TABLE ${name}`)
  await t.rejects(catalog.loadTable(id), { code: 'CATALOG_NO_SUCH_TABLE' })
})

/** One statement; its rows. */
async function ask(url: string, sql: string): Promise<unknown[][]> {
  const rows: unknown[][] = []
  let reply = await (await fetch(`${url}/v1/statement`, { method: 'POST', body: sql, headers: { 'x-trino-user': 'firn', 'x-trino-client-capabilities': 'PARAMETRIC_DATETIME' } })).json() as Page
  for (;;) {
    if (reply.error !== undefined) throw new Error(`${sql}: ${reply.error.message}`)
    rows.push(...reply.data ?? [])
    if (reply.nextUri === undefined) return rows
    reply = await (await fetch(reply.nextUri)).json() as Page
  }
}

interface Page { readonly data?: unknown[][], readonly nextUri?: string, readonly error?: { readonly message: string } }
