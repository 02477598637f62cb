/** DuckDB tells the rows of partitions apart exactly as the specification's transforms do, at the ends of every type too. */
import { DuckDBInstance } from './duckdb.ts'
import t from 'tap'
import { applyTransform } from '../spec/transforms.ts'
import type { SingleValue } from '../spec/single-value.ts'
import type { PrimitiveType, Type } from '../spec/types.ts'
import { transformSql } from './duckdb-transforms.ts'
import { duckdbType } from './duckdb-types.ts'

const instance = await DuckDBInstance.create(':memory:')
const db = await instance.connect()
t.teardown(() => { db.closeSync(); instance.closeSync() })
// The expressions must not depend on it.
await db.run('SET TimeZone = \'Asia/Kathmandu\'')

const instants: readonly [sql: string, value: bigint][] = [
  ['1969-12-31 23:59:59.999999', -1n], ['1970-01-01 00:00:00', 0n], ['2017-11-16 22:31:08.000001', 1_510_871_468_000_001n],
  ['1960-02-29 12:00:00', BigInt(Date.UTC(1960, 1, 29, 12)) * 1000n], ['infinity', 9_223_372_036_854_775_807n], ['-infinity', -9_223_372_036_854_775_807n]
]
const values: Partial<Record<PrimitiveType, readonly [sql: string, value: SingleValue][]>> = {
  'timestamp': instants,
  'timestamptz': instants.map(([sql, value]) => [/\d$/.test(sql) ? `${sql}+00` : sql, value]),
  'date': [['1969-12-31', -1], ['1970-01-01', 0], ['2024-02-29', 19_782], ['0001-01-01', -719_162], ['infinity', 2_147_483_647], ['-infinity', -2_147_483_647]],
  'int': [['-1', -1], ['0', 0], ['19', 19], ['-2147483648', -2_147_483_648], ['2147483647', 2_147_483_647]],
  'long': [['-1', -1n], ['-9223372036854775808', -9_223_372_036_854_775_808n], ['9223372036854775807', 9_223_372_036_854_775_807n]],
  'decimal(9, 2)': [['10.65', 1065n], ['-10.65', -1065n], ['-0.01', -1n], ['0', 0n]],
  'decimal(18, 0)': [['-7', -7n], ['999999999999999999', 999_999_999_999_999_999n]],
  'string': [['', ''], ['𝄞é!', '𝄞é!'], ['👨‍👩‍👧', '👨‍👩‍👧'], ['iceberg', 'iceberg']]
}
const transforms: readonly string[] = ['identity', 'void', 'year', 'month', 'day', 'hour', 'truncate[2]', 'truncate[50]', 'truncate[2147483647]']
const isTime = (type: string) => type === 'date' || type.startsWith('timestamp')

t.test('every transform of every type that DuckDB can compute gives what the specification says', async t => {
  for (const [type, rows] of Object.entries(values) as [PrimitiveType, readonly [string, SingleValue][]][]) {
    for (const transform of transforms) {
      const forTime = ['year', 'month', 'day', 'hour'].includes(transform)
      if ((forTime && (!isTime(type) || (type === 'date' && transform === 'hour'))) || (transform.startsWith('truncate') && isTime(type))) continue
      const sql = transformSql(transform, type, 'v')
      if (sql === null) { t.fail(`${transform} of ${type} has no expression`); continue }
      for (const [text, value] of rows) {
        // Texts of identity are DuckDB's own: what is compared is that the value passes through.
        const identity = transform === 'identity' ? ' = v' : ''
        const reader = await db.runAndReadAll(`SELECT CAST((${sql})${identity} AS VARCHAR) FROM (SELECT CAST('${text}' AS ${duckdbType(type)}) AS v)`)
        const expected = transform === 'identity' ? 'true' : print(type, applyTransform(transform, type, value))
        t.equal(reader.getRows()[0]?.[0] ?? null, expected, `${transform} of ${type} ${text}`)
      }
      const [[none]] = (await db.runAndReadAll(`SELECT ${sql} FROM (SELECT CAST(NULL AS ${duckdbType(type)}) AS v)`)).getRows() as [[unknown]]
      t.equal(none, null, `${transform} of a null ${type} is null`)
    }
  }
})

t.test('bytes are cut like text; what DuckDB cannot compute says so', async t => {
  const sql = transformSql('truncate[2]', 'binary', 'v')
  t.equal((await db.runAndReadAll(`SELECT hex(${sql}) FROM (SELECT unhex('AABBCC') AS v)`)).getRows()[0]?.[0], 'AABB')
  t.equal(transformSql('bucket[16]', 'string', 'v'), null)
  t.equal(transformSql('truncate[10]', 'decimal(38, 2)', 'v'), null)
  t.equal(transformSql('day', 'timestamptz_ns', 'v'), null)
  t.throws(() => transformSql('weekly', 'date', 'v'), /unknown partition transform/)
})

function print(type: Type, value: SingleValue | null): string | null {
  if (typeof value === 'bigint' && type === 'decimal(9, 2)') return (Number(value) / 100).toFixed(2)
  return value === null ? null : String(value)
}
