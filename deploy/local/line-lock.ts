// One line per data folder: two would commit each other's batches and drain each other's logs. Held until the process ends.

import { join } from 'node:path'
import { takeLock } from '../../runtime/index.ts'

/** Throws one sentence that names the process which works there. */
export function takeLine (dataDir: string): void {
  takeLock(join(dataDir, 'line.lock'), pid => new Error(
    `a line runs on ${dataDir} already (process ${pid}): end it, or give this one a folder of its own with --data-dir`
  ))
}
