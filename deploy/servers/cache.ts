// The folder of what was downloaded and built, kept across runs. An entry is built under a name of its own and renamed
// when it is whole, so a killed run leaves no half entry and two runs at once do not disturb each other: the first to
// finish wins, the other throws its copy away. An entry is never changed afterwards.

import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

export function cacheDir (): string {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'firn', 'servers')
}

/** The folder of one entry; `build` fills an empty folder when it is not there yet. The name must carry the version. */
export async function cached (name: string, build: (folder: string) => Promise<void> | void): Promise<string> {
  const folder = join(cacheDir(), name)
  if (existsSync(folder)) return folder
  mkdirSync(cacheDir(), { recursive: true })
  const building = mkdtempSync(join(cacheDir(), `.building-${name}-`))
  try {
    await build(building)
    try {
      renameSync(building, folder)
    } catch (error) {
      if (!existsSync(folder)) throw error // somebody else was quicker: theirs is as good
    }
    return folder
  } finally {
    rmSync(building, { recursive: true, force: true })
  }
}
