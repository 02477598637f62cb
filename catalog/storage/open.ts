/** Picks the storage for a warehouse address. One line per backend. */
import { CatalogError } from '../errors.ts'
import { openLocalStorage } from './local.ts'
import { isS3 } from './s3-location.ts'
import { openS3Storage } from './s3.ts'
import type { S3Options, Storage } from './storage.ts'

export function openStorage(warehouseUrl: string, options: { readonly s3?: S3Options } = {}): Storage {
  if (warehouseUrl.startsWith('file:') || warehouseUrl.startsWith('/')) return openLocalStorage()
  if (isS3(warehouseUrl)) return openS3Storage(options.s3)
  throw new CatalogError('STORAGE_URL_UNSUPPORTED', { url: warehouseUrl })
}
