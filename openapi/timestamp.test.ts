import t from 'tap'
import fc from 'fast-check'
import { readTimestamp } from './timestamp.ts'

function read (text: string): number {
  const bytes = Buffer.from(`"${text}"`)
  return readTimestamp(bytes, 1, bytes.length - 1)
}

t.test('reads what Date reads, for every instant and offset', async t => {
  fc.assert(fc.property(
    fc.integer({ min: Date.UTC(1000, 0, 1), max: Date.UTC(9998, 0, 1) }),
    fc.integer({ min: -23 * 60 - 59, max: 23 * 60 + 59 }),
    (ms, offset) => {
      const local = new Date(ms + offset * 60_000).toISOString().slice(0, -1)
      const minutes = Math.abs(offset)
      const zone = `${offset < 0 ? '-' : '+'}${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`
      return read(local + zone) === ms && read(new Date(ms).toISOString()) === ms
    }
  ), { numRuns: 1000 })
  t.equal(read('0001-01-01T00:00:00Z'), -62_135_596_800_000)
  t.ok(read('9999-12-31T23:59:59.999999999Z') > Date.UTC(9999, 11, 31, 23, 59, 59))
  t.equal(read('2000-02-29T00:00:00Z'), Date.UTC(2000, 1, 29))
})

t.test('reads T and Z in either case', async t => {
  fc.assert(fc.property(fc.date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true }), fc.constantFrom('t', 'T'), fc.constantFrom('z', 'Z'), (date, t, z) =>
    read(date.toISOString().replace('T', t).replace('Z', z)) === date.getTime()))
  t.equal(read('2024-02-29t23:59:59.123456789z'), Date.UTC(2024, 1, 29, 23, 59, 59) + 123.456)
  t.equal(read('2024-02-29t23:59:59-02:00'), Date.UTC(2024, 2, 1, 1, 59, 59))
  for (const text of ['2025-02-29t00:00:00z', '2025-03-14t24:00:00z', '2025-03-14t09:26:60z', '2025-03-14t09:26:53']) t.ok(Number.isNaN(read(text)), text)
})

t.test('keeps microseconds and cuts what lies beyond', async t => {
  t.equal(read('1970-01-01T00:00:00.123456Z'), 123.456)
  t.equal(read('1970-01-01T00:00:00.123456999Z'), 123.456)
  t.equal(read('1970-01-01T00:00:00.5Z'), 500)
})

t.test('refuses what is not RFC 3339, has no offset, or is in no calendar', async t => {
  const refused = [
    '', '2025-03-14', '2025-03-14T09:26:53', '2025-03-14 09:26:53Z', '2025-03-14\u000509:26:53Z', '2025-03-14T09:26:53\u001a', '2025-03-14T09:26:53:', '2025-03-14T09:26:53+0100', '2025-03-14T09:26:53+24:00',
    '2025-03-14T09:26:53+01:60', '2025-03-14T09:26:60Z', '2025-03-14T24:00:00Z', '2025-03-14T09:60:00Z', '2025-02-29T00:00:00Z', '1900-02-29T00:00:00Z',
    '2025-04-31T00:00:00Z', '2025-13-01T00:00:00Z', '2025-00-01T00:00:00Z', '2025-01-00T00:00:00Z', '0000-01-01T00:00:00Z', '2025-03-14T09:26:53.Z',
    '2025-03-14T09:26:53.1234567890Z', '2025-03-14T09:26:53.12x', '+025-03-14T09:26:53Z', '2025-03-14T09:26:53Zx', ' 2025-03-14T09:26:53Z',
    '0001-01-01T00:00:00+00:01', '9999-12-31T23:59:59-00:01', '1741944413', '2025-3-14T09:26:53Z', '2025-03-14T09:26:5aZ'
  ]
  for (const text of refused) t.ok(Number.isNaN(read(text)), text)
})
