/** What the compatibility kit does not look at: pages, ETags, errors, races, files that are gone, pointers that move together. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { appendRequest, startCatalog, tableRequest } from './started-catalog.ts'

async function start(test: Test, options = {}) {
  const dataDir = test.testdir()
  const catalog = await startCatalog(dataDir, options)
  test.teardown(() => catalog.close())
  await catalog.call('POST', '/v1/namespaces', { namespace: ['db'] })
  return { ...catalog, dataDir }
}

t.test('the configuration lists the endpoints that exist, and only those', async t => {
  const { call } = await start(t)
  const { body } = await call('GET', '/v1/config?warehouse=anything')
  t.ok(body.endpoints.includes('POST /v1/{prefix}/transactions/commit'))
  t.notOk(body.endpoints.some((endpoint: string) => /plan|credentials|sign/.test(endpoint)))
  for (const endpoint of body.endpoints as string[]) {
    const [method, path] = endpoint.split(' ') as [string, string]
    const answer = await call(method, path.replace('{prefix}/', '').replace(/\{\w+\}/g, 'none'), method === 'POST' ? {} : undefined)
    t.not(answer.body?.error?.message?.startsWith('No route'), true, endpoint)
    t.not(answer.status, 405, endpoint)
  }
})

t.test('tables are listed in pages, each once, also while others come and go', async t => {
  const { call } = await start(t)
  for (const name of ['e', 'a', 'd', 'b', 'c']) await call('POST', '/v1/namespaces/db/tables', tableRequest(name))
  const all = await call('GET', '/v1/namespaces/db/tables')
  t.same(all.body.identifiers.map((id: { name: string }) => id.name), ['a', 'b', 'c', 'd', 'e'])
  t.equal(all.body['next-page-token'], null)
  const first = await call('GET', '/v1/namespaces/db/tables?pageSize=2&pageToken=')
  await call('DELETE', '/v1/namespaces/db/tables/b')
  const second = await call('GET', `/v1/namespaces/db/tables?pageSize=2&pageToken=${first.body['next-page-token']}`)
  const third = await call('GET', `/v1/namespaces/db/tables?pageSize=2&pageToken=${second.body['next-page-token']}`)
  t.same([first, second, third].map(page => page.body.identifiers.map((id: { name: string }) => id.name)), [['a', 'b'], ['c', 'd'], ['e']])
  t.equal(third.body['next-page-token'], null)
  t.equal((await call('GET', '/v1/namespaces/db/tables?pageSize=0')).status, 400)
  t.equal((await call('GET', '/v1/namespaces/db/tables?pageSize=2&pageToken=%25%25')).status, 400)
})

t.test('namespaces have levels, properties, pages, and are dropped only when empty', async t => {
  const { call } = await start(t)
  t.equal((await call('POST', '/v1/namespaces', { namespace: ['db', 'in ner'], properties: { owner: 'me' } })).status, 200)
  t.equal((await call('POST', '/v1/namespaces', { namespace: ['db', 'in ner'] })).status, 409)
  t.equal((await call('POST', '/v1/namespaces', { namespace: ['none', 'inner'] })).status, 404)
  t.same((await call('GET', '/v1/namespaces?parent=db')).body.namespaces, [['db', 'in ner']])
  t.same((await call('GET', '/v1/namespaces/db%1Fin+ner')).body, { namespace: ['db', 'in ner'], properties: { owner: 'me' } }, "Java's way to write a space")
  t.equal((await call('HEAD', '/v1/namespaces/db%1Fin%20ner')).status, 204)
  const changed = await call('POST', '/v1/namespaces/db%1Fin%20ner/properties', { removals: ['owner', 'ghost'], updates: { a: '1' } })
  t.same(changed.body, { updated: ['a'], removed: ['owner'], missing: ['ghost'] })
  t.equal((await call('POST', '/v1/namespaces/db/properties', { removals: ['a'], updates: { a: '1' } })).status, 422)
  const refused = await call('DELETE', '/v1/namespaces/db')
  t.equal(refused.status, 409)
  t.equal(refused.body.error.type, 'NamespaceNotEmptyException')
  t.equal((await call('DELETE', '/v1/namespaces/db%1Fin%20ner')).status, 204)
  t.equal((await call('DELETE', '/v1/namespaces/db')).status, 204)
  t.equal((await call('GET', '/v1/namespaces/db')).status, 404)
})

t.test('an unchanged table is answered with 304, per choice of snapshots', async t => {
  const { call } = await start(t)
  let { body } = await call('POST', '/v1/namespaces/db/tables', tableRequest('t'))
  for (const id of [5n, 6n]) body = (await call('POST', '/v1/namespaces/db/tables/t', appendRequest(body.metadata, id))).body
  const all = await call('GET', '/v1/namespaces/db/tables/t')
  const refs = await call('GET', '/v1/namespaces/db/tables/t?snapshots=refs')
  t.equal(all.body.metadata.snapshots.length, 2)
  t.same(refs.body.metadata.snapshots.map((snapshot: Record<string, bigint>) => snapshot['snapshot-id']), [6n])
  const etag = all.headers.get('etag') as string
  t.not(etag, refs.headers.get('etag'))
  t.equal((await call('GET', '/v1/namespaces/db/tables/t', undefined, { 'if-none-match': etag })).status, 304)
  t.equal((await call('GET', '/v1/namespaces/db/tables/t?snapshots=refs', undefined, { 'if-none-match': etag })).status, 200)
  const moved = await call('POST', '/v1/namespaces/db/tables/t', appendRequest(all.body.metadata, 7n))
  t.equal((await call('GET', '/v1/namespaces/db/tables/t', undefined, { 'if-none-match': etag })).status, 200)
  t.equal((await call('GET', '/v1/namespaces/db/tables/t', undefined, { 'if-none-match': `"x", W/${moved.headers.get('etag')}` })).status, 304)
})

t.test('what cannot be read is 400 with the member that is wrong, and nothing changes', async t => {
  const { call } = await start(t)
  const { body: { metadata } } = await call('POST', '/v1/namespaces/db/tables', tableRequest('t'))
  const commit = (change: object | string) => call('POST', '/v1/namespaces/db/tables/t', change)
  for (const [change, message] of [
    ['{"requirements":', /not JSON/],
    [{ updates: [] }, /requirements must be an array/],
    [{ requirements: [{ type: 'assert-weather' }], updates: [] }, /unknown type "assert-weather"/],
    [{ requirements: [], updates: [{ action: 'add-view-version' }] }, /unknown action "add-view-version"/],
    [{ requirements: [], updates: [{ action: 'set-properties', updates: { a: 1 } }] }, /updates\[0\].updates.a must be a string, it is the number 1/],
    [{ requirements: [{ 'type': 'assert-create' }, { 'type': 'assert-default-spec-id', 'default-spec-id': 0 }], updates: [] }, /Invalid create requirements/],
    [{ requirements: [], updates: [{ 'action': 'set-snapshot-ref', 'ref-name': 'main', 'type': 'branch', 'snapshot-id': 4n }] }, /unknown snapshot: 4/]
  ] as const) {
    const answer = await commit(change)
    t.equal(answer.status, 400)
    t.match(answer.body.error.message, message)
  }
  t.same((await call('GET', '/v1/namespaces/db/tables/t')).body.metadata, metadata)
  const wrong = await call('PUT', '/v1/namespaces/db/tables/t')
  t.equal(wrong.status, 405)
  t.equal(wrong.headers.get('allow'), 'GET, HEAD, POST, DELETE')
  t.equal((await call('GET', '/v1/nothing')).status, 404)
  t.equal((await call('POST', '/v1/namespaces/db/tables', { ...tableRequest('x'), name: 'a\u0000b' })).status, 400)
  t.equal((await call('GET', '/v1/namespaces/%E0%A4%A/tables')).status, 400)
})

t.test('changes that do not touch the same thing all land; of appends to one base exactly one does', async t => {
  const { call } = await start(t)
  const { body: { metadata } } = await call('POST', '/v1/namespaces/db/tables', tableRequest('t'))
  const settings = await Promise.all(Array.from({ length: 12 }, (_, index) => call('POST', '/v1/namespaces/db/tables/t', {
    requirements: [{ 'type': 'assert-table-uuid', 'uuid': metadata['table-uuid'] }], updates: [{ action: 'set-properties', updates: { [`p${index}`]: '1' } }]
  })))
  t.ok(settings.every(answer => answer.status === 200))
  const appends = await Promise.all([1n, 2n, 3n, 4n].map(id => call('POST', '/v1/namespaces/db/tables/t', appendRequest(metadata, id))))
  t.same(appends.map(answer => answer.status).sort(), [200, 409, 409, 409])
  const { body } = await call('GET', '/v1/namespaces/db/tables/t')
  t.equal(Object.keys(body.metadata.properties).filter(name => /^p\d/.test(name)).length, 12)
  t.equal(body.metadata.snapshots.length, 1)
})

t.test('a change without effect writes nothing', async t => {
  const { call } = await start(t)
  const { body } = await call('POST', '/v1/namespaces/db/tables', tableRequest('t'))
  const again = await call('POST', '/v1/namespaces/db/tables/t', { requirements: [], updates: [{ 'action': 'set-location', 'location': body.metadata.location }] })
  t.equal(again.body['metadata-location'], body['metadata-location'])
})

t.test('several tables change together or not at all', async t => {
  const { call } = await start(t)
  for (const name of ['a', 'b']) await call('POST', '/v1/namespaces/db/tables', tableRequest(name))
  const change = (name: string, value: string, requirements: object[] = []) => ({ identifier: { namespace: ['db'], name }, requirements, updates: [{ action: 'set-properties', updates: { value } }] })
  t.equal((await call('POST', '/v1/transactions/commit', { 'table-changes': [change('a', '1'), change('b', '1')] })).status, 204)
  const late = await call('POST', '/v1/transactions/commit', { 'table-changes': [change('a', '2'), change('b', '2', [{ 'type': 'assert-current-schema-id', 'current-schema-id': 9 }])] })
  t.equal(late.status, 409)
  t.equal((await call('POST', '/v1/transactions/commit', { 'table-changes': [change('a', '3'), change('a', '4')] })).status, 400)
  for (const name of ['a', 'b']) t.equal((await call('GET', `/v1/namespaces/db/tables/${name}`)).body.metadata.properties.value, '1')
})

t.test('a metadata file that is missing or damaged is named in one sentence, and the other tables still work', async t => {
  const { call, dataDir, close } = await start(t)
  const locations = []
  for (const name of ['gone', 'torn', 'well']) locations.push((await call('POST', '/v1/namespaces/db/tables', tableRequest(name))).body['metadata-location'])
  const [gone, torn] = locations as [string, string]
  rmSync(fileURLToPath(gone))
  writeFileSync(fileURLToPath(torn), '{"format-version":2,')
  const missing = await call('GET', '/v1/namespaces/db/tables/gone')
  t.equal(missing.status, 404)
  t.equal(missing.body.error.type, 'NotFoundException')
  t.match(missing.body.error.message, gone)
  await close()
  const again = await startCatalog(dataDir)
  t.teardown(() => again.close())
  const damaged = await again.call('GET', '/v1/namespaces/db/tables/torn')
  t.equal(damaged.status, 500)
  t.match(damaged.body.error.message, torn)
  t.match(damaged.body.error.message, /put the file back/)
  t.equal((await again.call('GET', '/v1/namespaces/db/tables/well')).status, 200)
  t.equal((await again.call('DELETE', '/v1/namespaces/db/tables/torn')).status, 204)
})

t.test('old metadata files go only for tables that ask for it, and only after success', async t => {
  const { call } = await start(t)
  const files = (location: string) => readdirSync(fileURLToPath(location.replace(/\/[^/]*$/, ''))).length
  let { body } = await call('POST', '/v1/namespaces/db/tables', tableRequest('t', { 'write.metadata.delete-after-commit.enabled': 'true', 'write.metadata.previous-versions-max': '3' }))
  for (let index = 0; index < 8; index++) {
    body = (await call('POST', '/v1/namespaces/db/tables/t', { requirements: [], updates: [{ action: 'set-properties', updates: { n: String(index) } }] })).body
  }
  t.equal(body.metadata['metadata-log'].length, 3)
  for (let tries = 0; files(body['metadata-location']) > 4 && tries < 50; tries++) await new Promise(resolve => setTimeout(resolve, 20))
  t.equal(files(body['metadata-location']), 4, 'three in the log and the current one')
})

t.test('register takes over a metadata file, over an existing table only with overwrite', async t => {
  const { call } = await start(t)
  const { body } = await call('POST', '/v1/namespaces/db/tables', tableRequest('t'))
  await call('POST', '/v1/namespaces/db/tables/t', { requirements: [], updates: [{ action: 'set-properties', updates: { later: 'yes' } }] })
  const register = (name: string, overwrite: boolean) => call('POST', '/v1/namespaces/db/register', { name, 'metadata-location': body['metadata-location'], overwrite })
  t.equal((await register('t', false)).status, 409)
  t.equal((await register('t', true)).status, 200)
  t.equal((await call('GET', '/v1/namespaces/db/tables/t')).body.metadata.properties.later, undefined)
  t.equal((await register('copy', false)).status, 200)
  t.equal((await call('POST', '/v1/namespaces/db/register', { 'name': 'n', 'metadata-location': 's3://bucket/x.metadata.json' })).status, 400)
})

t.test('a table that takes the name of a renamed one gets a folder of its own', async t => {
  const { call } = await start(t)
  const { body: first } = await call('POST', '/v1/namespaces/db/tables', tableRequest('t'))
  t.equal((await call('POST', '/v1/tables/rename', { source: { namespace: ['db'], name: 't' }, destination: { namespace: ['db'], name: 'old' } })).status, 204)
  const { body: second } = await call('POST', '/v1/namespaces/db/tables', tableRequest('t'))
  t.not(second.metadata.location, first.metadata.location)
  const { body: odd } = await call('POST', '/v1/namespaces/db/tables', tableRequest('../up'))
  t.match(odd.metadata.location, /\/warehouse\/db\/__up-[0-9a-f]{8}$/)
  t.equal((await call('HEAD', '/v1/namespaces/db/tables/..%2Fup')).status, 204)
})

t.test('a namespace comes into being with its first table, unless it is required before', async t => {
  const { call } = await start(t)
  t.equal((await call('POST', '/v1/namespaces/new%1Finner/tables', tableRequest('t'))).status, 200)
  t.same((await call('GET', '/v1/namespaces?parent=new')).body.namespaces, [['new', 'inner']])
})

t.test('where a namespace is required first, a table without one is refused', async t => {
  const { call } = await start(t, { namespaceRequired: true })
  const refused = await call('POST', '/v1/namespaces/new/tables', tableRequest('t'))
  t.equal(refused.status, 404)
  t.equal(refused.body.error.type, 'NoSuchNamespaceException')
  t.equal((await call('GET', '/v1/namespaces/new')).status, 404)
})

t.test('a staged create is visible to nobody until it is committed, and once', async t => {
  const { call } = await start(t)
  const { body } = await call('POST', '/v1/namespaces/db/tables', { ...tableRequest('s'), 'stage-create': true })
  t.equal(body['metadata-location'], undefined)
  t.equal((await call('HEAD', '/v1/namespaces/db/tables/s')).status, 404)
  const { metadata } = body
  const commit = () => call('POST', '/v1/namespaces/db/tables/s', { requirements: [{ type: 'assert-create' }], updates: [
    { 'action': 'assign-uuid', 'uuid': metadata['table-uuid'] }, { 'action': 'add-schema', 'schema': metadata.schemas[0] }, { 'action': 'set-current-schema', 'schema-id': -1 },
    { 'action': 'add-spec', 'spec': metadata['partition-specs'][0] }, { 'action': 'set-default-spec', 'spec-id': -1 }, { 'action': 'add-sort-order', 'sort-order': metadata['sort-orders'][0] },
    { 'action': 'set-default-sort-order', 'sort-order-id': -1 }, { 'action': 'set-location', 'location': metadata.location }, { 'action': 'set-properties', 'updates': metadata.properties }
  ] })
  const answers = await Promise.all([commit(), commit()])
  t.same(answers.map(answer => answer.status).sort(), [200, 409])
  const { body: loaded } = await call('GET', '/v1/namespaces/db/tables/s')
  t.equal(loaded.metadata['table-uuid'], metadata['table-uuid'])
  t.same(loaded.metadata['partition-specs'], metadata['partition-specs'])
})
