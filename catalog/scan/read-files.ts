/** One reading of data files: brought near for as long as it takes, and a file that cannot be read is named. */
import type { LoadedTable } from '../catalogs/catalog.ts'
import type { LiveFile } from '../spec/data-file.ts'
import type { Schema } from '../spec/types.ts'
import type { Storage } from '../storage/storage.ts'
import { bringFiles } from './bring-files.ts'
import { namingDamaged } from './damaged-file.ts'

/** What is read: `columns` are names of `schema`, and only these may be. */
export interface FilesRead {
  readonly table: LoadedTable
  readonly files: readonly LiveFile[]
  readonly columns: readonly string[]
  readonly schema: Schema
}

/** What `read` makes of the files. Throws CATALOG_DATA_DAMAGED for a file that fails alone; `read` is called again for each to find out. */
export async function readFiles<T>(storage: Storage, { table, files, columns, schema }: FilesRead, read: (files: readonly LiveFile[]) => Promise<T>): Promise<T> {
  return await namingDamaged(files, async some => {
    const release = await bringFiles(table, some, storage, columns, schema)
    try {
      return await read(some)
    } finally {
      await release()
    }
  })
}
