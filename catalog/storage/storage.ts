/** The seam to where files lie: an absolute URI names each file, a file is written once and never changed. */
export interface Storage {
  /** Creates a file that must not exist; it and every new folder above it are on disk before this resolves. */
  writeDurably(location: string, bytes: Uint8Array): Promise<void>
  /** Puts files that somebody else wrote (DuckDB) on disk, with their folders. */
  makeDurable(locations: string[]): Promise<void>
  /** STORAGE_NOT_FOUND when it is missing. */
  read(location: string): Promise<Buffer>
  size(location: string): Promise<number>
  /** Absent files are fine. */
  delete(locations: string[]): Promise<void>
  list(prefix: string): AsyncIterable<StoredFile>
  /** What DuckDB opens. */
  toEnginePath(location: string): string
}

export interface StoredFile { location: string, bytes: number, modifiedMs: number }
