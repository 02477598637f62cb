// Tables of any size, made at once: what `verify` says of them within a bound on memory, and what it must not say where a
// side of the proof is gone.

import { createHash } from 'node:crypto'
import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { DuckDBInstance, commitSnapshot, copyToDataFile, createSnapshotId, dataFileLocation, duckdbScan, mainSnapshotId, scanFiles, stageOverwrite, type TableIdentifier } from '../../catalog/index.ts'
import { deleteAsOthers, type DeleteParts } from '../../catalog/scan/foreign-deletes.fixture.ts'
import { openLog, type LogRecord } from '../../log/index.ts'
import { eventColumns, letterColumns, openMadeLake, progressOf, rowsSql, type MadeLake } from './made-table.fixture.ts'
import { sentenceOfVerdict } from './report.ts'
import { verify, type Verdict } from './verify.ts'

t.setTimeout(180_000)

const made = async (t: Test, lake: (lake: MadeLake) => Promise<void>): Promise<MadeLake> => {
  const opened = await openMadeLake(t.testdir())
  t.teardown(async () => { await opened.close() })
  await lake(opened)
  return opened
}
const brokenBy = (verdict: Verdict): string[] => verdict.findings.filter(finding => !finding.kept).map(({ promise, detail, examples }) => `${promise}: ${detail}: ${examples.join(' ')}`)
const unsureBy = (verdict: Verdict): string[] => verdict.findings.filter(finding => finding.unproven).map(({ promise, detail }) => `${promise}: ${detail}`)
const record = (id: string): LogRecord => ({ topic: 'x', key: 'one key', value: Buffer.from(JSON.stringify({ event_id: id })), headers: {}, timestampMs: 0 })

t.test('hundreds of thousands of rows with a raw text are judged within 160 MiB, and one double, one gap and one lost event among them are found', { timeout: 120_000 }, async t => {
  const rows = 300_000n
  const lake = await made(t, async ({ append, create, set }) => {
    const table = await append(await create('events', eventColumns), [rowsSql(0n, rows / 2n, { textBytes: 300 }), rowsSql(rows / 2n, rows, { textBytes: 300 })])
    await create('dead_letters', letterColumns)
    await set(table, progressOf(table, { 0: [0n, 100_000n], 1: [0n, 100_000n], 2: [0n, 100_000n] }))
  })
  const ledger = join(lake.options.FIRN_DATA_DIR, 'loadtest', 'ledger-1.ndjson')
  mkdirSync(join(ledger, '..'))
  appendFileSync(ledger, '{"acked":["never landed","\\u2028\ufeff"]}\n')
  const options = { ...lake.options, memoryMib: 160 }
  const verdict = await verify(options)
  t.match(brokenBy(verdict), [/^every acknowledged event is a row.*: 2 of 2 are LOST: /])
  t.match(unsureBy(verdict), [/there is no log at this address/])
  t.equal(verdict.rows, rows)

  const table = await lake.catalog.loadTable({ namespace: ['firn'], name: 'events' })
  await lake.append(table, [rowsSql(70_000n, 70_001n), rowsSql(3_000_002n, 3_000_003n)])
  await lake.set(table, progressOf(table, { 0: [0n, 100_000n], 1: [0n, 100_000n], 2: [0n, 1_000_001n] }))
  t.match(brokenBy(await verify(options)), [
    /^no offset was taken twice: 1 break it: x\/1@23333 2 times/,
    /^no event_id is two rows within the window: 1 break it: e-/,
    /900000 are missing, and the log that could explain them is not there: x\/2@100000…999999/,
    /are LOST/
  ])
})

t.test('more holes than one page are each explained by the log, and a lost record behind them is found', async t => {
  const lake = await made(t, async () => {})
  const log = await openLog(lake.options.FIRN_LOG_URL, { partitions: 1 })
  await log.ensureTopic('x')
  await log.append(Array.from({ length: 5001 }, (_, n) => record(`e${n}`)))
  const { clusterId, topicIds } = await log.identity(['x'])
  await log.close()
  const table = await lake.append(await lake.create('events', eventColumns), [rowsSql(0n, 5001n, { partitions: 1, where: 'n % 2 = 0' })])
  await lake.set(table, progressOf(table, { 0: [0n, 5001n] }, { cluster: clusterId, topicId: topicIds.get('x')! }))
  const verdict = await verify(lake.options)
  t.match(brokenBy(verdict), [/^each offset that was taken is a row, a dead letter or a hole in the log: 2500 lost, 0 holes, 0 no longer in the log: x\/0@1 x\/0@3 /])
})

t.test('rows that were erased by another engine are told and break nothing, until their files are rewritten: then that is said', async t => {
  const lake = await made(t, async () => {})
  const log = await openLog(lake.options.FIRN_LOG_URL, { partitions: 1 })
  await log.ensureTopic('x')
  await log.append(Array.from({ length: 12 }, (_, n) => record(`e-${n}`)))
  const { clusterId, topicIds } = await log.identity(['x'])
  await log.close()
  const table = await lake.append(await lake.create('events', eventColumns), [rowsSql(0n, 12n, { partitions: 1 })])
  await lake.set(table, progressOf(table, { 0: [0n, 12n] }, { cluster: clusterId, topicId: topicIds.get('x')! }))
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  t.teardown(() => { connection.closeSync() })
  await connection.run("set TimeZone = 'UTC'")
  const parts = { catalog: lake.catalog, storage: lake.storage, connection }
  const id = { namespace: ['firn'], name: 'events' }
  for (const [i, kind] of (['positions', 'equality', 'vectors'] as const).entries()) {
    t.equal(await deleteAsOthers(parts, id, kind, 'log_offset', String(i)), 1)
    const verdict = await verify(lake.options)
    t.match([brokenBy(verdict), verdict.gone, sentenceOfVerdict(verdict)], [[], BigInt(i + 1), new RegExp(`^Proven: ${11 - i} rows, .*, ${i + 1} rows that landed were deleted since by another engine`)], kind)
  }
  await rewriteAsOthers(parts, id, 'log_offset >= 5')
  const verdict = await verify(lake.options)
  t.match(brokenBy(verdict), [/: 5 lost, .*\(other engines removed 5 rows by rewriting files, such as in snapshot \d+\)/])
  t.match(sentenceOfVerdict(verdict), /^NOT PROVEN: 1 of .*other engines removed 5 rows by rewriting files/)
})

/** Copy-on-write: the files that hold other rows are written anew without them. */
async function rewriteAsOthers ({ catalog, storage, connection }: DeleteParts, id: TableIdentifier, kept: string): Promise<void> {
  const table = await catalog.loadTable(id)
  const { files } = await scanFiles(storage, table)
  const location = dataFileLocation(table.metadata, {}, `${crypto.randomUUID()}.parquet`)
  const added = [await copyToDataFile(connection, storage, table, { select: `select * from ${duckdbScan(table, files, storage)} where ${kept}`, partition: {}, location })]
  const snapshotId = createSnapshotId(table.metadata)
  const outcome = await commitSnapshot({ catalog, storage, table }, snapshotId, async base => await stageOverwrite({ storage }, base, { snapshotId, plannedOn: mainSnapshotId(table.metadata), added, removed: files }))
  if (outcome.kind !== 'landed') throw new Error(`the rewrite did not land: ${outcome.kind}`)
}

t.test('an empty table in the place of one that was lost is not proven', async t => {
  const lake = await made(t, async ({ append, create, set }) => {
    const old = await append(await create('events', eventColumns), [rowsSql(0n, 30n)])
    await set(old, progressOf(old, { 0: [0n, 10n], 1: [0n, 10n], 2: [0n, 10n] }))
  })
  const { catalog, create, append, set } = lake
  await catalog.dropTable!({ namespace: ['firn'], name: 'events' })
  const fresh = await create('events', eventColumns)
  t.match(brokenBy(await verify(lake.options)), [/^no other firn\.events lies in the warehouse .*was the catalog lost.*events\/metadata\/.* 30 rows, log made/])
  t.notMatch(sentenceOfVerdict(await verify(lake.options)), /^Proven/)

  const half = await append(fresh, [rowsSql(0n, 15n)])
  await set(half, progressOf(half, { 0: [0n, 5n], 1: [0n, 5n], 2: [0n, 5n] }))
  t.match(brokenBy(await verify(lake.options)), [/^no other firn\.events/], 'it has taken half of what the other had')
  const whole = await append(half, [rowsSql(15n, 33n)])
  await set(whole, progressOf(whole, { 0: [0n, 11n], 1: [0n, 11n], 2: [0n, 11n] }))
  t.strictSame(brokenBy(await verify(lake.options)), [], 'it has taken all of it again')
  await set(whole, progressOf(whole, { 0: [0n, 11n], 1: [0n, 11n], 2: [0n, 11n] }, { cluster: 'another', topicId: 'y1' }))
  t.match(unsureBy(await verify(lake.options)).join(), /1 lie there with rows of another log/)
})

t.test('a table that began after the log let records go, or whose log is shorter than what was taken, is not proven', async t => {
  const lake = await made(t, async () => {})
  const log = await openLog(lake.options.FIRN_LOG_URL, { partitions: 1, retentionMs: 0, retentionEveryMs: 10 })
  await log.ensureTopic('x')
  for (let n = 0; n < 30; n++) await log.append([record(`e${n}`)])
  const { clusterId, topicIds } = await log.identity(['x'])
  const ids = { cluster: clusterId, topicId: topicIds.get('x')! }
  await log.acknowledge('x', new Map([[0, 20n]]))
  while ((await log.ranges('x')).first.get(0) !== 20n) await log.append([record('more')])
  const { end } = await log.ranges('x')
  const next = end.get(0)!
  // As beside a line, no process has the log open twice.
  await log.close()
  const empty = await lake.create('events', eventColumns)
  t.match(brokenBy(await verify(lake.options)), [/^the table began where the log begins: 20 records left the log after a table had taken them, and this table has taken nothing/])

  const late = await lake.append(empty, [rowsSql(20n, next, { partitions: 1 })])
  await lake.set(late, progressOf(late, { 0: [20n, next] }, ids))
  t.match(brokenBy(await verify(lake.options)), [/^the table began where the log begins: 20 records left the log after a table had taken them, and this table has not/])
  const all = await lake.append(late, [rowsSql(0n, 20n, { partitions: 1 })])
  await lake.set(all, progressOf(all, { 0: [0n, next] }, ids))
  const proven = await verify(lake.options)
  t.strictSame([brokenBy(proven), unsureBy(proven)], [[], []])
  t.match(sentenceOfVerdict(proven), /^Proven: \d+ rows, nothing that was taken from the log is missing, nothing landed twice \(no ledger of a sender was there to compare\)/)

  const ahead = await lake.append(all, [rowsSql(next, next + 5n, { partitions: 1 })])
  await lake.set(ahead, progressOf(ahead, { 0: [0n, next + 5n] }, ids))
  t.match(brokenBy(await verify(lake.options)), [/^the log still holds what was taken from it: .*restored.*x\/0 ends at \d+, the table has taken up to/])
})

t.test('what an operator left out is said and is no loss; what was accepted as gone is not called proven', async t => {
  const lake = await made(t, async () => {})
  const log = await openLog(lake.options.FIRN_LOG_URL, { partitions: 1 })
  await log.ensureTopic('x')
  await log.append(Array.from({ length: 30 }, (_, n) => record(`e${n}`)))
  const { clusterId, topicIds } = await log.identity(['x'])
  await log.close()
  const [ids, printed] = [{ cluster: clusterId, topicId: topicIds.get('x')! }, { cluster: clusterId, topics: { x: topicIds.get('x')! } }]
  const decided = (choice: string, from: string, to: string): string => JSON.stringify({ v: 1, folded: 0, list: [{ at: new Date(1_790_000_005_020).toISOString(), choice, reason: '', writer: '', log: printed, before: printed, partitions: [{ topic: 'x', partition: 0, from, to, first: '0', end: '30' }] }] })
  const table = await lake.append(await lake.create('events', eventColumns), [rowsSql(0n, 30n, { partitions: 1, where: 'n not in (7, 8)' })])
  const progress = progressOf(table, { 0: [0n, 30n] }, ids)
  await lake.set(table, progress)
  t.match(brokenBy(await verify(lake.options)), [/2 lost, 0 holes.*x\/0@7 x\/0@8/])
  await lake.set(table, { ...progress, 'firn.decisions': decided('skip', '7', '9') })
  const skipped = await verify(lake.options)
  t.match([brokenBy(skipped), unsureBy(skipped), skipped.leftOut], [[], [], 2n])
  t.match(sentenceOfVerdict(skipped), /^Proven: 28 rows.*2 offsets were left out by an operator's decision\.$/)
  await lake.set(table, { ...progress, 'firn.decisions': decided('skip', '7', '8') })
  t.match(brokenBy(await verify(lake.options)), [/1 lost, 0 holes.*1 left out by decision.*x\/0@8/])
  await lake.set(table, { ...progress, 'firn.decisions': decided('recorded', '20', '20'), 'firn.halts': JSON.stringify({ v: 1, halts: [{ topic: 'x', partition: 0, kind: 'log', reason: 'its log is another', choices: '', since: '2026-01-01T00:00:00Z', evidence: {} }] }) })
  const accepted = await verify(lake.options)
  t.match(brokenBy(accepted), [])
  t.match(sentenceOfVerdict(accepted), /^NOT FULLY PROVABLE: .*2 are no rows any more.* Halted until the operator decides: x\/0 is halted since 2026-01-01.*its log is another/)
})


t.test('a record that was read again after a decision and was a row already is that row; another record at its offset is not', async t => {
  const lake = await made(t, async () => {})
  const log = await openLog(lake.options.FIRN_LOG_URL, { partitions: 1 })
  await log.ensureTopic('x')
  const table = await lake.append(await lake.create('events', eventColumns), [rowsSql(0n, 10n, { partitions: 1 })])
  const idOf = (n: number): string => `e-${createHash('md5').update(String(n)).digest('hex')}`
  await log.append(Array.from({ length: 10 }, (_, n) => record(n === 4 ? 'another' : idOf(n))))
  const { clusterId, topicIds } = await log.identity(['x'])
  await log.close()
  const printed = { cluster: clusterId, topics: { x: topicIds.get('x')! } }
  const progress = progressOf(table, { 0: [0n, 10n] }, { cluster: clusterId, topicId: topicIds.get('x')! })
  const decision = { at: '2030-01-01T00:00:00Z', choice: 'earliest', reason: '', writer: '', log: printed, before: printed, partitions: [{ topic: 'x', partition: 0, from: '10', to: '0', first: '0', end: '10' }] }
  await lake.set(table, { ...progress, 'firn.decisions': JSON.stringify({ v: 1, folded: 0, list: [decision] }) })
  t.match(brokenBy(await verify(lake.options)), [/1 lost, 0 holes, 0 no longer in the log: x\/0@4$/])
  const landed = "select 'another' as event_id, timestamptz '2030-01-02' as received_at, timestamptz '2030-01-02' as committed_at, 'x' as log_topic, 0 as log_partition, 4::bigint as log_offset, null::varchar as properties"
  await lake.append(await lake.catalog.loadTable({ namespace: ['firn'], name: 'events' }), [landed])
  const proven = await verify(lake.options)
  t.strictSame([brokenBy(proven), unsureBy(proven)], [[], []])
})
