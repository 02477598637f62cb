import t from 'tap'
import fc from 'fast-check'
import { encodeLowerBound, encodeUpperBound, truncateUp } from './bounds.ts'
import { compareSingleValues, decodeSingleValue, decodeUnscaled, encodeSingleValue, encodeUnscaled, decimalBytes } from './single-value.ts'
import type { Type } from './types.ts'

const text = fc.string({ unit: 'binary', maxLength: 40 })
const heavyText = fc.array(fc.constantFrom('a', 'é', '\ud7ff', '\ue000', '\uffff', '\u{10000}', '\u{10ffff}'), { maxLength: 24 }).map(parts => parts.join(''))

t.test('no string lies outside its own bounds, whatever its code points', async () => {
  fc.assert(fc.property(fc.oneof(text, heavyText), value => {
    const bytes = Buffer.from(value)
    const lower = encodeLowerBound('string', value)
    const upper = encodeUpperBound('string', value)
    const valid = upper === null || Buffer.from(upper.toString('utf8')).equals(upper)
    return Buffer.compare(lower, bytes) <= 0 && (upper === null || Buffer.compare(bytes, upper) <= 0) && valid && [...lower.toString()].length <= 16
  }), { numRuns: 2_000 })
})

t.test('an upper bound carries over surrogates and U+10FFFF, and gives up when nothing is left', async t => {
  t.equal(truncateUp('abc', 16), 'abc')
  t.equal(truncateUp('abcd', 3), 'abd')
  t.equal(truncateUp('ab\ud7ffd', 3), 'ab\ue000')
  t.equal(truncateUp('a\u{10ffff}\u{10ffff}d', 3), 'b')
  t.equal(truncateUp('\u{10ffff}'.repeat(17), 16), null)
  t.equal(encodeUpperBound('binary', Buffer.alloc(17, 0xff)), null)
  t.same(encodeUpperBound('binary', Buffer.concat([Buffer.from([1]), Buffer.alloc(16, 0xff)])), Buffer.from([2]))
})

t.test('zero is -0.0 below and +0.0 above', async t => {
  t.same(encodeLowerBound('double', 0), Buffer.from([0, 0, 0, 0, 0, 0, 0, 0x80]))
  t.same(encodeUpperBound('double', -0), Buffer.alloc(8))
})

t.test('single values are read back as they were', async () => {
  const cases: [Type, fc.Arbitrary<boolean | number | bigint | string | Buffer>][] = [
    ['boolean', fc.boolean()], ['int', fc.integer()], ['date', fc.integer()], ['long', fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })],
    ['timestamptz', fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })], ['double', fc.double({ noNaN: true })], ['float', fc.float({ noNaN: true })],
    ['string', text], ['uuid', fc.uuid()], ['binary', fc.uint8Array().map(bytes => Buffer.from(bytes))],
    ['decimal(38, 2)', fc.bigInt({ min: -(10n ** 38n), max: 10n ** 38n })]
  ]
  for (const [type, values] of cases) {
    fc.assert(fc.property(values, value => compareSingleValues(decodeSingleValue(type, encodeSingleValue(type, value)), value) === 0), { numRuns: 100 })
  }
})

t.test('unscaled decimals take the fewest bytes that keep the sign', async t => {
  t.same(encodeUnscaled(0n), Buffer.from([0]))
  t.same(encodeUnscaled(127n), Buffer.from([0x7f]))
  t.same(encodeUnscaled(128n), Buffer.from([0, 0x80]))
  t.same(encodeUnscaled(-128n), Buffer.from([0x80]))
  t.same(encodeUnscaled(-129n), Buffer.from([0xff, 0x7f]))
  fc.assert(fc.property(fc.bigInt(), value => decodeUnscaled(encodeUnscaled(value)) === value))
  t.same([2, 4, 6, 9, 18, 38].map(decimalBytes), [1, 2, 3, 4, 8, 16])
})

t.test('bounds of a widened column are read at their old width', async t => {
  t.equal(decodeSingleValue('long', encodeSingleValue('int', -7)), -7n)
  t.equal(decodeSingleValue('double', encodeSingleValue('float', 1.5)), 1.5)
})
