/** Picks the catalog for an address: one line per backend. Options that belong to another backend are not read. */
import { CatalogError } from '../errors.ts'
import type { Storage } from '../storage/storage.ts'
import type { Catalog } from './catalog.ts'
import { openGlueCatalog } from './glue.ts'
import { openRestCatalog, type RestCatalogOptions } from './rest.ts'

export interface CatalogOptions extends RestCatalogOptions {
  /** Glue: who reads and writes metadata files. */
  readonly storage?: Storage
  /** Glue: an address that is not AWS. */
  readonly endpoint?: string
}

export function connectCatalog(catalogUrl: string, options: CatalogOptions = {}): Catalog {
  if (/^https?:\/\//.test(catalogUrl)) return openRestCatalog(catalogUrl, options)
  if (catalogUrl.startsWith('glue:')) {
    const { storage } = options
    if (storage === undefined) throw new CatalogError('CATALOG_STORAGE_MISSING', { url: catalogUrl })
    return openGlueCatalog(catalogUrl, { ...options, storage })
  }
  throw new CatalogError('CATALOG_URL_UNSUPPORTED', { url: catalogUrl })
}
