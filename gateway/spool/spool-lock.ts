// One gateway per spool: two would drain the same events and forget which keys the other one holds.

import { join } from 'node:path'
import { fail } from '../errors.ts'
import { takeLock, type Lock } from '../../runtime/index.ts'

/** Throws GATEWAY_SPOOL_IN_USE. */
export function takeSpool (folder: string): Lock {
  return takeLock(join(folder, 'gateway.lock'), pid => fail('GATEWAY_SPOOL_IN_USE', { path: folder, pid }))
}
