import t, { type Test } from 'tap'
import { Agent } from 'undici'
import type { TableChange } from '../spec/types.ts'
import { OAuthClient, type SentRequest } from './rest-auth.ts'
import { openRestCatalog, type RestCatalogOptions } from './rest.ts'
import { answerJson, startTinyServer, tableReply, type Seen } from './tiny-server.ts'

const id = { namespace: ['sales'], name: 'orders' }
const change: TableChange = { requirements: [], updates: [{ 'action': 'set-properties', 'updates': { a: '1' } }] }
const clientSecret = 's3cr +t/ä&='
const oauth = { clientId: 'firn', clientSecret }

/** A catalog that takes the newest token of its own endpoint and no other. */
async function startCatalog(t: Test, more: { catalog?: RestCatalogOptions, lifeS?: number, configIsOpen?: boolean, token?: (count: number, seen: Seen) => [number, unknown] | undefined, config?: () => Record<string, string> } = {}) {
  const state = { tokens: 0, isValid: (token: string | undefined) => token === `Bearer t${state.tokens}` }
  const server = await startTinyServer(t, (seen, reply) => {
    if (seen.url.endsWith('/tokens') || seen.url.startsWith('/elsewhere')) {
      const [status, body] = more.token?.(state.tokens + 1, seen) ?? [200, undefined]
      if (status === 200) state.tokens += 1
      return answerJson(reply, status, body ?? { access_token: `t${state.tokens}`, token_type: 'bearer', expires_in: more.lifeS ?? 3600 })
    }
    if (seen.url.startsWith('/v1/config') && more.configIsOpen === true) return answerJson(reply, 200, { defaults: more.config?.() ?? {}, overrides: {} })
    if (!state.isValid(seen.headers.authorization)) return answerJson(reply, 401, { error: { message: 'not you', type: 'NotAuthorizedException', code: 401 } })
    if (seen.url.startsWith('/v1/config')) return answerJson(reply, 200, { defaults: {}, overrides: {} })
    answerJson(reply, 200, tableReply('s3://lake/orders'))
  })
  const catalog = openRestCatalog(server.url, { oauth, readAttemptsMax: 1, ...more.catalog })
  const tokensAsked = () => server.seen.filter(seen => seen.url.endsWith('/tokens') || seen.url.startsWith('/elsewhere'))
  const commits = () => server.seen.filter(seen => seen.method === 'POST' && seen.url.includes('/tables/'))
  return { ...server, catalog, state, tokensAsked, commits }
}

t.test('a token is fetched once for all who wait, with the credentials in a form', async t => {
  const { catalog, tokensAsked, url, seen } = await startCatalog(t)
  await Promise.all(Array.from({ length: 10 }, () => catalog.loadTable(id)))
  t.equal(tokensAsked().length, 1)
  t.equal(tokensAsked()[0]?.url, '/v1/oauth/tokens', 'the catalog\'s own endpoint, when nobody names another')
  t.equal(tokensAsked()[0]?.headers['content-type'], 'application/x-www-form-urlencoded')
  t.same(Object.fromEntries(new URLSearchParams(tokensAsked()[0]?.body)), { grant_type: 'client_credentials', client_id: 'firn', client_secret: clientSecret, scope: 'catalog' })
  t.notOk(tokensAsked()[0]?.headers.authorization)
  t.ok(seen.filter(each => each.url.includes('/tables/')).every(each => each.headers.authorization === 'Bearer t1'), url)
})

t.test('the token endpoint is the one that the setting names, else the one that the configuration names', async t => {
  const named = await startCatalog(t, { configIsOpen: true, config: () => ({ 'oauth2-server-uri': '/elsewhere/by-config' }) })
  await named.catalog.loadTable(id)
  t.same(named.tokensAsked().map(each => each.url), ['/elsewhere/by-config'])
  const endpoint = await startTinyServer(t, (_, reply) => { answerJson(reply, 200, { access_token: 't1', expires_in: 60 }) })
  const set = await startCatalog(t, { configIsOpen: true, config: () => ({ 'oauth2-server-uri': '/elsewhere/by-config' }), catalog: { oauth: { ...oauth, scope: 'lake:write', tokenUrl: `${endpoint.url}/idp` } } })
  set.state.tokens = 1
  await set.catalog.loadTable(id)
  t.same(set.tokensAsked(), [])
  t.equal(endpoint.seen[0]?.url, '/idp')
  t.equal(new URLSearchParams(endpoint.seen[0]?.body).get('scope'), 'lake:write')
})

t.test('a token that the catalog no longer takes is renewed once, and the commit sent again, byte for byte', async t => {
  const { catalog, state, tokensAsked, commits } = await startCatalog(t)
  await catalog.loadTable(id)
  state.isValid = token => token === 'Bearer t2'
  t.equal((await catalog.commitTable(id, change)).kind, 'landed')
  t.equal(tokensAsked().length, 2)
  t.same(commits().map(each => each.headers.authorization), ['Bearer t1', 'Bearer t2'])
  t.equal(commits()[0]?.body, commits()[1]?.body)
})

t.test('many requests that are refused at once renew the token once', async t => {
  const { catalog, state, tokensAsked } = await startCatalog(t)
  await catalog.loadTable(id)
  state.isValid = token => token === 'Bearer t2'
  await Promise.all(Array.from({ length: 8 }, () => catalog.loadTable(id)))
  t.equal(tokensAsked().length, 2)
})

t.test('who is refused with a new token too is refused: one renewal per request', async t => {
  const { catalog, state, tokensAsked, commits } = await startCatalog(t)
  await catalog.loadTable(id)
  state.isValid = () => false
  t.match(await catalog.commitTable(id, change), { kind: 'refused', error: { code: 'CATALOG_UNAUTHORIZED', message: /not you/ } })
  t.equal(commits().length, 2)
  t.equal(tokensAsked().length, 2)
})

t.test('a token is renewed at 80 % of its life; while the endpoint is away the old one serves to its end', async t => {
  let nowMs = 1_000_000
  let away = false
  let count = 0
  const endpoint = await startTinyServer(t, (_, reply) => {
    if (away) return answerJson(reply, 503, {})
    answerJson(reply, 200, { access_token: `t${++count}`, expires_in: 100 })
  })
  const agent = new Agent()
  t.teardown(() => agent.close())
  const client = new OAuthClient({ ...oauth, tokenUrl: endpoint.url }, { catalogUrl: 'http://127.0.0.1:1', dispatcher: agent, clock: () => nowMs })
  const request: SentRequest = { method: 'GET', url: 'http://127.0.0.1:1/v1/namespaces', body: undefined, headers: { accept: 'x' } }
  const token = async () => (await client.sign(request))['authorization']
  t.same(await client.sign(request), { accept: 'x', authorization: 'Bearer t1' })
  nowMs += 79_000
  t.equal(await token(), 'Bearer t1')
  nowMs += 2_000
  t.equal(await token(), 'Bearer t2')
  away = true
  nowMs += 85_000
  t.equal(await token(), 'Bearer t2', 'still good')
  const asked = endpoint.seen.length
  await token()
  t.equal(endpoint.seen.length, asked, 'the endpoint is not asked at every request meanwhile')
  nowMs += 20_000
  await t.rejects(token(), { code: 'CATALOG_TOKEN_UNREACHABLE', retryable: true })
  away = false
  t.equal(await token(), 'Bearer t3')
})

t.test('wrong credentials, an endpoint that is away and one that is none are one sentence each, and none holds the secret', async t => {
  const refusals: [Parameters<typeof startCatalog>[1], string, RegExp][] = [
    [{ token: (_, seen) => [401, { error: 'invalid_client', error_description: `no client firn with ${new URLSearchParams(seen.body).get('client_secret')}` }] }, 'CATALOG_TOKEN_REFUSED', /v1\/oauth\/tokens gave no token \(status 401, invalid_client, no client firn with \*\*\*\)/],
    [{ token: (_, seen) => [400, { error: { message: `bad: ${seen.body}`, type: 'BadCredentials' } }] }, 'CATALOG_TOKEN_REFUSED', /status 400, bad: grant_type/],
    [{ token: () => [200, { hello: 'world' }] }, 'CATALOG_TOKEN_REFUSED', /holds no access_token/],
    [{ token: () => [503, {}] }, 'CATALOG_TOKEN_UNREACHABLE', /did not answer \(status 503\)/],
    [{ catalog: { oauth: { ...oauth, tokenUrl: 'http://user:hidden@127.0.0.1:1/tokens?key=hidden' } } }, 'CATALOG_TOKEN_UNREACHABLE', /token endpoint http:\/\/127.0.0.1:1\/tokens did not answer/]
  ]
  for (const [options, code, message] of refusals) {
    const { catalog } = await startCatalog(t, options)
    const error = await catalog.loadTable(id).then(() => t.fail('refused'), (error: unknown) => error as Error & { code: string })
    if (error === undefined || typeof error !== 'object' || !('code' in error)) continue
    t.match(error, { code, message })
    for (const secret of [clientSecret, encodeURIComponent(clientSecret), 'hidden', 's3cr']) t.notOk(`${error.message} ${String(error.stack)} ${JSON.stringify(error)}`.includes(secret), `${code} without ${secret}`)
  }
})

t.test('a fixed token that has expired is said to have', async t => {
  const { url } = await startTinyServer(t, (seen, reply) => { answerJson(reply, seen.url.startsWith('/v1/config') ? 200 : 419, seen.url.startsWith('/v1/config') ? {} : { error: { message: 'expired yesterday' } }) })
  await t.rejects(openRestCatalog(url, { token: 'abc' }).loadTable(id), { code: 'CATALOG_TOKEN_EXPIRED', message: /expired yesterday.*FIRN_CATALOG_TOKEN/ })
})

t.test('storage credentials come with a table, the longest prefix first, and are asked for again when they end or were no good', async t => {
  let count = 0
  let endsInMs = 3_600_000
  const { url, seen } = await startTinyServer(t, (one, reply) => {
    if (one.url.startsWith('/v1/config')) return answerJson(reply, 200, {})
    count += 1
    const keys = (name: string) => ({ 's3.access-key-id': `${name}${count}`, 's3.secret-access-key': 'x', 's3.session-token-expires-at-ms': String(Date.now() + endsInMs) })
    answerJson(reply, 200, tableReply('s3://lake/orders', {
      'config': { 's3.endpoint': 'http://127.0.0.1:9', 'token': 'not for files' },
      'storage-credentials': [{ prefix: 's3://lake/orders', config: keys('a') }, { prefix: 's3a://lake/orders/data', config: keys('b') }]
    }))
  })
  const catalog = openRestCatalog(url, { accessDelegation: true })
  await catalog.loadTable(id)
  t.equal(seen.at(-1)?.headers['x-iceberg-access-delegation'], 'vended-credentials')
  const keyFor = async (location: string) => (await catalog.storageCredentials?.(id, location))?.config['s3.access-key-id']
  t.equal(await keyFor('s3://lake/orders/metadata/x.avro'), 'a1')
  t.equal(await keyFor('s3://lake/orders/data/x.parquet'), 'b1')
  t.equal(count, 1, 'those of the load')
  t.equal(await keyFor('s3://lake/orders/data/x.parquet'), 'b2', 'asked again: the first were no good any more')
  t.same(await catalog.storageCredentials?.(id, 's3://other/x'), null)
  endsInMs = 60_000
  await catalog.loadTable(id)
  endsInMs = 3_600_000
  const before = count
  t.equal(await keyFor('s3://lake/orders/data/y'), `b${before + 1}`, 'those that end within minutes are not given out')
  const found = await catalog.storageCredentials?.(id, 's3://lake/orders/metadata/y')
  t.equal(found?.config['s3.endpoint'], 'http://127.0.0.1:9', 'with the endpoint of the table')
  t.notOk(found?.config['token'])
  t.notOk(openRestCatalog(url, {}).storageCredentials, 'nothing is asked of a catalog that was not told to')
})

t.test('credentials in the config of a table, as older catalogs send them, are good for the table', async t => {
  const { url } = await startTinyServer(t, (_, reply) => { answerJson(reply, 200, tableReply('s3://lake/orders', { config: { 's3.access-key-id': 'k', 's3.secret-access-key': 's' } })) })
  const catalog = openRestCatalog(url, { accessDelegation: true })
  t.match(await catalog.storageCredentials?.(id, 's3a://lake/orders/data/x'), { prefix: 's3://lake/orders', config: { 's3.access-key-id': 'k' } })
})

t.test('where the catalog gives credentials alone, they are renewed without loading the table; what its configuration says of the storage goes with them', async t => {
  let count = 0
  const { url, seen } = await startTinyServer(t, (one, reply) => {
    if (one.url.startsWith('/v1/config')) return answerJson(reply, 200, { overrides: { 's3.endpoint': 'http://127.0.0.1:9', 'client.region': 'eu-west-1', 'token': 'for-the-catalog' }, endpoints: ['GET /v1/{prefix}/namespaces/{namespace}/tables/{table}/credentials'] })
    count += 1
    const given = { 'storage-credentials': [{ prefix: 's3', config: { 's3.access-key-id': `k${count}`, 's3.secret-access-key': 'x' } }] }
    answerJson(reply, 200, one.url.endsWith('/credentials') ? given : tableReply('s3://lake/orders', { ...given, config: { 's3.path-style-access': 'true' } }))
  })
  const catalog = openRestCatalog(url, { accessDelegation: true })
  const first = await catalog.storageCredentials?.(id, 's3://lake/orders/data/x')
  const second = await catalog.storageCredentials?.(id, 's3://lake/orders/data/x')
  t.same(first, { prefix: 's3://lake/orders', config: { 's3.endpoint': 'http://127.0.0.1:9', 'client.region': 'eu-west-1', 's3.path-style-access': 'true', 's3.access-key-id': 'k1', 's3.secret-access-key': 'x' } })
  t.same(second, { ...first, config: { ...first?.config, 's3.access-key-id': 'k2' } })
  t.same(seen.slice(1).map(one => one.url), ['/v1/namespaces/sales/tables/orders?snapshots=all', '/v1/namespaces/sales/tables/orders/credentials'])
  t.equal(seen.at(-1)?.headers.authorization, 'Bearer for-the-catalog', 'a token that the configuration hands out')
})

t.test('who may not is told so, apart from who is not known', async t => {
  const cases: [string, string][] = [['Principal \'writer\' is not authorized for op UPDATE_TABLE', 'CATALOG_DENIED'], ['The security token included in the request is expired', 'CATALOG_CREDENTIALS_EXPIRED'],
    ['The security token included in the request is invalid.', 'CATALOG_UNAUTHORIZED'], ['Insufficient Lake Formation permission(s): Required Alter on orders', 'CATALOG_LAKE_FORMATION_DENIED']]
  for (const [message, code] of cases) {
    const { url } = await startTinyServer(t, (seen, reply) => { answerJson(reply, seen.url.startsWith('/v1/config') ? 200 : 403, seen.url.startsWith('/v1/config') ? {} : { error: { message, type: 'ForbiddenException', code: 403 } }) })
    const error = await openRestCatalog(url, { token: 'abc', readAttemptsMax: 1 }).loadTable(id).catch((error: unknown) => error as Error)
    t.match(error, { code, message: /^(?!.*\{\w+\})/ }, message)
  }
})

t.test('Glue\'s own REST endpoint is told where a table shall lie, others choose', async t => {
  const { url, seen } = await startTinyServer(t, (one, reply) => { answerJson(reply, 200, one.url.startsWith('/v1/config') ? {} : tableReply('s3://lake/orders')) })
  const request = { schema: { type: 'struct' as const, fields: [] } }
  await openRestCatalog(url, { warehouseUrl: 's3://lake/wh/', sigv4: { region: 'eu-west-1', service: 'glue' }, accessKeyId: 'a', secretAccessKey: 'b' }).createTable(id, request)
  t.match(JSON.parse(seen.at(-1)?.body ?? ''), { location: /^s3:\/\/lake\/wh\/sales\/orders-[0-9a-f]{8}$/ })
  await openRestCatalog(url, { warehouseUrl: 's3://lake/wh/' }).createTable(id, request)
  t.notOk('location' in JSON.parse(seen.at(-1)?.body ?? ''))
})
