// A halt is kept in the table until an operator decides: what stands is never lost, reworded or taken for nothing.

import t from 'tap'
import { haltsMax, isPartitionHalt, mergeHalts, parseHalts, printHalts, type Halt } from './halts.ts'

const at = (partition: number | null, reason = 'restored'): Halt =>
  ({ topic: partition === null ? null : 'a', partition, kind: 'log', reason, choices: 'choose', since: '2026-01-01T00:00:00.000Z', evidence: { next: '9' } })

t.test('what is printed is what is parsed; no property is no halt', t => {
  t.strictSame(parseHalts(printHalts([at(0), at(null)])), [at(0), at(null)])
  t.strictSame(parseHalts(undefined), [])
  t.strictSame(parseHalts(printHalts([])), [])
  t.end()
})

t.test('a text that cannot be read is a halt of the whole table', t => {
  for (const text of ['', 'null', '{}', '[]', '{"v":2,"halts":[]}', '{"v":1,"halts":[{}]}', '{"v":1,"halts":[{"topic":"a","partition":null}]}']) {
    const [halt, ...more] = parseHalts(text)
    t.match(halt, { topic: null, kind: 'table', reason: /firn\.halts cannot be read/, choices: /--writer-resume-from/ }, text)
    t.equal(more.length, 0)
  }
  t.end()
})

t.test('what stands keeps its words and its time; another place is added', t => {
  t.strictSame(mergeHalts([at(0)], [{ ...at(0, 'something else'), since: 'later' }, at(1)]), [at(0), at(1)])
  t.end()
})

t.test('very many partitions halt as a whole', t => {
  const many = Array.from({ length: haltsMax + 1 }, (_, i) => at(i))
  t.equal(mergeHalts([], many.slice(1)).length, haltsMax)
  const [whole, ...more] = mergeHalts(many.slice(1), many)
  t.strictSame(more, [])
  t.notOk(isPartitionHalt(whole!))
  t.match(whole!.reason, /101 partitions halted/)
  t.end()
})
