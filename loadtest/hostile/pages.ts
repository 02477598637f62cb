// What a web page can make a browser send to this machine: another origin, no origin, a name that was rebound to loopback, a
// form, plain text. The catalog and the query service refuse it all and change nothing; the gateway takes events only.

import type { Ground } from './ground.ts'

const statement = JSON.stringify({ sql: 'select 1' })

export async function playPages ({ line, send, tally }: Ground): Promise<void> {
  const portOf = (url: string): string => new URL(url).port
  const callers: Record<string, (url: string) => { host?: string, headers?: Record<string, string> }> = {
    'a page of another origin': () => ({ headers: { origin: 'https://evil.example' } }),
    'a page in a sandbox': () => ({ headers: { origin: 'null' } }),
    'a page of another port of this machine': () => ({ headers: { origin: 'http://localhost:3000' } }),
    'an image': () => ({ headers: { 'sec-fetch-site': 'cross-site' } }),
    'a sibling site': () => ({ headers: { 'sec-fetch-site': 'same-site' } }),
    'a rebound name': url => ({ host: `evil.example:${portOf(url)}`, headers: { origin: `http://evil.example:${portOf(url)}` } }),
    'a rebound name without origin': url => ({ host: `evil.example:${portOf(url)}` }),
    'a rebound name that begins like this machine': url => ({ host: `127.0.0.1.evil.example:${portOf(url)}` }),
    'a rebound name that ends like it': () => ({ host: 'evil.localhost' })
  }
  const asked = [
    ['GET', '/v1/config'], ['GET', '/v1/namespaces/firn/tables/events'], ['DELETE', '/v1/namespaces/firn/tables/events?purgeRequested=true'], ['POST', '/v1/namespaces', '{"namespace":["evil"]}'],
    ['POST', '/v1/tables/rename', '{"source":{"namespace":["firn"],"name":"events"},"destination":{"namespace":["firn"],"name":"gone"}}'], ['POST', '/v1/transactions/commit', '{"table-changes":[]}']
  ] as const
  for (const [caller, as] of Object.entries(callers)) {
    const statuses: number[] = []
    for (const [method, path, body] of asked) statuses.push((await send(line.catalogUrl, path, { method, ...body === undefined ? {} : { body }, ...as(line.catalogUrl) })).status)
    tally.check(`the catalog refuses ${caller}`, statuses.every(status => status === 403), statuses.join(' '))
    const question = await send(line.queryUrl, '/v1/query', { method: 'POST', body: statement, ...as(line.queryUrl) })
    tally.check(`the query service refuses ${caller}`, [403, 421].includes(question.status), `${question.status} ${question.text.slice(0, 100)}`)
  }
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/plain; application/json']) {
    const headers = { 'content-type': type }
    const made = await send(line.catalogUrl, '/v1/namespaces', { method: 'POST', body: '{"namespace":["evil"]}', headers })
    const told = await send(line.queryUrl, '/v1/query', { method: 'POST', body: statement, headers })
    tally.check(`neither obeys a body of type ${type}`, made.status === 415 && [400, 415].includes(told.status), `${made.status} ${told.status}`)
  }
  const { text } = await send(line.catalogUrl, '/v1/namespaces')
  tally.check('no page changed anything', !text.includes('evil') && (await send(line.catalogUrl, '/v1/namespaces/firn/tables/events')).status === 200, text)
}
