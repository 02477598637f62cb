// npm run test:engines: PyIceberg and Iceberg's own Java library attach to the embedded catalog and must see what DuckDB sees:
// the same rows, the same counts under filters and at earlier snapshots, over a table with nulls, decimals, nested fields,
// non-ASCII text, files that small partitions share, and a column that another engine added while the line ran, and over a
// table that is overwritten. After a
// rollback by the Java library the writer must halt with its sentence instead of guessing. Ends with a line
// `N passed, N failed`; every wait has a limit.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connectCatalog, type TableIdentifier } from '../../catalog/index.ts'
import { startLine, type Line } from '../line.ts'
import { postShoppers } from './events.ts'
import { askDuckDB, compareRows, leafColumnsOf } from './duckdb-judge.ts'
import { installJudges, type Judge } from './judges.ts'
import { countDataFiles, makeOverwritten, overwrittenTable } from './overwritten.ts'
import type { Question } from './question.ts'
import { questionsAt } from './questions.ts'

const rowsPerRound = 40_000
const rounds = 3
const commitMsMax = 30_000
const haltMsMax = 30_000
const identifier = { namespace: ['firn'], name: 'events' }

let passed = 0
let failed = 0
const check = (sentence: string, ok: boolean, detail = ''): void => {
  if (ok) passed++
  else failed++
  console.log(`${ok ? 'ok    ' : 'FAILED'} ${sentence}${ok || detail === '' ? '' : `: ${detail}`}`)
}

const dataDir = mkdtempSync(join(tmpdir(), 'firn-engines-'))
const judges = await installJudges()
const line = await startLine({ dataDir, settings: { writer: { FIRN_WRITER_COMMIT_INTERVAL_MS: '1000', FIRN_WRITER_FILES_MAX: '12' } } })
try {
  await line.start('catalog')
  await line.start('gateway')
  await line.start('writer')
  const snapshots = await fillTable(line, judges.pyiceberg)
  readAsThePageSays(line, judges.pyiceberg)
  await compareAll(line, [judges.pyiceberg, judges.java], snapshots)
  await compareOverwritten(line, [judges.pyiceberg, judges.java], judges.java)
  await rollBack(line, judges.java, snapshots[0] as string)
} catch (error) {
  check('the run came to its end', false, error instanceof Error ? error.stack ?? error.message : String(error))
} finally {
  await line.stop()
  rmSync(dataDir, { recursive: true, force: true })
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)

/** Posts the rows in rounds; before the last one PyIceberg adds a column. Returns the snapshot after each round. */
async function fillTable (line: Line, pyiceberg: Judge): Promise<string[]> {
  const snapshots: string[] = []
  for (let round = 0; round < rounds; round++) {
    if (round === rounds - 1) pyiceberg.run(['add-column', line.catalogUrl, 'firn', 'events', 'loyalty_tier'])
    await postShoppers(line.gatewayUrl, { seed: round + 1, count: rowsPerRound })
    snapshots.push(await untilRows(line.catalogUrl, (round + 1) * rowsPerRound))
  }
  check(`the writer went on after another engine added a column (${rounds * rowsPerRound} rows)`, true)
  return snapshots
}

/** The lines for PyIceberg in docs/analysts.md, as they stand there but for the address. */
function readAsThePageSays (line: Line, pyiceberg: Judge): void {
  const page = readFileSync(join(import.meta.dirname, '../../docs/analysts.md'), 'utf8')
  const program = /^```python\n(.*?)^```$/ms.exec(page)?.[1] ?? ''
  const printed = pyiceberg.program!(program.replace('http://127.0.0.1:8181', line.catalogUrl)).trim()
  check("the analysts' page's lines for PyIceberg read rows", /^[1-9]\d*$/.test(printed), printed)
}

async function untilRows (catalogUrl: string, wanted: number): Promise<string> {
  const catalog = connectCatalog(catalogUrl)
  const end = Date.now() + commitMsMax
  for (;;) {
    const { metadata } = await catalog.loadTable(identifier)
    const current = metadata.snapshots.find(s => s['snapshot-id'] === metadata['current-snapshot-id'])
    const rows = Number(current?.summary['total-records'] ?? 0)
    if (rows === wanted) return String(metadata['current-snapshot-id'])
    if (rows > wanted || Date.now() > end) throw new Error(`the table has ${rows} rows, wanted ${wanted} within ${commitMsMax} ms`)
    await new Promise(resolve => setTimeout(resolve, 200))
  }
}

async function compareAll (line: Line, others: readonly Judge[], snapshots: readonly string[]): Promise<void> {
  const table = await connectCatalog(line.catalogUrl).loadTable(identifier)
  check('the table carries the column that PyIceberg added', leafColumnsOf(table.metadata).some(column => column.path === 'loyalty_tier'))
  const isShared = table.metadata['partition-specs'].some(({ 'spec-id': id, fields }) => fields.length === 0 && id !== table.metadata['default-spec-id'])
  check('small partitions share files of a spec without fields', isShared, JSON.stringify(table.metadata['partition-specs']))
  const questions: Question[] = [...questionsAt(null), ...snapshots.slice(0, -1).flatMap((id, i) => questionsAt(id).map(q => ({ ...q, name: `${q.name}-at-${i + 1}` })))]
  const expected = await compareTable(line, identifier, others, questions)
  check('DuckDB counts every row that was sent', expected.get('all') === rounds * rowsPerRound, String(expected.get('all')))
}

/** Every judge reads a table that is overwritten as models are; then Java expires all but its current snapshot. */
async function compareOverwritten (line: Line, others: readonly Judge[], java: Judge): Promise<void> {
  const { snapshots, rows } = await makeOverwritten(line.catalogUrl, line.warehouseUrl)
  const questions: Question[] = snapshots.map((snapshot, i) => ({ name: `overwritten-${i + 1}`, filter: null, snapshot, rows: true }))
  questions.push({ name: 'overwritten-low', filter: ['and', ['not-null', 'quantity'], ['<', 'quantity', { kind: 'long', value: '20' }]], snapshot: null, rows: true })
  const expected = await compareTable(line, overwrittenTable, others, questions)
  check('DuckDB counts the rows of each snapshot of an overwritten table', rows.every((count, i) => expected.get(`overwritten-${i + 1}`) === count), `${JSON.stringify([...expected])} instead of ${JSON.stringify(rows)}`)
  java.run(['expire', line.catalogUrl, ...overwrittenTable.namespace, overwrittenTable.name])
  const after = await connectCatalog(line.catalogUrl).loadTable(overwrittenTable)
  check("Java's expiry leaves one snapshot of the overwritten table", after.metadata.snapshots.length === 1, `${after.metadata.snapshots.length}`)
  const files = countDataFiles(after)
  check('and finds every file that was overwritten, by the DELETED entries', files === Number(after.metadata.snapshots[0]?.summary['total-data-files']), `${files} files lie there`)
  await compareTable(line, overwrittenTable, others, [{ name: 'overwritten-expired', filter: null, snapshot: null, rows: true }])
}

/** What DuckDB counts; each judge must count the same and read the same rows. */
async function compareTable (line: Line, identifier: TableIdentifier, others: readonly Judge[], questions: readonly Question[]): Promise<Map<string, number>> {
  const columns = leafColumnsOf((await connectCatalog(line.catalogUrl).loadTable(identifier)).metadata)
  const expected = await askDuckDB(line, identifier, columns, questions, dataDir)
  for (const judge of others) {
    const counts = judge.ask({ catalog: line.catalogUrl, namespace: identifier.namespace.join('.'), table: identifier.name, folder: dataDir, columns, questions })
    for (const { name, rows } of questions) {
      check(`${judge.name} counts ${expected.get(name)} for ${name}`, counts[name] === expected.get(name), `it counts ${counts[name]}`)
      if (rows) {
        const difference = await compareRows(join(dataDir, `duckdb-${name}.txt`), join(dataDir, `${judge.name}-${name}.txt`))
        check(`${judge.name} reads the same rows for ${name}`, difference === null, difference ?? '')
      }
    }
  }
  return expected
}

/** The Java library rolls the table back; the next batch must not be committed on top of it. */
async function rollBack (line: Line, java: Judge, snapshot: string): Promise<void> {
  java.run(['rollback', line.catalogUrl, 'firn', 'events', snapshot])
  await postShoppers(line.gatewayUrl, { seed: 99, count: 100 })
  const end = Date.now() + haltMsMax
  const sentence = /rolled back/i
  while (!sentence.test(line.printed('writer')) && Date.now() < end) await new Promise(resolve => setTimeout(resolve, 200))
  const said = line.printed('writer').split('\n').find(text => sentence.test(text)) ?? 'nothing about it'
  check('after a rollback the writer halts with its sentence', sentence.test(said), said)
  const { metadata } = await connectCatalog(line.catalogUrl).loadTable(identifier)
  check('and commits nothing on top of it', String(metadata['current-snapshot-id']) === snapshot, `main is ${metadata['current-snapshot-id']}`)
  console.log(`       the writer said: ${said.slice(0, 400)}`)
}
