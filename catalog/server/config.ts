/** The settings of the catalog process: type, default, bounds and one line of why for each. Read once in main.ts. */
import { Type, type Static } from 'typebox'
import { catalogToken, storageSettings } from '../settings.ts'

export const catalogServerSettings = Type.Object({
  ...storageSettings,
  FIRN_DATA_DIR: Type.String({ default: './data', minLength: 1, description: 'the folder of everything that lasts' }),
  FIRN_CATALOG_HOST: Type.String({ default: '127.0.0.1', minLength: 1, description: 'the address that the embedded catalog listens on; beyond this machine it needs FIRN_CATALOG_TOKEN' }),
  FIRN_CATALOG_PORT: Type.Integer({ default: 8181, minimum: 0, maximum: 65_535, description: 'the port that the embedded catalog listens on; 0 takes a free one' }),
  FIRN_CATALOG_TOKEN: catalogToken,
  FIRN_CATALOG_PLACES: Type.Array(Type.String(), { default: [], description: 'further places where tables of the embedded catalog may lie, separated by commas (file:///path, s3://bucket/prefix); it touches nothing outside them and the warehouse' }),
  FIRN_CATALOG_NAMESPACE_REQUIRED: Type.Boolean({ default: false, description: 'refuse a table or view whose namespace does not exist; without it the namespace comes into being with it, as on Iceberg\'s own server' }),
  FIRN_CATALOG_BODY_BYTES_MAX: Type.Integer({ default: 32 * 1024 * 1024, minimum: 65_536, maximum: 512 * 1024 * 1024, description: 'bytes of one request body; a commit of another engine may carry many snapshots' }),
  FIRN_CATALOG_CACHE_BYTES_MAX: Type.Integer({ default: 64 * 1024 * 1024, minimum: 0, maximum: 4096 * 1024 * 1024, description: 'bytes of table metadata that are kept in memory, so that a commit does not read its table again' })
})

export type CatalogServerConfig = Readonly<Static<typeof catalogServerSettings>>
