// Events hold what clients send, personal data included: what lies in the data folder is for the user that runs the line, and
// for nobody else on the machine. New files are made so by the umask; a folder of an earlier version, or one that was unpacked
// from an archive, is closed at start. Only what is known to be ours is walked, and no link is followed: the folder that is
// set may be a home, and hold other things.

import { chmodSync, lstatSync, readdirSync, realpathSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, parse, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { markFile } from './data-folder.ts'

const others = 0o077
const sticky = 0o1000
/** What the services and commands make there. */
const ownNames = /^(alerts|catalog|copies|export|folder\.json|ingest|jobs|line\.lock.*|loadtest|log|logs|mailbox|models|query|refusals.*|runner|spool|warehouse|writer)$/

/**
 * `warehouseUrl`: where the tables lie, if that is set: files elsewhere on this machine may be meant for other users' engines,
 * so their modes are left to who set that up. Throws nothing: what belongs to somebody else is theirs to close.
 */
export function keepToOwner (dataDir: string, warehouseUrl?: string): void {
  if (process.platform === 'win32') return
  const dir = resolve(dataDir)
  if (!isElsewhere(dir, warehouseUrl)) process.umask(process.umask() | others)
  try {
    for (const name of readdirSync(dir)) if (ownNames.test(name)) close(join(dir, name))
    if (isDedicated(dir)) closeOne(dir, statSync(dir))
  } catch {
    // Not there yet, or not ours to read: whoever uses it says so.
  }
}

/** A tree whose top is closed already is closed: nobody but its owner could have opened what lies in it. */
function close (path: string): void {
  const found = lstatSync(path)
  if (found.isSymbolicLink() || (found.mode & others) === 0 || found.uid !== process.getuid?.()) return
  // Its content first: one that was interrupted begins again.
  if (found.isDirectory()) closeInside(path)
  closeOne(path, found)
}

function closeInside (dir: string): void {
  for (const name of readdirSync(dir)) {
    const path = join(dir, name)
    try {
      const found = lstatSync(path)
      if (found.isSymbolicLink()) continue
      if (found.isDirectory()) closeInside(path)
      closeOne(path, found)
    } catch {
      // A file that another process has removed meanwhile.
    }
  }
}

function closeOne (path: string, { mode, uid }: { readonly mode: number, readonly uid: number }): void {
  if ((mode & others) !== 0 && uid === process.getuid?.()) chmodSync(path, mode & 0o700)
}

/** The folder itself is closed where it is the line's alone: it has our mark, and is no place that others go through. */
function isDedicated (dir: string): boolean {
  const real = realpathSync(dir)
  const names = readdirSync(dir)
  return names.includes(markFile) && (statSync(dir).mode & sticky) === 0 && real !== parse(real).root && real !== resolve(homedir())
}

function isElsewhere (dir: string, warehouseUrl: string | undefined): boolean {
  if (warehouseUrl?.startsWith('file:') !== true) return false
  const path = resolve(fileURLToPath(warehouseUrl))
  return path !== dir && !path.startsWith(`${dir}/`)
}
