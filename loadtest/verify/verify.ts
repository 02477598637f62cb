// Proves that what was accepted is what landed, from three sides that know nothing of each other: the senders' ledgers, the
// table with the progress that it records, and the log. Safe beside a running line: ledgers are read first, then `events`,
// then `dead_letters` (committed before the rows that rely on them), and what is not yet a row must wait in the log.

import type { DuckDBConnection } from '@duckdb/node-api'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fail } from '../errors.ts'
import { DuckDBInstance, openLake } from '../../catalog/index.ts'
import { openLogFrom } from '../../log/index.ts'
import { readVerifyConfig, type VerifyConfig } from './config.ts'
import { checkConservation, count, countRows, loadRows } from './conservation.ts'
import { broken, judge, kept, type Finding } from './finding.ts'
import { findLedgers, readLedgers, type Acknowledged } from './ledgers.ts'
import { openWitness } from './log-witness.ts'
import { progressProperty, readProgressRecord } from './progress-record.ts'
import { checkFiles, openTable } from './table-files.ts'

const memoryMiBMax = 1024

export interface Verdict {
  readonly findings: readonly Finding[]
  readonly rows: bigint
  readonly letters: ReadonlyMap<string, bigint>
  readonly acked: number
  readonly unknown: number
  /** Records in the log that are not in the table yet. */
  readonly lag: bigint
}

/** What is left out is as `npm run verify` has it by default; `readVerifyConfig([], environment)` gives the rest for other parts. */
export type VerifyOptions = Pick<VerifyConfig, 'ledger' | 'drained' | 'FIRN_DATA_DIR' | 'FIRN_CATALOG_URL' | 'FIRN_WAREHOUSE_URL' | 'FIRN_LOG_URL' | 'FIRN_LOG_TOPICS' | 'FIRN_EVENT_AGE_DAYS_MAX'> & Partial<VerifyConfig>

/** Throws what keeps it from judging at all (VERIFY_…); everything else is a finding. */
export async function verify (given: Readonly<VerifyOptions>): Promise<Verdict> {
  const options: VerifyConfig = { ...readVerifyConfig([], {}), ...given }
  const lake = openLake(options, { dataDir: options.FIRN_DATA_DIR })
  const ledgers = await readLedgers(options.ledger.length > 0 ? options.ledger : findLedgers(options.FIRN_DATA_DIR))
  const events = await openTable(lake, options.FIRN_CATALOG_URL, 'events')
  if (events === null) throw fail('VERIFY_NO_TABLE', { url: options.FIRN_CATALOG_URL, table: 'firn.events', status: 'not found' })
  const letters = await openTable(lake, options.FIRN_CATALOG_URL, 'dead_letters')
  const text = events.table.metadata.properties[progressProperty]
  if (text === undefined && events.files.length > 0) throw fail('VERIFY_NO_OFFSETS', { table: events.name })
  const record = text === undefined ? null : readProgressRecord(events.name, text)
  const partitions = record?.partitions ?? []

  const spill = mkdtempSync(join(tmpdir(), 'firn-verify-'))
  const connection = await (await DuckDBInstance.create(':memory:', { memory_limit: `${memoryMiBMax}MiB`, temp_directory: spill, autoinstall_known_extensions: 'false' })).connect()
  try {
    await connection.run("set TimeZone = 'UTC'; set preserve_insertion_order = false")
    const findings: Finding[] = [
      judge('the recorded offsets belong to this table', record === null || record.tableUuid === events.table.metadata['table-uuid'] ? 0 : 1, record === null ? 'nothing was taken yet' : `table ${record.tableUuid}`),
      ...await checkFiles(connection, events),
      ...letters === null ? [] : await checkFiles(connection, letters)
    ]
    // Files that cannot be read are a finding of their own; nothing can be counted on top of them.
    if (findings.some(finding => !finding.kept)) return { findings, rows: -1n, letters: new Map(), acked: ledgers.acked.size, unknown: ledgers.unknown.size, lag: -1n }
    await loadRows(connection, events, letters)
    const { findings: conserved, gaps } = await checkConservation(connection, partitions, options.FIRN_EVENT_AGE_DAYS_MAX)
    findings.push(...conserved)

    const witness = await openWitness(options.FIRN_LOG_URL, record, options.FIRN_LOG_TOPICS, async url => await openLogFrom(url, options))
    try {
      const missing = gaps.reduce((sum, { from, to }) => sum + to - from, 0n)
      const promise = 'each offset that was taken is a row, a dead letter or a hole in the log'
      if (missing === 0n) findings.push(kept(promise, `${partitions.reduce((sum, p) => sum + p.next - p.start, 0n)} offsets in ${partitions.length} partitions`))
      else if (witness === null || witness.stranger !== null) findings.push(broken(promise, `${missing} are missing, and the log that could explain them is not there`, gaps.map(gap => `${gap.topic}/${gap.partition}@${gap.from}…${gap.to - 1n}`)))
      else {
        const { lost, holes, forgotten } = await witness.explain(gaps)
        findings.push(judge(promise, BigInt(lost.length) + forgotten, `${lost.length} lost, ${holes} holes, ${forgotten} no longer in the log`, lost.length > 0 ? lost : gaps.map(gap => `${gap.topic}/${gap.partition}@${gap.from}…${gap.to - 1n}`)))
      }
      if (witness !== null && witness.stranger !== null) findings.push(broken('the log is the one that the table was filled from', witness.stranger))
      // A first read that began too late leaves no gap between offsets: only the log knows what came before.
      else if (witness !== null) {
        const { lost, holes } = await witness.explain(witness.before)
        findings.push(judge('the table began where the log begins', lost.length, lost.length > 0 ? `${lost.length} records from before were never taken` : holes > 0n ? `${holes} holes before it` : '', lost))
      }
      const lag = witness?.lag ?? 0n
      if (options.drained) findings.push(judge('the log is drained', lag, `${lag} records wait`))
      findings.push(...await checkLedgers(connection, ledgers, async () => lag > 0n ? await witness?.waiting() ?? new Set<string>() : new Set<string>()))
      return { findings, ...await countRows(connection), acked: ledgers.acked.size, unknown: ledgers.unknown.size, lag }
    } finally {
      await witness?.close()
    }
  } finally {
    connection.closeSync()
    rmSync(spill, { recursive: true, force: true })
  }
}

async function checkLedgers (connection: DuckDBConnection, { files, acked, refused, unknown }: Acknowledged, waiting: () => Promise<Set<string>>): Promise<Finding[]> {
  if (files.length === 0) return []
  await connection.run('create temp table answered (event_id varchar, answer varchar)')
  const appender = await connection.createAppender('answered')
  const put = (id: string, answer: string): void => {
    appender.appendVarchar(id)
    appender.appendVarchar(answer)
    appender.endRow()
  }
  for (const id of acked) put(id, 'acked')
  for (const id of refused) put(id, 'refused')
  appender.closeSync()
  const absent = (await connection.runAndReadAll("select event_id from answered where answer = 'acked' and event_id not in (select event_id from landed where event_id is not null)")).getRows().map(([id]) => String(id))
  const queued = absent.length > 0 ? await waiting() : new Set<string>()
  const lost = absent.filter(id => !queued.has(id))
  return [
    judge('every acknowledged event is a row, or waits in the log', lost.length, lost.length > 0 ? `${lost.length} of ${acked.size} are LOST` : `${acked.size} acknowledged, ${absent.length} of them wait in the log, ${unknown.size} sent without an answer`, lost),
    await count(connection, 'no acknowledged event became a dead letter', "from answered a join letters l using (event_id) where a.answer = 'acked' and l.reason <> 'duplicate'", "event_id || ' ' || reason"),
    await count(connection, 'no refused event became a row', "from answered join landed using (event_id) where answer = 'refused'", 'event_id', `${refused.size} refused`)
  ]
}
