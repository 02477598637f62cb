// One run of a job for a date at a time: a file that names the process that holds it, made by a link, which fails when it is
// there. A holder that died is set aside by a rename, so that of two who see it only one goes on.

import { randomUUID } from 'node:crypto'
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { fail } from '../errors.ts'
import { identityOf, isRunning, type ProcessIdentity } from '../../runtime/index.ts'

const attemptsMax = 5

/** Resolves with the release. Throws JOB_RUNNING. */
export async function takeRunLock (path: string, what: { job: string, date: string }): Promise<() => Promise<void>> {
  const own = `${path}.${randomUUID()}`
  await writeFile(own, JSON.stringify(identityOf(process.pid)))
  try {
    for (let attempt = 0; attempt < attemptsMax; attempt++) {
      try {
        await link(own, path)
        return async () => { await rm(path, { force: true }) }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
      const holder = await holderOf(path)
      if (holder === null) continue
      if (isRunning(holder)) throw fail('JOB_RUNNING', { ...what, pid: holder.pid })
      await setAside(path, holder)
    }
  } finally {
    await rm(own, { force: true })
  }
  throw fail('JOB_RUNNING', { ...what, pid: 'unknown' })
}

/** Takes a dead holder's file away. Somebody who was quicker may stand there by now: theirs is put back. */
async function setAside (path: string, dead: ProcessIdentity): Promise<void> {
  const aside = `${path}.${randomUUID()}`
  try {
    await rename(path, aside)
  } catch {
    return
  }
  const taken = await holderOf(aside)
  if (taken !== null && (taken.pid !== dead.pid || taken.started !== dead.started)) await link(aside, path).catch(() => undefined)
  await rm(aside, { force: true })
}

async function holderOf (path: string): Promise<ProcessIdentity | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as ProcessIdentity
  } catch {
    return null
  }
}
