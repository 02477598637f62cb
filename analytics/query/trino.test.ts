import t from 'tap'
import { openTrinoEngine } from './trino.ts'
import { parseExactly, readValue, typeName, type TypeSignature } from './trino-values.ts'
import { jsonOf } from '../sql/print.ts'

const type = (rawType: string, ...values: unknown[]): TypeSignature => ({ rawType, arguments: values.map(value => ({ kind: 'X', value })) })
const field = (name: string, of: TypeSignature): unknown => ({ fieldName: { name }, typeSignature: of })

t.test('values of Trino are as exact as they were', async t => {
  const [row] = parseExactly('[[9007199254740993, "1234567890123456.78", 1.5, "2026-01-31 12:00:00.120000 UTC", "2026-01-31 12:00:00.000000", null, [1, 2], ["mobile", null], "/w==", true]]') as unknown[][]
  const types = [type('bigint'), type('decimal', 18, 2), type('double'), type('timestamp with time zone', 6), type('timestamp', 6), type('varchar'), type('array', type('integer')), type('row', field('type', type('varchar')), field('os', type('varchar'))), type('varbinary'), type('boolean')]
  t.strictSame(row!.map((value, i) => jsonOf(readValue(value, types[i]!))), ['9007199254740993', '1234567890123456.78', '1.5', '"2026-01-31 12:00:00.12+00"', '"2026-01-31 12:00:00"', 'null', '[1,2]', '{"type":"mobile","os":null}', '"\\\\xff"', 'true'])
  t.strictSame(types.map(typeName), ['BIGINT', 'DECIMAL(18,2)', 'DOUBLE', 'TIMESTAMP WITH TIME ZONE', 'TIMESTAMP', 'VARCHAR', 'INTEGER[]', 'STRUCT(type VARCHAR, os VARCHAR)', 'BLOB', 'BOOLEAN'])
  t.equal(jsonOf(readValue('-0.05', type('decimal', 18, 2))), '-0.05')
  t.equal(jsonOf(readValue('7', type('decimal', 18, 2))), '7.00')
})

t.test('an address that cannot be meant is refused, and a password is not sent in the clear', async t => {
  t.throws(() => openTrinoEngine({ url: 'trino://' }), { code: 'QUERY_URL_UNSUPPORTED' })
  t.throws(() => openTrinoEngine({ url: 'trino://me@host:8080', password: 'secret' }), { code: 'QUERY_PASSWORD_UNSAFE' })
  await t.rejects(openTrinoEngine({ url: 'trino://127.0.0.1:1' }).query('select 1'), { code: 'QUERY_AWAY', message: /127\.0\.0\.1:1 does not answer \(ECONNREFUSED\)/ })
})
