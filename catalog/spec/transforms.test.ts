import t from 'tap'
import fc from 'fast-check'
import { hashMurmur3 } from './murmur3.ts'
import { dataFileLocation } from './names.ts'
import { partitionKey, partitionPath } from './partition.ts'
import type { SingleValue } from './single-value.ts'
import { applyTransform, hashValue, printPartitionValue, transformedType } from './transforms.ts'
import type { TableMetadata, Type } from './types.ts'

const micros = (iso: string) => BigInt(Date.parse(iso)) * 1000n

t.test('hashes are those of the specification, appendix B', async t => {
  t.equal(hashValue('int', 34), 2017239379)
  t.equal(hashValue('long', 34n), 2017239379)
  t.equal(hashValue('decimal(9, 2)', 1420n), -500754589)
  t.equal(hashValue('date', Date.parse('2017-11-16') / 86_400_000), -653330422)
  t.equal(hashValue('time', 81_068_000_000n), -662762989)
  t.equal(hashValue('timestamp', micros('2017-11-16T22:31:08Z')), -2047944441)
  t.equal(hashValue('timestamptz', micros('2017-11-16T22:31:08Z') + 1n), -1207196810)
  t.equal(hashValue('string', 'iceberg'), 1210000089)
  t.equal(hashValue('uuid', 'f79c3e09-677c-4bbd-a479-3f349cb785e7'), 1488055340)
  t.equal(hashValue('fixed[4]', Buffer.from([0, 1, 2, 3])), -188683207)
  t.equal(hashMurmur3(Buffer.alloc(0)), 0)
})

t.test('instants before 1970 are floored, not cut towards zero', async t => {
  const instant = micros('1969-12-31T23:59:59Z')
  t.equal(applyTransform('day', 'timestamptz', instant), -1)
  t.equal(applyTransform('hour', 'timestamptz', instant), -1)
  t.equal(applyTransform('month', 'timestamptz', instant), -1)
  t.equal(applyTransform('year', 'timestamptz', instant), -1)
  t.equal(applyTransform('month', 'date', -31), -1)
  t.equal(applyTransform('month', 'date', -32), -2)
})

t.test('the other transforms follow the specification', async t => {
  t.equal(applyTransform('truncate[10]', 'int', -1), -10)
  t.equal(applyTransform('truncate[10]', 'long', 19n), 10n)
  t.equal(applyTransform('truncate[50]', 'decimal(9, 2)', 1065n), 1050n)
  t.equal(applyTransform('truncate[2]', 'string', '𝄞é!'), '𝄞é')
  t.equal(applyTransform('void', 'int', 3), null)
  t.equal(applyTransform('bucket[16]', 'string', null), null)
  t.equal(applyTransform('bucket[16]', 'string', 'iceberg'), 1210000089 % 16)
  t.throws(() => applyTransform('bucket', 'string', 'a'), /unknown partition transform/)
})

t.test('every type that a transform takes goes through it, and null and void give null', async t => {
  const taken: Record<string, readonly [type: Type, value: SingleValue, expected: SingleValue][]> = {
    'identity': [['boolean', true, true], ['float', -0.5, -0.5], ['uuid', 'f79c3e09-677c-4bbd-a479-3f349cb785e7', 'f79c3e09-677c-4bbd-a479-3f349cb785e7'], ['fixed[2]', Buffer.from([1, 2]), Buffer.from([1, 2])]],
    'bucket[7]': [
      ['int', 34, 2017239379 % 7], ['uuid', 'f79c3e09-677c-4bbd-a479-3f349cb785e7', 1488055340 % 7], ['binary', Buffer.from([0, 1, 2, 3]), (-188683207 & 0x7fffffff) % 7],
      ['timestamp_ns', micros('2017-11-16T22:31:08Z') * 1000n + 999n, (-2047944441 & 0x7fffffff) % 7]
    ],
    'truncate[3]': [['binary', Buffer.from([1, 2, 3, 4]), Buffer.from([1, 2, 3])], ['string', 'ab', 'ab'], ['decimal(38, 10)', -1n, -3n]],
    'year': [['date', -1, -1], ['timestamp', -1n, -1], ['timestamptz_ns', -1n, -1]],
    'month': [['timestamp_ns', -1n, -1], ['timestamp', micros('2024-02-29T00:00:00Z'), 649]],
    'day': [['date', -7, -7], ['timestamptz_ns', 86_400_000_000_000n, 1]],
    'hour': [['timestamp_ns', -1n, -1], ['timestamp', 3_600_000_000n, 1]],
    'void': [['string', 'x', null as unknown as SingleValue], ['double', 1.5, null as unknown as SingleValue]]
  }
  for (const [transform, rows] of Object.entries(taken)) {
    for (const [type, value, expected] of rows) {
      t.same(applyTransform(transform, type, value), expected, `${transform} of ${type as string}`)
      t.equal(applyTransform(transform, type, null), null)
    }
  }
})

t.test('the ends of the types are partitions like any other', async t => {
  t.equal(applyTransform('year', 'timestamptz', 9_223_372_036_854_775_807n), 294_247 - 1970)
  t.equal(applyTransform('month', 'timestamptz', 9_223_372_036_854_775_807n), (294_247 - 1970) * 12)
  t.equal(applyTransform('year', 'date', 2_147_483_647), 5_881_580 - 1970)
  t.equal(applyTransform('year', 'date', -2_147_483_648), -5_877_641 - 1970)
  t.equal(printPartitionValue('day', 'timestamptz', 106_751_991), '294247-01-10')
  t.equal(applyTransform('truncate[10]', 'int', -2_147_483_648), 2_147_483_646, 'wraps around, as Java does')
  t.equal(applyTransform('truncate[10]', 'long', -9_223_372_036_854_775_808n), 9_223_372_036_854_775_806n)
})

t.test('a transform of a later specification leaves a table readable and is never applied', async t => {
  t.equal(transformedType('zorder[3]', 'long'), 'string')
  t.equal(printPartitionValue('zorder[3]', 'long', 'x'), 'x')
  t.throws(() => applyTransform('zorder[3]', 'long', 1n), /unknown partition transform/)
  for (const wrong of ['day[3]', 'bucket[0]', 'truncate', 'truncate[-1]', 'bucket[99999999999]']) t.throws(() => applyTransform(wrong, 'long', null), /unknown partition transform/, wrong)
})

t.test('values that are no numbers are partitions of their own', async t => {
  const columns = [{ name: 'rate' }]
  const keys = [NaN, Infinity, -Infinity, 0, -0, null].map(rate => partitionKey(columns, { rate }))
  t.equal(new Set(keys).size, keys.length)
})

t.test('a day is the day of every instant in it', async () => {
  fc.assert(fc.property(fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n }), instant => {
    const day = BigInt(applyTransform('day', 'timestamptz', instant) as number)
    return day * 86_400_000_000n <= instant && instant < (day + 1n) * 86_400_000_000n
  }))
})

t.test('paths name the partition as Java names it', async t => {
  t.equal(printPartitionValue('day', 'timestamptz', 17_486), '2017-11-16')
  t.equal(printPartitionValue('hour', 'timestamptz', 17_486 * 24 + 22), '2017-11-16-22')
  t.equal(printPartitionValue('hour', 'timestamptz', -1), '1969-12-31-23')
  t.equal(printPartitionValue('month', 'date', -1), '1969-12')
  t.equal(printPartitionValue('year', 'date', 47), '2017')
  t.equal(printPartitionValue('identity', 'decimal(9, 2)', -5n), '-0.05')
  t.equal(printPartitionValue('identity', 'timestamptz', micros('2017-11-16T22:31:08Z') + 10n), '2017-11-16T22:31:08.00001+00:00')
  t.equal(printPartitionValue('identity', 'timestamp', -1n), '1969-12-31T23:59:59.999999')
  t.equal(printPartitionValue('identity', 'time', 81_068_000_000n), '22:31:08')
  const columns = [
    { id: 1000, name: 'event type', transform: 'identity', sourceType: 'string', type: 'string' },
    { id: 1001, name: 'event_date', transform: 'day', sourceType: 'timestamptz', type: 'date' }
  ] as const
  t.equal(partitionPath(columns, { 'event type': 'a/b=c d*', 'event_date': null }), 'event+type=a%2Fb%3Dc+d%2A/event_date=null')
})

t.test('data files lie under the table, or hashed when it asks for that', async t => {
  const metadata = { 'location': 'file:///wh/t/', 'default-spec-id': 0, 'partition-specs': [{ 'spec-id': 0, 'fields': [] }], 'schemas': [], 'properties': {} } as unknown as TableMetadata
  t.equal(dataFileLocation(metadata, {}, 'a.parquet'), 'file:///wh/t/data/a.parquet')
  t.match(dataFileLocation({ ...metadata, properties: { 'write.object-storage.enabled': 'true' } }, {}, 'a.parquet'), /^file:\/\/\/wh\/t\/data\/[01]{4}\/[01]{4}\/[01]{4}\/[01]{8}\/a\.parquet$/)
})
