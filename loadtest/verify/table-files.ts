// A table as the verifier sees it: the files of a snapshot by the catalog's scan, then everything about them by itself:
// each exists with the size and the row count that the manifests give, and every value in it can be read.

import type { DuckDBConnection } from '@duckdb/node-api'
import { isCatalogError, quoteText, scanFiles, type Lake, type LoadedTable, type Storage } from '../../catalog/index.ts'
import { fail } from '../errors.ts'
import { broken, judge, type Finding } from './finding.ts'

const olderSnapshotsMax = 20

export interface TableFile { readonly location: string, readonly path: string, readonly rows: bigint, readonly bytes: bigint }

export interface TableFiles {
  readonly name: string
  readonly table: LoadedTable
  readonly storage: Storage
  readonly files: readonly TableFile[]
}

/** Null when the table does not exist. Throws VERIFY_CATALOG_AWAY. */
export async function openTable ({ catalog, storage }: Pick<Lake, 'catalog' | 'storage'>, catalogUrl: string, name: string): Promise<TableFiles | null> {
  try {
    const table = await catalog.loadTable({ namespace: ['firn'], name })
    return { name: `firn.${name}`, table, storage, files: await filesOf(table, storage) }
  } catch (error) {
    if (isCatalogError(error, 'CATALOG_NO_SUCH_TABLE')) return null
    if (isCatalogError(error, 'CATALOG_UNREACHABLE')) throw fail('VERIFY_CATALOG_AWAY', { url: catalogUrl, reason: error.values.reason ?? 'no answer' }, error)
    throw error
  }
}

/** SQL that reads these columns of all files by name; `null` where there are no files. */
export function readFiles (files: readonly TableFile[], columns: readonly string[]): string | null {
  if (files.length === 0) return null
  return `(select ${columns.join(', ')} from read_parquet([${files.map(file => quoteText(asPattern(file.path))).join(', ')}], union_by_name = true, hive_partitioning = false))`
}

export async function checkFiles (connection: DuckDBConnection, { name, table, storage, files }: TableFiles): Promise<Finding[]> {
  const promise = `every file of ${name} is there, readable and as large as its manifest says`
  const wrong: string[] = []
  for (const file of files) {
    const size = await storage.size(file.location).catch((error: unknown) => error as Error)
    if (size instanceof Error) wrong.push(size.message)
    else if (BigInt(size) !== file.bytes) wrong.push(`${file.location} has ${size} bytes, its manifest says ${file.bytes}`)
  }
  if (wrong.length === 0) {
    for (let at = 0; at < files.length; at += 200) {
      const some = files.slice(at, at + 200)
      const list = `[${some.map(file => quoteText(asPattern(file.path))).join(', ')}]`
      try {
        const release = await storage.bringNear(some.map(file => file.location))
        // Hashing the row makes DuckDB decode every column of it.
        const counted = await connection.runAndReadAll(`select filename, count(*), bit_xor(hash(t)) from read_parquet(${list}, union_by_name = true, filename = true, hive_partitioning = false) t group by filename`).finally(release)
        const found = new Map(counted.getRows().map(([path, rows]) => [String(path), BigInt(String(rows))]))
        for (const file of some) if ((found.get(file.path) ?? 0n) !== file.rows) wrong.push(`${file.location} has ${found.get(file.path) ?? 0n} rows, its manifest says ${file.rows}`)
      } catch (error) {
        wrong.push((error as Error).message.split('\n')[0] ?? 'unreadable')
      }
    }
  }
  const rows = files.reduce((sum, file) => sum + file.rows, 0n)
  const findings = [judge(promise, wrong.length, `${files.length} files, ${rows} rows`, wrong)]
  const current = table.metadata.snapshots.find(snapshot => snapshot['snapshot-id'] === table.metadata['current-snapshot-id'])
  const total = current?.summary['total-records']
  if (total !== undefined) findings.push(judge(`the summary of ${name} counts its rows`, BigInt(total) === rows ? 0 : 1, `total-records ${total}, files ${rows}`))
  findings.push(await checkOlderSnapshots({ name, table, storage }))
  return findings
}

/** Time travel still works: the files of snapshots spread over what is kept exist. */
async function checkOlderSnapshots ({ name, table, storage }: Omit<TableFiles, 'files'>): Promise<Finding> {
  const promise = `earlier snapshots of ${name} can be read`
  const all = table.metadata.snapshots
  const step = Math.max(1, Math.ceil(all.length / olderSnapshotsMax))
  const some = all.filter((_, i) => i % step === 0)
  const seen = new Set<string>()
  const wrong: string[] = []
  for (const snapshot of some) {
    try {
      for (const file of await filesOf(table, storage, snapshot['snapshot-id'])) {
        if (seen.has(file.location)) continue
        seen.add(file.location)
        if (BigInt(await storage.size(file.location)) !== file.bytes) wrong.push(`${file.location} changed its size`)
      }
    } catch (error) {
      wrong.push(`snapshot ${snapshot['snapshot-id']}: ${(error as Error).message}`)
    }
  }
  return wrong.length === 0 ? judge(promise, 0, `${some.length} of ${all.length} looked at`) : broken(promise, `${wrong.length} wrong`, wrong)
}

async function filesOf (table: LoadedTable, storage: Storage, snapshotId?: bigint): Promise<TableFile[]> {
  const { files, deleteFiles } = await scanFiles(storage, table, snapshotId === undefined ? {} : { snapshotId })
  if (deleteFiles.length > 0) throw new Error(`${table.id.name} has ${deleteFiles.length} delete files: this verifier counts rows of data files only`)
  return files.map(file => ({ location: file.location, path: storage.toEnginePath(file.location), rows: file.recordCount, bytes: file.fileSizeBytes }))
}

/** DuckDB takes a path for a pattern: what is special in one stands for itself. */
function asPattern (path: string): string {
  return path.replaceAll(/[*?[]/g, char => `[${char}]`)
}
