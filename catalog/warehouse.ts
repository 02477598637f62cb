/** The storage under the tables, from settings: for who needs no catalog, and for the lake. */
import type { StorageConfig } from './settings.ts'
import { keepDeletesInside } from './storage/deletes-inside.ts'
import { resolveWarehouse } from './storage/local.ts'
import { openStorage } from './storage/open.ts'
import type { Storage, StorageCredentials } from './storage/storage.ts'

/** `dataDir` holds the warehouse and the copies of S3 files where no setting says otherwise. */
export function openStorageFrom(config: StorageConfig, { dataDir, say }: { dataDir: string, say?: (sentence: string) => void }, vended?: (location: string) => Promise<StorageCredentials | null>): { storage: Storage, warehouseUrl: string } {
  const warehouseUrl = resolveWarehouse(config.FIRN_WAREHOUSE_URL ?? `${dataDir}/warehouse`)
  const s3 = defined({
    endpoint: config.FIRN_S3_ENDPOINT,
    region: config.FIRN_S3_REGION,
    pathStyle: config.FIRN_S3_PATH_STYLE,
    accessKeyId: config.FIRN_S3_ACCESS_KEY_ID,
    secretAccessKey: config.FIRN_S3_SECRET_ACCESS_KEY,
    cacheDir: config.FIRN_S3_CACHE_DIR ?? `${dataDir}/s3`,
    cacheBytesMax: config.FIRN_S3_CACHE_BYTES_MAX,
    vended
  })
  return { storage: keepDeletesInside(openStorage(warehouseUrl, { s3 }), warehouseUrl, say), warehouseUrl }
}

/** Leaves out what is not set: exact optional members tell absent from undefined. */
export function defined<T extends object>(values: T): { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & { [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as never
}
