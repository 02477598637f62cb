// `npm run test:guests`: other engines as guests at our tables. One line runs on the embedded backends and a client posts all the
// time, while PyIceberg adds, renames and drops columns and partition fields of every transform, brings files without field
// ids and rows of its own, deletes, sets retention, tags, branches, expires, upgrades and rolls back. After each step every
// accepted event is one row with its values, for the guest and for us, filters find what a scan holds, and models go on; or
// the table halts with an advice, which is carried out, and then all is right again. Ends with `N passed, N failed`.

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { connectCatalog } from '../../catalog/index.ts'
import { sentenceOf } from '../../runtime/index.ts'
import { askDuckDB, compareRows, leafColumnsOf } from '../engines/duckdb-judge.ts'
import { installJudges } from '../engines/judges.ts'
import type { Question } from '../engines/question.ts'
import { startLine, type Line } from '../line.ts'
import { createTally } from '../tally.ts'
import { readGuestsConfig } from './config.ts'
import { startGuest, type Guest, type GuestRead } from './guest.ts'
import { columns, startSender, type Expected, type Sender } from './sender.ts'
import { steps, type Step } from './steps.ts'

const config = readGuestsConfig()
const settleMsMax = 60_000
const haltMsMax = 60_000
const runMsMax = 120_000
/** Accepted after each step, before its rows are waited for. */
const eventsMin = 40
const projectDir = resolve(import.meta.dirname, '../..')
const tally = createTally()
const began = performance.now()
const folder = mkdtempSync(join(tmpdir(), 'firn-guests-'))
/** Column → ids whose rows lost it, or may have: sent before a guest dropped it. */
const forgotten = new Map<string, ReadonlySet<string>>()
const guests = new Set<string>()
const taken = new Set<string>()

let line: Line | undefined
let sender: Sender | undefined
let guest: Guest | undefined
try {
  line = await startLine({ dataDir: join(folder, 'data'), settings: { writer: { FIRN_WRITER_COMMIT_INTERVAL_MS: '1000' } } })
  for (const service of ['catalog', 'gateway', 'writer'] as const) await line.start(service)
  guest = await startGuest(line.catalogUrl)
  sender = startSender(line.gatewayUrl)
  sender.go()
  await sender.pause(eventsMin)
  await settled(guest, sender, 'before any guest came')
  for (const step of steps) {
    if (config.short && step.long === true) continue
    await take(step, line, guest, sender).catch((error: unknown) => { tally.check(`${step.what}: the guest can do it`, false, sentenceOf(error)) })
  }
  await rollBack(line, guest, sender)
  if (!config.short) await askJudges(line)
} catch (error) {
  tally.check('the run came to its end', false, sentenceOf(error))
} finally {
  await sender?.stop()
  guest?.close()
  await line?.stop()
}
if (tally.failed === 0 && !config.keep) rmSync(folder, { recursive: true, force: true })
else tally.say(`data and what the services said: ${folder}`)
tally.say(`${Math.round((performance.now() - began) / 1000)} s, ${sender?.expected.size ?? 0} events`)
console.log(tally.end())
process.exit(tally.failed === 0 ? 0 : 1)

async function take (step: Step, line: Line, guest: Guest, sender: Sender): Promise<void> {
  const { what, halts } = step
  if (step.takes !== undefined) await takeRows(guest, step.takes)
  // A delete of PyIceberg reads and writes files, and loses to every commit that comes meanwhile.
  if (step.returns === undefined) sender.go()
  for (const command of step.commands) await guest.ask({ ...command, folder })
  sender.go()
  for (const id of step.adds ?? []) guests.add(id)
  for (const id of step.returns ?? []) guests.delete(id)
  // Only now: what was sent until here may have landed before.
  if (step.forgets !== undefined) forgotten.set(step.forgets, new Set(sender.expected.keys()))
  if (halts !== undefined) {
    const said = await untilHalted(line, halts.says)
    tally.check(`${what}: the table halts and says what helps`, halts.says.test(said), said)
    tally.check(`${what}: the writer waits, gateway and catalog go on`, line.process('writer') !== undefined && (await fetch(`${line.gatewayUrl}/readyz`)).ok)
    for (const command of halts.advised) await guest.ask(command)
  }
  await sender.pause(eventsMin)
  await settled(guest, sender, what)
  if (step.model === true) await checkModel(line, guest, sender, what)
}

/** Everything that was accepted until now is a row, once, with its values. */
async function settled (guest: Guest, sender: Sender, what: string): Promise<void> {
  const ids = [...sender.expected.keys()].filter(id => !taken.has(id))
  let read: GuestRead | undefined
  let missing = ids
  for (const end = performance.now() + settleMsMax; performance.now() < end && missing.length > 0;) {
    if (await isWritten()) {
      read = await guest.ask<GuestRead>({ do: 'read', columns, filters: [['user_id', 'u-1ü'], ['region', 'ö'.repeat(140)]] }).catch((error: unknown) => { tally.say(sentenceOf(error)); return undefined })
      const found = new Set(read?.rows.map(([id]) => id))
      missing = ids.filter(id => !found.has(id))
    }
    if (missing.length > 0) await sleep(100)
  }
  const wrong = compare(read?.rows ?? [], sender.expected)
  tally.check(`${what}: every accepted event is one row`, missing.length === 0 && wrong.length === 0, [...missing.slice(0, 3).map(id => `${id} is missing`), ...wrong.slice(0, 3)].join(', ') || `${read?.rows.length ?? 0} rows`)
  tally.check(`${what}: filters find what a scan holds`, read !== undefined && read.wrong.length === 0, read?.wrong.join(', '))
  const [ours] = await ask<{ n: number, ids: number }>(`select count(*) as n, count(distinct ${JSON.stringify(await nameOf('event_id'))}) as ids from firn.events`).catch((error: unknown) => { tally.say(sentenceOf(error)); return [] })
  tally.check(`${what}: we read the same, each id once`, ours !== undefined && Number(ours.n) === Number(ours.ids) && Number(ours.n) >= (read?.rows.length ?? 0), ours === undefined ? 'no answer' : `${ours.n} rows, ${ours.ids} ids`)
}

function compare (rows: GuestRead['rows'], expected: ReadonlyMap<string, Expected>): string[] {
  const wrong: string[] = []
  const seen = new Set<string>()
  for (const [id, ...values] of rows) {
    if (id === null || id === undefined) wrong.push('a row without id')
    else if (seen.has(id)) wrong.push(`${id} twice`)
    else if (taken.has(id)) wrong.push(`${id} came back`)
    else {
      seen.add(id)
      const should = expected.get(id)
      if (should === undefined) {
        if (!guests.has(id) && !/^e-\d+$/.test(id)) wrong.push(`${id} was never sent`)
        continue
      }
      for (const [i, column] of columns.slice(1).entries()) {
        if (values[i] === should[column] || (values[i] === null && forgotten.get(column)?.has(id) === true)) continue
        wrong.push(`${id}: ${column} is ${values[i]}, not ${should[column]}`)
      }
    }
  }
  for (const id of guests) if (!seen.has(id)) wrong.push(`${id} of the guest is missing`)
  return wrong
}

async function takeRows (guest: Guest, count: number): Promise<void> {
  const { rows } = await guest.ask<GuestRead>({ do: 'read', columns: ['event_id'] })
  const ids = rows.flatMap(([id]) => id?.startsWith('e-') === true ? [id] : []).slice(0, count)
  for (const id of ids) taken.add(id)
  await guest.ask({ do: 'delete', ids })
}

async function checkModel (line: Line, guest: Guest, sender: Sender, what: string): Promise<void> {
  const orders = [...sender.expected].filter(([id, { event_type: type }]) => type === 'order_created' && !taken.has(id)).map(([id, { region }]) => [`o-${id.slice(2)}`, region] as const)
  const run = await promisify(execFile)(process.execPath, [join(projectDir, 'analytics/runner/main.ts'), '--run', '--only', 'orders'], { env: environment(line), timeout: runMsMax }).then(() => '', (error: { stdout?: string, stderr?: string }) => `${error.stdout}${error.stderr}`)
  tally.check(`${what}: the model over it goes on`, run === '', run.slice(-400))
  const { rows } = await guest.ask<GuestRead>({ do: 'read', table: 'analytics.orders', columns: ['order_id', 'region'] })
  const found = new Map(rows.map(([id, region]) => [id, region]))
  const wrong = orders.filter(([id, region]) => found.get(id) !== region)
  tally.check(`${what}: the model has each order once`, wrong.length === 0 && found.size === rows.length, wrong.slice(0, 3).map(([id]) => `${id}: ${found.get(id)}`).join(', ') || `${rows.length} orders`)
}

async function rollBack (line: Line, guest: Guest, sender: Sender): Promise<void> {
  sender.go()
  await guest.ask({ do: 'rollback', steps: 1 })
  const said = await untilHalted(line, /rolled back/)
  tally.check('a rollback: the writer halts with the choices', /rolled back.*data/s.test(said), said)
  await line.kill('writer')
  await line.start('writer', ['--writer-resume-from', 'data'])
  await sender.pause(eventsMin)
  await settled(guest, sender, 'a rollback, decided')
}

/** What all of this left, row by row: our own reading, PyIceberg's and that of Iceberg's own library. */
async function askJudges (line: Line): Promise<void> {
  const { pyiceberg, java } = await installJudges()
  const id = { namespace: ['firn'], name: 'events' }
  const { metadata } = await connectCatalog(line.catalogUrl).loadTable(id)
  // Beside `region`, DuckDB and the judges call it by different names.
  const leaves = leafColumnsOf(metadata).filter(({ path }) => path !== 'REGION')
  const questions: Question[] = [{ name: 'all', filter: null, snapshot: null, rows: true }, { name: 'one', filter: ['=', 'user_id', { kind: 'string', value: 'u-1ü' }], snapshot: null, rows: false }]
  const ours = await askDuckDB(line, id, leaves, questions, folder)
  for (const judge of [pyiceberg, java]) {
    const counts = judge.ask({ catalog: line.catalogUrl, namespace: 'firn', table: 'events', folder, columns: leaves, questions })
    const difference = await compareRows(join(folder, 'duckdb-all.txt'), join(folder, `${judge.name}-all.txt`))
    const wrong = questions.filter(({ name }) => counts[name] !== ours.get(name)).map(({ name }) => `${name}: ${counts[name]} instead of ${ours.get(name)}`)
    tally.check(`at the end ${judge.name} reads the same rows, also under a filter`, wrong.length === 0 && difference === null, [...wrong, difference ?? ''].filter(Boolean).join('; ') || `${ours.get('all')} rows`)
  }
}

async function untilHalted (line: Line, says: RegExp): Promise<string> {
  let said = ''
  for (const end = performance.now() + haltMsMax; performance.now() < end && !says.test(said); await sleep(200)) {
    said = await fetch(`${line.writerUrl}/readyz`).then(async reply => reply.status === 503 ? await reply.text() : '', () => '')
  }
  return said
}

/** By the writer's own word; the rows are looked at afterwards. */
async function isWritten (): Promise<boolean> {
  const text = await fetch(`${line!.writerUrl}/metrics`).then(async reply => await reply.text(), () => '')
  const lags = [...text.matchAll(/^firn_writer_lag_records\{[^}]*\} (\d+)/gm)].map(([, lag]) => Number(lag))
  return lags.length > 0 && lags.every(lag => lag === 0)
}

async function nameOf (recorded: string): Promise<string> {
  const { metadata } = await connectCatalog(line!.catalogUrl).loadTable({ namespace: ['firn'], name: 'events' })
  const id = (JSON.parse(metadata.properties['firn.columns'] ?? '{}') as Record<string, number>)[recorded]
  return metadata.schemas.find(schema => schema['schema-id'] === metadata['current-schema-id'])?.fields.find(field => field.id === id)?.name ?? recorded
}

async function ask<T> (sql: string): Promise<T[]> {
  const { stdout } = await promisify(execFile)(process.execPath, [join(projectDir, 'analytics/sql/main.ts'), '--json', sql], { env: environment(line!), timeout: runMsMax })
  return JSON.parse(stdout) as T[]
}

function environment ({ dataDir, catalogUrl, warehouseUrl }: Line): NodeJS.ProcessEnv {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('FIRN_')))
  return { ...clean, FIRN_DATA_DIR: dataDir, FIRN_CATALOG_URL: catalogUrl, FIRN_WAREHOUSE_URL: warehouseUrl }
}
