// npm run test:guests: other engines change firn.events while the line runs (visits.ts): columns, partition fields of every
// transform, files without ids, deletes, retention, tags, a rename, format version 3, and a rollback by Iceberg's Java library at
// the end. After each visit events are posted, and DuckDB, PyIceberg and Java must read the same rows, as many as were
// accepted; or the writer halts with its sentence, and the advice in it is carried out. Ends with `N passed, N failed`.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectCatalog, type LoadedTable } from '../../catalog/index.ts'
import { askDuckDB, compareRows, leafColumnsOf } from '../engines/duckdb-judge.ts'
import { postShoppers } from '../engines/events.ts'
import { guestOf, installJudges, type Judge } from '../engines/judges.ts'
import type { Question } from '../engines/question.ts'
import { startLine } from '../line.ts'
import { createTally } from '../tally.ts'
import { visits, type Visit } from './visits.ts'

const rowsPerVisit = 200
const landMsMax = 60_000
const haltMsMax = 90_000
const identifier = { namespace: ['firn'], name: 'events' }
const typesAsked = ['order_created', 'page_view']

const tally = createTally()
const check = (sentence: string, ok: boolean, detail = ''): void => { tally.check(sentence, ok, ok ? '' : detail) }
const dataDir = mkdtempSync(join(tmpdir(), 'firn-guests-'))
const judges = await installJudges()
const guest = guestOf(join(import.meta.dirname, 'guest.py'))
const line = await startLine({ dataDir, settings: { writer: { FIRN_WRITER_COMMIT_INTERVAL_MS: '500' } } })
let [seed, expected] = [0, 0]
try {
  for (const service of ['catalog', 'gateway', 'writer'] as const) await line.start(service)
  await land('the line begins')
  const first = String((await load()).metadata['current-snapshot-id'])
  for (const visit of visits) await receive(visit)
  await compare('after all of it', [judges.pyiceberg, judges.java])
  await rollBack(first)
} catch (error) {
  check('the run came to its end', false, error instanceof Error ? error.stack ?? error.message : String(error))
} finally {
  await line.stop()
  rmSync(dataDir, { recursive: true, force: true })
}
console.log(tally.end())
process.exit(tally.failed === 0 ? 0 : 1)

async function receive (visit: Visit): Promise<void> {
  guest([line.catalogUrl, ...visit.words])
  if (visit.halts !== undefined) {
    await post()
    check(`${visit.what}: the writer says so`, await said(visit.halts.says), line.printed('writer').slice(-500))
    guest([line.catalogUrl, ...visit.halts.advice])
  }
  if (typeof visit.rows === 'number') expected += visit.rows
  await land(visit.what)
  await compare(visit.what, [judges.pyiceberg])
}

async function post (): Promise<void> {
  await postShoppers(line.gatewayUrl, { seed: ++seed, count: rowsPerVisit })
  expected += rowsPerVisit
}

/** Posts, and waits until the table has every row. */
async function land (what: string): Promise<void> {
  await post()
  const end = Date.now() + landMsMax
  let rows = -1
  while (rows !== expected && Date.now() < end) {
    await new Promise(resolve => setTimeout(resolve, 300))
    rows = await count().catch(() => -1)
  }
  check(`${what}: ${expected} rows, each accepted event is one`, rows === expected, `${rows} rows; the writer printed ${line.printed('writer').slice(-600)}`)
}

async function compare (what: string, others: readonly Judge[]): Promise<void> {
  const table = await load()
  const columns = leafColumnsOf(table.metadata).filter(({ path }) => path !== 'REGION')
  const questions: Question[] = [
    { name: 'all', filter: null, snapshot: null, rows: true },
    ...typesAsked.map((type): Question => ({ name: type, filter: ['=', 'event_type', { kind: 'string', value: type }], snapshot: null, rows: false }))
  ]
  const wanted = await askDuckDB(line, identifier, columns, questions, dataDir)
  for (const judge of others) {
    const counts = judge.ask({ catalog: line.catalogUrl, namespace: 'firn', table: 'events', folder: dataDir, columns, questions })
    const wrong = questions.filter(({ name }) => counts[name] !== wanted.get(name)).map(({ name }) => `${name}: ${counts[name]} instead of ${wanted.get(name)}`)
    const difference = await compareRows(join(dataDir, 'duckdb-all.txt'), join(dataDir, `${judge.name}-all.txt`))
    check(`${what}: ${judge.name} reads the same rows, also under a filter`, wrong.length === 0 && difference === null, [...wrong, difference ?? ''].join('; '))
  }
}

/** Java sets main back; the writer must halt, and what its sentence names brings every row back that the log still has. */
async function rollBack (snapshot: string): Promise<void> {
  judges.java.run(['rollback', line.catalogUrl, 'firn', 'events', snapshot])
  await post()
  check('the table is rolled back: the writer halts and names its choices', await said(/rolled back[\s\S]*--writer-resume-from/), line.printed('writer').slice(-600))
  check('and commits nothing on top', String((await load()).metadata['current-snapshot-id']) === snapshot)
  await line.kill('writer')
  await line.start('writer', ['--writer-resume-from', 'data'])
  // What a guest added or deleted itself is not in the log.
  await land('the choice is carried out')
  await compare('after the choice', [judges.pyiceberg, judges.java])
}

async function said (sentence: RegExp): Promise<boolean> {
  const end = Date.now() + haltMsMax
  while (!sentence.test(line.printed('writer')) && Date.now() < end) await new Promise(resolve => setTimeout(resolve, 300))
  return sentence.test(line.printed('writer'))
}

async function load (): Promise<LoadedTable> {
  return await connectCatalog(line.catalogUrl).loadTable(identifier)
}

async function count (): Promise<number> {
  const questions: Question[] = [{ name: 'count', filter: null, snapshot: null, rows: false }]
  return (await askDuckDB(line, identifier, [], questions, dataDir)).get('count') ?? -1
}
