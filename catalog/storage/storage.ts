/**
 * The seam to where files lie: an absolute URI names each file, a file is written once and never changed.
 *
 * Locations are raw: `%`, `+`, `=` and blanks in them stand for themselves. Errors are those of catalog/errors.ts.
 */
export interface Storage {
  /** Creates a file that must not exist (STORAGE_EXISTS); it and every new folder above it are durable before this resolves. */
  writeDurably(location: string, bytes: Uint8Array): Promise<void>
  /** Makes files durable that somebody else (DuckDB) wrote under `toEnginePath`. Where they lie elsewhere in the end, the local copies are gone afterwards, whatever the outcome. */
  makeDurable(locations: readonly string[]): Promise<void>
  /** STORAGE_NOT_FOUND when it is missing. */
  read(location: string): Promise<Buffer>
  /** The bytes from `start` on, fewer where the file ends before. */
  readRange(location: string, start: number, length: number): Promise<Buffer>
  size(location: string): Promise<number>
  /** Absent files are fine. */
  delete(locations: readonly string[]): Promise<void>
  /** Every file under a folder, at any depth; none when there is no such folder. */
  list(prefix: string): AsyncIterable<StoredFile>
  /** The local path where DuckDB writes a new file, or reads one between `bringNear` and its release. */
  toEnginePath(location: string): string
  /**
   * Makes files readable under `toEnginePath` until the returned function is called. With `columns` (names of top-level columns) only these
   * may be read; a file that lacks one of the names is there whole, since it may know the column under another name.
   */
  bringNear(locations: readonly string[], columns?: readonly string[]): Promise<() => Promise<void>>
}

export interface StoredFile { location: string, bytes: number, modifiedMs: number }

/** Credentials that a catalog hands out for everything under `prefix`; `config` has Iceberg's names (`s3.access-key-id`, …). */
export interface StorageCredentials { readonly prefix: string, readonly config: Readonly<Record<string, string>> }

export interface S3Options {
  /** Without it AWS itself. */
  readonly endpoint?: string
  readonly region?: string
  /** The bucket in the path instead of the host name. */
  readonly pathStyle?: boolean
  /** Without static keys the AWS credential chain is asked. */
  readonly accessKeyId?: string
  readonly secretAccessKey?: string
  readonly sessionToken?: string
  /** Where copies of files lie while they are written or read. */
  readonly cacheDir?: string
  /** Bytes of copies that are kept for the next reader; files in use may pass it. */
  readonly cacheBytesMax?: number
  /** Asked for credentials before the own ones are used; null: it has none for this location. */
  readonly vended?: (location: string) => Promise<StorageCredentials | null>
  /** How long one attempt of a request may take, and how long its bytes may stall. */
  readonly requestMsMax?: number
  /** Larger files are uploaded in parts of this size. */
  readonly partBytes?: number
}
