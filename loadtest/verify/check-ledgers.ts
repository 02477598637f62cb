// The senders' ledgers against the table: what was acknowledged is a row or waits in the log, and what was refused is none.
// Answers and ids lie on disk, sorted, and are compared one slice of the ids at a time, so that no slice is large.

import type { DuckDBConnection } from '@duckdb/node-api'
import { judge, type Finding } from './finding.ts'
import { countOf, idColumns, rowsOf } from './judging-engine.ts'
import { answers, answersOf } from './ledgers.ts'
import { kinds } from './taken-rows.ts'

const idsPerSlice = 1_000_000n
const idsEnd = 1n << 64n
const idsAppendedAtOnce = 100_000
const examplesMax = 5

export interface AnswerCounts { readonly acked: bigint, readonly refused: bigint, readonly unknown: bigint }

/** Puts the ledgers on disk: the table `answered`, each event with the answer that counts. Read before the table is. */
export async function loadLedgers (connection: DuckDBConnection, files: readonly string[]): Promise<AnswerCounts> {
  await connection.run('create or replace table said (event_id varchar, answer utinyint)')
  const appender = await connection.createAppender('said')
  let appended = 0
  for await (const [id, answer] of answersOf(files)) {
    appender.appendVarchar(id)
    appender.appendUTinyInt(answer)
    appender.endRow()
    if (++appended % idsAppendedAtOnce === 0) appender.flushSync()
  }
  appender.closeSync()
  await connection.run(`create or replace table sorted_answers as select ${idColumns('event_id')}, answer, event_id from said order by 1, 2, 3`)
  await connection.run(`create or replace table answered as select hi, lo, answer, event_id
    from (select *, lag(hi) over () = hi and lag(lo) over () = lo as is_again from sorted_answers) where is_again is not true`)
  await connection.run('drop table said; drop table sorted_answers')
  const [counts] = await rowsOf(connection, `select ${Object.values(answers).map(answer => `count(*) filter (answer = ${answer})`).join(', ')} from answered`)
  const [acked, refused, unknown] = counts!.map(n => BigInt(String(n))) as [bigint, bigint, bigint]
  return { acked, refused, unknown }
}

/** `waiting`: the ids of what waits in the log, asked only when something is absent. */
export async function checkLedgers (connection: DuckDBConnection, counts: AnswerCounts, waiting: () => AsyncIterable<string>): Promise<Finding[]> {
  await connection.run('create or replace table absent (hi ubigint, lo ubigint, event_id varchar)')
  await connection.run('create or replace table became_letters (example varchar)')
  await connection.run('create or replace table became_rows (event_id varchar)')
  await connection.run(`create or replace table landed_ids as select hi, lo, kind from raw where hi is not null and kind <> ${kinds.duplicate} order by hi, lo`)
  for (const slice of await slicesOf(connection)) {
    const said = (answer: number): string => `(select * from answered where answer = ${answer} and ${slice})`
    const landed = (condition: string): string => `(select hi, lo from landed_ids where ${condition} and ${slice})`
    await connection.run(`insert into absent select hi, lo, event_id from ${said(answers.acked)} a anti join ${landed(`kind <= ${kinds.goneRow}`)} l using (hi, lo)`)
    await connection.run(`insert into became_letters select event_id from ${said(answers.acked)} a semi join ${landed(`kind = ${kinds.letter}`)} l using (hi, lo)`)
    await connection.run(`insert into became_rows select event_id from ${said(answers.refused)} a semi join ${landed(`kind = ${kinds.row}`)} l using (hi, lo)`)
  }
  const absent = await countOf(connection, 'from absent')
  await connection.run('create or replace table queued (event_id varchar)')
  if (absent > 0n) await loadIds(connection, 'queued', waiting())
  await connection.run(`create or replace table lost as select event_id from absent anti join (select ${idColumns('event_id')} from queued) q using (hi, lo)`)
  const lost = await countOf(connection, 'from lost')
  const detail = lost > 0n
    ? `${lost} of ${counts.acked} are LOST`
    : `${counts.acked} acknowledged, ${absent} of them wait in the log, ${counts.unknown} sent without an answer`
  return [
    judge('every acknowledged event is a row, or waits in the log', lost, detail, await examples(connection, 'lost')),
    judge('no acknowledged event became a dead letter', ...await against(connection, 'became_letters', '')),
    judge('no refused event became a row', ...await against(connection, 'became_rows', `${counts.refused} refused`))
  ]
}

async function against (connection: DuckDBConnection, table: string, kept: string): Promise<[bigint, string, string[]]> {
  const n = await countOf(connection, `from ${table}`)
  return [n, n === 0n ? kept : `${n} break it`, await examples(connection, table)]
}

async function examples (connection: DuckDBConnection, table: string): Promise<string[]> {
  return (await rowsOf(connection, `select * from ${table} limit ${examplesMax}`)).map(([text]) => String(text))
}

/** Conditions that cut the ids, which are spread evenly, into slices of about a million. */
async function slicesOf (connection: DuckDBConnection): Promise<string[]> {
  const ids = await countOf(connection, 'from landed_ids') + await countOf(connection, 'from answered')
  const slices = ids / idsPerSlice + 1n
  return Array.from({ length: Number(slices) }, (_, i) => `hi >= ${idsEnd * BigInt(i) / slices} and hi <= ${idsEnd * BigInt(i + 1) / slices - 1n}`)
}

async function loadIds (connection: DuckDBConnection, table: string, ids: AsyncIterable<string>): Promise<void> {
  const appender = await connection.createAppender(table)
  let appended = 0
  for await (const id of ids) {
    appender.appendVarchar(id)
    appender.endRow()
    if (++appended % idsAppendedAtOnce === 0) appender.flushSync()
  }
  appender.closeSync()
}
