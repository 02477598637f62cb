import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import type { TableChange } from '../spec/types.ts'
import { connectCatalog } from './connect.ts'
import { openRestCatalog, type RestCatalogOptions } from './rest.ts'

interface Seen { method: string, url: string, body: string, headers: IncomingMessage['headers'] }
type Answer = (seen: Seen, reply: ServerResponse) => void

const metadata = '{"format-version":2,"table-uuid":"u","location":"file:///t","last-column-id":1,"schemas":[],"current-schema-id":0,"partition-specs":[],"snapshots":[{"snapshot-id":9223372036854775807,"sequence-number":1,"timestamp-ms":1,"manifest-list":"x","summary":{"operation":"append"}}]}'
const loaded = `{"metadata-location":"file:///t/m.json","metadata":${metadata}}`
const id = { namespace: ['a b', 'c/d'], name: 'é' }
const change: TableChange = { requirements: [{ 'type': 'assert-ref-snapshot-id', 'ref': 'main', 'snapshot-id': 9223372036854775807n }], updates: [] }

async function serve(t: unknown, answer: Answer, options: RestCatalogOptions = {}, config = '{"defaults":{},"overrides":{}}') {
  const seen: Seen[] = []
  const server = createServer((request, reply) => {
    let body = ''
    request.setEncoding('utf8').on('data', (chunk: string) => { body += chunk }).on('end', () => {
      const one = { method: request.method ?? '', url: request.url ?? '', body, headers: request.headers }
      if (one.url.startsWith('/v1/config')) return reply.end(config)
      seen.push(one)
      answer(one, reply)
    })
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  ;(t as { teardown(fn: () => void): void }).teardown(() => { server.closeAllConnections(); server.close() })
  const catalog = openRestCatalog(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, { readAttemptsMax: 2, ...options })
  return { catalog, seen }
}

const withStatus = (status: number, body = '', headers: Record<string, string> = {}): Answer => (_, reply) => { reply.writeHead(status, headers).end(body) }
const error = (type: string, message = 'the reason', code = 409) => JSON.stringify({ error: { message, type, code } })

t.test('names are encoded a level at a time, with the server\'s prefix and separator', async t => {
  const plain = await serve(t, withStatus(200, loaded))
  const table = await plain.catalog.loadTable(id)
  t.equal(plain.seen[0]?.url, '/v1/namespaces/a%20b%1Fc%2Fd/tables/%C3%A9?snapshots=all')
  t.equal(table.metadata.snapshots[0]?.['snapshot-id'], 9223372036854775807n)
  t.equal(table.metadataLocation, 'file:///t/m.json')
  const prefixed = await serve(t, withStatus(200, loaded), { token: 'secret' }, '{"overrides":{"prefix":"x/y","namespace-separator":"."}}')
  await prefixed.catalog.loadTable(id)
  t.equal(prefixed.seen[0]?.url, '/v1/x/y/namespaces/a%20b.c%2Fd/tables/%C3%A9?snapshots=all')
  t.equal(prefixed.seen[0]?.headers.authorization, 'Bearer secret')
})

t.test('each status of a commit means what the specification says', async t => {
  const outcomes: [Answer, object][] = [
    [withStatus(200, loaded), { kind: 'landed', table: { metadataLocation: 'file:///t/m.json' } }],
    [withStatus(409, error('CommitFailedException', 'main has changed')), { kind: 'conflict', reason: 'main has changed' }],
    [withStatus(404, error('NoSuchTableException')), { kind: 'refused', error: { code: 'CATALOG_NO_SUCH_TABLE' } }],
    [withStatus(404, error('NotFoundException', 'the metadata file is missing')), { kind: 'refused', error: { code: 'CATALOG_TABLE_UNUSABLE', message: /the metadata file is missing/ } }],
    [withStatus(500, error('MetadataDamagedException', 'cannot be read', 500)), { kind: 'refused', error: { code: 'CATALOG_TABLE_UNUSABLE' } }],
    [withStatus(404, '<html>not found</html>'), { kind: 'refused', error: { code: 'CATALOG_REFUSED' } }],
    [withStatus(400, error('BadRequestException')), { kind: 'refused', error: { code: 'CATALOG_REFUSED', message: /the reason/ } }],
    [withStatus(422, '<html>proxy</html>'), { kind: 'refused', error: { code: 'CATALOG_REFUSED', message: /<html>proxy/ } }],
    [withStatus(401, ''), { kind: 'refused', error: { code: 'CATALOG_UNAUTHORIZED' } }],
    [withStatus(429, '', { 'retry-after': '2' }), { kind: 'unknown', retryAfterMs: 2_000 }],
    [withStatus(500, error('CommitStateUnknownException', 'x', 500)), { kind: 'unknown' }],
    [withStatus(502, '<html>bad gateway</html>'), { kind: 'unknown' }],
    [withStatus(503, '', { 'retry-after': '1' }), { kind: 'unknown', retryAfterMs: 1_000 }],
    [withStatus(504, ''), { kind: 'unknown' }],
    [withStatus(200, loaded.slice(0, 100)), { kind: 'unknown', cause: { code: 'CATALOG_BAD_REPLY' } }],
    [withStatus(200, '<html>hello</html>'), { kind: 'unknown' }],
    [withStatus(204, ''), { kind: 'unknown' }],
    [(_, reply) => { reply.socket?.destroy() }, { kind: 'unknown', cause: { code: 'CATALOG_UNREACHABLE' } }],
    [(_, reply) => { reply.writeHead(200, { 'content-length': '5000' }).write(loaded); setTimeout(() => reply.socket?.destroy(), 5) }, { kind: 'unknown' }],
    [() => undefined, { kind: 'unknown', cause: { code: 'CATALOG_UNREACHABLE' } }]
  ]
  for (const [index, [answer, expected]] of outcomes.entries()) {
    const { catalog, seen } = await serve(t, answer, { requestMsMax: index === outcomes.length - 1 ? 60 : 5_000 })
    t.match(await catalog.commitTable(id, change), expected, `outcome ${index}`)
    t.equal(seen.length, 1, 'one request, no retry')
  }
})

t.test('a change sent again is the same bytes under the same key; another change has another key', async t => {
  const { catalog, seen } = await serve(t, withStatus(503), {}, '{"idempotency-key-lifetime":"PT30M"}')
  await catalog.commitTable(id, change)
  await catalog.commitTable(id, change)
  await catalog.commitTable(id, { ...change })
  t.equal(seen[0]?.body, seen[1]?.body)
  t.match(seen[0]?.body, '"snapshot-id":9223372036854775807')
  t.match(seen[0]?.headers['idempotency-key'], /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  t.equal(seen[0]?.headers['idempotency-key'], seen[1]?.headers['idempotency-key'])
  t.not(seen[0]?.headers['idempotency-key'], seen[2]?.headers['idempotency-key'])
  const without = await serve(t, withStatus(503))
  await without.catalog.commitTable(id, change)
  t.notOk(without.seen[0]?.headers['idempotency-key'], 'not sent to a server that does not offer it')
})

t.test('reads are tried again, and end with the sentence of what is wrong', async t => {
  let calls = 0
  const flaky = await serve(t, (_, reply) => { reply.writeHead(calls++ === 0 ? 503 : 200).end(loaded) })
  t.ok(await flaky.catalog.loadTable(id))
  t.equal(calls, 2)
  const missing = await serve(t, withStatus(404, error('NoSuchTableException', 'no', 404)))
  await t.rejects(missing.catalog.loadTable(id), { code: 'CATALOG_NO_SUCH_TABLE', message: /table a b.c\/d.é does not exist/ })
  t.equal(missing.seen.length, 1)
  await t.rejects(missing.catalog.listTables(['x']), { code: 'CATALOG_NO_SUCH_NAMESPACE' })
  const garbage = await serve(t, withStatus(200, '<html>'))
  await t.rejects(garbage.catalog.loadTable(id), { code: 'CATALOG_BAD_REPLY' })
  const taken = await serve(t, withStatus(409, error('AlreadyExistsException')))
  await t.rejects(taken.catalog.createTable(id, { schema: { type: 'struct', fields: [] } }), { code: 'CATALOG_ALREADY_EXISTS' })
  await taken.catalog.ensureNamespace(['a', 'b'])
  t.equal(taken.seen.length, 3, 'every level of a namespace is made')
  await t.rejects(openRestCatalog('http://127.0.0.1:1', { readAttemptsMax: 1 }).loadTable(id), { code: 'CATALOG_UNREACHABLE', retryable: true, message: /127.0.0.1:1 did not answer/ })
})

t.test('lists are read page by page', async t => {
  const { catalog, seen } = await serve(t, (one, reply) => {
    reply.end(one.url.includes('pageToken=2%2B') ? '{"namespaces":[["c"]]}' : '{"namespaces":[["a"],["b"]],"next-page-token":"2+"}')
  })
  t.same(await catalog.listNamespaces(), [['a'], ['b'], ['c']])
  t.equal(seen.length, 2)
})

t.test('an address that is no catalog is refused', async t => {
  t.throws(() => connectCatalog('thrift://127.0.0.1'), { code: 'CATALOG_URL_UNSUPPORTED' })
  t.ok(connectCatalog('http://127.0.0.1:8181'))
})

t.test('where the catalog does not check that a branch is still missing, the client looks before it sends', async t => {
  const first: TableChange = { requirements: [{ 'type': 'assert-ref-snapshot-id', 'ref': 'main', 'snapshot-id': null }], updates: [] }
  const withSnapshot = loaded.replace('"snapshots":', '"current-snapshot-id":9223372036854775807,"snapshots":')
  const full = await serve(t, withStatus(200, withSnapshot), {}, '{"overrides":{"nessie.is-nessie-catalog":"true"}}')
  t.match(await full.catalog.commitTable(id, first), { kind: 'conflict', reason: /main was created concurrently/ })
  t.same(full.seen.map(each => each.method), ['GET'], 'nothing was sent that could land')
  const empty = await serve(t, withStatus(200, loaded), {}, '{"overrides":{"nessie.is-nessie-catalog":"true"}}')
  t.equal((await empty.catalog.commitTable(id, first)).kind, 'landed')
  t.equal((await empty.catalog.commitTable(id, change)).kind, 'landed')
  t.same(empty.seen.map(each => each.method), ['GET', 'POST', 'POST'], 'only where a branch is asserted to be missing')
})
