// Finds out, before LMDB is opened, whether opening would wait for ever: opening takes the write lock on the main thread,
// and a process that was stopped (SIGSTOP, a debugger) while it held that lock never gives it back. LMDB has no "try".
// Only when a process that has the lock file open is stopped, a child process tries to open the log with a deadline.

import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { fail } from '../errors.ts'

const probeMsMax = 1500

/** Throws LOG_LOCKED, naming the stopped processes, when the write lock cannot be had. */
export async function checkWriteLock (path: string, lockFile: string): Promise<void> {
  const stopped = stoppedHolders(lockFile)
  if (stopped.length === 0) return
  try {
    await promisify(execFile)(process.execPath, [fileURLToPath(new URL('lock-probe.ts', import.meta.url)), path], { timeout: probeMsMax, killSignal: 'SIGKILL' })
  } catch (error) {
    if ((error as { killed?: boolean }).killed !== true) return // it opened or failed for a reason that our own open will name
    throw fail('LOG_LOCKED', { path, holder: stopped.map(pid => `process ${pid} is stopped`).join(', ') })
  }
}

/** The stopped processes that have the file open, as far as /proc lets this user see. */
export function stoppedHolders (lockFile: string): number[] {
  return listOf('/proc').map(Number).filter(pid => pid > 0 && isStopped(pid) && hasOpen(pid, lockFile))
}

function isStopped (pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return /^[Tt]$/.test(stat[stat.lastIndexOf(')') + 2] ?? '')
  } catch {
    return false
  }
}

function hasOpen (pid: number, file: string): boolean {
  return listOf(`/proc/${pid}/fd`).some(fd => {
    try {
      return readlinkSync(`/proc/${pid}/fd/${fd}`) === file
    } catch {
      return false
    }
  })
}

function listOf (folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
