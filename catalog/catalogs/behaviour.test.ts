// The suite of every catalog on those that need no server: the twin in memory, the embedded REST catalog through its client, and Glue's client
// on as much of Glue's API as it needs.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { startCatalog } from '../server/started-catalog.ts'
import { openLocalStorage } from '../storage/local.ts'
import { testCatalogBehaviour } from './behaviour.ts'
import { connectCatalog } from './connect.ts'
import { startFakeGlue } from './fake-glue.ts'
import { isTableCommit, startLossyProxy } from './lossy-proxy.ts'
import { openMemoryCatalog } from './memory.ts'

const folder = mkdtempSync(join(tmpdir(), 'firn-catalogs-'))
t.teardown(() => { rmSync(folder, { recursive: true }) })
let namespaces = 0

void t.test('the twin in memory', t => {
  testCatalogBehaviour(t, () => {
    const catalog = openMemoryCatalog({ warehouse: `file://${folder}/memory-${namespaces}` })
    const faults = { loseReplyOnce: () => { catalog.loseResponseOnce() }, loseRequestOnce: () => { catalog.loseRequestOnce() }, delayRequestOnce: () => { catalog.delayRequestOnce() }, deliverLate: () => catalog.deliverLate() }
    return Promise.resolve({ catalog, storage: openLocalStorage(), namespace: `n${namespaces++}`, again: () => catalog, lossy: () => Promise.resolve({ catalog, ...faults }) })
  })
  t.end()
})

void t.test('the embedded REST catalog', async t => {
  const server = await startCatalog(`${folder}/embedded`, { namespaceRequired: true })
  t.teardown(async () => { await server.close() })
  testCatalogBehaviour(t, t => {
    const lossy = async () => {
      const proxy = await startLossyProxy(server.url, isTableCommit)
      t.teardown(() => { proxy.stop() })
      return { ...proxy, catalog: connectCatalog(proxy.url) }
    }
    return Promise.resolve({ catalog: connectCatalog(server.url), storage: openLocalStorage(), namespace: `n${namespaces++}`, again: () => connectCatalog(server.url), lossy })
  })
})

void t.test('Glue', async t => {
  const glue = await startFakeGlue()
  t.teardown(() => { glue.stop() })
  const storage = openLocalStorage()
  const connect = (endpoint: string) => connectCatalog('glue://eu-west-1', { storage, endpoint, warehouseUrl: `file://${folder}/glue`, accessKeyId: 'AKID', secretAccessKey: 'secret' })
  testCatalogBehaviour(t, t => {
    const lossy = async () => {
      const proxy = await startLossyProxy(glue.url, isTableCommit)
      t.teardown(() => { proxy.stop() })
      return { ...proxy, catalog: connect(proxy.url) }
    }
    return Promise.resolve({ catalog: connect(glue.url), storage, namespace: `n${namespaces++}`, again: () => connect(glue.url), lossy })
  })
})
