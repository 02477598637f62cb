// Whether a kill fell inside a commit, judged by what it left behind: data files or manifest lists on disk that the table
// does not know. It is asked while nobody can commit, so it never counts too many; a commit whose request was already on
// its way and landed after the kill is not counted.

import { existsSync, readdirSync, watch } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { connectCatalog, isCatalogError, openStorage, scanFiles } from '../../catalog/index.ts'

const tables = ['events', 'dead_letters']

export interface CommitWatch {
  /** Resolves when the next data file appears (a commit's first step), or after `waitMsMax`; says which. */
  nextCommit(waitMsMax: number): Promise<'committing' | 'quiet'>
  /** Files on disk now. Synchronous, so that it can be called in the moment of the kill. */
  filesNow(): Set<string>
  /** Of these files, those that no commit has made part of a table and that were not left by an earlier kill. */
  unfinished(files: ReadonlySet<string>): Promise<string[]>
}

export function watchCommits (line: { catalogUrl: string, warehouseUrl: string }, folders: readonly string[]): CommitWatch {
  const leftBefore = new Set<string>()
  return {
    nextCommit: waitMsMax => new Promise(resolve => {
      // Each folder by itself: a recursive watch would hold every file.
      const watchers = foldersUnder(folders).map(folder => watch(folder, (_, name) => {
        if (name?.endsWith('.parquet') === true) end('committing')
      }))
      const late = setTimeout(() => end('quiet'), waitMsMax)
      const end = (how: 'committing' | 'quiet'): void => {
        clearTimeout(late)
        for (const watcher of watchers) watcher.close()
        resolve(how)
      }
    }),
    filesNow: () => new Set(folders.flatMap(folder => !existsSync(folder)
      ? []
      : readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(name => name.endsWith('.parquet') || /(^|\/)snap-[^/]*\.avro$/.test(name)).map(name => join(folder, name)))),
    unfinished: async files => {
      const known = await knownFiles(line)
      const open = [...files].filter(file => !known.has(file) && !leftBefore.has(file))
      for (const file of open) leftBefore.add(file)
      return open
    }
  }
}

function foldersUnder (tops: readonly string[]): string[] {
  return tops.flatMap(top => readdirSync(top, { recursive: true, withFileTypes: true }).filter(entry => entry.isDirectory()).map(entry => join(entry.parentPath, entry.name)))
}

/** The folders of the writer's tables. */
export async function tableFolders (catalogUrl: string): Promise<string[]> {
  const catalog = connectCatalog(catalogUrl)
  return (await Promise.all(tables.map(async name => {
    try {
      return [fileURLToPath((await catalog.loadTable({ namespace: ['firn'], name })).metadata.location)]
    } catch (error) {
      if (isCatalogError(error, 'CATALOG_NO_SUCH_TABLE')) return []
      throw error
    }
  }))).flat()
}

async function knownFiles ({ catalogUrl, warehouseUrl }: { catalogUrl: string, warehouseUrl: string }): Promise<Set<string>> {
  const catalog = connectCatalog(catalogUrl)
  const storage = openStorage(warehouseUrl)
  const known = new Set<string>()
  for (const name of tables) {
    const table = await catalog.loadTable({ namespace: ['firn'], name }).catch((error: unknown) => {
      if (isCatalogError(error, 'CATALOG_NO_SUCH_TABLE')) return null
      throw error
    })
    if (table === null) continue
    for (const snapshot of table.metadata.snapshots) known.add(fileURLToPath(snapshot['manifest-list']))
    for (const file of (await scanFiles(storage, table)).files) known.add(fileURLToPath(file.location))
  }
  return known
}
