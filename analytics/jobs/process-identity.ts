// Which process an id stands for. Ids are used again, so the time at which it was started belongs to it (Linux tells;
// elsewhere the id alone has to do).

import { readFileSync } from 'node:fs'

export interface ProcessIdentity { readonly pid: number, /** Clock ticks since the machine started; null where the system does not tell. */ readonly started: string | null }

export function identityOf (pid: number): ProcessIdentity {
  try {
    // Behind the name in brackets, which may hold spaces: field 22 of proc(5) is the start time.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')
    return { pid, started: fields[19] ?? null }
  } catch {
    return { pid, started: null }
  }
}

export function isRunning ({ pid, started }: ProcessIdentity): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  return started === null || identityOf(pid).started === started
}
