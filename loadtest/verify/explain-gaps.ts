// Offsets that are neither a row nor a dead letter: each is left out by an operator's decision, a hole in the log, lost, or
// past telling. Gaps come page by page, so that any number of holes (each transaction in Kafka leaves one) is explained.
// A record that was read a second time after a decision, and was a row already, stays that one row: the log is asked which
// record it was, since a restored log may have another one at that offset.

import type { DuckDBConnection } from '@duckdb/node-api'
import { quoteText } from '../../catalog/index.ts'
import type { ClaimedGap, Gap } from './conservation.ts'
import { broken, kept, unproven, type Finding } from './finding.ts'
import { countOf, idColumns, rowsOf } from './judging-engine.ts'
import type { Explained, LogWitness } from './log-witness.ts'
import type { LeftOut, ReadingHistory } from './reading-history.ts'

const promise = 'each offset that was taken is a row, a dead letter or a hole in the log'
const examplesMax = 5
const appendedAtOnce = 100_000

export interface ExplainedGaps { readonly finding: Finding, readonly leftOut: bigint }

interface Tally { lost: bigint, holes: bigint, forgotten: bigint, unreadable: bigint, skipped: bigint, accepted: bigint, noLog: bigint }

export async function explainGaps (connection: DuckDBConnection, pages: AsyncIterable<ClaimedGap[]>, witness: LogWitness | null, history: ReadingHistory, removed: string): Promise<ExplainedGaps> {
  const sum: Tally = { lost: 0n, holes: 0n, forgotten: 0n, unreadable: 0n, skipped: 0n, accepted: 0n, noLog: 0n }
  const examples: string[] = []
  const open: string[] = []
  for await (const page of pages) {
    const asked: Gap[] = []
    const again: Gap[] = []
    for (const gap of page) {
      const { rest, skipped, accepted } = withoutLeftOut(gap, history.leftOut)
      sum.skipped += skipped
      sum.accepted += accepted
      for (const part of rest) {
        if (open.length < examplesMax) open.push(`${part.topic}/${part.partition}@${part.from}…${part.to - 1n}`)
        if (!gap.isOfLog) sum.forgotten += part.to - part.from
        else if (witness === null || witness.stranger !== null) sum.noLog += part.to - part.from
        else splitAt(part, gap.again, again, asked)
      }
    }
    if (witness === null) continue
    for (const found of [asked.length > 0 ? await witness.explain(asked) : none, again.length > 0 ? await explainAgain(connection, again, witness) : none]) {
      sum.lost += found.lost
      sum.holes += found.holes
      sum.forgotten += found.forgotten
      sum.unreadable += found.unreadable
      examples.push(...found.examples.slice(0, examplesMax - examples.length))
    }
  }
  const jumped = history.leftOut.filter(({ by }) => by === 'jump').reduce((all, { from, to }) => all + to - from, 0n)
  return { finding: judgeTally(sum, history, removed, examples.length > 0 ? examples : open), leftOut: sum.skipped + sum.accepted + jumped }
}

const none: Explained = { lost: 0n, holes: 0n, forgotten: 0n, unreadable: 0n, examples: [] }

function splitAt ({ topic, partition, from, to }: Gap, at: bigint, below: Gap[], above: Gap[]): void {
  const middle = at < from ? from : at > to ? to : at
  if (middle > from) below.push({ topic, partition, from, to: middle })
  if (to > middle) above.push({ topic, partition, from: middle, to })
}

/** Records that were read again: lost is what no earlier reading made a row or a letter of. */
async function explainAgain (connection: DuckDBConnection, gaps: readonly Gap[], witness: LogWitness): Promise<Explained> {
  await connection.run('create or replace table read_again (topic varchar, part int, off bigint, event_id varchar)')
  const appender = await connection.createAppender('read_again')
  let appended = 0
  const { holes, unreadable } = await witness.visit(gaps, ({ topic, partition, offset, id }) => {
    appender.appendVarchar(topic)
    appender.appendInteger(partition)
    appender.appendBigInt(offset)
    const text = id()
    if (text === null) appender.appendNull()
    else appender.appendVarchar(text)
    appender.endRow()
    if (++appended % appendedAtOnce === 0) appender.flushSync()
  })
  appender.closeSync()
  await connection.run(`create or replace table lost_again as select topic, part, off from (select topic, part, off, ${idColumns('event_id')} from read_again) a
    where not exists (select 1 from raw r where r.topic = a.topic and r.part = a.part and r.off = a.off and (a.hi is null or r.hi is null or (r.hi = a.hi and r.lo = a.lo)))`)
  const examples = (await rowsOf(connection, `select concat(topic, '/', part, '@', off) from lost_again order by topic, part, off limit ${examplesMax}`)).map(([place]) => String(place))
  return { lost: await countOf(connection, 'from lost_again'), holes, unreadable, forgotten: await countForgotten(connection, gaps, witness), examples }
}

/** Offsets that the log let go and that no earlier reading has either. */
async function countForgotten (connection: DuckDBConnection, gaps: readonly Gap[], witness: LogWitness): Promise<bigint> {
  let forgotten = 0n
  for (const gap of gaps) {
    const first = witness.firstOf(gap)
    const to = first < gap.to ? first : gap.to
    if (to <= gap.from) continue
    const there = `from (select distinct off from raw where topic = ${quoteText(gap.topic)} and part = ${gap.partition} and off >= ${gap.from} and off < ${to})`
    forgotten += to - gap.from - await countOf(connection, there)
  }
  return forgotten
}

/** What stays lost is broken; what nothing can tell any more is neither kept nor broken where an earlier log was read. */
function judgeTally ({ lost, holes, forgotten, unreadable, skipped, accepted, noLog }: Tally, { claims }: ReadingHistory, removed: string, examples: readonly string[]): Finding {
  if (noLog > 0n) return broken(promise, `${noLog} are missing, and the log that could explain them is not there`, examples)
  const decided = skipped > 0n ? `, ${skipped} left out by decision` : ''
  const detail = `${lost} lost, ${holes} holes, ${forgotten} no longer in the log${decided}${unreadable > 0n ? `, ${unreadable} cannot be read` : ''}`
  const isEarlier = claims.some(({ isOfLog }) => !isOfLog)
  if (lost > 0n || unreadable > 0n || (forgotten > 0n && !isEarlier)) return broken(promise, detail + removed, examples)
  if (accepted > 0n) return unproven(promise, `${accepted} are no rows any more, and the operator went on from where the record stood (\`recorded\`)`, examples)
  if (forgotten > 0n) return unproven(promise, `${forgotten} offsets of an earlier log are neither, and that log is gone`, examples)
  const offsets = claims.reduce((sum, { first, due }) => due > first ? sum + due - first : sum, 0n)
  const partitions = new Set(claims.map(({ topic, partition }) => `${partition}/${topic}`)).size
  return kept(promise, `${offsets} offsets in ${partitions} partitions${holes > 0n ? `, ${holes} holes` : ''}${decided}`)
}

interface Rest { readonly rest: Gap[], readonly skipped: bigint, readonly accepted: bigint }

/** What of a gap no decision explains. */
export function withoutLeftOut (gap: Gap, leftOut: readonly LeftOut[]): Rest {
  let rest: Gap[] = [{ topic: gap.topic, partition: gap.partition, from: gap.from, to: gap.to }]
  let [skipped, accepted] = [0n, 0n]
  for (const { topic, partition, from, to, by } of leftOut) {
    if (topic !== gap.topic || partition !== gap.partition) continue
    rest = rest.flatMap(part => {
      const [low, high] = [part.from > from ? part.from : from, part.to < to ? part.to : to]
      if (high <= low) return [part]
      if (by === 'recorded') accepted += high - low
      else skipped += high - low
      return [{ ...part, to: low }, { ...part, from: high }].filter(piece => piece.to > piece.from)
    })
  }
  return { rest, skipped, accepted }
}
