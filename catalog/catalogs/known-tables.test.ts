/** Polling a table that does not change: an answer without a body, and the very table that was there before. */
import t from 'tap'
import type { TableChange } from '../spec/types.ts'
import { startCatalog, tableRequest } from '../server/started-catalog.ts'
import { KnownTables } from './known-tables.ts'
import { openRestCatalog } from './rest.ts'
import { startTinyServer, tableReply, type Answer } from './tiny-server.ts'
import type { LoadedTable } from './catalog.ts'

const id = { namespace: ['db'], name: 'orders' }
const owner = (value: string): TableChange => ({ requirements: [], updates: [{ 'action': 'set-properties', 'updates': { owner: value } }] })

t.test('the embedded catalog tells an unchanged table without its metadata, and a changed one with it', async t => {
  const server = await startCatalog(t.testdir())
  t.teardown(() => server.close())
  await server.call('POST', '/v1/namespaces', { namespace: ['db'] })
  await server.call('POST', '/v1/namespaces/db/tables', tableRequest('orders'))
  const [reader, writer] = [openRestCatalog(server.url), openRestCatalog(server.url)]
  const first = await reader.loadTable(id)
  t.equal(await reader.loadTable(id), first, 'the same object: nobody compares what did not change')
  t.equal((await writer.commitTable(id, owner('a'))).kind, 'landed')
  const second = await reader.loadTable(id)
  t.equal(second.metadata.properties['owner'], 'a')
  t.not(second.metadataLocation, first.metadataLocation)
  t.equal(await reader.loadTable(id), second)
  t.equal((await reader.commitTable(id, owner('b'))).kind, 'landed')
  t.equal((await reader.loadTable(id)).metadata.properties['owner'], 'b', 'after an own commit as well')
  await writer.dropTable(id)
  await t.rejects(reader.loadTable(id), { code: 'CATALOG_NO_SUCH_TABLE' })
  await server.call('POST', '/v1/namespaces/db/tables', tableRequest('orders'))
  t.not((await reader.loadTable(id)).metadata['table-uuid'], first.metadata['table-uuid'])
})

const tagged: Answer = (seen, reply) => {
  if (seen.url.startsWith('/v1/config')) return void reply.end('{}')
  if (seen.headers['if-none-match'] === '"1"') return void reply.writeHead(304, { etag: '"1"' }).end()
  reply.writeHead(200, { 'etag': '"1"', 'content-type': 'application/json' }).end(JSON.stringify(tableReply('s3://b/t', { 'storage-credentials': [{ prefix: 's3://b/t', config: { 's3.access-key-id': `k${Date.now()}`, 's3.secret-access-key': 's' } }] })))
}

t.test('the tag goes with the next load of that table, with all its snapshots', async t => {
  const server = await startTinyServer(t, tagged)
  const catalog = openRestCatalog(server.url)
  const first = await catalog.loadTable(id)
  t.equal(await catalog.loadTable(id), first)
  await catalog.loadTable({ namespace: ['db'], name: 'other' })
  const loads = server.seen.filter(each => each.url.includes('/tables/'))
  t.same(loads.map(each => each.headers['if-none-match']), [undefined, '"1"', undefined])
  t.ok(loads.every(each => each.url.endsWith('?snapshots=all')))
})

t.test('new credentials are never asked for with the tag: an empty answer would hold none', async t => {
  const server = await startTinyServer(t, tagged)
  const catalog = openRestCatalog(server.url, { accessDelegation: true })
  await catalog.loadTable(id)
  t.ok(await catalog.storageCredentials?.(id, 's3://b/t/a'))
  t.ok(await catalog.storageCredentials?.(id, 's3://b/t/a'), 'those given before are given out once; these are new')
  t.same(server.seen.filter(each => each.url.includes('/tables/')).map(each => each.headers['if-none-match']), [undefined, undefined])
})

t.test('a catalog without tags is asked as ever, and one that answers 304 unasked is told so', async t => {
  const plain = await startTinyServer(t, (_, reply) => { reply.end(JSON.stringify(tableReply('file:///t'))) })
  const catalog = openRestCatalog(plain.url)
  t.not(await catalog.loadTable(id), await catalog.loadTable(id))
  const odd = await startTinyServer(t, (seen, reply) => { if (seen.url.startsWith('/v1/config')) reply.end('{}'); else reply.writeHead(304).end() })
  await t.rejects(openRestCatalog(odd.url).loadTable(id), { code: 'CATALOG_REFUSED', message: /304/ })
})

t.test('what is remembered has a bound', async t => {
  const known = new KnownTables()
  const table = { metadataLocation: null } as unknown as LoadedTable
  for (let index = 0; index < 100; index++) known.remember({ namespace: ['db'], name: `t${index}` }, '"1"', table)
  t.equal(known.find({ namespace: ['db'], name: 't35' }), undefined)
  t.ok(known.find({ namespace: ['db'], name: 't36' }))
  known.remember({ namespace: ['db'], name: 't36' }, undefined, table)
  t.equal(known.find({ namespace: ['db'], name: 't36' }), undefined, 'a reply without a tag takes the place of one with')
})
