import t from 'tap'
import fc from 'fast-check'
import { moneyPattern } from './kinds.ts'
import { multiplyMoney, readMoney } from './money.ts'

function read (text: string): number {
  const bytes = Buffer.from(text)
  return readMoney(bytes, 0, bytes.length)
}

t.test('money is what its pattern says, digit by digit', async t => {
  const pattern = new RegExp(moneyPattern)
  const digits = fc.string({ unit: fc.constantFrom('0', '1', '9', '.', '-', '+', 'e', ' '), maxLength: 22 })
  fc.assert(fc.property(digits, text => (read(text) >= 0) === pattern.test(text)), { numRuns: 3000 })
  const wellFormed = fc.tuple(fc.bigInt({ min: -(10n ** 17n), max: 10n ** 17n }), fc.constantFrom('', '.0', '.07', '.99', '.123')).map(([n, d]) => `${n}${d}`)
  fc.assert(fc.property(wellFormed, text => (read(text) >= 0) === pattern.test(text)), { numRuns: 1000 })
  for (const text of ['', '-', '.5', '5.', '1e2', '007', '+1', '12.345', '12345678901234567', ' 1', '1 ', '0x1']) t.equal(read(text), -1, text)
})

t.test('only money of more than 15 digits has to travel as a string', async t => {
  t.equal(read('1234567890123.45'), 0)
  t.equal(read('12345678901234.56'), 1)
  t.equal(read('-9999999999999999.99'), 1)
  t.equal(read('999999999999999'), 0)
  t.equal(read('1000000000000000'), 1)
  fc.assert(fc.property(fc.integer({ min: -(10 ** 13) + 1, max: 10 ** 13 - 1 }), fc.integer({ min: 0, max: 99 }), (whole, cents) => {
    const text = `${whole}.${String(cents).padStart(2, '0')}`
    return read(text) !== 0 || Number(text).toFixed(2) === text || whole === 0
  }))
})

t.test('a product of money is exact, and null when it fits no decimal(18, 2)', async t => {
  t.equal(multiplyMoney(3, '0.1'), 30n)
  t.equal(multiplyMoney(-2, '-1.05'), 210n)
  t.equal(multiplyMoney(1, '9999999999999999.99'), 999999999999999999n)
  t.equal(multiplyMoney(2, '9999999999999999.99'), null)
  t.equal(multiplyMoney(-10, '-1000000000000000'), null)
})
