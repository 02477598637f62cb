/**
 * Metadata files of tables and views: written once under a new name, on disk before anybody points at them, and kept in memory parsed and
 * printed, within a bound. A location is never written twice, so what is kept for it cannot be stale.
 */
import { randomUUID } from 'node:crypto'
import { gunzipSync, gzipSync } from 'node:zlib'
import { isCatalogError, reasonOf } from '../errors.ts'
import { parseJson, parseMetadata, printJson, textOf } from '../spec/json.ts'
import { gzippedMetadata, isGzipped, metadataFileLocation } from '../spec/names.ts'
import type { Storage } from '../storage/storage.ts'
import type { TableMetadata } from '../spec/types.ts'
import type { ViewMetadata } from '../spec/view-types.ts'
import { RestError } from './errors.ts'

/** Metadata, where it is stored, and its JSON as UTF-8: replies send these bytes as they are. */
export interface Stored<M> { readonly location: string, readonly metadata: M, readonly json: Buffer }
export type StoredTable = Stored<TableMetadata>
export type StoredView = Stored<ViewMetadata>

/** What a compressed metadata file may become. */
const metadataBytesMax = 256 * 1024 * 1024

export class MetadataFiles {
  readonly #storage: Storage
  readonly #bytesMax: number
  readonly #kept = new Map<string, Stored<TableMetadata | ViewMetadata>>()
  #bytes = 0

  constructor(storage: Storage, bytesMax: number) {
    this.#storage = storage
    this.#bytesMax = bytesMax
  }

  /** Writes metadata beside that of `base`, under the next number. It is on disk when this resolves. */
  async write<M extends TableMetadata | ViewMetadata>(metadata: M, baseLocation: string | null): Promise<Stored<M>> {
    const location = metadataFileLocation(metadata as TableMetadata, baseLocation, randomUUID())
    const json = Buffer.from(printJson(metadata))
    try {
      await this.#storage.writeDurably(location, isGzipped(metadata) ? gzipSync(json) : json)
    } catch (error) {
      // Nobody points at it: what was written of it is rubbish.
      await this.#storage.delete([location]).catch(() => {})
      throw error
    }
    const stored = { location, metadata, json }
    this.#keep(stored)
    return stored
  }

  readTable(location: string): Promise<StoredTable> {
    return this.#read(location, 'table metadata', parseMetadata)
  }

  readView(location: string): Promise<StoredView> {
    return this.#read(location, 'view metadata', json => {
      const view = parseJson(json) as ViewMetadata
      if (typeof view['view-uuid'] !== 'string' || !Array.isArray(view.versions) || !Array.isArray(view.schemas)) throw new SyntaxError("view metadata needs 'view-uuid', 'versions' and 'schemas'")
      return { ...view, 'properties': view.properties ?? {}, 'version-log': view['version-log'] ?? [] }
    })
  }

  /** Throws NotFoundException when the file is gone, even if its content is still in memory: no other reader could open the table. */
  async demandFile(location: string): Promise<void> {
    try {
      await this.#storage.size(location)
    } catch (error) {
      throw explainRead(location, error)
    }
  }

  async delete(locations: readonly string[]): Promise<void> {
    for (const location of locations) this.#forget(location)
    await this.#storage.delete([...locations])
  }

  async #read<M extends TableMetadata | ViewMetadata>(location: string, what: string, parse: (json: string) => M): Promise<Stored<M>> {
    const kept = this.#kept.get(location) as Stored<M> | undefined
    if (kept !== undefined) {
      this.#kept.delete(location)
      this.#kept.set(location, kept)
      return kept
    }
    let bytes: Buffer
    try {
      bytes = await this.#storage.read(location)
    } catch (error) {
      throw explainRead(location, error)
    }
    try {
      const json = gzippedMetadata.test(location) ? gunzipSync(bytes, { maxOutputLength: metadataBytesMax }) : bytes
      const stored = { location, metadata: parse(textOf(json)), json }
      this.#keep(stored)
      return stored
    } catch (error) {
      throw new RestError('MetadataDamagedException', `${location} cannot be read as ${what} (${withoutEcho(reasonOf(error))}): put the file back from a backup; or stop the line, and \`npm run repair\` names the newest metadata file of the table that reads; other tables are not affected`, error)
    }
  }

  #keep(stored: Stored<TableMetadata | ViewMetadata>): void {
    this.#forget(stored.location)
    this.#kept.set(stored.location, stored)
    this.#bytes += stored.json.length
    for (const [location] of this.#kept) {
      if (this.#bytes <= this.#bytesMax || location === stored.location) break
      this.#forget(location)
    }
  }

  #forget(location: string): void {
    const kept = this.#kept.get(location)
    if (kept === undefined) return
    this.#kept.delete(location)
    this.#bytes -= kept.json.length
  }
}

function explainRead(location: string, error: unknown): Error {
  if (isCatalogError(error, 'STORAGE_NOT_FOUND')) {
    // The first words are those of Iceberg's own library: clients know them.
    return new RestError('NotFoundException', `Failed to open input stream for file: ${location}: the metadata file is missing: put it back from a backup; or stop the line, and \`npm run repair\` names the newest metadata file of the table that reads`, error)
  }
  return error as Error
}

/** V8 quotes the text that it cannot parse: whoever may name a file would read its beginning. */
function withoutEcho(reason: string): string {
  return reason.replace(/^[^"]*"[^]* is not valid JSON/, 'it is not valid JSON')
}
