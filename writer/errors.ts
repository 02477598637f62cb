// Every code that the writer can end or halt with. A halt is not a crash: the writer stands still, says why and which
// choices the operator has, and touches nothing. docs/reference/errors.md is checked against this registry.

import { defineErrors } from '../runtime/index.ts'

export const { fail, is, registry: writerErrors } = defineErrors('writer', {
  WRITER_HALTED: { message: 'the writer halted: {reason}. Nothing was written and nothing is lost while it stands still. Choose: {choices}', retryable: false },
  WRITER_PARTITION_HALTED: { message: 'partition {partition} of topic {topic} halted: {reason}. The other partitions go on. Choose: {choices}', retryable: false },
  WRITER_TABLE_HALTED: { message: 'table {table} cannot be written as it is: {reason}. Nothing is lost while it stands still. What helps: {advice}. The writer looks again by itself', retryable: false },
  WRITER_TABLE_CHANGED: { message: 'another engine changed table {table} ({changes}): the batch is read again and written as the table is now', retryable: true },
  WRITER_PARTITIONS_MANY: { message: 'a batch of {rows} rows falls into {partitions} partitions or more of table {table}, which is more than {filesMax} files: it is read again in smaller batches. Partition the table more coarsely', retryable: true },
  WRITER_STAGING_UNWRITABLE: { message: 'cannot write staging files to {dir}: free space there or give this user the right to write, or set FIRN_WRITER_STAGING_DIR', retryable: true },
  WRITER_MEMORY_SHORT: { message: 'a batch of {rows} records did not fit into DuckDB\'s memory (FIRN_WRITER_MEMORY_BYTES_MAX): it is read again in smaller batches. Raise the setting if this comes often', retryable: true },
  WRITER_DISK_FULL: { message: 'the disk is full ({reason}): free some space. The writer tries again by itself; what was acknowledged is safe in the log', retryable: true },
  WRITER_COMMIT_FAILED: { message: 'a batch could not be committed to {table}: {reason}. It is read from the log again; nothing is lost', retryable: true },
  WRITER_FENCED: { message: 'a batch was discarded: {reason}. Reading goes on from what the table records', retryable: true },
  WRITER_STALLED: { message: 'nothing was committed for {seconds} s, although {records} records wait in the log: the catalog or the storage may be away, see the lines before this one in the writer\'s log', retryable: true },
  WRITER_DRAIN_ELSEWHERE: { message: 'not drained to the end: {partitions} are with other writers of group {group}, which do not get further. See that they run, or end them and run this again', retryable: false },
  WRITER_SETTING: { message: '{name} is {value}, but {expected} is expected', retryable: false },
  WRITER_BATCH_BROKEN: { message: 'DuckDB could not read a batch of {rows} records of {topics}, and no single record is the reason: {reason}. It is read again in smaller batches; if this comes again, keep the log and report it', retryable: true }
})
