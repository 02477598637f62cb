import { join } from 'node:path'
import t from 'tap'
import { findLedgers, readLedgers } from './ledgers.ts'
import { readProgressRecord } from './progress-record.ts'

t.test('what was acknowledged by any try counts as acknowledged, not as unknown or refused', async t => {
  const dir = t.testdir({ loadtest: {
    'ledger-1.ndjson': '{"acked":["a"]}\n{"unknown":["b","c"],"refused":[["d","X"],[null,"Y"]]}\n',
    'ledger-2.ndjson': '{"acked":["b"]}\n{"acked":["tor',
    'truth-1.ndjson': 'not a ledger'
  } })
  const { acked, unknown, refused } = await readLedgers(findLedgers(dir))
  t.strictSame([...acked], ['a', 'b'])
  t.strictSame([...unknown], ['c'])
  t.strictSame([...refused], ['d'])
})

t.test('a ledger that is damaged in the middle, or not there, is an error that names it', async t => {
  const dir = t.testdir({ bad: '{"acked":["a"\n{"acked":["b"]}\n' })
  await t.rejects(readLedgers([join(dir, 'bad')]), { code: 'VERIFY_NO_LEDGER', message: /bad .*line 1/ })
  await t.rejects(readLedgers([join(dir, 'none')]), { code: 'VERIFY_NO_LEDGER', message: /none/ })
})

t.test('the recorded offsets are read in full precision, and what is odd about them is said', async t => {
  const good = { 'v': 1, 'table-uuid': 'u', 'snap': '3051729675574597004', 'snap-seq': '4', 'log': { cluster: 'c', topics: { x: { id: 'i', p: { 0: { start: '0', next: '9007199254740993' } } } } } }
  const record = readProgressRecord('firn.events', JSON.stringify(good))
  t.equal(record.partitions[0]?.next, 9007199254740993n)
  t.equal(record.snapshotId, 3051729675574597004n)
  t.throws(() => readProgressRecord('firn.events', '{'), { code: 'VERIFY_OFFSETS_UNREADABLE' })
  t.throws(() => readProgressRecord('firn.events', JSON.stringify({ ...good, v: 3 })), { message: /format is 3/ })
  t.throws(() => readProgressRecord('firn.events', JSON.stringify({ ...good, log: { cluster: 'c', topics: { x: { id: 'i', p: { 0: { start: '5', next: '4' } } } } } })), { message: /from 5 to 4/ })
})
