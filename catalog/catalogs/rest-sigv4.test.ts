import { createHash, createHmac } from 'node:crypto'
import t from 'tap'
import { openRestCatalog, type RestCatalogOptions } from './rest.ts'
import { answerJson, startTinyServer, tableReply, type Seen } from './tiny-server.ts'

const keys = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' }
const id = { namespace: ['sales & more'], name: 'é/1' }

/** What AWS computes for a request (Signature Version 4, written from its description, not with the library that signs). */
function signatureOf(seen: Seen, secret: string): string {
  const fields = Object.fromEntries((seen.headers.authorization ?? '').replace(/^AWS4-HMAC-SHA256 /, '').split(', ').map(part => part.split(/=(.*)/s).slice(0, 2))) as Record<string, string>
  const [, day = '', region = '', service = ''] = (fields['Credential'] ?? '').split('/')
  const names = (fields['SignedHeaders'] ?? '').split(';')
  const url = new URL(seen.url, 'http://x')
  const encode = (text: string) => encodeURIComponent(text).replace(/[!'()*]/g, char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
  const path = url.pathname.split('/').map(encode).join('/')
  const query = [...url.searchParams].map(([name, value]) => `${encode(name)}=${encode(value)}`).sort().join('&')
  const hash = (text: string) => createHash('sha256').update(text).digest('hex')
  const canonical = [seen.method, path, query, ...names.map(name => `${name}:${String(seen.headers[name]).trim()}`), '', names.join(';'), hash(seen.body)].join('\n')
  const scope = `${day}/${region}/${service}/aws4_request`
  const key = [day, region, service, 'aws4_request'].reduce<Buffer | string>((key, part) => createHmac('sha256', key).update(part).digest(), `AWS4${secret}`)
  return createHmac('sha256', key).update(['AWS4-HMAC-SHA256', seen.headers['x-amz-date'], scope, hash(canonical)].join('\n')).digest('hex')
}

async function startSigned(t: { teardown(fn: () => void): void }, options: RestCatalogOptions) {
  const server = await startTinyServer(t, (seen, reply) => {
    const isRight = seen.headers.authorization?.endsWith(`Signature=${signatureOf(seen, keys.secretAccessKey)}`) === true
    if (!isRight) return answerJson(reply, 403, { error: { message: 'The request signature we calculated does not match', type: 'SignatureDoesNotMatch' } })
    if (seen.url.startsWith('/v1/config')) return answerJson(reply, 200, { overrides: { prefix: 'catalogs/1:s3' } })
    if (seen.url.includes('pageToken')) return answerJson(reply, 200, { namespaces: [['a']], ...(seen.url.endsWith('pageToken=') ? { 'next-page-token': 'p+/= é' } : {}) })
    answerJson(reply, 200, tableReply('s3://lake/t'))
  })
  return { ...server, catalog: openRestCatalog(server.url, { sigv4: { region: 'eu-central-1', service: 'glue' }, ...keys, readAttemptsMax: 1, ...options }) }
}

t.test('requests are signed so that AWS computes the same: paths, queries, bodies, session tokens', async t => {
  const { catalog, seen } = await startSigned(t, { sessionToken: 'session', warehouse: '123:s3tablescatalog/b' })
  t.ok(await catalog.loadTable(id))
  t.same(await catalog.listNamespaces(), [['a'], ['a']])
  t.equal((await catalog.commitTable(id, { requirements: [], updates: [{ 'action': 'set-properties', 'updates': { 'ключ': '☃ "1"' } }] })).kind, 'landed')
  t.match(seen.at(-1)?.headers, { 'authorization': /Credential=AKIDEXAMPLE\/\d{8}\/eu-central-1\/glue\/aws4_request, SignedHeaders=/, 'x-amz-security-token': 'session', 'x-amz-content-sha256': /^[0-9a-f]{64}$/ })
  t.match(seen.at(-1)?.headers.authorization, /SignedHeaders=[^,]*content-type[^,]*;host;/, 'what matters is signed')
})

t.test('a token for the catalog behind the gateway goes along as Original-Authorization, signed', async t => {
  const { catalog, seen } = await startSigned(t, { token: 'inner' })
  t.ok(await catalog.loadTable(id))
  t.equal(seen.at(-1)?.headers['original-authorization'], 'Bearer inner')
  t.match(seen.at(-1)?.headers.authorization, /^AWS4.*original-authorization/)
})

t.test('a wrong key is refused in a sentence without it', async t => {
  const { catalog } = await startSigned(t, { secretAccessKey: 'wrong-and-secret' })
  const error = await catalog.loadTable(id).then(() => new Error('it was taken'), (error: unknown) => error as Error)
  t.match(error, { code: 'CATALOG_UNAUTHORIZED', message: /signature we calculated does not match/ })
  t.notMatch(`${error.message}${error.stack}`, /wrong-and-secret/)
})

t.test('without keys the AWS chain is asked, and what it lacks is said', async t => {
  const names = Object.keys(process.env).filter(name => name.startsWith('AWS_'))
  const before = Object.fromEntries(names.map(name => [name, process.env[name]]))
  t.teardown(() => { for (const name of Object.keys(process.env).filter(name => name.startsWith('AWS_'))) delete process.env[name]; Object.assign(process.env, before) })
  for (const name of names) delete process.env[name]
  Object.assign(process.env, { AWS_EC2_METADATA_DISABLED: 'true', AWS_SHARED_CREDENTIALS_FILE: '/nonexistent', AWS_CONFIG_FILE: '/nonexistent' })
  const server = await startSigned(t, {})
  const bare = { sigv4: { region: 'eu-central-1', service: 'glue' }, readAttemptsMax: 1 }
  await t.rejects(openRestCatalog(server.url, bare).loadTable(id), { code: 'CATALOG_CREDENTIALS_MISSING', retryable: false, message: /AWS_ACCESS_KEY_ID/ })
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: keys.accessKeyId, AWS_SECRET_ACCESS_KEY: keys.secretAccessKey })
  t.ok(await openRestCatalog(server.url, bare).loadTable(id))
})
