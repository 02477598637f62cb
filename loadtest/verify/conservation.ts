// The law of the line: each offset of each partition that the table claims to have taken is exactly one row or one dead
// letter within one reading of the log, and no event_id is two rows within the window. Plain SQL; no code of the writer.
// The input is the table `raw` (see taken-rows.ts). It is sorted twice, on disk, and each law is a look at neighbours.

import type { DuckDBConnection } from '@duckdb/node-api'
import { quoteText } from '../../catalog/index.ts'
import { broken, judge, kept, unproven, type Finding } from './finding.ts'
import { countOf, rowsOf } from './judging-engine.ts'
import type { Claim, ReadingHistory } from './reading-history.ts'
import { kinds } from './taken-rows.ts'

const gapsAtOnce = 1000
const examplesMax = 5

/** Offsets [from, to) of a partition that are neither a row nor a dead letter. */
export interface Gap { readonly topic: string, readonly partition: number, readonly from: bigint, readonly to: bigint }
/** `isOfLog`: whether the log that is there now is the one in which these offsets were read. Below `again` they were read before. */
export interface ClaimedGap extends Gap { readonly isOfLog: boolean, readonly again: bigint }

/** `nameIds` gives the texts of a few ids, for examples. Gaps are left to the log to explain: a hole in it is no loss. */
export async function checkConservation (connection: DuckDBConnection, history: ReadingHistory, ageDaysMax: number, nameIds: (ids: readonly string[]) => Promise<string[]>): Promise<Finding[]> {
  await sortPlaces(connection, history.claims)
  return [await checkOutside(connection), await checkTwice(connection, history), await checkIds(connection, ageDaysMax, nameIds), await checkNamed(connection)]
}

/** Where nothing was found between two offsets that were taken, page by page, in order. */
export async function * findGaps (connection: DuckDBConnection): AsyncGenerator<ClaimedGap[]> {
  await connection.run(`create or replace table gaps as
    select row_number() over () as n, * from (
      select c.topic, c.part, p.before + 1 as "from", p.off as "to", c.of_log, c.again
      from (${neighbours}) p join claims c on c.no = p.no and c.part = p.part and c.era = p.era
      where p.is_same and p.off > p.before + 1 and p.before >= c.first - 1 and p.off <= c.due
      order by p.no, p.part, p.era, p.off)`)
  for (let after = 0n; ;) {
    const page = await rowsOf(connection, `select n, topic, part, "from", "to", of_log, again from gaps where n > ${after} order by n limit ${gapsAtOnce}`)
    if (page.length === 0) return
    yield page.map(([, topic, partition, from, to, isOfLog, again]) => ({ topic: String(topic), partition: Number(partition), from: BigInt(String(from)), to: BigInt(String(to)), isOfLog: isOfLog === true, again: BigInt(String(again)) }))
    after = BigInt(String(page.at(-1)![0]))
  }
}

/** Sorted places with the one before. `no` stands for the topic; a boundary of a claim stands behind what lies there. */
const neighbours = `select *, lag(off) over () as before, lag(kind) over () as kind_before, lag(hi) over () as hi_before, lag(lo) over () as lo_before,
  lag(no) over () = no and lag(part) over () = part and lag(era) over () = era as is_same from places`

async function sortPlaces (connection: DuckDBConnection, claims: readonly Claim[]): Promise<void> {
  const topics = [...new Set(claims.map(({ topic }) => topic))]
  await connection.run('create or replace table claims (no usmallint, topic varchar, part int, era usmallint, first bigint, upto bigint, due bigint, of_log boolean, again bigint)')
  for (let at = 0; at < claims.length; at += 1000) {
    const values = claims.slice(at, at + 1000).map(({ topic, partition, era, first, upto, due, isOfLog, again }) =>
      `(${topics.indexOf(topic)}, ${quoteText(topic)}, ${partition}, ${era}, ${first}, ${upto}, ${due}, ${isOfLog}, ${again})`)
    await connection.run(`insert into claims values ${values.join(', ')}`)
  }
  await connection.run(`create or replace table places as
    select c.no, r.part, r.era, r.off, r.kind, r.hi, r.lo from raw r join claims c on c.topic = r.topic and c.part = r.part and c.era = r.era
      where r.off >= c.first and r.off < c.upto
    union all select no, part, era, first - 1, ${kinds.boundary}, 0, 0 from claims where due > first
    union all select no, part, era, due, ${kinds.boundary}, 0, 0 from claims where due > first
    order by no, part, era, off, kind, hi, lo`)
}

async function checkOutside (connection: DuckDBConnection): Promise<Finding> {
  // No partition of a log is negative: such a row says itself that it came past the log, by an INSERT.
  const inserted = await countOf(connection, `from raw where kind = ${kinds.row} and part < 0`)
  const from = `from raw r left join claims c on c.topic = r.topic and c.part = r.part and c.era = r.era
    where r.kind <= ${kinds.goneRow} and (r.part is null or (r.part >= 0 and (c.topic is null or r.off is null or r.off < c.first or r.off >= c.upto)))`
  return await count(connection, 'no row lies outside what the table says it has taken', from, `concat(r.topic, '/', r.part, '@', r.off)`,
    inserted === 0n ? '' : `${inserted} rows were inserted past the log (log_partition below 0)`)
}

/** A re-read that nothing records leaves letters of reason `duplicate` for offsets that are rows already: no loss, no double. */
async function checkTwice (connection: DuckDBConnection, { folded, decisions }: ReadingHistory): Promise<Finding> {
  const promise = 'no offset was taken twice'
  const twice = `from (${neighbours}) p where is_same and off = before and kind <> ${kinds.boundary} and kind_before <> ${kinds.boundary}
    and not (kind = ${kinds.duplicate} and hi is not distinct from hi_before and lo is not distinct from lo_before)`
  const n = await countOf(connection, twice)
  const eras = decisions === 0 ? '' : `read in several turns: ${decisions} decisions of the operator are recorded`
  if (n === 0n) return kept(promise, eras)
  const places = await rowsOf(connection, `select distinct no, part, era, off from (select no, part, era, off ${twice} limit ${examplesMax}) order by all`)
  const examples: string[] = []
  for (const [no, part, era, off] of places) {
    const place = `from places where no = ${String(no)} and part = ${String(part)} and era = ${String(era)} and off = ${String(off)} and kind <> ${kinds.boundary}`
    const [[topic]] = await rowsOf(connection, `select topic from claims where no = ${String(no)} limit 1`) as [[string]]
    examples.push(`${topic}/${String(part)}@${String(off)} ${await countOf(connection, place)} times`)
  }
  if (folded === 0) return broken(promise, `${n} break it`, examples)
  const later = await countOf(connection, `${twice} and era > 0`)
  return later > 0n
    ? broken(promise, `${later} break it`, examples)
    : unproven(promise, `${n} offsets are there twice from before the oldest decision that is still listed; ${folded} older ones, which may explain it, are not`, examples)
}

async function checkIds (connection: DuckDBConnection, ageDaysMax: number, nameIds: (ids: readonly string[]) => Promise<string[]>): Promise<Finding> {
  const promise = 'no event_id is two rows within the window'
  await connection.run(`create or replace table ids as select hi, lo, seen from raw where kind = ${kinds.row} and hi is not null order by hi, lo, seen`)
  const close = `from (select *, lag(hi) over () = hi and lag(lo) over () = lo as is_same, seen - lag(seen) over () as apart from ids) where is_same and apart <= ${ageDaysMax * 86_400}::bigint * 1000000`
  const n = await countOf(connection, close)
  if (n === 0n) return kept(promise, '')
  const some = await rowsOf(connection, `select distinct hi, lo from (select hi, lo ${close} limit ${examplesMax})`)
  return broken(promise, `${n} break it`, await nameIds(some.map(([hi, lo]) => `(${String(hi)}, ${String(lo)})`)))
}

async function checkNamed (connection: DuckDBConnection): Promise<Finding> {
  return await count(connection, 'every row has an event_id', `from raw where kind = ${kinds.row} and hi is null`, `concat(topic, '/', part, '@', off)`)
}

/** A finding that is kept when the relation is empty; the first rows are its examples. */
export async function count (connection: DuckDBConnection, promise: string, from: string, example: string, kept = ''): Promise<Finding> {
  const n = await countOf(connection, from)
  const examples = n === 0n ? [] : (await rowsOf(connection, `select ${example} ${from} limit ${examplesMax}`)).map(([text]) => String(text))
  return judge(promise, n, n === 0n ? kept : `${n} break it`, examples)
}
