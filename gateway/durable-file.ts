// Writes that stay: a file replaced as a whole, its bytes and its folder on the disk before the promise resolves.

import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

export async function replaceDurably (path: string, text: string): Promise<void> {
  const partial = `${path}.partial`
  // What a crash left, or another put there: never written through.
  await rm(partial, { force: true })
  const file = await open(partial, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(partial, path)
  await syncFolder(dirname(path))
}

export async function syncFolder (path: string): Promise<void> {
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
