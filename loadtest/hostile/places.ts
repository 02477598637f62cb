// Requests to the catalog that would make a file tool of it: places outside the warehouse in every spelling, devices, pipes,
// links, what other processes hold. All are refused; the folder of somebody else is looked at after each attack.

import { spawnSync } from 'node:child_process'
import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { until } from '../../runtime/index.ts'
import type { Answer, Ground } from './ground.ts'

const schema = { 'type': 'struct', 'schema-id': 0, 'fields': [{ 'id': 1, 'name': 'a', 'required': false, 'type': 'int' }] }
const waitMsMax = 20_000

export async function playPlaces (ground: Ground): Promise<void> {
  const { line, tally, send, victimDir } = ground
  const lake = join(realpathSync(line.dataDir), 'warehouse')
  const victim = realpathSync(victimDir)
  const call = async (method: string, path: string, body?: object): Promise<Answer> => await send(line.catalogUrl, path, { method, ...body === undefined ? {} : { body } })
  await call('POST', '/v1/namespaces', { namespace: ['hostile'] })
  const made = await call('POST', '/v1/namespaces/hostile/tables', { name: 't', schema })
  tally.check('a table of one\'s own is made', made.status === 200, String(made.status))
  mkdirSync(join(lake, 'planted'), { recursive: true })
  symlinkSync(victim, join(lake, 'planted/link'))
  symlinkSync(join(victim, 'secret.txt'), join(lake, 'planted/link.metadata.json'))
  for (let i = 0; i < 6; i++) spawnSync('mkfifo', [join(lake, `planted/pipe${i}.metadata.json`)])
  writeFileSync(join(lake, 'planted/text.metadata.json'), 'AWS_SECRET=abcdefg123456')
  const places = [
    victim, `file://${victim}/x`, `file://${lake}/../../somebody-else`, `file://${lake}/%2e%2e/%2e%2e/somebody-else`, `file://${lake}/..%2f..%2fsomebody-else`, `file://${lake}/planted/link/x`, `${lake}/planted/link`,
    `file://${lake}//../x`, `file:${victim}`, `FILE://${victim}`, `file://localhost${victim}`, `file://${lake}/a\u0000b`, '/dev/null', 'file:///dev/zero', '/proc/self/environ', '/proc/self/fd/1', '/proc/self/root/etc/passwd',
    's3://bucket/x', 'http://127.0.0.1:1/x', 'gopher://x', `${lake}2/x`, '..', '~/x', '\\\\host\\share', 7, [], { a: 1 }
  ]
  const refused = async (what: string, ask: (place: unknown) => Promise<Answer>): Promise<void> => {
    const wrong: string[] = []
    for (const place of places) {
      const { status, text } = await ask(place)
      if (status < 400 || status > 499 || text.includes('AWS_SECRET')) wrong.push(`${JSON.stringify(place)} ${status}`)
    }
    tally.check(`${what} leads nowhere (${places.length} places)`, wrong.length === 0, wrong.join(', '))
  }
  let n = 0
  const commit = async (...updates: object[]): Promise<Answer> => await call('POST', '/v1/namespaces/hostile/tables/t', { requirements: [], updates })
  await refused('the location of a new table', async location => await call('POST', '/v1/namespaces/hostile/tables', { name: `w${n++}`, location, schema }))
  await refused('a staged one', async location => await call('POST', '/v1/namespaces/hostile/tables', { 'name': `w${n++}`, location, schema, 'stage-create': true }))
  await refused('a table to be registered', async place => await call('POST', '/v1/namespaces/hostile/register', { 'name': `w${n++}`, 'metadata-location': place }))
  await refused('a new location', async location => await commit({ action: 'set-location', location }))
  await refused('a folder of data', async place => typeof place === 'string' ? await commit({ action: 'set-properties', updates: { 'write.data.path': place } }) : { status: 400, text: '', headers: {} })
  await refused('a manifest list', async place => await commit({ 'action': 'add-snapshot', 'snapshot': { 'snapshot-id': 77 + n++, 'sequence-number': 1, 'timestamp-ms': Date.now(), 'manifest-list': place, 'summary': { operation: 'append' }, 'schema-id': 0 } }))
  await refused('a file of statistics', async place => await commit({ 'action': 'set-statistics', 'statistics': { 'snapshot-id': 77, 'statistics-path': place, 'file-size-in-bytes': 1, 'file-footer-size-in-bytes': 1, 'blob-metadata': [] } }))
  const planted = await Promise.all(['pipe0', 'pipe1', 'pipe2', 'pipe3', 'pipe4', 'pipe5', 'link', 'text'].map(async name => (await call('POST', '/v1/namespaces/hostile/register', { 'name': name, 'metadata-location': `file://${lake}/planted/${name}.metadata.json` }))))
  tally.check('pipes, links and texts in the warehouse hold nothing and are told as the request\'s fault', planted.every(({ status, text }) => status >= 400 && status < 500 && !text.includes('AWS_SECRET')), planted.map(({ status }) => status).join(' '))
  const purged = await call('DELETE', '/v1/namespaces/hostile/tables/t?purgeRequested=true')
  tally.check('its own table is purged', purged.status === 204, String(purged.status))
  await until(async () => (await call('GET', '/v1/namespaces/hostile/tables/t')).status === 404, waitMsMax)
  for (const path of ['/v1/namespaces/..%2f..%2fetc', '/v1/namespaces/%00/tables', '/v1/namespaces/firn/tables/..%2f..%2fevents', `/v1/namespaces/${'a%1F'.repeat(500)}/tables`, '/docs/static/..%2f..%2f..%2fetc%2fpasswd', '/%c0%ae%c0%ae/', '/v1/namespaces/%zz']) {
    for (const url of [line.catalogUrl, line.gatewayUrl, line.queryUrl, line.writerUrl]) {
      const { status, text } = await send(url, path)
      if (status < 400 || status >= 500 || text.includes('root:')) tally.check(`${url}${path} leads nowhere`, false, `${status} ${text.slice(0, 80)}`)
    }
  }
}
