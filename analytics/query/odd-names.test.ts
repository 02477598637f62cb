// Tables of others may have any name: those that can be asked for are answered right, and one that cannot hides no other.

import t from 'tap'
import { pathToFileURL } from 'node:url'
import { connectCatalog, DuckDBInstance, openStorage, quoteIdentifier, schemaOfColumns, startCatalogServer, type Catalog } from '../../catalog/index.ts'
import { createLogger } from '../../runtime/index.ts'
import { planViews } from './duckdb-views.ts'

const names = ['plain', 'qu"ote', '"', "apo'strophe", 'semi;colon', 'com,ma', 'per%cent', 'sp ace', 'dot.ted', '東京', 'sla/sh', 'back\\slash', '$1', '...']

t.test('names', async t => {
  const logger = createLogger('test')
  logger.level = 'silent'
  const warehouse = pathToFileURL(`${t.testdir({})}/warehouse`).href
  const server = await startCatalogServer({ dataDir: `${t.testdirName}/catalog`, warehouse, host: '127.0.0.1', port: 0, logger })
  t.teardown(() => server.close())
  const catalog = connectCatalog(server.url)
  const schema = schemaOfColumns([{ name: 'id', type: 'string' }])
  for (const name of names) {
    await catalog.ensureNamespace([name])
    await catalog.createTable({ namespace: [name], name }, { schema })
  }
  const ask = async (sql: string, from: Catalog = catalog): Promise<unknown[][]> => {
    const plan = await planViews({ catalog: from, catalogUrl: server.url, storage: openStorage(warehouse) }, sql, undefined)
    const connection = await (await DuckDBInstance.create(':memory:')).connect()
    for (const step of plan.setup) await connection.run(step.sql)
    return (await connection.runAndReadAll(sql)).getRows()
  }

  t.test('are answered as they are', async t => {
    for (const name of names) t.same(await ask(`select count(*) from lake.${quoteIdentifier(name)}.${quoteIdentifier(name)}`), [[0n]], name)
    t.equal((await ask('show all tables')).length, names.length)
  })

  t.test('a step in an address is no name: refused when it is made, and in the way of no statement where another catalog has it', async t => {
    for (const name of ['.', '..']) {
      await t.rejects(catalog.ensureNamespace([name]), { message: /no address can hold it/ })
      await t.rejects(catalog.loadTable({ namespace: ['plain'], name }), { code: 'CATALOG_NAME_REFUSED' })
      const foreign: Catalog = { ...catalog, listNamespaces: async () => [[name], ['gone'], ...await catalog.listNamespaces()] }
      t.same(await ask('select count(*) from lake.plain.plain', foreign), [[0n]])
    }
  })
})
