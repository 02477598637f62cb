/**
 * Which data file it is that cannot be read: an engine that reads many at once says something about its format, or nothing. After such an
 * error the same is read of each file alone, and the first that fails is named with its way back. What the machine lacks is no file's fault.
 */
import { CatalogError, isCatalogError, reasonOf } from '../errors.ts'
import type { LiveFile } from '../spec/data-file.ts'

const machine = /Out of Memory|No space left|ENOSPC|Too many open files|INTERRUPT|^(FATAL|INTERNAL) Error|database has been invalidated/i
/** How each message of the engine begins. */
const engine = /^[A-Z][A-Za-z ]* Error: |^DuckDB ended a stream/

/** Throws CATALOG_DATA_DAMAGED for a file that fails alone; else what was thrown. `read` may be called again for each file. */
export async function namingDamaged<T>(files: readonly LiveFile[], read: (files: readonly LiveFile[]) => Promise<T>): Promise<T> {
  try {
    return await read(files)
  } catch (error) {
    if (!isOfFile(error)) throw error
    for (const file of files) {
      try {
        await read([file])
      } catch (cause) {
        if (isOfFile(cause)) throw new CatalogError('CATALOG_DATA_DAMAGED', { location: file.location, reason: firstLine(cause) }, cause)
      }
    }
    throw error
  }
}

/** Whether it is worth reading files again to find out: what is wrong with a statement is not found in them. */
export function mayBeOfFile(error: unknown): boolean {
  return isOfFile(error) && /^IO Error|magic|parquet|protocol|thrift|snappy|zstd|gzip|decompress|corrupt|Invalid Error/i.test((error as Error).message)
}

function isOfFile(error: unknown): boolean {
  if (isCatalogError(error, 'STORAGE_NOT_FOUND')) return true
  return error instanceof Error && (error as { code?: unknown }).code === undefined && engine.test(error.message) && !machine.test(error.message)
}

function firstLine(error: unknown): string {
  return reasonOf(error).split('\n', 1)[0]!
}
