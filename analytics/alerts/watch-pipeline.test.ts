import { mkdtempSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { parseMetrics, until } from '../../runtime/index.ts'
import type { Alert } from './alert.ts'
import { openConditions, type Condition, type Finding } from './conditions.ts'
import { testConfig } from './mail-server.fixture.ts'
import { instancesOf } from './instances.ts'
import { pipelineConditions } from './pipeline-conditions.ts'
import { watchPipeline } from './watch-pipeline.ts'

const nowMs = Date.parse('2026-03-10T12:00:00Z')
const lag = (finding: Finding): Condition => ({ name: 'lag', kind: 'pipeline', severity: 'high', finding, title: 'The writer is behind', evidence: ['200,000 records'] })
const limits = { FIRN_ALERT_LAG_RECORDS_MAX: 1000, FIRN_ALERT_STALLED_SECONDS_MAX: 30, FIRN_ALERT_SPOOL_PERCENT_MAX: 50, FIRN_ALERT_FRESHNESS_SECONDS_MAX: 60, FIRN_ALERT_DEAD_LETTERS_PERCENT_MAX: 5 }

t.test('one alert when it begins, one when it is over, none in between, none for a moment', async t => {
  const told: Alert[] = []
  const conditions = openConditions({ file: join(mkdtempSync(join(tmpdir(), 'firn-watch-')), 'open.json'), beginMs: 30_000, endMs: 30_000, offer: async alert => { told.push(alert) } })
  const findings: Finding[] = ['bad', 'good', 'bad', 'bad', 'bad', 'unknown', 'bad', 'bad', 'good', 'bad', 'good', 'good', 'good', 'good', 'good']
  for (const [i, finding] of findings.entries()) await conditions.judge([lag(finding)], nowMs + i * 15_000)
  t.strictSame(told.map(({ id }) => id), ['pipeline-lag-2026-03-10T12:00:30.000Z', 'pipeline-lag-2026-03-10T12:00:30.000Z-over'])
  t.match(told[1], { about: told[0]!.id, title: 'No longer: The writer is behind', severity: 'low' })
  t.strictSame(conditions.open(), [])
})

t.test('a restart in the middle neither tells the beginning again nor forgets the end', async t => {
  const file = join(mkdtempSync(join(tmpdir(), 'firn-watch-')), 'open.json')
  const told: string[] = []
  const open = () => openConditions({ file, beginMs: 0, endMs: 0, offer: async ({ id }) => { told.push(id) } })
  await open().judge([lag('bad')], nowMs)
  await open().judge([lag('bad')], nowMs + 60_000)
  t.equal(told.length, 1)
  await open().judge([lag('good')], nowMs + 120_000)
  t.equal(told[1], `${told[0]}-over`)
})

t.test('an alert that the outbox does not take is offered again', async t => {
  const told: string[] = []
  let isFull = true
  const conditions = openConditions({ file: join(mkdtempSync(join(tmpdir(), 'firn-watch-')), 'open.json'), beginMs: 0, endMs: 0, offer: async ({ id }) => {
    if (isFull) throw new Error('full')
    told.push(id)
  } })
  await t.rejects(conditions.judge([lag('bad')], nowMs))
  isFull = false
  await conditions.judge([lag('bad')], nowMs + 1)
  t.equal(told.length, 1)
})

t.test('lag, late rows, dead letters, a halt and silence are found; near a bound nothing changes', async t => {
  const writer = (values: { lag?: number, rows?: number, letters?: number, duplicates?: number, slow?: number, fast?: number, halted?: number, stalled?: number }) => parseMetrics(`# HELP x
firn_writer_rows_total ${values.rows ?? 0}
firn_writer_lag_records{topic="a",partition="0"} ${(values.lag ?? 0) / 2}
firn_writer_lag_records{topic="a",partition="1"} ${(values.lag ?? 0) / 2}
firn_writer_dead_letters_total{reason="not_json"} ${values.letters ?? 0}
firn_writer_dead_letters_total{reason="duplicate"} ${values.duplicates ?? 0}
firn_writer_halted_partitions ${values.halted ?? 0}
firn_writer_stalled_seconds ${values.stalled ?? 0}
firn_writer_freshness_seconds_bucket{le="5"} ${values.fast ?? 0}
firn_writer_freshness_seconds_bucket{le="300"} ${(values.fast ?? 0) + (values.slow ?? 0)}
firn_writer_freshness_seconds_bucket{le="+Inf"} ${(values.fast ?? 0) + (values.slow ?? 0)}
`)
  const found = (now: Parameters<typeof writer>[0]) => Object.fromEntries(pipelineConditions([{ url: 'http://w', before: writer({ rows: 1000, letters: 5 }), now: writer({ rows: 2000, letters: 5, ...now }) }], limits).map(({ name, finding }) => [name.replace('-http://w', ''), finding]))
  const fine = { 'away': 'good', lag: 'good', stalled: 'good', freshness: 'unknown', halted: 'good', 'dead-letters': 'good' }
  t.strictSame(found({}), fine)
  t.strictSame(found({ lag: 1001 }), { ...fine, lag: 'bad' })
  t.strictSame(found({ lag: 5, stalled: 48 }), { ...fine, stalled: 'bad' })
  t.strictSame(found({ lag: 900 }), { ...fine, lag: 'unknown' })
  t.strictSame(found({ fast: 1000 }), { ...fine, freshness: 'good' })
  t.strictSame(found({ fast: 900, slow: 100 }), { ...fine, freshness: 'bad' })
  t.strictSame(found({ letters: 105 }), { ...fine, 'dead-letters': 'bad' })
  t.strictSame(found({ duplicates: 5000 }), fine)
  t.strictSame(found({ halted: -1 }), { ...fine, halted: 'bad' })
  const gateway = (refusal: string | null) => pipelineConditions([{ url: 'http://g', before: null, now: parseMetrics('firn_gateway_requests_total 1\n'), refusal }], limits).find(({ name }) => name === 'refuses-http://g')
  t.match(gateway('the log could not write'), { finding: 'bad', severity: 'high', evidence: [/the log could not write/] }, 'a gateway that takes nothing')
  t.match(gateway(null), { finding: 'good' })
  t.match(pipelineConditions([{ url: 'http://w', before: null, now: null }], limits), [{ finding: 'bad', title: 'http://w does not answer' }])
  t.strictSame(pipelineConditions([{ url: 'http://g', before: null, now: parseMetrics('firn_gateway_requests_total 1\n') }], limits).length, 1, 'of a service that is no writer only whether it answers')
})

t.test('a key whose events begin to be refused is found, one that always had some refused is not', async t => {
  const gateway = (rows: Record<string, [valid: number, refused: number]>) => parseMetrics(Object.entries(rows).map(([key, [valid, refused]]) =>
    `firn_gateway_key_events_total{key="${key}",outcome="valid"} ${valid}\nfirn_gateway_key_events_total{key="${key}",outcome="refused"} ${refused}\n`).join(''))
  const before = gateway({ web: [1000, 0], app: [500, 500], idle: [10, 0], few: [100, 0], '': [1000, 10] })
  const now = gateway({ web: [1010, 90], app: [600, 600], idle: [10, 0], few: [101, 5], '': [1000, 110] })
  const found = pipelineConditions([{ url: 'http://g', before, now }], limits).slice(1)
  t.strictSame(Object.fromEntries(found.map(({ name, finding }) => [name, finding])), {
    'refused-web-http://g': 'bad', 'refused-app-http://g': 'good', 'refused-idle-http://g': 'unknown', 'refused-few-http://g': 'good', 'refused--http://g': 'bad'
  })
  t.match(found[0], { title: 'The gateway refuses 90 % of what the key web sends' })
  t.strictSame(pipelineConditions([{ url: 'http://g', before: null, now }], limits).length, 1, 'of one reading nothing is known')
})

t.test('the watch scrapes, hears of failing models, and tells when they work again', async t => {
  let lagNow = 5000
  const server = createServer((_, answer) => { answer.end(`firn_writer_rows_total 1\nfirn_writer_lag_records ${lagNow}\n`) }).listen(0, '127.0.0.1')
  await new Promise(resolve => server.once('listening', resolve))
  t.teardown(() => server.close())
  const told: Alert[] = []
  const watch = watchPipeline({
    metricsUrls: [`http://127.0.0.1:${(server.address() as AddressInfo).port}`], alerts: { offer: async alert => { told.push(alert as Alert) } },
    config: testConfig(undefined, { FIRN_ALERT_HOLD_SECONDS: 0 }), dataDir: mkdtempSync(join(tmpdir(), 'firn-watch-')), logger: { warn: () => {} }, everyMs: 20
  })
  t.teardown(() => watch.close())
  const failed = [{ model: 'orders', outcome: 'failed', error: 'no such column' }, { model: 'customers', outcome: 'written' }]
  watch.afterCycle(failed)
  await until(() => told.length === 1)
  t.match(told[0]!.title, 'The writer is 5,000 records behind')
  watch.afterCycle(failed)
  await until(() => told.length === 2)
  t.match(told[1], { title: 'The model orders fails', evidence: ['no such column'] })
  lagNow = 0
  watch.afterCycle([{ model: 'orders', outcome: 'written' }])
  await until(() => told.length === 4)
  t.strictSame(watch.open(), [])
})

t.test('a spool that fills and records that the log will drop are found before it is too late', async t => {
  const found = (text: string) => Object.fromEntries(pipelineConditions([{ url: 'http://x', before: null, now: parseMetrics(text) }], limits).map(({ name, finding }) => [name.replace('-http://x', ''), finding]))
  const spool = (bytes: number) => found(`firn_gateway_requests_total 1\nfirn_gateway_spool_stored_bytes ${bytes}\nfirn_gateway_spool_stored_bytes_max 1000\nfirn_gateway_spool_records 3\n`).spool
  t.strictSame([0, 400, 450, 501, 1000].map(spool), ['good', 'good', 'unknown', 'bad', 'bad'])
  t.equal(found('firn_gateway_requests_total 1\n').spool, undefined, 'without a spool nothing is said of one')
  const waits = (seconds: number, retention = 'firn_writer_log_retention_seconds 604800\n') => found(`firn_writer_rows_total 1\nfirn_writer_lag_records 5\nfirn_writer_oldest_uncommitted_seconds ${seconds}\n${retention}`).retention
  t.strictSame([0, 200_000, 302_401, 604_800].map(seconds => waits(seconds)), ['good', 'good', 'bad', 'bad'])
  t.equal(waits(900_000, ''), undefined, 'the embedded log drops nothing that is no row')
})

t.test('several writers behind one name are each watched, and one that is gone begins no alert for ever', async t => {
  const lag = new Map([['127.0.0.1', 0], ['127.0.0.2', 5000]])
  const first = createServer((_, answer) => { answer.end(`firn_writer_rows_total 1\nfirn_writer_lag_records ${lag.get('127.0.0.1')}\n`) }).listen(0, '127.0.0.1')
  await new Promise(resolve => first.once('listening', resolve))
  const { port } = first.address() as AddressInfo
  const second = createServer((_, answer) => { answer.end(`firn_writer_rows_total 1\nfirn_writer_lag_records ${lag.get('127.0.0.2')}\n`) }).listen(port, '127.0.0.2')
  const isThere = await new Promise<boolean>(resolve => { second.once('listening', () => { resolve(true) }).once('error', () => { resolve(false) }) })
  t.teardown(() => { first.close(); second.close() })
  if (!isThere) {
    t.pass('this system has one loopback address only')
    return
  }
  const told: Alert[] = []
  let addresses = ['127.0.0.1', '127.0.0.2']
  const watch = watchPipeline({
    metricsUrls: [`http://writer.test:${port}`], alerts: { offer: async alert => { told.push(alert as Alert) } }, lookup: async () => addresses.map(address => ({ address, family: 4 })),
    config: testConfig(undefined, { FIRN_ALERT_HOLD_SECONDS: 0 }), dataDir: mkdtempSync(join(tmpdir(), 'firn-watch-')), logger: { warn: () => {} }, everyMs: 20
  })
  t.teardown(() => watch.close())
  await until(() => told.length === 1)
  t.match(told[0], { title: 'The writer is 5,000 records behind', id: new RegExp(`lag-http://writer.test:${port} at 127.0.0.2`) }, 'the one that is behind, though another is not')
  addresses = ['127.0.0.1', '127.0.0.3']
  await until(() => told.length >= 3)
  t.match(told.find(({ about }) => about === told[0]!.id), { title: /^No longer/ }, 'the one that is gone')
  t.match(told.find(({ title }) => /does not answer/.test(title)), { title: `http://writer.test:${port} at 127.0.0.3 does not answer` })
})

t.test('a name that stands for one machine, for none, or has a certificate is asked as it is', async t => {
  const of = async (url: string, addresses: [string, number][] | Error) => (await instancesOf(url, async () => {
    if (addresses instanceof Error) throw addresses
    return addresses.map(([address, family]) => ({ address, family }))
  })).map(({ url }) => url)
  t.strictSame(await of('http://w:80', [['10.0.0.1', 4], ['fd00::1', 6]]), ['http://w:80'], 'both families of one machine')
  t.strictSame(await of('http://w:8003', [['fd00::2', 6], ['fd00::1', 6]]), ['http://[fd00::1]:8003', 'http://[fd00::2]:8003'])
  t.strictSame(await of('http://w:8003', new Error('ENOTFOUND')), ['http://w:8003'])
  t.strictSame(await of('https://w', [['10.0.0.1', 4], ['10.0.0.2', 4]]), ['https://w'])
  t.strictSame(await of('http://127.0.0.1:8000', new Error('not asked')), ['http://127.0.0.1:8000'])
  t.strictSame(await instancesOf('http://localhost:8000'), [{ name: 'http://localhost:8000', url: 'http://localhost:8000' }])
})
