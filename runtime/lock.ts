// One holder at a time of what a path stands for, across processes. The lock is the kernel's, on a file that SQLite opens
// and never writes: it ends with the process that holds it, however that ends, so there is no dead holder to judge and
// nothing to take over. The file stays; removing it would let a second holder lock another file of the same name. The
// holder's id lies beside it, for the sentence alone.
// SQLite's way around POSIX locks matters here: a process that opens and closes the file by other means loses the lock.

import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fail } from './errors.ts'
import { identityOf, isRunning, type ProcessIdentity } from './process-identity.ts'

const sqliteBusy = 5
/** Of two that come at once each may see the other's first step; the one that waits for the other to give way gets it. */
const giveWayMsMax = 100

const holding = new Set<DatabaseSync>()

export interface Lock {
  readonly path: string
  /** Lets the next one in. Twice is once. */
  release(): void
}

/**
 * Makes the file and its folder where they are missing. Throws what `refuse` makes of the holder's process id (or of
 * 'unknown') when it is held, LOCK_UNAVAILABLE when the file cannot be locked at all.
 */
export function takeLock (path: string, refuse: (pid: number | 'unknown') => Error): Lock {
  let file: DatabaseSync | undefined
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    file = new DatabaseSync(path, { timeout: giveWayMsMax })
    file.exec('BEGIN EXCLUSIVE')
    chmodSync(path, 0o600)
    writeFileSync(holderFile(path), JSON.stringify(identityOf(process.pid)), { mode: 0o600 })
  } catch (error) {
    file?.close()
    if ((error as { errcode?: number }).errcode === sqliteBusy) throw refuse(holderOf(path))
    throw fail('LOCK_UNAVAILABLE', { path, reason: (error as Error).message }, error)
  }
  const held = file
  // A lock that nobody refers to any more would be closed, and so given back, by the garbage collector.
  holding.add(held)
  return {
    path,
    release () {
      if (!held.isOpen) return
      rmSync(holderFile(path), { force: true })
      held.close()
      holding.delete(held)
    }
  }
}

/** A holder that has just come has not said its name yet, or the name is still its predecessor's. */
function holderOf (path: string): number | 'unknown' {
  try {
    const holder = JSON.parse(readFileSync(holderFile(path), 'utf8')) as ProcessIdentity
    return isRunning(holder) ? holder.pid : 'unknown'
  } catch {
    return 'unknown'
  }
}

function holderFile (path: string): string {
  return `${path}.holder`
}
