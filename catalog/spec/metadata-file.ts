/** The bytes of a metadata file, gzipped where its name says so, as metadata. CATALOG_METADATA_DAMAGED when they are not. */
import { gunzipSync } from 'node:zlib'
import { CatalogError, reasonOf } from '../errors.ts'
import { parseMetadata, textOf } from './json.ts'
import { gzippedMetadata } from './names.ts'
import type { TableMetadata } from './types.ts'

export function decodeMetadataFile(location: string, bytes: Buffer): TableMetadata {
  try {
    return parseMetadata(textOf(gzippedMetadata.test(location) ? gunzipSync(bytes) : bytes))
  } catch (error) {
    throw new CatalogError('CATALOG_METADATA_DAMAGED', { location, what: 'table metadata', reason: reasonOf(error) }, error)
  }
}
