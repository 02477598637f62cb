import t from 'tap'
import type { NativeMessage } from './client.ts'
import { packedHeader, toBatch } from './columns.ts'

const message = (offset: number, value: string | null, key: string | null = 'k', headers?: NativeMessage['headers']): NativeMessage => ({
  topic: 'orders', partition: 2, offset, value: value === null ? null : Buffer.from(value), key: key === null ? null : Buffer.from(key), timestamp: 1_700_000_000_000 + offset, ...headers === undefined ? {} : { headers }
})

t.test('messages become columns, with the holes of the log and beyond 2³² in place', async t => {
  const first = 2 ** 40
  const batch = toBatch([message(first, 'a'), message(first + 1, 'bc'), message(first + 7, 'dé')], 0, 3)
  t.match(batch, { topic: 'orders', partition: 2, firstOffset: BigInt(first), nextOffset: BigInt(first) + 8n, count: 3 })
  t.strictSame([...batch.offsetDelta], [0, 1, 7])
  t.strictSame([0, 1, 2].map(i => batch.bytes.toString('utf8', batch.valueStart[i], batch.valueEnd[i])), ['a', 'bc', 'dé'])
  t.equal(batch.timestampMs[2], 1_700_000_000_000 + first + 7)
})

t.test('a part of the messages is a batch of its own', async t => {
  const batch = toBatch([0, 1, 2, 3].map(i => message(i, `v${i}`, `k${i}`)), 1, 3)
  t.equal(batch.firstOffset, 1n)
  t.equal(batch.nextOffset, 3n)
  t.strictSame([batch.key(0), batch.key(1)], ['k1', 'k2'])
})

t.test('no key is null, an empty key is empty, no value is empty', async t => {
  const batch = toBatch([message(0, null, null), message(1, '', ''), message(2, 'x', 'ключ')], 0, 3)
  t.strictSame([0, 1, 2].map(i => batch.key(i)), [null, '', 'ключ'])
  t.strictSame([...batch.valueEnd], [0, 0, 1])
})

t.test('headers that are alike are one object, ours and those of others', async t => {
  const ours = [{ [packedHeader]: Buffer.from('{"ip":"203.0.113.9","ua":"ünï"}') }]
  const theirs = [{ source: Buffer.from('shop') }, { note: Buffer.from('ñ') }]
  const batch = toBatch([message(0, 'a', 'k', ours), message(1, 'b', 'k', theirs), message(2, 'c', 'k', [...ours]), message(3, 'd')], 0, 4)
  t.strictSame([...batch.headersIndex], [0, 1, 0, 2])
  t.strictSame(batch.headers.map(each => ({ ...each })), [{ ip: '203.0.113.9', ua: 'ünï' }, { source: 'shop', note: 'ñ' }, {}])
})

t.test('what is no time is 0', async t => {
  t.equal(toBatch([{ ...message(0, 'a'), timestamp: -1 }], 0, 1).timestampMs[0], 0)
})
