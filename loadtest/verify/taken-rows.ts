// What was taken, as the table `raw` on disk: one entry for each row of `events` and each dead letter, with its place in the
// log, the era in which it was committed, and its id as two numbers. No text is kept but the topic's. Files are read a few
// at a time, only the columns that count; columns are found by name, as other engines' files have them too.

import type { DuckDBConnection } from '@duckdb/node-api'
import { quoteText } from '../../catalog/index.ts'
import { idColumns, rowsOf } from './judging-engine.ts'
import type { Claim } from './reading-history.ts'
import { readParquet, type TableFile, type TableFiles } from './table-files.ts'

/** In the order in which entries of one offset are compared. */
export const kinds = { row: 0, goneRow: 1, letter: 2, duplicate: 3, boundary: 9 } as const

const filesAtOnce = 200
const eventColumns = { event_id: 'varchar', received_at: 'timestamptz', committed_at: 'timestamptz', log_topic: 'varchar', log_partition: 'int', log_offset: 'bigint' }
const letterColumns = { reason: 'varchar', event_id: 'varchar', committed_at: 'timestamptz', log_topic: 'varchar', log_partition: 'int', log_offset: 'bigint' }

export async function createRaw (connection: DuckDBConnection, claims: readonly Claim[]): Promise<void> {
  await connection.run('create or replace table raw (kind utinyint, topic varchar, part int, off bigint, era usmallint, hi ubigint, lo ubigint, seen bigint)')
  await connection.run('create or replace table eras (topic varchar, part int, began timestamptz[])')
  const turns = Map.groupBy(claims, ({ topic, partition }) => `${partition}/${topic}`)
  for (const eras of turns.values()) {
    const { topic, partition } = eras[0]!
    const began = eras.flatMap(({ sinceUs }) => sinceUs === null ? [] : [`make_timestamptz(${sinceUs})`])
    if (began.length > 0) await connection.run(`insert into eras values (${quoteText(topic)}, ${partition}, [${began.join(', ')}])`)
  }
}

/** `rows` is a relation with the columns of `events`, and `gone`: whether a delete file of another engine hides the row. */
export async function addRows (connection: DuckDBConnection, rows: string): Promise<void> {
  await connection.run(`insert into raw select case when gone then ${kinds.goneRow} else ${kinds.row} end, r.log_topic, r.log_partition, r.log_offset, ${eraSql},
    ${idColumns('r.event_id')}, epoch_us(coalesce(r.received_at, r.committed_at)) from ${rows} r ${eraJoin}`)
}

/** `letters` is a relation with the columns of `dead_letters`. */
export async function addLetters (connection: DuckDBConnection, letters: string): Promise<void> {
  await connection.run(`insert into raw select case when r.reason = 'duplicate' then ${kinds.duplicate} else ${kinds.letter} end, r.log_topic, r.log_partition, r.log_offset, ${eraSql},
    ${idColumns('r.event_id')}, null from ${letters} r ${eraJoin}`)
}

export async function loadTaken (connection: DuckDBConnection, claims: readonly Claim[], events: TableFiles, letters: TableFiles | null): Promise<void> {
  await createRaw(connection, claims)
  await connection.run('create or replace table reasons (reason varchar, n bigint)')
  for (const some of groupsOf(events.files)) {
    const release = await events.storage.bringNear(some.map(file => file.location), events.deletes === null ? Object.keys(eventColumns) : undefined)
    const gone = events.deletes === null ? 'false' : events.deletes.goneSql()
    const from = await readColumns(connection, some, eventColumns, gone)
    await addRows(connection, from).finally(release)
  }
  for (const some of groupsOf(letters?.files ?? [])) {
    const release = await letters!.storage.bringNear(some.map(file => file.location), letters!.deletes === null ? Object.keys(letterColumns) : undefined)
    const gone = letters!.deletes === null ? 'false' : letters!.deletes.goneSql()
    // A letter that was deleted since was listed all the same.
    const from = await readColumns(connection, some, letterColumns, gone)
    await addLetters(connection, from)
    await connection.run(`insert into reasons select reason, count(*) from ${from} r where not gone group by reason`).finally(release)
  }
}

/** The texts of a few ids: they are looked for in the files again. */
export async function nameIds (connection: DuckDBConnection, { files, storage }: TableFiles, ids: readonly string[]): Promise<string[]> {
  const found = new Set<string>()
  for (const some of groupsOf(files)) {
    if (found.size >= ids.length) break
    const release = await storage.bringNear(some.map(file => file.location), ['event_id'])
    const from = await readColumns(connection, some, { event_id: 'varchar' }, 'false')
    const sql = `select distinct event_id from (select event_id, ${idColumns('event_id')} from ${from} r) where (hi, lo) in (${ids.join(', ')})`
    for (const [text] of await rowsOf(connection, sql).finally(release)) found.add(String(text))
  }
  return [...found]
}

/** Rows and letters by reason, for the report. */
export async function countTaken (connection: DuckDBConnection): Promise<{ rows: bigint, gone: bigint, letters: Map<string, bigint> }> {
  const [counts] = await rowsOf(connection, `select count(*) filter (kind = ${kinds.row}), count(*) filter (kind = ${kinds.goneRow}) from raw`)
  const letters = await rowsOf(connection, 'select reason, sum(n)::bigint from reasons group by reason order by 2 desc, 1')
  return { rows: BigInt(String(counts![0])), gone: BigInt(String(counts![1])), letters: new Map(letters.map(([reason, n]) => [String(reason), BigInt(String(n))])) }
}

/** Which reading of the log it was: as many decisions as had been made when it was committed. */
const eraSql = 'coalesce(len(list_filter(e.began, lambda x: x <= r.committed_at)), 0)'
const eraJoin = 'left join eras e on e.topic = r.log_topic and e.part = r.log_partition'

/** A column that none of the files has is NULL there. */
async function readColumns (connection: DuckDBConnection, files: readonly TableFile[], columns: Readonly<Record<string, string>>, gone: string): Promise<string> {
  const from = readParquet(files, gone === 'false' ? '' : ', filename = true, file_row_number = true')
  const known = new Set((await rowsOf(connection, `select column_name from (describe select * from ${from})`)).map(([name]) => String(name)))
  const list = Object.entries(columns).map(([name, type]) => known.has(name) ? `f.${name}::${type} as ${name}` : `null::${type} as ${name}`)
  return `(select ${list.join(', ')}, ${gone} as gone from ${from} f)`
}

function groupsOf (files: readonly TableFile[]): TableFile[][] {
  return Array.from({ length: Math.ceil(files.length / filesAtOnce) }, (_, i) => files.slice(i * filesAtOnce, (i + 1) * filesAtOnce))
}
