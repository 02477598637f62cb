/**
 * The tables as a process meets them: a catalog and the storage under it, from one set of settings.
 *
 * The address chooses the backends (`FIRN_CATALOG_URL`, `FIRN_WAREHOUSE_URL`); what is set for another backend is not read. Nothing is asked
 * over the network here: a process starts, and says what is wrong, when it first needs a table.
 */
import type { Storage, StorageCredentials } from './storage/storage.ts'
import type { Catalog, LoadedTable } from './catalogs/catalog.ts'
import { connectCatalog } from './catalogs/connect.ts'
import type { LakeConfig } from './settings.ts'
import type { TableIdentifier } from './spec/types.ts'
import { defined, openStorageFrom } from './warehouse.ts'

export interface Lake { readonly catalog: Catalog, readonly storage: Storage, readonly warehouseUrl: string }

/** `dataDir` holds the warehouse and the copies of S3 files where no setting says otherwise. */
export function openLake(config: LakeConfig, { dataDir, say }: { dataDir: string, say?: (sentence: string) => void }): Lake {
  const tables = new Map<string, TableIdentifier>()
  const { FIRN_CATALOG_OAUTH_CLIENT_ID: clientId, FIRN_CATALOG_SIGV4_REGION: region } = config
  const vended = async (location: string): Promise<StorageCredentials | null> => {
    const [, id] = [...tables].find(([prefix]) => location.startsWith(prefix)) ?? []
    return id === undefined ? null : await connected.storageCredentials?.(id, location) ?? null
  }
  const { storage, warehouseUrl } = openStorageFrom(config, defined({ dataDir, say }), config.FIRN_CATALOG_ACCESS_DELEGATION ? vended : undefined)
  const connected = connectCatalog(config.FIRN_CATALOG_URL, defined({
    storage,
    warehouseUrl,
    warehouse: config.FIRN_CATALOG_WAREHOUSE,
    token: config.FIRN_CATALOG_TOKEN,
    oauth: clientId === undefined ? undefined : defined({ clientId, clientSecret: config.FIRN_CATALOG_OAUTH_CLIENT_SECRET ?? '', tokenUrl: config.FIRN_CATALOG_OAUTH_TOKEN_URL, scope: config.FIRN_CATALOG_OAUTH_SCOPE }),
    sigv4: region === undefined ? undefined : { region, service: config.FIRN_CATALOG_SIGV4_SERVICE ?? 'glue' },
    accessDelegation: config.FIRN_CATALOG_ACCESS_DELEGATION,
    endpoint: config.FIRN_GLUE_ENDPOINT
  }))
  const seen = (table: LoadedTable): LoadedTable => {
    tables.set(table.metadata.location.replace(/\/*$/, '/').replace(/^s3[an]:/, 's3:'), table.id)
    return table
  }
  const catalog: Catalog = config.FIRN_CATALOG_ACCESS_DELEGATION
    ? { ...connected, loadTable: async id => seen(await connected.loadTable(id)), createTable: async (id, request) => seen(await connected.createTable(id, request)) }
    : connected
  return { catalog, storage, warehouseUrl }
}
