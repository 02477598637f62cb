// The folder of the embedded log: made when absent (and its name made durable), refused when it cannot be written or lies
// on a network file system, where LMDB's locks and shared map do not hold.

import { accessSync, closeSync, constants, fsyncSync, mkdirSync, openSync, statfsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { fail } from '../errors.ts'

/** statfs types (linux/magic.h and the file systems' own sources). */
const networkFileSystems = new Map<number, string>([
  [0x6969, 'NFS'],
  [0xff534d42, 'CIFS'],
  [0xfe534d42, 'SMB2'],
  [0x517b, 'SMB'],
  [0x65735546, 'a FUSE mount'],
  [0x00c36400, 'CephFS'],
  [0x01021997, '9P'],
  [0x5346414f, 'AFS'],
  [0x73757245, 'Coda'],
  [0x0bd00bd0, 'Lustre'],
  [0x01161970, 'GFS2'],
  [0x7461636f, 'OCFS2'],
  [0x47504653, 'GPFS']
])

/** Makes and checks the folder; returns its absolute path. */
export async function prepareFolder (url: URL): Promise<string> {
  const path = folderOf(url)
  try {
    const created = mkdirSync(path, { recursive: true })
    if (created !== undefined) syncFolders(path, dirname(created))
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw fail('LOG_UNWRITABLE', { path, reason: (error as Error).message }, error)
  }
  const fileSystem = networkFileSystemOf(statfsSync(path).type)
  if (fileSystem !== null) throw fail('LOG_NETWORK_FILE_SYSTEM', { path, fileSystem })
  return path
}

/** The name of a network file system, or null for a local one. */
export function networkFileSystemOf (type: number): string | null {
  return networkFileSystems.get(type >>> 0) ?? null
}

/** A new name is on the disk when its folder is: syncs `path` and each folder above it up to `top`. */
export function syncFolders (path: string, top: string): void {
  for (let folder = path; ; folder = dirname(folder)) {
    const descriptor = openSync(folder, 'r')
    try {
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    if (folder === top || folder === dirname(folder)) return
  }
}

function folderOf (url: URL): string {
  try {
    return resolve(fileURLToPath(url))
  } catch (error) {
    throw fail('LOG_URL_UNSUPPORTED', { url: url.href }, error)
  }
}
