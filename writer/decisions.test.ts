// What operators decided stays known: bounded, newest last, and nothing that is still needed is folded away.

import t from 'tap'
import { addDecision, parseDecisions, printDecisions, skippedTo, type Decision, type Decisions } from './decisions.ts'

const none: Decisions = { folded: 0, list: [] }
const decision = (choice: Decision['choice'], from: string, to: string): Decision => ({
  at: '2026-01-01T00:00:00.000Z', choice, reason: 'restored', writer: 'w', log: { cluster: 'c', topics: { a: 'id' } }, before: null,
  partitions: [{ topic: 'a', partition: 0, from, to, first: '0', end: '90' }]
})

t.test('what is printed is what is parsed; what cannot be read allows nothing', t => {
  const some = addDecision(none, decision('skip', '5', '9'))
  t.strictSame(parseDecisions(printDecisions(some)), some)
  for (const text of [undefined, '', 'x', '{}', '{"v":2,"list":[]}']) t.strictSame(parseDecisions(text), none)
  t.end()
})

t.test('the oldest are folded into a count, but none that still leaves records out', t => {
  let all = addDecision(none, decision('skip', '5', '9'))
  for (let i = 0; i < 120; i++) all = addDecision(all, decision('earliest', String(i), '0'), each => each.choice === 'skip')
  t.equal(all.folded + all.list.length, 121)
  t.ok(all.list.length <= 51)
  t.equal(all.list.at(-1)?.partitions[0]?.from, '119', 'newest last')
  t.equal(skippedTo(all, 'a', 0, 5n, 9n), 9n)
  t.end()
})

t.test('damaged records are left out as far as an operator decided, and no further', t => {
  const some = addDecision(none, decision('skip', '5', '9'))
  t.equal(skippedTo(some, 'a', 0, 5n, 9n), 9n)
  t.equal(skippedTo(some, 'a', 0, 6n, 8n), 8n, 'less is damaged now')
  t.equal(skippedTo(some, 'a', 0, 5n, 10n), null, 'more is damaged now')
  t.equal(skippedTo(some, 'a', 0, 4n, 9n), null)
  t.equal(skippedTo(some, 'a', 1, 5n, 9n), null, 'another partition')
  t.equal(skippedTo(some, 'b', 0, 5n, 9n), null, 'another topic')
  t.equal(skippedTo(addDecision(none, decision('earliest', '5', '9')), 'a', 0, 5n, 9n), null, 'another choice')
  t.end()
})
