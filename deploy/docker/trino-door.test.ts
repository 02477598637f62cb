import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { openDoor, readKeys } from './trino-door.ts'

const key = 'a-key-of-an-analyst'

/** A server in Trino's place, which keeps what it was asked with. */
async function setUp (t: { teardown(run: () => void): void }): Promise<{ url: string, asked: IncomingHttpHeaders[] }> {
  const asked: IncomingHttpHeaders[] = []
  const trino = createServer((incoming, outgoing) => {
    asked.push(incoming.headers)
    incoming.pipe(outgoing)
  })
  const door = openDoor({ keys: ['another-key-of-them', key], trino: new URL(await open(t, trino)) })
  return { url: await open(t, door), asked }
}

async function open (t: { teardown(run: () => void): void }, server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

t.test('a question with a key reaches Trino, as its clients bring one, and the key does not', async t => {
  const { url, asked } = await setUp(t)
  const ways = [
    { authorization: `Bearer ${key}` },
    { authorization: `Basic ${Buffer.from(`ana:${key}`).toString('base64')}` },
    { 'x-trino-extra-credential': `other=1, key=${key}` }
  ]
  for (const headers of ways) {
    const answer = await fetch(`${url}/v1/statement`, { method: 'POST', body: 'select 1', headers: { ...headers, 'x-trino-user': 'ana' } as Record<string, string> })
    t.equal(answer.status, 200)
    t.equal(await answer.text(), 'select 1')
  }
  t.equal(asked.length, ways.length)
  for (const headers of asked) {
    t.equal(headers['x-trino-user'], 'ana')
    t.equal(headers.host, new URL(url).host, 'so that Trino names the door in where to ask on')
    t.notMatch(JSON.stringify(headers), key)
  }
})

t.test('what comes without a key, or with a wrong one, does not reach Trino', async t => {
  const { url, asked } = await setUp(t)
  const wrong = [{}, { authorization: 'Bearer ' }, { authorization: 'Bearer a-key-of-an-analyst2' }, { authorization: 'Basic x' }, { 'x-trino-extra-credential': 'key=%' }, { authorization: key }]
  for (const headers of wrong) t.equal((await fetch(`${url}/ui/`, { headers: headers as Record<string, string> })).status, 401)
  t.equal(asked.length, 0)
})

t.test('the door does not open on short, missing or example keys', async t => {
  t.throws(() => readKeys(undefined), /TRINO_KEYS is not set/)
  t.throws(() => readKeys('short'), /fewer than 16/)
  t.throws(() => readKeys('change-me-before-trino-starts'), /env\.example/)
  t.strictSame(readKeys('a-key-of-an-analyst, another-key-of-them'), ['a-key-of-an-analyst', 'another-key-of-them'])
})
