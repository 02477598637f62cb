// Proves that what was accepted is what landed, from sides that know nothing of each other: the senders' ledgers, the table
// with the progress that it records, the log, and the files that lie in the warehouse. Safe beside a running line: ledgers
// are read first, then `events`, then `dead_letters` (committed before the rows that rely on them), and what is not yet a
// row must wait in the log. Memory is bounded whatever the size of the table.

import { fail } from '../errors.ts'
import { openLake, type TableMetadata } from '../../catalog/index.ts'
import { openLogFrom } from '../../log/index.ts'
import { checkLedgers, loadLedgers, type AnswerCounts } from './check-ledgers.ts'
import { readVerifyConfig, type VerifyConfig } from './config.ts'
import { checkConservation, findGaps } from './conservation.ts'
import { explainGaps } from './explain-gaps.ts'
import { judge, type Finding } from './finding.ts'
import { isMemoryShort, openJudgingEngine, type JudgingEngine } from './judging-engine.ts'
import { judgeLog } from './judge-log.ts'
import { findLedgers } from './ledgers.ts'
import { openWitness } from './log-witness.ts'
import { progressProperty, readProgressRecord } from './progress-record.ts'
import { decisionsProperty, haltsProperty, readHalts, readHistory } from './reading-history.ts'
import { checkFiles, openTable } from './table-files.ts'
import { countTaken, loadTaken, nameIds } from './taken-rows.ts'
import { checkWarehouse } from './warehouse-witness.ts'

export interface Verdict {
  readonly findings: readonly Finding[]
  readonly rows: bigint
  /** Rows that landed and were deleted since by another engine. */
  readonly gone: bigint
  readonly letters: ReadonlyMap<string, bigint>
  /** Offsets that operators' decisions left out. */
  readonly leftOut: bigint
  /** How many ledgers of senders were compared. */
  readonly ledgers: number
  readonly acked: number
  readonly unknown: number
  /** Records in the log that are not in the table yet. */
  readonly lag: bigint
  /** What stands still until an operator decides, in sentences. */
  readonly halts: readonly string[]
}

/** What is left out is as `npm run verify` has it by default; `readVerifyConfig([], environment)` gives the rest for other parts. */
export type VerifyOptions = Pick<VerifyConfig, 'ledger' | 'drained' | 'FIRN_DATA_DIR' | 'FIRN_CATALOG_URL' | 'FIRN_WAREHOUSE_URL' | 'FIRN_LOG_URL' | 'FIRN_LOG_TOPICS' | 'FIRN_EVENT_AGE_DAYS_MAX'> & Partial<VerifyConfig>

/** Throws what keeps it from judging at all (VERIFY_…); everything else is a finding. */
export async function verify (given: Readonly<VerifyOptions>): Promise<Verdict> {
  const options: VerifyConfig = { ...readVerifyConfig([], {}), ...given }
  const engine = await openJudgingEngine(options.memoryMib)
  try {
    const ledgers = options.ledger.length > 0 ? options.ledger : findLedgers(options.FIRN_DATA_DIR)
    return await judgeLine(engine, options, ledgers, await loadLedgers(engine.connection, ledgers))
  } catch (error) {
    throw isMemoryShort(error) ? fail('VERIFY_MEMORY', { memoryMiB: options.memoryMib, reason: (error as Error).message.split('\n')[0]! }, error) : error
  } finally {
    engine.close()
  }
}

async function judgeLine (engine: JudgingEngine, options: VerifyConfig, ledgers: readonly string[], answers: AnswerCounts): Promise<Verdict> {
  const { connection } = engine
  const lake = openLake(options, { dataDir: options.FIRN_DATA_DIR })
  const events = await openTable(connection, lake, options.FIRN_CATALOG_URL, 'events')
  if (events === null) throw fail('VERIFY_NO_TABLE', { url: options.FIRN_CATALOG_URL, table: 'firn.events', status: 'not found' })
  const letters = await openTable(connection, lake, options.FIRN_CATALOG_URL, 'dead_letters')
  const { metadata } = events.table
  const text = metadata.properties[progressProperty]
  if (text === undefined && events.files.length > 0) throw fail('VERIFY_NO_OFFSETS', { table: events.name })
  const record = text === undefined ? null : readProgressRecord(events.name, text)
  const history = readHistory(events.name, record, metadata.properties[decisionsProperty])
  const about = { ledgers: ledgers.length, acked: Number(answers.acked), unknown: Number(answers.unknown), halts: readHalts(metadata.properties[haltsProperty]) }

  const findings: Finding[] = [
    judge('the recorded offsets belong to this table', record === null || record.tableUuid === metadata['table-uuid'] ? 0 : 1, record === null ? 'nothing was taken yet' : `table ${record.tableUuid}`),
    await checkWarehouse(lake.storage, [events.table, ...letters === null ? [] : [letters.table]], record),
    ...await checkFiles(engine, events),
    ...letters === null ? [] : await checkFiles(engine, letters)
  ]
  // Files that cannot be read are a finding of their own; nothing can be counted on top of them.
  if (findings.some(finding => !finding.kept && finding.promise.startsWith('every file'))) return { ...about, findings, rows: -1n, gone: 0n, letters: new Map(), leftOut: 0n, lag: -1n }
  await loadTaken(connection, history.claims, events, letters)
  findings.push(...await checkConservation(connection, history, options.FIRN_EVENT_AGE_DAYS_MAX, async ids => await nameIds(connection, events, ids)))

  const witness = await openWitness(options.FIRN_LOG_URL, record, { ...options, FIRN_LOG_MAPPINGS: options.FIRN_LOG_MAPPINGS ?? [] }, async url => await openLogFrom(url, options))
  try {
    const explained = await explainGaps(connection, findGaps(connection), witness, history, removedByOthers(metadata))
    findings.push(explained.finding, ...await judgeLog(witness, record, history))
    const lag = witness?.lag ?? 0n
    if (options.drained) findings.push(judge('the log is drained', lag, `${lag} records wait`))
    if (ledgers.length > 0) findings.push(...await checkLedgers(connection, answers, () => lag > 0n && witness !== null ? witness.waiting() : none()))
    return { ...about, findings, ...await countTaken(connection), leftOut: explained.leftOut, lag }
  } finally {
    await witness?.close()
  }
}

/** Rows that other engines took away by rewriting files: nothing of them is left to see. */
function removedByOthers ({ snapshots }: TableMetadata): string {
  const removing = snapshots.filter(({ summary }) => /^(delete|overwrite)$/.test(summary.operation) && summary['firn.batch'] === undefined && Number(summary['deleted-records'] ?? 0) > 0)
  if (removing.length === 0) return ''
  const rows = removing.reduce((sum, { summary }) => sum + BigInt(summary['deleted-records']!) - BigInt(summary['added-records'] ?? 0), 0n)
  return ` (other engines removed ${rows} rows by rewriting files, such as in snapshot ${removing[0]!['snapshot-id']})`
}

async function * none (): AsyncGenerator<string> {}
