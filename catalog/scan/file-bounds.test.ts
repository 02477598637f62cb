import fc from 'fast-check'
import t from 'tap'
import { encodeLowerBound, encodeUpperBound } from '../spec/bounds.ts'
import { compareSingleValues, type SingleValue } from '../spec/single-value.ts'
import type { LiveFile } from '../spec/data-file.ts'
import type { NestedField, Type } from '../spec/types.ts'
import { mayHold, upperBound } from './file-bounds.ts'

const fieldOf = (type: Type): NestedField => ({ id: 7, name: 'x', required: false, type })

/** A file as our writer describes it. */
function fileOf(type: Type, values: readonly (SingleValue | null)[]): LiveFile {
  const present = values.filter(value => value !== null).sort(compareSingleValues)
  const [least, greatest] = [present[0], present.at(-1)]
  const upper = greatest === undefined ? null : encodeUpperBound(type, greatest)
  return {
    location: 'a.parquet', format: 'PARQUET', specId: 0, partition: {}, recordCount: BigInt(values.length), fileSizeBytes: 1n, columnSizes: new Map(), splitOffsets: null, sortOrderId: 0, dataSequenceNumber: 1n, snapshotId: 1n,
    valueCounts: new Map([[7, BigInt(values.length)]]), nullValueCounts: new Map([[7, BigInt(values.length - present.length)]]),
    lowerBounds: least === undefined ? new Map() : new Map([[7, encodeLowerBound(type, least)]]), upperBounds: upper === null ? new Map() : new Map([[7, upper]])
  }
}

const micros = (iso: string) => BigInt(Date.parse(iso)) * 1000n

t.test('a range of instants is told apart from a file by the microsecond', async t => {
  const time = fieldOf('timestamptz')
  const file = fileOf('timestamptz', [micros('2026-11-21T10:00:00Z'), micros('2026-11-21T10:59:59Z') + 999_999n])
  t.equal(mayHold(file, time, micros('2026-11-21T11:00:00Z'), null), false)
  t.equal(mayHold(file, time, micros('2026-11-21T10:59:59Z') + 999_999n, null), true)
  t.equal(mayHold(file, time, null, micros('2026-11-21T10:00:00Z') - 1n), false)
  t.equal(mayHold(file, time, null, micros('2026-11-21T10:00:00Z')), true)
  t.equal(mayHold(file, time, micros('2026-11-21T10:30:00Z'), micros('2026-11-21T10:30:00Z')), true)
  t.equal(upperBound([file, fileOf('timestamptz', [5n])], time), micros('2026-11-21T10:59:59Z') + 999_999n)
})

t.test('a text that was cut is still found', async t => {
  const place = fieldOf('string')
  const long = 'order-0000000000-7'
  const file = fileOf('string', [long])
  t.equal(mayHold(file, place, long, long), true)
  t.equal(mayHold(file, place, 'order-0000000001', null), true, 'the cut bound is carried up')
  t.equal(mayHold(file, place, 'order-0000000001a', null), false)
  t.equal(mayHold(file, place, null, 'order-000000000'), false)
  // Snowflake cut inside a character: the bound is no text, and its bytes still are in order.
  const foreign = { ...file, lowerBounds: new Map([[7, Buffer.from([0xc3])]]), upperBounds: new Map([[7, Buffer.from([0xc4])]]) }
  t.equal(mayHold(foreign, place, 'é', 'é'), true)
  t.equal(mayHold(foreign, place, 'a', 'b'), false)
})

t.test('what says nothing may hold everything', async t => {
  const number = fieldOf('long')
  const file = fileOf('long', [5n, 9n])
  t.equal(mayHold({ ...file, lowerBounds: new Map(), upperBounds: new Map() }, number, 100n, 200n), true)
  t.equal(mayHold({ ...file, upperBounds: new Map([[7, Buffer.alloc(3)]]) }, number, 100n, null), true, 'a bound of three bytes cannot be read')
  t.equal(mayHold(file, number, null, null), true)
  const nan = Buffer.alloc(8)
  nan.writeDoubleLE(Number.NaN)
  t.equal(mayHold({ ...file, upperBounds: new Map([[7, nan]]) }, fieldOf('double'), 1, null), true)
  // A column that was widened keeps the short bounds of its old files.
  const narrow = Buffer.alloc(4)
  narrow.writeInt32LE(9)
  t.equal(mayHold({ ...file, upperBounds: new Map([[7, narrow]]) }, number, 10n, null), false)
})

t.test('files without rows or without values are in no range, and have no greatest value to wait for', async t => {
  const number = fieldOf('long')
  const [empty, nulls, full] = [fileOf('long', []), fileOf('long', [null, null]), fileOf('long', [null, 3n])]
  t.equal(mayHold(empty, number, null, null), false)
  t.equal(mayHold(nulls, number, 1n, 5n), false)
  t.equal(mayHold({ ...nulls, nullValueCounts: new Map() }, number, 1n, 5n), true)
  t.equal(mayHold(nulls, number, null, null), true)
  t.equal(upperBound([empty, nulls, full], number), 3n)
  t.equal(upperBound([], number), null)
  t.equal(upperBound([empty, nulls], number), null)
  t.equal(upperBound([full, { ...full, upperBounds: new Map() }], number), null, 'one file that does not say it is enough')
  t.equal(upperBound([fileOf('string', ['\u{10ffff}'.repeat(20)])], fieldOf('string')), null, 'a text that cannot be carried up has no bound')
})

t.test('no row is ever ruled out', async () => {
  const check = <T extends SingleValue>(type: Type, values: fc.Arbitrary<T>) => {
    fc.assert(fc.property(fc.array(fc.option(values, { nil: null }), { minLength: 1, maxLength: 6 }), fc.option(values, { nil: null }), fc.option(values, { nil: null }), (rows, from, to) => {
      const inRange = rows.some(row => row !== null && (from === null || compareSingleValues(row, from) >= 0) && (to === null || compareSingleValues(row, to) <= 0))
      const file = fileOf(type, rows)
      const greatest = upperBound([file], fieldOf(type))
      return (!inRange || mayHold(file, fieldOf(type), from, to)) && (greatest === null || rows.every(row => row === null || compareSingleValues(row, greatest) <= 0))
    }), { numRuns: 100 })
  }
  check('string', fc.string({ unit: 'binary', maxLength: 24 }))
  check('long', fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }))
  check('decimal(18, 2)', fc.bigInt({ min: -(10n ** 18n) + 1n, max: 10n ** 18n - 1n }))
  check('double', fc.double({ noNaN: true }))
  check('date', fc.integer({ min: -100_000, max: 100_000 }))
  check('boolean', fc.boolean())
  check('uuid', fc.uuid())
  check('binary', fc.uint8Array({ maxLength: 24 }).map(bytes => Buffer.from(bytes)))
})
