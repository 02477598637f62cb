// Which process an id stands for. Ids are used again, so the time at which it was started belongs to it (Linux tells;
// elsewhere the id alone has to do).

import { readFileSync } from 'node:fs'

export interface ProcessIdentity { readonly pid: number, /** Clock ticks since the machine started; null where the system does not tell. */ readonly started: string | null }

export function identityOf (pid: number): ProcessIdentity {
  return { pid, started: statOf(pid)?.started ?? null }
}

/** False once it holds nothing any more: no port, no lock, no open file. */
export function isRunning ({ pid, started }: ProcessIdentity): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false
  }
  const stat = statOf(pid)
  return stat === null || (!stat.ended && (started === null || stat.started === started))
}

function statOf (pid: number): { ended: boolean, started: string } | null {
  try {
    // Behind the name in brackets, which may hold spaces: fields 3, 20 and 22 of proc(5) are the state, the number of threads and the start time.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ')
    // Z: nobody has asked for its code yet. Its first thread may be one while others still end and keep its ports open.
    return { ended: fields[0] === 'Z' && Number(fields[17]) <= 1, started: fields[19]! }
  } catch {
    return null
  }
}
