// A table as the verifier sees it: the files of a snapshot by the catalog's scan, then everything about them by itself:
// each exists with the size and the row count that the manifests give, and every value in it can be read.

import type { DuckDBConnection } from '@duckdb/node-api'
import { isCatalogError, quoteIdentifier, quoteText, scanFiles, type Lake, type LiveFile, type LoadedTable, type Storage } from '../../catalog/index.ts'
import { sentenceOf } from '../../runtime/index.ts'
import { fail } from '../errors.ts'
import { openDeletedRows } from './deleted-rows.ts'
import { broken, judge, type Finding } from './finding.ts'
import { isMemoryShort, judgingThreads, rowsOf, type JudgingEngine } from './judging-engine.ts'

const olderSnapshotsMax = 20
const filesAtOnce = 100
const wrongKeptMax = 5
/** DuckDB's own writer ends a page there; what other writers make is smaller. */
const pageBytesMax = 100_000_000
/** Of the memory, for the pages that one thread reads: two threads, and each page also compressed. */
const columnShare = 8

export interface TableFile { readonly location: string, readonly path: string, readonly rows: bigint, readonly bytes: bigint }

export interface TableFiles {
  readonly name: string
  readonly table: LoadedTable
  readonly storage: Storage
  readonly files: readonly TableFile[]
  /** Null where no engine deleted rows beside the files. */
  readonly deletes: DeletedRows | null
}

/** Rows that delete files hide: a condition on a row of `f`, read with its file's name and its place in it. */
export interface DeletedRows { goneSql(): string }

/** Null when the table does not exist. Throws VERIFY_CATALOG_AWAY. */
export async function openTable (connection: DuckDBConnection, { catalog, storage }: Pick<Lake, 'catalog' | 'storage'>, catalogUrl: string, name: string): Promise<TableFiles | null> {
  try {
    const table = await catalog.loadTable({ namespace: ['firn'], name })
    const { files, deleteFiles } = await scanFiles(storage, table, { withDeleteFiles: true })
    const deletes = await openDeletedRows(connection, storage, table, files, deleteFiles, name)
    return { name: `firn.${name}`, table, storage, files: files.map(file => tableFile(file, storage)), deletes }
  } catch (error) {
    if (isCatalogError(error, 'CATALOG_NO_SUCH_TABLE')) return null
    if (isCatalogError(error, 'CATALOG_UNREACHABLE')) throw fail('VERIFY_CATALOG_AWAY', { url: catalogUrl, reason: error.values.reason ?? 'no answer' }, error)
    throw error
  }
}

/** A relation over these files, columns by name. */
export function readParquet (files: readonly Pick<TableFile, 'path'>[], options = ''): string {
  return `read_parquet([${files.map(file => quoteText(asPattern(file.path))).join(', ')}], union_by_name = true, hive_partitioning = false${options})`
}

export async function checkFiles (engine: JudgingEngine, { name, table, storage, files }: TableFiles): Promise<Finding[]> {
  const wrong = new WrongFiles()
  for (const file of files) {
    const size = await storage.size(file.location).catch((error: unknown) => error as Error)
    if (size instanceof Error) wrong.add(size.message)
    else if (BigInt(size) !== file.bytes) wrong.add(`${file.location} has ${size} bytes, its manifest says ${file.bytes}`)
  }
  for (let at = 0; at < files.length && wrong.count === 0; at += filesAtOnce) await readWhole(engine, storage, files.slice(at, at + filesAtOnce), wrong)
  const rows = files.reduce((sum, file) => sum + file.rows, 0n)
  const findings = [judge(`every file of ${name} is there, readable and as large as its manifest says`, wrong.count, `${files.length} files, ${rows} rows`, wrong.first)]
  const current = table.metadata.snapshots.find(snapshot => snapshot['snapshot-id'] === table.metadata['current-snapshot-id'])
  const total = current?.summary['total-records']
  if (total !== undefined) findings.push(judge(`the summary of ${name} counts its rows`, BigInt(total) === rows ? 0 : 1, `total-records ${total}, files ${rows}`))
  findings.push(await checkOlderSnapshots({ name, table, storage }))
  return findings
}

/**
 * Hashing a value makes DuckDB decode it; nothing of it is kept. A reader holds a page of each column that it reads, and a page of long
 * texts has up to 100 MB: columns are read as many at once as the memory allows, the long ones alone and by one thread.
 */
async function readWhole ({ connection, memoryMiBMax }: JudgingEngine, storage: Storage, files: readonly TableFile[], wrong: WrongFiles): Promise<void> {
  const release = await storage.bringNear(files.map(file => file.location)).catch((error: unknown) => { wrong.add(sentenceOf(error)) })
  try {
    const bytesMax = memoryMiBMax * 2 ** 20 / columnShare
    for (const { columns, bytes } of await columnsAtOnce(connection, files, bytesMax)) {
      await connection.run(`set threads = ${bytes > bytesMax ? 1 : judgingThreads}`)
      const hashes = columns.map(name => `bit_xor(hash(${quoteIdentifier(name)}))`)
      const sql = `select filename, ${['count(*)', ...hashes].join(', ')} from ${readParquet(files, ', filename = true')} group by filename`
      const found = new Map((await rowsOf(connection, sql)).map(([path, rows]) => [String(path), BigInt(String(rows))]))
      const short = files.filter(file => (found.get(file.path) ?? 0n) !== file.rows)
      for (const file of short) wrong.add(`${file.location} has ${found.get(file.path) ?? 0n} rows, its manifest says ${file.rows}`)
      if (short.length > 0) return
    }
  } catch (error) {
    if (isMemoryShort(error)) throw error
    wrong.add(sentenceOf(error))
  } finally {
    await connection.run(`set threads = ${judgingThreads}`)
    await release?.()
  }
}

/** Top-level columns in groups of which no reader holds more than `bytesMax`; at least one column each. */
async function columnsAtOnce (connection: DuckDBConnection, files: readonly TableFile[], bytesMax: number): Promise<{ columns: string[], bytes: number }[]> {
  const names = (await rowsOf(connection, `select column_name from (describe select * from ${readParquet(files)})`)).map(([name]) => String(name))
  const list = `[${files.map(file => quoteText(asPattern(file.path))).join(', ')}]`
  const sizes = (await rowsOf(connection, `select path_in_schema, max(total_uncompressed_size) from parquet_metadata(${list}) group by 1`)).map(([path, bytes]) => [String(path), Number(bytes)] as const)
  const groups: { columns: string[], bytes: number }[] = []
  for (const name of names) {
    const bytes = sizes.reduce((sum, [path, size]) => path === name || path.startsWith(`${name}, `) ? sum + Math.min(size, pageBytesMax) : sum, 0)
    const last = groups.at(-1)
    if (last === undefined || last.bytes + bytes > bytesMax) groups.push({ columns: [name], bytes })
    else groups[groups.length - 1] = { columns: [...last.columns, name], bytes: last.bytes + bytes }
  }
  return groups
}

class WrongFiles {
  count = 0
  readonly first: string[] = []

  add (sentence: string): void {
    this.count++
    if (this.first.length < wrongKeptMax) this.first.push(sentence)
  }
}

/** Time travel still works: the files of snapshots spread over what is kept exist. */
async function checkOlderSnapshots ({ name, table, storage }: Pick<TableFiles, 'name' | 'table' | 'storage'>): Promise<Finding> {
  const promise = `earlier snapshots of ${name} can be read`
  const all = table.metadata.snapshots
  const step = Math.max(1, Math.ceil(all.length / olderSnapshotsMax))
  const some = all.filter((_, i) => i % step === 0)
  const seen = new Set<string>()
  const wrong = new WrongFiles()
  for (const snapshot of some) {
    try {
      for (const file of await filesOf(table, storage, snapshot['snapshot-id'])) {
        if (seen.has(file.location)) continue
        seen.add(file.location)
        if (BigInt(await storage.size(file.location)) !== file.bytes) wrong.add(`${file.location} changed its size`)
      }
    } catch (error) {
      wrong.add(`snapshot ${snapshot['snapshot-id']}: ${(error as Error).message}`)
    }
  }
  return wrong.count === 0 ? judge(promise, 0, `${some.length} of ${all.length} looked at`) : broken(promise, `${wrong.count} wrong`, wrong.first)
}

async function filesOf (table: LoadedTable, storage: Storage, snapshotId: bigint): Promise<TableFile[]> {
  const { files } = await scanFiles(storage, table, { snapshotId, withDeleteFiles: true })
  return files.map(file => tableFile(file, storage))
}

function tableFile ({ location, recordCount: rows, fileSizeBytes: bytes }: LiveFile, storage: Storage): TableFile {
  return { location, path: storage.toEnginePath(location), rows, bytes }
}

/** DuckDB takes a path for a pattern: what is special in one stands for itself. */
function asPattern (path: string): string {
  return path.replaceAll(/[*?[]/g, char => `[${char}]`)
}
