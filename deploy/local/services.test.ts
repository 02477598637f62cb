import t from 'tap'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readConfig, type SettingSchema } from '../../runtime/index.ts'
import { describeServices, localServices, settingsOfTheLine } from './services.ts'

const root = join(import.meta.dirname, '../..')
const read = (env: Record<string, string>, ...argv: string[]) => readConfig('line', settingsOfTheLine(), { env, argv }) as Readonly<Record<string, unknown>>

t.test('a setting that two services share is one: the same default, bounds and words', async t => {
  const seen = new Map<string, SettingSchema>()
  for (const [service, { settings }] of Object.entries(localServices)) {
    for (const [name, setting] of Object.entries(settings.properties as Record<string, SettingSchema>)) {
      if (seen.has(name)) t.strictSame(setting, seen.get(name), `${name} of ${service}`)
      seen.set(name, setting)
    }
  }
  t.ok(seen.size > 10)
})

t.test('each service gets its own settings and nobody else\'s, and reads them', async t => {
  const config = read({ FIRN_GATEWAY_PORT: '8001' }, '--catalog-port', '8182')
  for (const { name, env } of describeServices(config, { PATH: '/bin', FIRN_GATEWAY_PORT: '8001' })) {
    const { settings } = localServices[name as 'gateway']
    t.doesNotThrow(() => readConfig(name, settings, { env, argv: [] }), name)
    t.equal(env.PATH, '/bin', name)
  }
  const [catalog, writer, , gateway] = describeServices(config, {})
  t.equal(gateway?.env.FIRN_GATEWAY_WRITER_URL, 'http://127.0.0.1:8003', 'the gateway asks the writer about the log')
  t.equal(gateway?.env.FIRN_GATEWAY_PORT, '8001')
  t.notOk('FIRN_GATEWAY_PORT' in (writer?.env ?? {}))
  t.equal(catalog?.env.FIRN_CATALOG_PORT, '8182')
  t.equal(writer?.env.FIRN_CATALOG_URL, 'http://127.0.0.1:8182', 'the writer follows the catalog to its port')
})

t.test('with a catalog of somebody else, ours is not started', async t => {
  const services = describeServices(read({ FIRN_CATALOG_URL: 'https://lake.example/iceberg' }), {})
  t.strictSame(services.map(service => service.name), ['writer', 'analytics', 'gateway'])
  t.equal(services[0]?.env.FIRN_CATALOG_URL, 'https://lake.example/iceberg')
})

t.test('every script of package.json is a task of the starter, and every task runs something that is there', async t => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
  const starter = readFileSync(join(root, 'start.mjs'), 'utf8')
  const tasks = [...starter.matchAll(/^ {2}'?([a-z:]+)'?: \{ (?:entry|tool|tasks)/gm)].map(match => match[1] as string)
  t.strictSame(Object.keys(scripts).sort(), tasks.sort())
  for (const [name, script] of Object.entries(scripts)) t.equal(script, `node start.mjs ${name}`)
  for (const [, entry] of starter.matchAll(/entry: '([^']+)'/g)) t.ok(existsSync(join(root, entry as string)), String(entry))
})

t.test('the lock file names no registry and carries the platforms', async t => {
  const lock = readFileSync(join(root, 'package-lock.json'), 'utf8')
  t.notMatch(lock, /"resolved"/)
  for (const platform of ['@duckdb/node-bindings-darwin-arm64', '@duckdb/node-bindings-linux-x64', '@duckdb/node-bindings-linux-arm64', '@lmdb/lmdb-linux-x64', '@lmdb/lmdb-darwin-arm64']) {
    t.ok(lock.includes(`"node_modules/${platform}"`), platform)
  }
})
