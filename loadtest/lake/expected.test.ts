import t from 'tap'
import { makeSession } from '../k6/events.ts'
import { createTally } from '../tally.ts'
import { expectedOf, printCents } from './expected.ts'
import { checkRows } from './table-checks.ts'
import type { TrinoLake } from './trino.ts'

const sessions = Array.from({ length: 30 }, (_, iteration) => makeSession({ run: 'r', seed: 3, stream: 1, iteration }, 0))
const events = sessions.flatMap(session => session.events)
const cents = events.reduce((sum, { amount = 0 }) => sum + Math.round(amount * 100), 0)
const expected = expectedOf([{ seed: 3, acked: new Set(events.map(event => event.event_id)) }])
const typeRows = [...Map.groupBy(events, event => event.event_type)].map(([type, some]) => [type, some.length])

/** Runs the checks over a table that answers as told; the sentences that failed. */
async function failed (answers: { rows?: number, ids?: number, cents?: number, types?: Array<Array<string | number>>, inserted?: number }): Promise<string[]> {
  const { rows = events.length, ids = events.length, types = typeRows } = answers
  const trino: TrinoLake = {
    row: async sql => sql.includes('DISTINCT') ? [rows, ids, printCents(BigInt(answers.cents ?? cents))] : [answers.inserted ?? 2],
    ask: async () => ({ rows: types, rowsRead: 0, splits: 0 })
  }
  const lines: string[] = []
  await checkRows(createTally(line => lines.push(line)), trino, 'now', expected, { inserted: 2 })
  return lines.filter(line => line.startsWith('FAILED'))
}

t.test('events, their types and their money come back from the accepted ids alone', async t => {
  t.equal(expected.events, 300)
  t.equal(expected.cents, BigInt(cents))
  t.strictSame([...expected.types].sort(), typeRows.sort())
  t.throws(() => expectedOf([{ seed: 3, acked: new Set(['nobody']) }]), /no id of this load/)
})

t.test('cents are printed as SQL prints a decimal', async t => {
  t.strictSame([0n, 7n, 123n, 9_999_999_999n].map(printCents), ['0.00', '0.07', '1.23', '99999999.99'])
})

t.test('a table that holds what was accepted passes', async t => {
  t.strictSame(await failed({}), [])
})

t.test('a lost row, a double, a changed cent, a wrong type and a vanished insert are each found', async t => {
  t.match(await failed({ rows: 299, ids: 299 }), [/rows in Trino = events accepted: 299 rows, 300 accepted/])
  t.match(await failed({ ids: 299 }), [/no event_id is two rows/])
  t.match(await failed({ cents: cents - 1 }), [/money/])
  t.match(await failed({ types: [...typeRows.slice(1), ['unlisted', 1]] }), [/each event type .*unlisted 1 rows, 0 accepted/])
  t.match(await failed({ inserted: 1 }), [/rows that Trino inserted are there: 1 of 2/])
})
