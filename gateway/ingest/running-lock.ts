// One run at a time per ledger: a lock file with the process id of its owner. A lock whose owner is dead is taken over.

import { open, readFile, unlink } from 'node:fs/promises'
import { fail } from '../errors.ts'

/** Resolves with the release. Throws INGEST_RUNNING. */
export async function takeLock (path: string): Promise<() => Promise<void>> {
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      const file = await open(path, 'wx')
      await file.writeFile(String(process.pid))
      await file.close()
      return async () => { await unlink(path).catch(() => {}) }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      const pid = Number(await readFile(path, 'utf8').catch(() => '0'))
      if (pid > 0 && pid !== process.pid && isAlive(pid)) throw fail('INGEST_RUNNING', { pid, path })
      await unlink(path).catch(() => {})
    }
  }
  throw fail('INGEST_RUNNING', { pid: 'unknown', path })
}

function isAlive (pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
