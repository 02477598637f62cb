// What Trino sees, against what the senders know: as many rows as accepted events, no event_id twice, the same money; and
// a question about one type and one day reads the files of that partition and no other.

import type { Tally } from '../tally.ts'
import { printCents, type Expected } from './expected.ts'
import type { TrinoLake } from './trino.ts'

/** `inserted` are rows that foreign hands put there; `unknown` ids may have landed or not. */
export async function checkRows (tally: Tally, trino: TrinoLake, when: string, expected: Expected, { inserted = 0 }: { inserted?: number } = {}): Promise<void> {
  const [rows, ids, money] = (await trino.row('SELECT count(*), count(DISTINCT event_id), cast(sum(amount) AS varchar) FROM events WHERE log_partition >= 0')).map(String)
  tally.check(`${when}: rows in Trino = events accepted`, rows === String(expected.events), `${rows} rows, ${expected.events} accepted`)
  tally.check(`${when}: no event_id is two rows`, ids === rows, `${ids} ids`)
  tally.check(`${when}: the money in Trino is the money that was accepted`, money === printCents(expected.cents), `${money}, sent ${printCents(expected.cents)}`)
  const types = new Map((await trino.ask('SELECT event_type, count(*) FROM events WHERE log_partition >= 0 GROUP BY 1')).rows.map(([type, count]) => [String(type), Number(count)]))
  const different = [...new Set([...types.keys(), ...expected.types.keys()])].filter(type => types.get(type) !== expected.types.get(type))
  tally.check(`${when}: each event type has as many rows as accepted events`, different.length === 0, different.length === 0 ? `${types.size} types` : different.map(type => `${type} ${types.get(type) ?? 0} rows, ${expected.types.get(type) ?? 0} accepted`).join('; '))
  if (inserted > 0) {
    const [foreign] = (await trino.row('SELECT count(*) FROM events WHERE log_partition < 0')).map(Number)
    tally.check(`${when}: the rows that Trino inserted are there`, foreign === inserted, `${foreign} of ${inserted}`)
  }
}

/** By `$files` which files the partition has, by the query's statistics what Trino read. */
export async function checkPruning (tally: Tally, trino: TrinoLake): Promise<void> {
  const [type, day, files, rows] = await trino.row(`
    SELECT partition.event_type, cast(partition.event_date AS varchar), count(*), sum(record_count) FROM "events$files" WHERE content = 0
    GROUP BY 1, 2 HAVING partition.event_type = 'order_created' ORDER BY sum(record_count) DESC LIMIT 1`)
  const [filesAll, rowsAll] = (await trino.row('SELECT count(*), sum(record_count) FROM "events$files" WHERE content = 0')).map(Number)
  const [fileCount, rowCount] = [Number(files), Number(rows)]
  const where = `event_type = '${String(type)}' AND event_time >= TIMESTAMP '${String(day)} 00:00:00 UTC' AND event_time < TIMESTAMP '${String(day)} 00:00:00 UTC' + INTERVAL '1' DAY`
  const asked = await trino.ask(`SELECT count(DISTINCT "$path"), count(*), sum(quantity) FROM events WHERE ${where}`)
  const [pathsRead, rowsFound] = (asked.rows[0] ?? []).map(Number)
  tally.check('a question about one type and day finds the rows of that partition', rowsFound === rowCount && pathsRead === fileCount, `${rowsFound} rows of ${pathsRead} files; $files says ${rowCount} of ${fileCount}`)
  tally.check('and reads no other file', asked.rowsRead === rowCount && fileCount < filesAll!, `read ${asked.rowsRead} rows of ${rowsAll}; ${fileCount} of ${filesAll} files`)
  const plan = String((await trino.ask(`EXPLAIN SELECT sum(quantity) FROM events WHERE ${where}`)).rows.map(row => row[0]).join('\n'))
  // Left over, a condition would stand as filterPredicate: rows of other days would have to be looked at.
  tally.check('its plan pushes type and day into the table scan, with no filter left over', /event_type.*order_created/s.test(plan) && !/filterPredicate/.test(plan))
}
