/**
 * Tables as a REST catalog last told them, under the ETag that it gave: it is asked "unless it is still this", and a poll of a table that did not
 * change costs an empty answer. Tags of loads with all snapshots only: for other replies the specification gives other tags.
 */
import type { TableIdentifier } from '../spec/types.ts'
import { keyOf, type LoadedTable } from './catalog.ts'

/** Each may hold a MiB of metadata. */
const tablesMax = 64

export interface KnownTable { readonly etag: string, readonly table: LoadedTable }

export class KnownTables {
  readonly #known = new Map<string, KnownTable>()

  find(id: TableIdentifier): KnownTable | undefined {
    return this.#known.get(keyOf(id))
  }

  /** A reply without a tag, or with an empty one, is not remembered. The one that was told longest ago makes room. */
  remember(id: TableIdentifier, etag: string | undefined, table: LoadedTable): void {
    const key = keyOf(id)
    this.#known.delete(key)
    if (etag === undefined || etag === '') return
    this.#known.set(key, { etag, table })
    for (const [oldest] of this.#known) {
      if (this.#known.size <= tablesMax) return
      this.#known.delete(oldest)
    }
  }
}
