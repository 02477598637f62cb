// One gateway per spool: two would drain the same events and forget which keys the other one holds.

import { join } from 'node:path'
import { fail, is } from '../errors.ts'
import { takeLock } from '../ingest/running-lock.ts'

/** Resolves with the release. Throws GATEWAY_SPOOL_IN_USE. */
export async function takeSpool (folder: string): Promise<() => Promise<void>> {
  try {
    return await takeLock(join(folder, 'gateway'))
  } catch (error) {
    if (is(error, 'INGEST_RUNNING')) throw fail('GATEWAY_SPOOL_IN_USE', { path: folder, pid: error.values.pid }, error)
    throw error
  }
}
