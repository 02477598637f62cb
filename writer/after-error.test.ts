// What the writer does after each kind of error, row by row.

import t from 'tap'
import { isOfWriter, recoverFrom, squeezeMax, type Recovery, type Trouble } from './after-error.ts'

const first: Trouble = { code: 'WRITER_COMMIT_FAILED', isRetryable: true, attempt: 1, isDrain: false, squeeze: 1 }
const again = (waitMs: number, isSmaller = false): Recovery => ({ kind: 'again', waitMs, isSmaller })

const rows: readonly [name: string, Partial<Trouble>, Recovery][] = [
  ['a halt stands until an operator decides', { code: 'WRITER_HALTED', isRetryable: false }, { kind: 'halt' }],
  ['a halt of a drain is its end', { code: 'WRITER_HALTED', isRetryable: false, isDrain: true }, { kind: 'end' }],
  ['a table that cannot be written as it is stands until that is mended', { code: 'WRITER_TABLE_HALTED', isRetryable: false }, { kind: 'halt' }],
  ['a table that another engine changed is opened anew at once', { code: 'WRITER_TABLE_CHANGED' }, again(10)],
  ['a batch of too many partitions is halved', { code: 'WRITER_PARTITIONS_MANY' }, again(500, true)],
  ['a fault of ours ends the process', { code: 'WRITER_BATCH_BROKEN', isRetryable: false }, { kind: 'end' }],
  ['an unknown error ends the process', { code: '', isRetryable: false }, { kind: 'end' }],
  ['a catalog that refuses is waited for', { code: 'CATALOG_FORBIDDEN', isRetryable: false }, again(500)],
  ['a storage that refuses is waited for', { code: 'STORAGE_FORBIDDEN', isRetryable: false, attempt: 3 }, again(2000)],
  ['a drain does not wait for a refusal', { code: 'CATALOG_FORBIDDEN', isRetryable: false, isDrain: true }, { kind: 'end' }],
  ['what may pass is tried again, later each time', { attempt: 2 }, again(1000)],
  ['but never much later', { attempt: 1000 }, again(5000)],
  ['a service goes on trying', { attempt: 50 }, again(5000)],
  ['a drain gives up', { attempt: 8, isDrain: true }, { kind: 'end' }],
  ['a drain tries before that', { attempt: 7, isDrain: true }, again(5000)],
  ['who lost a race reads on at once', { code: 'WRITER_FENCED' }, again(10)],
  ['and a little later after the next', { code: 'WRITER_FENCED', attempt: 4 }, again(40)],
  ['a batch too large for memory is halved', { code: 'WRITER_MEMORY_SHORT' }, again(500, true)],
  ['until there is nothing left to halve', { code: 'WRITER_MEMORY_SHORT', squeeze: squeezeMax }, { kind: 'end' }],
  ['a log that is away is waited for', { code: 'LOG_UNREACHABLE' }, again(500)]
]

for (const [name, trouble, expected] of rows) {
  t.test(name, t => {
    t.strictSame(recoverFrom({ ...first, ...trouble }), expected)
    t.end()
  })
}

t.test('the reader of the log is sound after errors of the writer alone', t => {
  t.strictSame(['WRITER_FENCED', 'LOG_KAFKA', 'CATALOG_REFUSED', ''].map(isOfWriter), [true, false, false, false])
  t.end()
})
