import t from 'tap'
import { readAsOf, readingStatement, withReadings } from './trino-statement.ts'

t.test('only statements that read are sent', async t => {
  for (const sql of ['select 1', 'WITH x AS (select 1) select * from x', '-- why\nselect 1', '(select 1)', 'show tables', 'explain analyze select 1', 'explain (type io) select 1']) t.equal(readingStatement(sql), sql, sql)
  t.equal(readingStatement('select 1;'), 'select 1')
  for (const sql of ['insert into t values (1)', 'explain analyze insert into t values (1)', 'alter table t execute optimize', 'call x.y()', 'set session a = 1', '/* select */ drop table t']) t.throws(() => readingStatement(sql), { code: 'SQL_READ_ONLY' }, sql)
  t.throws(() => readingStatement(' ; -- nothing'), { code: 'SQL_MISSING' })
  t.throws(() => readingStatement('select 1; select 2'), { code: 'SQL_INVALID', message: /more than one statement/ })
  for (const [open, close] of ['()', '[]']) t.throws(() => readingStatement(`select\n${open!.repeat(30_000)}1${close!.repeat(30_000)}`), { code: 'SQL_INVALID', message: /nested more than 200 deep \(line 2, column 201\)/ })
  t.throws(() => readingStatement('\n  frobnicate 1'), { code: 'SQL_INVALID', message: /"frobnicate".*line 2, column 3/ })
})

t.test('every table of a statement is read as of the same snapshot or time', async t => {
  const at = (sql: string, asOf: string): string => withReadings(sql, () => ({ at: readAsOf(asOf) })).text
  t.equal(at('select * from firn.events e join lake.firn.dead_letters d on true', '123456789'), 'select * from firn.events FOR VERSION AS OF 123456789 e join lake.firn.dead_letters FOR VERSION AS OF 123456789 d on true')
  t.equal(at('select * from "firn"."events"', '2026-01-31 12:00:00'), `select * from "firn"."events" FOR TIMESTAMP AS OF TIMESTAMP '2026-01-31 12:00:00.000 UTC'`)
  t.equal(at('with x as (select 1) select extract(year from d) from x', '1'), 'with x as (select 1) select extract(year from d) from x')
  t.match(readAsOf('2026-01-31t12:00:00z'), { time: new Date('2026-01-31T12:00:00Z') })
  for (const text of ['2026-02-30', '2026-01-31T24:00:00Z']) t.throws(() => readAsOf(text), { code: 'SQL_NO_SUCH_SNAPSHOT' }, text)
  t.throws(() => readAsOf('yesterday'), { code: 'SQL_NO_SUCH_SNAPSHOT' })
})

t.test('a table may be of another schema or of a time before it had rows, and a place stays where it was asked', async t => {
  const asked = 'select x\nfrom sales, firn.events e, returns order by y'
  const sent = withReadings(asked, ({ parts }) => parts[0] === 'sales' ? { schema: 'analytics', at: { snapshotId: '7' } } : parts[0] === 'returns' ? { isEmpty: true } : undefined)
  t.equal(sent.text, 'select x\nfrom analytics.sales FOR VERSION AS OF 7, firn.events e, (SELECT * FROM returns WHERE false) "returns" order by y')
  t.equal(withReadings('show columns from sales', () => ({ schema: 'analytics', at: { snapshotId: '7' } })).text, 'show columns from analytics.sales')
  t.equal(withReadings('select * from r s', () => ({ isEmpty: true })).text, 'select * from (SELECT * FROM r WHERE false) s')
  for (const word of ['x', 'sales', 'events', 'returns', 'order', 'y']) {
    const place = (text: string): { line: number, column: number } => {
      const before = text.slice(0, text.search(new RegExp(`(?<![".])\\b${word}\\b|(?<=firn\\.)${word}|(?<=analytics\\.)${word}`))).split('\n')
      return { line: before.length, column: before.at(-1)!.length + 1 }
    }
    t.strictSame(sent.placeAsked(place(sent.text)), place(asked), word)
  }
})
