/** The catalog beside a browser and strangers: it obeys programs of this machine or with its token, and touches no file outside its places. */
import { spawnSync } from 'node:child_process'
import { existsSync, linkSync, mkdirSync, readFileSync, readdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { callerRule, refuseListening } from './callers.ts'
import { insideOf } from './places.ts'
import { appendRequest, startCatalog, tableRequest, type Client } from './started-catalog.ts'

async function start(test: Test, options = {}) {
  const dir = realpathSync(test.testdir({ data: {}, victim: { 'secret.txt': 'AWS_SECRET=abcdefg123456', 'precious.txt': 'precious' } }))
  const dataDir = join(dir, 'data')
  const warnings: string[] = []
  const logger = { info() {}, warn(_: object, sentence: string) { warnings.push(sentence) }, error() {} }
  const catalog = await startCatalog(dataDir, { logger, ...options })
  test.teardown(() => catalog.close())
  const { body } = await catalog.call('POST', '/v1/namespaces/db/tables', tableRequest('t'))
  return { ...catalog, dataDir, victim: join(dir, 'victim'), table: body, warnings }
}

/** With headers that `fetch` would not send. */
async function send(url: string, method: string, path: string, headers: Record<string, string>, body?: string): Promise<{ status: number, text: string }> {
  return await new Promise((resolve, reject) => {
    const sent = httpRequest(url + path, { method, headers, setHost: false }, answer => {
      let text = ''
      answer.setEncoding('utf8').on('data', (chunk: string) => { text += chunk }).on('end', () => { resolve({ status: answer.statusCode ?? 0, text }) })
    })
    sent.on('error', reject).end(body)
  })
}

const json = { 'content-type': 'application/json' }

t.test('what a browser sends for a web page is refused, whatever it asks for, and changes nothing', async t => {
  const { url, call } = await start(t)
  const host = new URL(url).host
  const page: Record<string, Record<string, string>> = {
    'another origin': { host, origin: 'https://evil.example', ...json },
    'a page without an origin': { host, origin: 'null', ...json },
    'a page of another port of this machine': { host, origin: 'http://127.0.0.1:3000', ...json },
    'an image or a script': { host, 'sec-fetch-site': 'cross-site' },
    'a rebound name': { host: `evil.example:${new URL(url).port}`, ...json },
    'a rebound name that begins like this machine': { host: '127.0.0.1.evil.example', ...json },
    'a rebound name that ends like it': { host: 'evil.localhost', ...json },
    'a name with a user': { host: '127.0.0.1@evil.example', ...json }
  }
  for (const [what, headers] of Object.entries(page)) {
    for (const [method, path, body] of [
      ['GET', '/v1/config'], ['GET', '/v1/namespaces/db/tables/t'], ['GET', '/livez'], ['GET', '/metrics'], ['GET', '/nothing'],
      ['POST', '/v1/namespaces', '{"namespace":["evil"]}'], ['DELETE', '/v1/namespaces/db/tables/t?purgeRequested=true'],
      ['POST', '/v1/tables/rename', '{"source":{"namespace":["db"],"name":"t"},"destination":{"namespace":["db"],"name":"gone"}}']
    ] as const) {
      const answer = await send(url, method, path, headers, body)
      t.equal(answer.status, 403, `${what}: ${method} ${path}`)
      t.match(answer.text, /ForbiddenException/)
    }
  }
  t.equal((await call('GET', '/v1/namespaces/db/tables/t')).status, 200)
  t.same((await call('GET', '/v1/namespaces')).body.namespaces, [['db']])
})

t.test('a body counts only when it says that it is JSON: forms and plain text are what a page may send unasked', async t => {
  const { url, call } = await start(t)
  const host = new URL(url).host
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'application/jsonp', 'text/plain; application/json']) {
    t.equal((await send(url, 'POST', '/v1/namespaces', { host, 'content-type': type }, '{"namespace":["evil"]}')).status, 415, type)
  }
  t.equal((await send(url, 'POST', '/v1/namespaces', { host }, '{"namespace":["evil"]}')).status, 415, 'no type')
  for (const [name, type] of [['a', 'application/json'], ['b', 'Application/JSON; charset=UTF-8']] as const) {
    t.equal((await send(url, 'POST', '/v1/namespaces', { host, 'content-type': type }, `{"namespace":["${name}"]}`)).status, 200)
  }
  t.same((await call('GET', '/v1/namespaces')).body.namespaces, [['a'], ['b'], ['db']])
})

t.test('a token is asked for where one is set, and needed where others can reach the port', async t => {
  const { url, close } = await startCatalog(t.testdir(), { token: 'let-me-in' })
  t.teardown(() => close())
  const host = 'catalog.example'
  t.equal((await send(url, 'GET', '/v1/config', { host })).status, 401)
  t.equal((await send(url, 'GET', '/v1/config', { host, authorization: 'Bearer wrong' })).status, 401)
  t.equal((await send(url, 'GET', '/v1/config', { host, authorization: 'Bearer let-me-in' })).status, 200)
  t.equal((await send(url, 'GET', '/v1/config', { host, authorization: 'Bearer let-me-in', origin: 'https://evil.example' })).status, 403)
  t.equal((await send(url, 'GET', '/livez', { host })).status, 200, 'probes need none')
  for (const open of ['0.0.0.0', '::', '192.168.1.5', 'catalog.example']) {
    t.match(refuseListening(open, undefined), /FIRN_CATALOG_TOKEN/)
    t.equal(refuseListening(open, 'x'), null)
  }
  for (const own of ['127.0.0.1', 'localhost', '::1', '127.8.9.1']) t.equal(refuseListening(own, undefined), null)
  await t.rejects(startCatalog(t.testdir(), { host: '0.0.0.0' }), { message: /FIRN_CATALOG_HOST is 0\.0\.0\.0.*FIRN_CATALOG_TOKEN/ })
  for (const name of ['[::1]:8181', 'localhost', 'LOCALHOST:1', '127.0.0.1:8181']) t.equal(callerRule(undefined)('/v1/config', { host: name }), null, name)
})

t.test('no spelling leads out of the warehouse', t => {
  const dir = realpathSync(t.testdir({ lake: { real: {}, 'a-file': 'x' }, other: {}, lake2: {} }))
  symlinkSync(join(dir, 'other'), join(dir, 'lake/link'))
  symlinkSync(join(dir, 'nowhere'), join(dir, 'lake/dangling'))
  symlinkSync('loop', join(dir, 'lake/loop'))
  const demand = insideOf(`file://${dir}/lake`)
  const out = [
    '/etc/passwd', 'file:/etc/passwd', 'file:///etc/passwd', `file://${dir}/lake2/t`, `file://${dir}/lake/../other`, `file://${dir}/lake/x/../../other`,
    `file://${dir}/lake/%2e%2e/other`, `file://${dir}/lake/%252E./other`, `file://${dir}/lake/..%2fother`, `file://${dir}/lake/x%2F..%2f..%255Cother`, `file://${dir}/lake/.%5Cx`, `file://${dir}/lake/./t`, `file://${dir}/lake//t`, `file://host${dir}/lake/t`, `file://localhost${dir}/lake/t`,
    `//host${dir}/lake`, `file:${dir.slice(1)}/lake/t`, `file://${dir}/lake/link/t`, `${dir}/lake/link`, `file://${dir}/lake/dangling/t`, `file://${dir}/lake/loop/t`,
    `file://${dir}/lake/a-file/t`, '/dev/zero', '/proc/self/environ', '/proc/self/root/etc/passwd', `/proc/self/cwd/x`, 's3://bucket/x', 'http://127.0.0.1/x', 'data:,x', '', '.', 'x',
    `file://${dir}/lake/a\u0000b`, `file://${dir}/lake/a\nb`, `file://${dir}/lake/a\\..\\b`, `file://${dir}/lake/${'a'.repeat(256)}`, `file://${dir}/lake${'/abc'.repeat(1000)}`
  ]
  for (const location of out) t.throws(() => { demand(location, 'location') }, { type: 'BadRequestException', message: /^Invalid location/ }, location)
  for (const value of [null, 7, {}, []]) t.throws(() => { demand(value, 'location') }, { message: /it is not a text/ })
  for (const location of [`file://${dir}/lake/t`, `file:${dir}/lake/t`, `${dir}/lake/real/deep/er`, `file://${dir}/lake/a=b%2Fc/..d/e..`, `file://${dir}/lake/t/`]) {
    t.doesNotThrow(() => { demand(location, 'location') }, location)
  }
  const further = insideOf(`file://${dir}/lake`, [`file://${dir}/other`])
  t.doesNotThrow(() => { further(`file://${dir}/lake/link/t`, 'location') }, 'a place that the operator names')
  const lake = insideOf('s3://bucket/lake')
  for (const location of ['s3://bucket/lake2/t', 's3://other/lake/t', 's3://bucket/lake/../x', 's3a://bucket/', `file://${dir}/lake`, 's3://bucket']) t.throws(() => { lake(location, 'location') }, location)
  for (const location of ['s3://bucket/lake/t', 's3a://bucket/lake/t/']) t.doesNotThrow(() => { lake(location, 'location') }, location)
  t.end()
})

t.test('every member that names a place is held against it: nothing is written, read or deleted elsewhere', async t => {
  const { call, victim, table, dataDir, warnings } = await start(t)
  const commit = (...updates: object[]) => call('POST', '/v1/namespaces/db/tables/t', { requirements: [], updates })
  const { metadata } = table
  const snapshotOf = (list: string) => {
    const { updates } = appendRequest(metadata, 77n)
    return [{ ...updates[0], snapshot: { ...(updates[0] as { snapshot: object }).snapshot, 'manifest-list': list } }, updates[1]] as object[]
  }
  const statistics = { 'snapshot-id': 77, 'statistics-path': `${victim}/precious.txt`, 'file-size-in-bytes': 1, 'file-footer-size-in-bytes': 1, 'blob-metadata': [] }
  const own = snapshotOf(`${metadata.location}/metadata/snap.avro`)
  const view = { 'schema': { type: 'struct', fields: [] }, 'view-version': { 'version-id': 1, 'timestamp-ms': 1, 'schema-id': 0, 'summary': {}, 'representations': [{ type: 'sql', sql: 'select 1', dialect: 'spark' }], 'default-namespace': ['db'] }, 'properties': {} }
  const cases: Record<string, () => ReturnType<Client>> = {
    'create': () => call('POST', '/v1/namespaces/db/tables', { ...tableRequest('w'), location: `file://${victim}/w` }),
    'staged create': () => call('POST', '/v1/namespaces/db/tables', { ...tableRequest('w'), 'location': `file://${victim}/w`, 'stage-create': true }),
    'create with a folder of metadata': () => call('POST', '/v1/namespaces/db/tables', tableRequest('w', { 'write.metadata.path': `file://${victim}/w` })),
    'create by commit': () => call('POST', '/v1/namespaces/db/tables/w', { requirements: [{ type: 'assert-create' }], updates: [{ action: 'assign-uuid', uuid: '00000000-0000-0000-0000-000000000001' }, { action: 'upgrade-format-version', 'format-version': 2 }, { action: 'add-schema', schema: metadata.schemas[0] }, { action: 'set-current-schema', 'schema-id': -1 }, { action: 'add-spec', spec: { fields: [] } }, { action: 'set-default-spec', 'spec-id': -1 }, { action: 'add-sort-order', 'sort-order': { fields: [] } }, { action: 'set-default-sort-order', 'sort-order-id': -1 }, { action: 'set-location', location: `${victim}/w` }] }),
    'set-location': () => commit({ action: 'set-location', location: `file://${victim}/w` }),
    'folder of data': () => commit({ action: 'set-properties', updates: { 'write.data.path': `file://${victim}` } }),
    'folder of objects': () => commit({ action: 'set-properties', updates: { 'write.object-storage.path': `file://${victim}` } }),
    'manifest list': () => commit(...snapshotOf(`file://${victim}/precious.txt`)),
    'statistics': () => commit(...own, { action: 'set-statistics', statistics }),
    'partition statistics': () => commit(...own, { action: 'set-partition-statistics', 'partition-statistics': { ...statistics, 'file-size-in-bytes': 1 } }),
    'register': () => call('POST', '/v1/namespaces/db/register', { 'name': 'r', 'metadata-location': `file://${victim}/secret.txt` }),
    'register a view': () => call('POST', '/v1/namespaces/db/register-view', { 'name': 'r', 'metadata-location': `file://${victim}/secret.txt` }),
    'view': () => call('POST', '/v1/namespaces/db/views', { name: 'v', location: `file://${victim}/w`, ...view })
  }
  for (const [what, ask] of Object.entries(cases)) {
    const answer = await ask()
    t.equal(answer.status, 400, `${what}: ${JSON.stringify(answer.body)}`)
    t.match(answer.body.error.message, /outside the warehouse/, what)
    t.notMatch(answer.body.error.message, 'AWS_SECRET')
  }
  t.equal((await call('POST', '/v1/namespaces/db/views', { name: 'v', ...view })).status, 200)
  t.equal((await call('POST', '/v1/namespaces/db/views/v', { updates: [{ action: 'set-location', location: `file://${victim}/w` }] })).status, 400)
  t.same(readdirSync(victim).sort(), ['precious.txt', 'secret.txt'])

  // A file of metadata in the warehouse may name places elsewhere: an upload, a restored backup.
  const planted = (name: string, change: object) => {
    const file = join(dataDir, 'warehouse', name)
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(table['metadata-location'].replace('file://', ''), 'utf8')), ...change }))
    return call('POST', '/v1/namespaces/db/register', { 'name': name, 'metadata-location': `file://${file}` })
  }
  for (const [what, change] of Object.entries({
    location: { location: victim },
    properties: { properties: { 'write.metadata.path': victim } },
    log: { 'metadata-log': [{ 'metadata-file': `${victim}/precious.txt`, 'timestamp-ms': 1 }] },
    snapshots: { snapshots: [{ 'snapshot-id': 5, 'timestamp-ms': 1, 'manifest-list': `${victim}/precious.txt`, 'summary': { operation: 'append' } }] },
    statistics: { statistics: [statistics] }
  })) t.equal((await planted(`${what}.metadata.json`, change)).status, 400, what)
  t.equal((await call('DELETE', '/v1/namespaces/db/tables/t?purgeRequested=true')).status, 204)
  const file = table['metadata-location'].replace('file://', '')
  for (let tries = 0; existsSync(file) && tries < 500; tries++) await new Promise(resolve => setTimeout(resolve, 20))
  t.notOk(existsSync(file))
  t.same(readdirSync(victim).sort(), ['precious.txt', 'secret.txt'])
  t.same(warnings, [])
})

t.test('what a request names and cannot be read is the request\'s fault: no pipe holds the catalog, no echo of a file, no 5xx', async t => {
  const { call, dataDir, victim } = await start(t)
  const lake = join(dataDir, 'warehouse')
  mkdirSync(join(lake, 'folder.metadata.json'))
  for (let index = 0; index < 5; index++) spawnSync('mkfifo', [join(lake, `pipe${index}.metadata.json`)])
  writeFileSync(join(lake, 'text.metadata.json'), 'AWS_SECRET=abcdefg123456')
  writeFileSync(join(lake, 'scalar.metadata.json'), '5')
  writeFileSync(join(lake, 'bomb.gz.metadata.json'), gzipSync(Buffer.alloc(257 * 1024 * 1024, 0x20), { level: 1 }))
  symlinkSync(join(victim, 'secret.txt'), join(lake, 'link.metadata.json'))
  linkSync(join(lake, 'scalar.metadata.json'), join(lake, 'hard.metadata.json'))
  const register = (name: string) => call('POST', '/v1/namespaces/db/register', { 'name': 'r', 'metadata-location': `file://${lake}/${name}.metadata.json` })
  const pipes = await Promise.all([0, 1, 2, 3, 4].map(index => register(`pipe${index}`)))
  t.same(pipes.map(({ status }) => status), [400, 400, 400, 400, 400])
  t.equal((await register('folder')).status, 400)
  t.equal((await register('link')).status, 400)
  t.equal((await register('none')).status, 404)
  for (const name of ['text', 'scalar', 'hard', 'bomb.gz']) {
    const { status, body } = await register(name)
    t.equal(status, 422, name)
    t.notMatch(JSON.stringify(body), 'AWS_SECRET', 'no file is echoed')
  }
  for (const device of ['/dev/zero', '/dev/stdin', '/proc/self/environ', '/proc/1/root/etc/passwd']) {
    t.equal((await call('POST', '/v1/namespaces/db/register', { 'name': 'r', 'metadata-location': device })).status, 400, device)
  }
})

t.test('client input is never a 5xx: nulls, numbers that no reader holds, nesting, odd names', async t => {
  const { call } = await start(t)
  const deep = (levels: number) => `${'{"type":"list","element-id":2,"element-required":false,"element":'.repeat(levels)}"int"${'}'.repeat(levels)}`
  const commit = (text: string) => call('POST', '/v1/namespaces/db/tables/t', text)
  const bad: Record<string, string> = {
    'deep type': `{"requirements":[],"updates":[{"action":"add-schema","schema":{"type":"struct","fields":[{"id":1,"name":"a","required":false,"type":${deep(5000)}}]}}]}`,
    'deep array': `${'['.repeat(100_000)}`,
    'deep unknown member': `{"requirements":[],"updates":[],"x":${'{"a":'.repeat(30_000)}1${'}'.repeat(30_000)}}`,
    'id beyond 64 bits': '{"requirements":[{"type":"assert-ref-snapshot-id","ref":"main","snapshot-id":9223372036854775808}],"updates":[]}',
    'id beyond 32 bits': '{"requirements":[{"type":"assert-current-schema-id","current-schema-id":4294967296}],"updates":[]}',
    'a number of a million digits': `{"requirements":[],"updates":[],"x":${'9'.repeat(1_000_000)}}`,
    'an infinite number': '{"requirements":[],"updates":[{"action":"set-current-schema","schema-id":1e999}]}',
    'a number as a kind': '{"requirements":[],"updates":[{"action":9223372036854775807}]}',
    'null requirement': '{"requirements":[null],"updates":[]}',
    'null update': '{"requirements":[],"updates":[null]}',
    'null list': '{"requirements":null,"updates":null}',
    'null ids': '{"requirements":[],"updates":[{"action":"remove-snapshots","snapshot-ids":null}]}'
  }
  for (const [what, text] of Object.entries(bad)) {
    const answer = await commit(text)
    t.ok(answer.status >= 400 && answer.status < 500, `${what}: ${answer.status} ${JSON.stringify(answer.body).slice(0, 200)}`)
  }
  t.equal((await commit('{"identifier":null,"requirements":[],"updates":[]}')).status, 200, 'null says the same as absent')
  t.equal((await commit('{"requirements":[],"updates":[{"action":"set-properties","updates":{"digits":"' + '9'.repeat(1000) + '[[[\\"{"}}]}')).status, 200, 'texts are free')
  t.equal((await call('POST', '/v1/namespaces', '{"namespace":["n"],"properties":null}')).status, 200)
  t.equal((await call('POST', '/v1/namespaces/n/properties', '{"removals":null,"updates":null}')).status, 200)
  t.equal((await call('POST', '/v1/namespaces/db/tables', '{"name":"s","schema":{"type":"struct","fields":[],"schema-id":null,"identifier-field-ids":null},"partition-spec":null,"write-order":null,"location":null,"stage-create":null,"properties":null}')).status, 200)
  t.equal((await call('POST', '/v1/namespaces/db/tables', '{"name":"\\ud83d","schema":{"type":"struct","fields":[]}}')).status, 400)
  t.equal((await call('POST', '/v1/namespaces/db/tables', { ...tableRequest('€'.repeat(85)) })).status, 200, 'a name of 255 bytes gets a folder')
  t.equal((await call('POST', '/v1/namespaces/db/tables', { ...tableRequest('x'), location: '' })).status, 400)
})
