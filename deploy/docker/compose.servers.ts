// What docker-compose.yml promises: a compose implementation accepts it; no image floats; what is reached from outside asks
// for a key, and the gateway shares no network with what asks for none but the log; nothing starts on example secrets; each service of ours gets settings that its own schema accepts, the secrets it needs and no others; and
// the servers run with what `npm run servers` and the tests run with, apart from host names.

import t from 'tap'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'yaml'
import { analyticsSettings } from '../../analytics/config.ts'
import { gatewaySettings } from '../../gateway/config.ts'
import { topicMappings } from '../../openapi/index.ts'
import { readConfig } from '../../runtime/index.ts'
import { writerSettings } from '../../writer/config.ts'
import { catalogEnv } from '../servers/iceberg-rest.ts'
import { propertiesOf } from '../servers/kafka.ts'
import { productSettings } from '../servers/product-settings.ts'
import { versions } from '../servers/versions.ts'
import { commands } from './command.ts'

const oneShots = ['secrets-check', 'tools', 'topics']

interface Service {
  image: string
  build?: { dockerfile: string, target: string }
  environment?: Record<string, string>
  ports?: string[]
  networks?: Record<string, unknown>
  volumes?: string[]
  healthcheck?: { test?: string[], disable?: boolean }
  restart?: string
  entrypoint?: string[]
  container_name?: string
  mem_limit?: string | number
  command?: string[]
  depends_on?: Record<string, { condition: string }>
}

const root = join(import.meta.dirname, '../..')
const example = join(import.meta.dirname, 'env.example')
const secrets = Object.fromEntries(readFileSync(example, 'utf8').split('\n').filter(line => /^[A-Z]/.test(line)).map(line => line.split(/=(.*)/s).slice(0, 2) as [string, string]))
const file = composed()
const service = (name: string): Service => file.services[name] ?? t.fail(`no service ${name}`) as never
const environmentOf = (name: string): Record<string, string> => Object.fromEntries(Object.entries(service(name).environment ?? {}).map(([key, value]) => [key, String(value)]))

/** The file as an implementation of compose reads it, with env.example for .env. */
function composed (): { services: Record<string, Service>, networks: Record<string, { internal?: boolean }> } {
  const words = ['--env-file', example, '--project-directory', root, '--profile', 'tools', '-f', join(root, 'docker-compose.yml'), 'config']
  for (const [command, ...before] of [['docker', 'compose'], ['docker-compose']] as Array<[string, ...string[]]>) {
    const done = spawnSync(command, [...before, ...words], { encoding: 'utf8', env: { PATH: process.env.PATH, HOME: process.env.HOME } })
    if (done.status === 0) return parse(done.stdout) as ReturnType<typeof composed>
    if (done.error === undefined && !/is not a docker command|unknown (command|flag)/i.test(done.stderr)) throw new Error(`${command} refuses docker-compose.yml: ${done.stderr}`)
  }
  throw new Error('no implementation of compose is there: on Debian or Ubuntu apt-get install -y docker-compose')
}

t.test('every service has a pinned image, a health check and a memory limit', async t => {
  for (const [name, { image, healthcheck, mem_limit: memory, build }] of Object.entries(file.services)) {
    t.match(image, /:v?\d+(\.\d+)*$/, `${name}: ${image} names a version`)
    if (!oneShots.includes(name)) t.ok(healthcheck?.test?.length, `${name} has a health check`)
    t.ok(memory, `${name} has a memory limit`)
    if (build !== undefined) t.match(readFileSync(join(root, build.dockerfile), 'utf8'), new RegExp(`AS ${build.target}$`, 'm'), `${name} is built by a stage that exists`)
  }
})

t.test('the versions are those that the tests run', async t => {
  t.equal(service('kafka').image, `apache/kafka:${versions.kafka}`)
  t.equal(service('s3').image, `versity/versitygw:${versions.versitygw}`)
  t.equal(service('trino').image, `trinodb/trino:${versions.trino}`)
  t.equal(service('iceberg-rest').image, `firn-catalog:${versions.iceberg}`)
  const node = (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { dependencies: { node: string } }).dependencies.node
  const bases = [...readFileSync(join(root, 'deploy/docker/Dockerfile'), 'utf8').matchAll(/^FROM (node:\S+)/gm)].map(([, image]) => image)
  t.strictSame(new Set(bases), new Set([`node:${node}-bookworm-slim`]))
})

t.test('what is published asks for a key, and is published to loopback unless told otherwise', async t => {
  const published = Object.entries(file.services).filter(([, one]) => (one.ports ?? []).length > 0)
  t.strictSame(published.map(([name]) => name).sort(), ['analytics', 'gateway', 'trino-door'])
  for (const [name, { ports }] of published) t.match(JSON.stringify(ports), /127\.0\.0\.1/, name)
  t.ok(environmentOf('gateway').FIRN_GATEWAY_WRITE_KEYS && environmentOf('analytics').FIRN_QUERY_KEY_SECRET && environmentOf('trino-door').TRINO_KEYS)
})

t.test('three networks: the gateway reaches neither catalog nor Trino, and what asks nobody is not published', async t => {
  const members = (network: string): string[] => Object.entries(file.services).filter(([, { networks }]) => network in (networks ?? {})).map(([name]) => name).sort()
  t.strictSame(Object.keys(file.networks).sort(), ['edge', 'lake', 'log'])
  t.strictSame([file.networks.edge?.internal ?? false, file.networks.lake?.internal, file.networks.log?.internal], [false, true, true])
  t.strictSame(members('edge'), ['analytics', 'gateway', 'tools', 'trino-door'])
  t.strictSame(members('log'), ['gateway', 'kafka', 'tools', 'topics', 'writer'])
  t.strictSame(members('lake'), ['analytics', 'iceberg-rest', 's3', 'tools', 'trino', 'trino-door', 'writer'])
})

t.test('nothing starts before the secrets were found to be no examples', async t => {
  const guard = 'secrets-check'
  const waitsFor = (name: string): boolean => name === guard || Object.keys(service(name).depends_on ?? {}).some(waitsFor)
  for (const name of Object.keys(file.services)) t.ok(waitsFor(name), name)
  t.strictSame(Object.keys(environmentOf(guard)).sort(), Object.keys(secrets).filter(name => secrets[name]!.includes('change-me')).sort())
})

t.test('each event has its client\'s address: the proxy on this host is believed, and no other', async t => {
  const { subnet } = (file.networks.edge as { ipam: { config: { subnet: string }[] } }).ipam.config[0]!
  t.equal(environmentOf('gateway').FIRN_TRUSTED_PROXIES, subnet.replace(/0\/24$/, '1'))
})

t.test('gateways and writers can be several: no name and no folder is one\'s alone', async t => {
  for (const name of ['gateway', 'writer']) t.notOk(service(name).container_name, name)
  t.match(readFileSync(join(root, 'docker-compose.yml'), 'utf8'), /GATEWAY_PORTS:-8000\}:8000/)
  t.strictSame(service('gateway').command, ['deploy/docker/gateway.sh'])
})

t.test('the topics of the line and of each mapped producer are there', async t => {
  for (const topic of ['ecommerce_events', ...Object.keys(topicMappings)]) t.match(service('topics').command?.join(' '), new RegExp(`\\b${topic}\\b`))
  t.equal(environmentOf('writer').FIRN_LOG_TOPICS, undefined, 'so that the mapped ones are read')
})

t.test('the image runs as a user by number, has a health check and each command of an operator', async t => {
  const dockerfile = readFileSync(join(root, 'deploy/docker/Dockerfile'), 'utf8')
  const stages = dockerfile.split(/^(?=FROM )/m)
  for (const target of ['firn', 'catalog']) {
    const stage = stages.find(text => new RegExp(`^FROM \\S+ AS ${target}$`, 'm').test(text))!
    t.match(stage, /^USER \d+:\d+$/m, `${target}: a user by number`)
    t.match(stage, /^HEALTHCHECK /m, `${target}: a health check`)
  }
  const copied = [...stages.find(text => text.includes(' AS firn\n'))!.matchAll(/^COPY ([a-z][a-z/]*) /gm)].map(([, folder]) => folder!)
  for (const [name, entry] of Object.entries(commands)) t.ok(copied.some(folder => entry.startsWith(`${folder}/`)), `${name}: ${entry} is copied`)
  for (const name of ['doctor', 'verify', 'daily', 'generate']) t.ok(name in commands, name)
})

t.test('each service is given the secrets that it needs and no others', async t => {
  const holders = (secret: string): string[] => Object.entries(file.services).filter(([, one]) => JSON.stringify(one).includes(secret)).map(([name]) => name).sort()
  t.strictSame(holders(secrets.S3_SECRET_KEY!), ['analytics', 'iceberg-rest', 's3', 'secrets-check', 'tools', 'trino', 'writer'])
  t.strictSame(holders(secrets.GATEWAY_WRITE_KEYS!), ['gateway', 'secrets-check', 'tools'])
  t.strictSame(holders(secrets.QUERY_KEYS!), ['analytics', 'secrets-check'])
  t.strictSame(holders(secrets.TRINO_KEYS!), ['secrets-check', 'trino-door'])
  t.notMatch(readFileSync(join(root, 'docker-compose.yml'), 'utf8'), new RegExp(Object.values(secrets).filter(value => value.includes('change-me')).join('|')), 'no secret stands in the file')
})

t.test('our services accept their settings, and these are what npm run servers prints', async t => {
  const shared = productSettings({ kafka: 'kafka:9092', s3: 'http://s3:7070', 'iceberg-rest': 'http://iceberg-rest:8181' })
  const given = { FIRN_S3_ACCESS_KEY_ID: secrets.S3_ACCESS_KEY!, FIRN_S3_SECRET_ACCESS_KEY: secrets.S3_SECRET_KEY! }
  for (const [name, schema] of [['gateway', gatewaySettings], ['writer', writerSettings], ['analytics', analyticsSettings]] as const) {
    const environment = environmentOf(name)
    t.doesNotThrow(() => readConfig(name, schema, { env: environment, argv: [] }), `${name} starts with them`)
    t.throws(() => readConfig(name, schema, { env: { ...environment, FIRN_NO_SUCH: '1' }, argv: [] }), 'a setting that nobody knows is an error')
    const expected = Object.entries({ ...shared, ...given }).filter(([key]) => key !== 'FIRN_QUERY_URL' && (name === 'writer' || key.startsWith('FIRN_LOG_') === (name === 'gateway')))
    for (const [key, value] of expected) t.equal(environment[key], value, `${name}: ${key}`)
  }
  t.equal(environmentOf('gateway').FIRN_LOG_TOPICS, environmentOf('writer').FIRN_LOG_TOPICS, 'what the gateway writes is what the writer reads')
})

t.test('Kafka, the catalog and the S3 server have the settings of the tests', async t => {
  t.match(service('kafka').volumes?.join(), /deploy\/kafka\/server\.properties:\/mnt\/shared\/config\/server\.properties:ro/)
  const added = propertiesOf('/var/lib/kafka/data', 9092).split('\n').filter(line => /^[a-z]/.test(line)).map(line => line.split('=')[0])
  const ours = Object.keys(environmentOf('kafka')).filter(name => name !== 'KAFKA_HEAP_OPTS').map(name => name.replace('KAFKA_', '').toLowerCase().replaceAll('_', '.'))
  for (const name of ours) t.ok(added.includes(name), `${name} is what a start adds to server.properties`)
  t.notMatch(readFileSync(join(root, 'deploy/kafka/server.properties'), 'utf8'), /^(listeners|advertised\.listeners|log\.dirs|controller\.quorum\.voters)=/m)
  const catalog = environmentOf('iceberg-rest')
  for (const [key, value] of Object.entries(catalogEnv({ s3Url: 'http://s3:7070', s3Key: secrets.S3_ACCESS_KEY!, s3Secret: secrets.S3_SECRET_KEY!, warehouse: 's3://lake/warehouse' }))) t.equal(catalog[key], value, key)
  for (const [, from] of JSON.stringify(service('trino').volumes).matchAll(/([^":]*deploy\/trino\/[^":]+)/g)) {
    const wanted = [...readFileSync(from!, 'utf8').matchAll(/\$\{ENV:(\w+)\}/g)].map(([, name]) => name!)
    for (const name of wanted) t.ok(environmentOf('trino')[name], `${name} of ${from} is set`)
  }
  t.match(service('s3').command?.join(' '), /--region us-east-1 .*--health \/healthz --iam-dir \/users posix \/data/)
})
