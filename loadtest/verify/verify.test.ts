// The real line once through: events in, rows out, and a verifier that sees every kind of damage.

import { execFile } from 'node:child_process'
import { appendFileSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { openLedger } from '../generate/ledger.ts'
import { createSender } from '../generate/sender.ts'
import { openShop } from '../generate/shop.ts'
import { startLine } from '../line.ts'
import { verify, type Verdict } from './verify.ts'

const dataDir = t.testdir()
const line = await startLine({ dataDir, settings: { writer: { FIRN_WRITER_COMMIT_INTERVAL_MS: '100' } } })
t.setTimeout(90_000)
const options = { ledger: [], drained: true, FIRN_DATA_DIR: dataDir, FIRN_CATALOG_URL: line.catalogUrl, FIRN_WAREHOUSE_URL: line.warehouseUrl, FIRN_LOG_URL: line.logUrl, FIRN_LOG_TOPICS: ['ecommerce_events'], FIRN_EVENT_AGE_DAYS_MAX: 7 }
const brokenBy = (verdict: Verdict): string[] => verdict.findings.filter(finding => !finding.kept).map(finding => finding.promise)
const sql = async (...words: string[]): Promise<{ stdout: string, stderr: string, code?: number }> => {
  const env = { ...process.env, FIRN_CATALOG_URL: line.catalogUrl, FIRN_DATA_DIR: dataDir }
  return await promisify(execFile)(process.execPath, [join(import.meta.dirname, '../../analytics/sql/main.ts'), ...words], { env }).catch((error: unknown) => error as { stdout: string, stderr: string, code: number })
}

t.test('before the catalog runs, sql says in one sentence what to do', async t => {
  const { stderr, code } = await sql('select 1 from events')
  t.equal(code, 1)
  t.match(stderr, /^sql: the catalog at http:\S+ does not answer .*npm start.*\n$/)
})

t.test('what was accepted is what landed', async t => {
  for (const name of ['catalog', 'gateway', 'writer'] as const) await line.start(name)
  const ledger = openLedger(join(dataDir, 'loadtest', 'ledger-1.ndjson'))
  const sender = createSender({ url: line.gatewayUrl, ledger, connections: 8, giveUpMs: 20_000 })
  const shop = openShop({ seed: 5, run: 't', shoppers: 10, fraud: 0.1, late: 0.1, duplicates: 0.1, malformed: 0.1, now: Date.now })
  const events = Array.from({ length: 300 }, () => shop.next().value)
  await Promise.all(events.map(event => sender.send({ events: [event], ip: event.ip, userAgent: event.userAgent })))
  await sender.close()
  ledger.close()
  const broken = events.filter(event => event.kind === 'malformed').length
  t.equal(sender.counts.refused, broken, 'every broken event is refused and no other')
  t.equal(sender.counts.acked, 300 - broken)

  let verdict = await verify(options)
  for (const end = Date.now() + 20_000; verdict.lag > 0n && Date.now() < end;) verdict = await verify(options)
  t.strictSame(brokenBy(verdict), [])
  t.equal(Number(verdict.rows), new Set(events.filter(event => event.kind !== 'malformed').map(event => event.eventId)).size)
  t.equal(Number(verdict.letters.get('duplicate') ?? 0n), events.filter(event => event.kind === 'duplicate').length)
})

t.test('sql shows the rows under each of their names, in each form, and as of an earlier time', async t => {
  const [rows, full, lake, csv, tables, write, typo, asOf] = await Promise.all([
    ...['events', 'firn.events', 'lake.firn.EVENTS'].map(name => sql('--json', `select count(*)::int as n from ${name}`)),
    sql('--csv', 'select event_id, ip from events order by 1 limit 1'),
    sql('show tables'),
    sql('delete from events'),
    sql('select nothing\nfrom events'),
    sql('--as-of', '1', 'select 1 from events')
  ])
  t.match(rows?.stdout, /^\[\n\{"n":\d{3}\}\n\]\n$/)
  t.equal(full?.stdout, rows?.stdout)
  t.equal(lake?.stdout, rows?.stdout)
  t.match(csv?.stdout, /^event_id,ip\r\ne-t-\w+,\d+\.\d+\.\d+\.\d+\r\n$/)
  t.match(tables?.stdout, /dead_letters[^]*events/)
  t.match(write, { code: 1, stderr: /DELETE statement is refused/ })
  t.match(typo, { code: 1, stderr: /"nothing" not found.*\(line 1, column 8\)/ })
  t.match(asOf, { code: 1, stderr: /no table in this statement has a snapshot 1:/ })
})

t.test('every kind of damage is found', async t => {
  await line.kill('writer')
  const fake = join(dataDir, 'loadtest', 'ledger-2.ndjson')
  appendFileSync(fake, '{"acked":["never sent"]}\n')
  t.strictSame(brokenBy(await verify(options)), ['every acknowledged event is a row, or waits in the log'])
  rmSync(fake)

  const folder = join(dataDir, 'warehouse')
  const file = join(folder, readdirSync(folder, { recursive: true, encoding: 'utf8' }).find(name => name.endsWith('.parquet') && name.includes('/events/')) ?? '')
  const whole = readFileSync(file)
  const readable = /every file of firn.events is there/
  renameSync(file, `${file}.away`)
  t.match(brokenBy(await verify(options)).join(), readable)
  writeFileSync(file, whole.subarray(0, -1))
  t.match(brokenBy(await verify(options)).join(), readable)
  writeFileSync(file, Buffer.from(whole).fill(0, 4, 400))
  t.match(brokenBy(await verify(options)).join(), readable)
  writeFileSync(file, whole)
  t.strictSame(brokenBy(await verify(options)), [])
})

// Not a teardown: that waits until nothing keeps this process alive, and the services do.
t.test('the services end when they are told to', async t => {
  await line.stop()
  t.strictSame((['catalog', 'gateway', 'writer'] as const).filter(name => line.process(name) !== undefined), [])
})
