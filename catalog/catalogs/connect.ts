/** Picks the catalog for an address. One line per backend; Glue comes here later. */
import { CatalogError } from '../errors.ts'
import type { Catalog } from './catalog.ts'
import { openRestCatalog, type RestCatalogOptions } from './rest.ts'

export function connectCatalog(catalogUrl: string, options: RestCatalogOptions = {}): Catalog {
  if (/^https?:\/\//.test(catalogUrl)) return openRestCatalog(catalogUrl, options)
  throw new CatalogError('CATALOG_URL_UNSUPPORTED', { url: catalogUrl })
}
