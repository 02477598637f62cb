/** Picks the storage for a warehouse address. One line per backend; S3 comes here later. */
import { CatalogError } from '../errors.ts'
import { openLocalStorage } from './local.ts'
import type { Storage } from './storage.ts'

export function openStorage(warehouseUrl: string): Storage {
  if (warehouseUrl.startsWith('file:') || warehouseUrl.startsWith('/')) return openLocalStorage()
  throw new CatalogError('STORAGE_URL_UNSUPPORTED', { url: warehouseUrl })
}
