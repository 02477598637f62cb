// The law of the line: each offset of each partition that the table claims to have taken is exactly one row or one dead
// letter, and no event_id is two rows within the window. Plain SQL over the files; no code of the writer.
// Two temporary tables are the input: `landed` (event_id, seen_at, topic, part, off) and `letters` (reason, event_id, topic, part, off).

import type { DuckDBConnection } from '@duckdb/node-api'
import { quoteText } from '../../catalog/index.ts'
import { judge, type Finding } from './finding.ts'
import type { PartitionRecord } from './progress-record.ts'
import { readFiles, type TableFiles } from './table-files.ts'

const gapsMax = 1000

/** Offsets [from, to) of a partition that are neither a row nor a dead letter. */
export interface Gap { readonly topic: string, readonly partition: number, readonly from: bigint, readonly to: bigint }

export async function loadRows (connection: DuckDBConnection, events: TableFiles, letters: TableFiles | null): Promise<void> {
  const rows = readFiles(events.files, ['event_id', 'coalesce(received_at, committed_at) as seen_at', 'log_topic as topic', 'log_partition as part', 'log_offset as off'])
  const dead = readFiles(letters?.files ?? [], ['reason', 'event_id', 'log_topic as topic', 'log_partition as part', 'log_offset as off'])
  // By name, as other engines' files have them too; a file that lacks one of them is read whole.
  const releases = [
    await events.storage.bringNear(events.files.map(file => file.location), ['event_id', 'received_at', 'committed_at', 'log_topic', 'log_partition', 'log_offset']),
    await letters?.storage.bringNear(letters.files.map(file => file.location), ['reason', 'event_id', 'log_topic', 'log_partition', 'log_offset'])
  ]
  await connection.run(`create temp table landed as select * from ${rows ?? "(select null::varchar event_id, null::timestamptz seen_at, null::varchar topic, null::int part, null::bigint as off where false)"}`)
  await connection.run(`create temp table letters as select * from ${dead ?? "(select null::varchar reason, null::varchar event_id, null::varchar topic, null::int part, null::bigint as off where false)"}`)
  for (const release of releases) await release?.()
}

/** `gaps` are left to the log to explain: a hole in it is no loss. */
export async function checkConservation (connection: DuckDBConnection, partitions: readonly PartitionRecord[], ageDaysMax: number): Promise<{ findings: Finding[], gaps: Gap[] }> {
  const values = partitions.map(({ topic, partition, start, next }) => `(${quoteText(topic)}, ${partition}, ${start}::bigint, ${next}::bigint)`)
  await connection.run(`create temp table claimed as select * from (values ${values.join(', ') || "(null, null, null::bigint, null::bigint)"}) v(topic, part, first, next) where topic is not null`)
  // A re-read that an operator asked for leaves letters of reason `duplicate` for offsets that are rows already: no loss, no double.
  await connection.run(`create temp table taken as
    select topic, part, off, 'row' as kind from landed
    union all select topic, part, off, 'letter' from letters l
      where reason <> 'duplicate' or not exists (select 1 from landed r where r.topic = l.topic and r.part = l.part and r.off = l.off and r.event_id = l.event_id)`)
  // No partition of a log is negative: such a row says itself that it came past the log, by somebody's INSERT.
  const inserted = BigInt(String((await connection.runAndReadAll('select count(*) from landed where part < 0')).getRows()[0]?.[0]))
  const findings = [
    await count(connection, 'no row lies outside what the table says it has taken',
      `from landed r left join claimed c using (topic, part) where r.part is null or (r.part >= 0 and (c.topic is null or r.off is null or r.off < c.first or r.off >= c.next))`, `concat(r.topic, '/', r.part, '@', r.off)`,
      inserted === 0n ? '' : `${inserted} rows were inserted past the log (log_partition below 0)`),
    await count(connection, 'no offset was taken twice',
      `from (select t.topic, t.part, t.off, count(*) as n from taken t join claimed c on c.topic = t.topic and c.part = t.part and t.off >= c.first and t.off < c.next group by all having count(*) > 1)`, `topic || '/' || part || '@' || off || ' ' || n || ' times'`),
    await count(connection, 'no event_id is two rows within the window',
      `from (select event_id, seen_at - lag(seen_at) over (partition by event_id order by seen_at) as apart from landed where event_id in (select event_id from landed group by event_id having count(*) > 1))
       where apart <= interval '${ageDaysMax} days'`, 'event_id'),
    await count(connection, 'every row has an event_id', 'from landed where event_id is null', `topic || '/' || part || '@' || off`)
  ]
  const gapRows = await connection.runAndReadAll(`
    with bounds as (
      select topic, part, first - 1 as off from claimed
      union select topic, part, next from claimed
      union select t.topic, t.part, t.off from taken t join claimed c on c.topic = t.topic and c.part = t.part and t.off >= c.first and t.off < c.next)
    select topic, part, off + 1 as "from", coming as "to" from (select topic, part, off, lead(off) over (partition by topic, part order by off) as coming from bounds)
    where coming > off + 1 order by topic, part, 3 limit ${gapsMax}`)
  const gaps = gapRows.getRows().map(([topic, partition, from, to]): Gap => ({ topic: String(topic), partition: Number(partition), from: BigInt(String(from)), to: BigInt(String(to)) }))
  return { findings, gaps }
}

/** Rows and letters by reason, for the report. */
export async function countRows (connection: DuckDBConnection): Promise<{ rows: bigint, letters: Map<string, bigint> }> {
  const rows = BigInt(String((await connection.runAndReadAll('select count(*) from landed')).getRows()[0]?.[0]))
  const letters = (await connection.runAndReadAll('select reason, count(*) from letters group by reason order by 2 desc, 1')).getRows()
  return { rows, letters: new Map(letters.map(([reason, n]) => [String(reason), BigInt(String(n))])) }
}

/** A finding that is kept when the relation is empty; the first rows are its examples. */
export async function count (connection: DuckDBConnection, promise: string, from: string, example: string, kept = ''): Promise<Finding> {
  const n = BigInt(String((await connection.runAndReadAll(`select count(*) ${from}`)).getRows()[0]?.[0]))
  const examples = n === 0n ? [] : (await connection.runAndReadAll(`select ${example} ${from} limit 5`)).getRows().map(([text]) => String(text))
  return judge(promise, n, n === 0n ? kept : `${n} break it`, examples)
}
