/**
 * The metadata files of tables in Glue, which keeps only their place: written once under a new name and durable before Glue is told, read back
 * through the storage, and the newest ones kept parsed. A location is never written twice, so what is kept for it cannot be stale.
 */
import { randomUUID } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { printJson } from '../spec/json.ts'
import { decodeMetadataFile } from '../spec/metadata-file.ts'
import { isGzipped, metadataFileLocation } from '../spec/names.ts'
import type { TableMetadata } from '../spec/types.ts'
import type { Storage } from '../storage/storage.ts'

/** Tables' metadata that is kept parsed; each may be about a MiB. */
const keptMax = 32

export class GlueMetadata {
  readonly #storage: Storage
  readonly #kept = new Map<string, TableMetadata>()

  constructor(storage: Storage) {
    this.#storage = storage
  }

  /** STORAGE_NOT_FOUND, CATALOG_METADATA_DAMAGED. */
  async read(location: string): Promise<TableMetadata> {
    const kept = this.#kept.get(location)
    if (kept !== undefined) return kept
    const metadata = decodeMetadataFile(location, await this.#storage.read(location))
    this.#keep(location, metadata)
    return metadata
  }

  /** Durable when it resolves, under the number after that of `baseLocation`. */
  async write(metadata: TableMetadata, baseLocation: string | null): Promise<string> {
    const location = metadataFileLocation(metadata, baseLocation, randomUUID())
    const json = Buffer.from(printJson(metadata))
    await this.#storage.writeDurably(location, isGzipped(metadata) ? gzipSync(json) : json)
    this.#keep(location, metadata)
    return location
  }

  /** What nobody points at any more. That it fails costs space, never a table: nobody waits for it. */
  discard(locations: readonly string[]): void {
    for (const location of locations) this.#kept.delete(location)
    if (locations.length > 0) void this.#storage.delete(locations).catch(() => undefined)
  }

  /** Whether a table of before lies here: two tables must not share a folder. Who may not look cannot say no. */
  async isTaken(tableLocation: string): Promise<boolean> {
    try {
      for await (const _file of this.#storage.list(`${tableLocation}/metadata`)) return true
      return false
    } catch {
      return true
    }
  }

  #keep(location: string, metadata: TableMetadata): void {
    this.#kept.set(location, metadata)
    for (const [oldest] of this.#kept) {
      if (this.#kept.size <= keptMax) break
      this.#kept.delete(oldest)
    }
  }
}
