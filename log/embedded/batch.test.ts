import t from 'tap'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import type { LogRecord } from '../types.ts'
import { BatchBuilder, placeBatch, readStored } from './batch.ts'
import { BatchMerge } from './merge.ts'

const place = { topicNumber: 1, partition: 2, offset: 100n }

const headers = fc.dictionary(fc.string(), fc.string({ unit: 'grapheme' }), { noNullPrototype: true })
/** Records over a few header objects that some of them share by reference. */
const recordsOf = fc.array(headers, { minLength: 1, maxLength: 4 }).chain(shared => fc.array(fc.record({
  topic: fc.constant('t'),
  key: fc.string({ unit: 'grapheme' }),
  value: fc.uint8Array({ maxLength: 60 }),
  headers: fc.constantFrom(...shared),
  timestampMs: fc.oneof(fc.constant(1_700_000_000_000), fc.integer({ min: 0, max: 4_000_000_000_000 }))
}), { minLength: 1, maxLength: 30 }))

t.test('what batches hold after being stored and merged is what was put in, from any record on', async t => {
  fc.assert(fc.property(fc.array(recordsOf, { minLength: 1, maxLength: 4 }), fc.nat(), fc.integer({ min: 1, max: 5000 }), (batches, seed, bytesMax) => {
    const skip = seed % batches[0]!.length
    const expected = batches.flat().slice(skip)
    const merge = new BatchMerge()
    for (const [i, records] of batches.entries()) {
      const bytes = encode(records)
      if (i === 0) merge.reserve(bytes, expected.length, bytesMax)
      const stored = merge.add(bytes, i === 0 ? skip : 0, place)
      if (typeof stored === 'string') throw new Error(stored)
      bytes.fill(0) // lmdb uses that memory again
    }
    const batch = merge.finish('t', 1, 100n)
    const found = Array.from({ length: batch.count }, (_, i) => ({
      topic: batch.topic,
      key: batch.key(i),
      value: [...batch.bytes.subarray(batch.valueStart[i], batch.valueEnd[i])],
      headers: { ...batch.headers[batch.headersIndex[i]!] },
      timestampMs: batch.timestampMs[i],
      offset: batch.firstOffset + BigInt(batch.offsetDelta[i]!)
    }))
    const wanted = expected.map((record, i) => ({ ...record, value: [...record.value], headers: { ...record.headers }, offset: 100n + BigInt(i) }))
    fc.pre(expected.every(({ key }) => key.isWellFormed()))
    if (!isDeepStrictEqual(found, wanted) || batch.nextOffset !== 100n + BigInt(expected.length)) throw new Error('not the same')
  }), { numRuns: 300 })
  t.pass()
})

t.test('a header object that many records share is stored once', async t => {
  const shared = { received_at: '1700000000000000', user_agent: 'x'.repeat(200) }
  const bytes = encode(Array.from({ length: 100 }, (_, i): LogRecord => ({ topic: 't', key: 'k', value: Buffer.from(`${i}`), headers: shared, timestampMs: 5 })))
  t.ok(bytes.length < 100 * 20 + 500, `${bytes.length} bytes`)
})

t.test('one flipped bit anywhere is noticed', async t => {
  const bytes = encode([{ topic: 't', key: 'key', value: Buffer.from('value'), headers: { a: 'b' }, timestampMs: 5 }])
  t.type(readStored(bytes, place), 'object')
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = Buffer.from(bytes)
    damaged[bit >> 3]! ^= 1 << (bit & 7)
    if (typeof readStored(damaged, place) !== 'string') t.fail(`bit ${bit} went unnoticed`)
  }
  t.type(readStored(bytes.subarray(0, 20), place), 'string')
  t.type(readStored(bytes.subarray(0, bytes.length - 1), place), 'string')
})

t.test('a batch that lies where another belongs is noticed', async t => {
  const bytes = encode([{ topic: 't', key: 'key', value: Buffer.from('value'), headers: {}, timestampMs: 5 }])
  for (const elsewhere of [{ topicNumber: 2 }, { partition: 3 }, { offset: 101n }]) t.match(readStored(bytes, { ...place, ...elsewhere }), /lies here/)
})

t.test('the running checksum after a batch depends on all that came before it', async t => {
  const after = (before: number, value: string): number => {
    const builder = new BatchBuilder()
    builder.add({ topic: 't', key: 'k', value: Buffer.from(value), headers: {}, timestampMs: 5 })
    return placeBatch(builder.encode(0), { ...place, before })
  }
  t.equal(after(7, 'a'), after(7, 'a'))
  t.not(after(7, 'a'), after(8, 'a'))
  t.not(after(7, 'a'), after(7, 'b'))
})

function encode (records: readonly LogRecord[]): Buffer {
  const builder = new BatchBuilder()
  for (const record of records) builder.add(record)
  const bytes = Buffer.from(builder.encode(0))
  placeBatch(bytes, { ...place, before: 7 })
  return bytes
}
