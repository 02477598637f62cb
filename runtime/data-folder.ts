// Where a data folder lies, remembered in it: what is kept there may name absolute paths, so a copy that is started would
// write into the original and delete from it. A folder that is not where it was is refused with one sentence.
// The same folder under another name (a symbolic link, a bind mount, a container's path) is not another folder; a copy
// put back to the same path is that folder. What decides is pure; a folder that holds nothing yet belongs anywhere.

import { randomUUID } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, linkSync, mkdirSync, openSync, readFileSync, readdirSync, realpathSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fail } from './errors.ts'

export const markFile = 'folder.json'

/** Of the folder that it lies in. `path` is where it was made, without symbolic links; `named` is how it was called then. */
export interface FolderMark { readonly id: string, readonly path: string, readonly named: string }

/** A folder as it is found: its place is the same under every name. */
export interface FoundFolder { readonly path: string, readonly place: string, readonly id: string | null }

export type FolderJudgement =
  | { readonly kind: 'unmarked' }
  | { readonly kind: 'own' }
  | { readonly kind: 'moved', readonly from: string }
  | { readonly kind: 'copied', readonly from: string }

/** `there` is what lies at the remembered path now; null: nothing. */
export function judgeFolder (mark: FolderMark | null, here: FoundFolder, there: FoundFolder | null): FolderJudgement {
  if (mark === null) return { kind: 'unmarked' }
  if (mark.path === here.path || there?.place === here.place) return { kind: 'own' }
  return { kind: there?.id === mark.id ? 'copied' : 'moved', from: mark.path }
}

/** Throws DATA_FOLDER_MOVED, DATA_FOLDER_COPIED or DATA_FOLDER_UNREADABLE: then nothing in it may be written or deleted. */
export function checkDataFolder (dir: string): void {
  refuseElsewhere(dir, judgeDataFolder(dir))
}

/** The same; the folder and its mark are made where they are missing. True when the mark is new. */
export function markDataFolder (dir: string): boolean {
  const judged = judgeDataFolder(dir)
  refuseElsewhere(dir, judged)
  if (judged.kind === 'own') return false
  mkdirSync(dir, { recursive: true, mode: 0o700 })
  writeMark(dir, { replace: judged.kind !== 'unmarked' })
  return true
}

export function judgeDataFolder (dir: string): FolderJudgement {
  const mark = readMark(dir)
  if (mark === null) return { kind: 'unmarked' }
  return judgeFolder(mark, findFolder(dir)!, findFolder(mark.path))
}

/** Null without one. Throws DATA_FOLDER_UNREADABLE. */
export function readMark (dir: string): FolderMark | null {
  const file = join(dir, markFile)
  if (!existsSync(file)) return null
  try {
    const { id, path, named } = JSON.parse(readFileSync(file, 'utf8')) as FolderMark
    if ([id, path, named].every(text => typeof text === 'string')) return { id, path, named }
  } catch (error) {
    throw fail('DATA_FOLDER_UNREADABLE', { file }, error)
  }
  throw fail('DATA_FOLDER_UNREADABLE', { file })
}

/** From now on this folder lies here, and is no other one. On disk when it returns. */
export function writeMark (dir: string, { replace }: { replace: boolean }): void {
  const mark: FolderMark = { id: randomUUID(), path: realpathSync(dir), named: resolve(dir) }
  const made = join(dir, `.${markFile}-${mark.id}`)
  const descriptor = openSync(made, 'wx')
  try {
    writeSync(descriptor, JSON.stringify(mark, null, 2) + '\n')
    fsyncSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
  try {
    if (replace) renameSync(made, join(dir, markFile))
    else linkSync(made, join(dir, markFile))
  } catch (error) {
    // Another service of the same line was first.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(made, { force: true })
  }
  const folder = openSync(dir, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

function refuseElsewhere (dir: string, judged: FolderJudgement): void {
  if (judged.kind !== 'moved' && judged.kind !== 'copied') return
  if (!readdirSync(dir).some(name => !name.includes(markFile))) return
  throw fail(judged.kind === 'moved' ? 'DATA_FOLDER_MOVED' : 'DATA_FOLDER_COPIED', { dir: resolve(dir), from: judged.from })
}

function findFolder (dir: string): FoundFolder | null {
  try {
    const { dev, ino } = statSync(dir, { bigint: true })
    return { path: realpathSync(dir), place: `${dev}:${ino}`, id: idAt(dir) }
  } catch {
    return null
  }
}

function idAt (dir: string): string | null {
  try {
    return readMark(dir)?.id ?? null
  } catch {
    // A mark that cannot be read: it may be the original, so it is not taken for gone.
    return null
  }
}
