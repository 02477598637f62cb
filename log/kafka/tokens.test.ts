import t from 'tap'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fetchToken, signMskToken } from './tokens.ts'

const nowMs = Date.UTC(2026, 0, 2, 3, 4, 5)

async function endpoint (t: import('tap').Test, answer: (request: IncomingMessage, body: string, reply: ServerResponse) => void): Promise<string> {
  const server = createServer((request, reply) => {
    let body = ''
    request.on('data', chunk => { body += String(chunk) }).on('end', () => { answer(request, body, reply) })
  })
  await new Promise<void>(resolve => { server.listen(0, '127.0.0.1', resolve) })
  t.after(() => { server.close() })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`
}

t.test('a token comes for client credentials and ends when the server says', async t => {
  let asked = ''
  const url = await endpoint(t, (_, body, reply) => {
    asked = body
    reply.end('{"access_token":"abc","expires_in":60}')
  })
  t.strictSame(await fetchToken({ url, clientId: 'me', clientSecret: 's&=cret', scope: 'kafka' }, () => nowMs), { tokenValue: 'abc', lifetime: nowMs + 60_000, principal: 'me', extensions: {} })
  t.strictSame(Object.fromEntries(new URLSearchParams(asked)), { grant_type: 'client_credentials', client_id: 'me', client_secret: 's&=cret', scope: 'kafka' })
})

t.test('a token without an end is asked for again soon', async t => {
  const url = await endpoint(t, (_, __, reply) => { reply.end('{"access_token":"abc"}') })
  t.equal((await fetchToken({ url, clientId: 'me', clientSecret: 's', scope: null }, () => nowMs)).lifetime, nowMs + 300_000)
})

t.test('an endpoint that refuses is quoted, our secret is not', async t => {
  const url = await endpoint(t, (_, __, reply) => { reply.writeHead(400).end('{"error":"invalid_scope","error_description":"no such scope"}') })
  await t.rejects(fetchToken({ url, clientId: 'me', clientSecret: 'top-secret', scope: 'x' }), { message: `the token endpoint ${url} answered 400 invalid_scope: no such scope` })
  const page = await endpoint(t, (_, __, reply) => { reply.end('<html>') })
  await t.rejects(fetchToken({ url: page, clientId: 'me', clientSecret: 'top-secret', scope: null }), { message: /token endpoint .* answered 200/ })
})

t.test('a token for MSK is a signed Connect request, good for 15 minutes', async t => {
  const { tokenValue, lifetime } = await signMskToken('eu-west-1', { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'top-secret', sessionToken: 'a/b+c=' }, () => nowMs)
  t.equal(lifetime, nowMs + 900_000)
  t.match(tokenValue, /^[A-Za-z0-9_-]+$/, 'base64url without padding')
  const url = new URL(Buffer.from(tokenValue, 'base64url').toString())
  t.equal(url.host, 'kafka.eu-west-1.amazonaws.com')
  t.match(Object.fromEntries(url.searchParams), {
    'Action': 'kafka-cluster:Connect',
    'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
    'X-Amz-Credential': 'AKIDEXAMPLE/20260102/eu-west-1/kafka-cluster/aws4_request',
    'X-Amz-Date': '20260102T030405Z',
    'X-Amz-Expires': '900',
    'X-Amz-SignedHeaders': 'host',
    'X-Amz-Security-Token': 'a/b+c=',
    'X-Amz-Signature': /^[0-9a-f]{64}$/,
    'User-Agent': /firn/
  })
  t.notMatch(url.href, /top-secret/)
})
