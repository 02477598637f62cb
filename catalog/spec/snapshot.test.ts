import t from 'tap'
import { snapshotAtTime } from './snapshot.ts'
import type { Snapshot } from './types.ts'

type Log = readonly (readonly [timeMs: number, id: bigint])[]

/** `parents`: those that have one. */
const table = (log: Log, snapshots: readonly bigint[], parents: readonly bigint[] = []) => ({
  'snapshot-log': log.map(([timeMs, id]) => ({ 'timestamp-ms': timeMs, 'snapshot-id': id })),
  'snapshots': snapshots.map((id): Snapshot => ({ 'snapshot-id': id, 'sequence-number': id, 'timestamp-ms': 0, 'manifest-list': '', 'summary': { operation: 'append' }, ...parents.includes(id) ? { 'parent-snapshot-id': id - 1n } : {} }))
})
const at = (log: Log, timeMs: number, snapshots = log.map(([, id]) => id), parents: readonly bigint[] = []) => {
  const found = snapshotAtTime(table(log, snapshots, parents), timeMs)
  return found === null || found === 'expired' ? found : found['snapshot-id']
}

t.test('a table at a time is the snapshot with the greatest time that is not later', async t => {
  const rows: readonly [what: string, log: Log, timeMs: number, expected: bigint | null | 'expired'][] = [
    ['between two', [[10, 1n], [20, 2n]], 19, 1n],
    ['at the very millisecond', [[10, 1n], [20, 2n]], 20, 2n],
    ['after the last', [[10, 1n], [20, 2n]], 99, 2n],
    ['a log out of order, by clocks that differ', [[10, 1n], [30, 2n], [25, 3n]], 40, 2n],
    ['out of order, in between', [[10, 1n], [30, 2n], [25, 3n]], 26, 3n],
    ['equal times: the last of them', [[10, 1n], [10, 2n], [10, 3n]], 10, 3n],
    ['after a rollback: the older snapshot again', [[10, 1n], [20, 2n], [30, 1n]], 35, 1n],
    ['before the rollback', [[10, 1n], [20, 2n], [30, 1n]], 25, 2n],
    ['before the first', [[10, 1n]], 9, null],
    ['no snapshot ever', [], 9, null],
    ['no time', [[10, 1n]], NaN, null]
  ]
  for (const [what, log, timeMs, expected] of rows) t.equal(at(log, timeMs), expected, what)
})

t.test('what has expired is not taken for a table that was empty', async t => {
  t.equal(at([[20, 2n], [30, 3n]], 15, [2n, 3n], [2n, 3n]), 'expired', 'the log was cut')
  t.equal(at([[10, 1n], [20, 2n]], 15, [2n]), 'expired', 'another engine removed the snapshot and left the log')
})
