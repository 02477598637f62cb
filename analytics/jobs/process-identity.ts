// Which process an id stands for. Ids are used again, so the time at which it was started belongs to it (Linux tells;
// elsewhere the id alone has to do).

import { readFileSync } from 'node:fs'

export interface ProcessIdentity { readonly pid: number, /** Clock ticks since the machine started; null where the system does not tell. */ readonly started: string | null }

export function identityOf (pid: number): ProcessIdentity {
  return { pid, started: statOf(pid)?.started ?? null }
}

export function isRunning ({ pid, started }: ProcessIdentity): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const stat = statOf(pid)
  // Z: it has ended, and nobody has asked for its code yet.
  return stat === null || (stat.state !== 'Z' && (started === null || stat.started === started))
}

function statOf (pid: number): { state: string, started: string } | null {
  try {
    // Behind the name in brackets, which may hold spaces: fields 3 and 22 of proc(5) are the state and the start time.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')
    return { state: fields[0]!, started: fields[19]! }
  } catch {
    return null
  }
}
