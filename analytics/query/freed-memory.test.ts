// A service asks for as long as it runs: each question's DuckDB is closed with it, however it ends.

import t from 'tap'
import { pathToFileURL } from 'node:url'
import { connectCatalog, DuckDBInstance, openStorage, schemaOfColumns, startCatalogServer } from '../../catalog/index.ts'
import { createLogger } from '../../runtime/index.ts'
import { openDuckdbEngine } from './duckdb.ts'

t.test('no question leaves a DuckDB behind', async t => {
  const logger = createLogger('test')
  logger.level = 'silent'
  const warehouse = pathToFileURL(`${t.testdir({})}/warehouse`).href
  const server = await startCatalogServer({ dataDir: `${t.testdirName}/catalog`, warehouse, host: '127.0.0.1', port: 0, logger })
  t.teardown(() => server.close())
  const catalog = connectCatalog(server.url)
  await catalog.ensureNamespace(['firn'])
  await catalog.createTable({ namespace: ['firn'], name: 'events' }, { schema: schemaOfColumns([{ name: 'id', type: 'string' }]) })
  const engine = openDuckdbEngine({ catalog, catalogUrl: server.url, storage: openStorage(warehouse), memoryMiBMax: 64 })
  let [opened, closed] = [0, 0]
  const { create, prototype } = DuckDBInstance
  const { closeSync } = prototype
  t.teardown(() => { Object.assign(DuckDBInstance, { create }); Object.assign(prototype, { closeSync }) })
  Object.assign(DuckDBInstance, { create: async (...given: Parameters<typeof create>) => { opened++; return await create.apply(DuckDBInstance, given) } })
  Object.assign(prototype, { closeSync (this: DuckDBInstance) { closed++; closeSync.call(this) } })
  const rows: unknown[] = []
  for await (const chunk of (await engine.query('select 1')).chunks) rows.push(...chunk)
  t.same([rows, opened, closed], [[[1]], 1, 1], 'read to its end')
  for await (const _ of (await engine.query('select * from range(100000)')).chunks) break
  t.same([opened, closed], [2, 2], 'left early')
  await t.rejects(engine.query('select no_such_column'))
  t.same([opened, closed], [3, 3], 'refused')
  await t.rejects(async () => { for await (const _ of (await engine.query("select cast('x' || range as int) from range(3)")).chunks); })
  t.same([opened, closed], [4, 4], 'failed on the way')
})
