import { DuckDBDateValue, DuckDBDecimalValue, DuckDBTimestampTZValue, type DuckDBValue } from '@duckdb/node-api'
import t from 'tap'
import { readValue } from './trino-values.ts'
import { TypedRow } from './typed-row.ts'

const row = (value: DuckDBValue): TypedRow => new TypedRow(new Map([['v', 0]]), [value])
const trino = (value: unknown, rawType: string, ...given: unknown[]): DuckDBValue => readValue(value, { rawType, arguments: given.map(value => ({ kind: 'LONG', value })) })

t.test('a time is the same time from either engine', t => {
  const micros = BigInt(Date.parse('2026-01-31T10:00:00.120Z')) * 1000n
  for (const value of [new DuckDBTimestampTZValue(micros), trino('2026-01-31 10:00:00.120 UTC', 'timestamp with time zone', 3), trino('2026-01-31 10:00:00.120000 UTC', 'timestamp with time zone', 6)]) {
    t.equal(row(value).time('v')?.toISOString(), '2026-01-31T10:00:00.120Z', String(value))
  }
  t.equal(row(trino('2026-01-31 10:00:00.000000 UTC', 'timestamp with time zone', 6)).time('v')?.toISOString(), '2026-01-31T10:00:00.000Z')
  t.equal(row(null).time('v'), null)
  t.end()
})

t.test('numbers, texts and days too', t => {
  for (const value of [7, 7n, new DuckDBDecimalValue(700n, 18, 2), trino(7, 'integer'), trino('7.00', 'decimal', 18, 2), trino(7, 'bigint')]) t.equal(row(value).number('v'), 7)
  for (const value of ['a', trino('a', 'varchar')]) t.equal(row(value).text('v'), 'a')
  for (const value of [new DuckDBDateValue(20484), trino('2026-01-31', 'date')]) t.equal(row(value).day('v'), '2026-01-31')
  for (const kind of ['text', 'number', 'time', 'day'] as const) t.equal(row(null)[kind]('v'), null)
  t.end()
})

t.test('what is no such value is an error, never a default', t => {
  const wrong: [kind: 'text' | 'number' | 'time' | 'day', value: DuckDBValue][] = [
    ['time', 'yesterday'], ['time', 7n], ['time', '2026-01-31 10:00:00+02'], ['time', '2026-01-31 10:00:00'], ['time', '2026-01-31'], ['number', 'seven'], ['number', 2n ** 60n], ['number', true], ['text', 7n], ['day', '2026-01-31 10:00:00+00'], ['day', 1]
  ]
  for (const [kind, value] of wrong) t.throws(() => row(value)[kind]('v'), { code: 'QUERY_VALUE' }, `${String(value)} as ${kind}`)
  t.throws(() => row(1).number('other'), { code: 'QUERY_VALUE' })
  t.end()
})
