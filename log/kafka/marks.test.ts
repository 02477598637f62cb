// Marks of records: what they notice, and what is said when some of the records are gone.

import t from 'tap'
import fc from 'fast-check'
import type { NativeMessage } from './client.ts'
import { addMarks, judgeMarks, markOf, parseMarks, printMarks } from './marks.ts'

const message = (offset: number, more: Partial<NativeMessage> = {}): NativeMessage =>
  ({ topic: 't', partition: 0, offset, value: Buffer.from(`v${offset}`), key: Buffer.from('k'), timestamp: 5, ...more })

t.test('a mark changes with all that it covers', async t => {
  const others = [{ value: Buffer.from('w') }, { value: null }, { value: Buffer.alloc(0) }, { key: null }, { key: Buffer.alloc(0) }, { key: Buffer.from('kv'), value: Buffer.from('7') }, { timestamp: 6 }]
  const marks = [message(7), message(8), ...others.map(other => message(7, other))].map(each => markOf(each).checksum)
  t.equal(new Set(marks).size, marks.length)
})

t.test('marks are printed and read back at any offset, within 200 characters', async t => {
  fc.assert(fc.property(fc.array(fc.record({ offset: fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }), checksum: fc.integer({ min: 0, max: 2 ** 32 - 1 }) }), { minLength: 1, maxLength: 4 }), marks => {
    const text = printMarks(marks)
    const read = parseMarks(text)
    return text.length <= 200 && read !== null && read.every((mark, i) => mark.offset === marks[i]!.offset && mark.checksum === marks[i]!.checksum) && read.length === marks.length
  }))
  for (const text of ['', 'records', 'crc:01234567', 'records:1.0123456', 'records:-1.01234567']) t.equal(parseMarks(text), null, text)
})

t.test('the newest four records are marked, over batches', async t => {
  const messages = Array.from({ length: 9 }, (_, i) => message(i))
  const first = addMarks([], messages, 0, 6)
  t.strictSame(first.map(({ offset }) => offset), [2n, 3n, 4n, 5n])
  t.strictSame(addMarks(first, messages, 6, 8).map(({ offset }) => offset), [4n, 5n, 6n, 7n])
})

t.test('each circumstance has its verdict', async t => {
  const marks = [4, 5, 7].map(offset => markOf(message(offset)))
  const other = markOf(message(7, { timestamp: 9 }))
  const judge = (found: typeof marks, end = 10n): string => judgeMarks({ end, offset: 8n, marks, found })
  t.equal(judge(marks), 'same')
  t.equal(judge(marks, 8n), 'same', 'the log ends there')
  t.equal(judge(marks, 7n), 'other', 'the log ends before')
  t.equal(judge([marks[0]!, marks[1]!, other]), 'other', 'cut off and grown anew')
  t.equal(judge([marks[0]!]), 'same', 'compaction left one')
  t.equal(judge([]), 'unknown', 'and none')
  t.equal(judgeMarks({ end: 10n, offset: 7n, marks, found: marks }), 'other', 'marks of another place')
  t.equal(judge([other]), 'other')
})
