/**
 * Where files of a table lie (spec §1.1 and Java's location providers). Every name carries a fresh uuid: a path is never used for two contents,
 * because readers cache by path.
 */
import { hashMurmur3 } from './murmur3.ts'
import { partitionColumns, partitionPath, specById, type Partition } from './partition.ts'
import type { TableMetadata } from './types.ts'

export function manifestLocation(metadata: TableMetadata, commitUuid: string, index: number): string {
  return `${metadataFolder(metadata)}/${commitUuid}-m${index}.avro`
}

export function manifestListLocation(metadata: TableMetadata, snapshotId: bigint, attempt: number, commitUuid: string): string {
  return `${metadataFolder(metadata)}/snap-${snapshotId}-${attempt}-${commitUuid}.avro`
}

/** `<location>/data/<partition path>/<name>`, or the hashed layout when the table asks for it. */
export function dataFileLocation(metadata: TableMetadata, partition: Partition, name: string, specId = metadata['default-spec-id']): string {
  const spec = specById(metadata, specId)
  const path = spec === undefined ? '' : partitionPath(partitionColumns(spec, metadata.schemas), partition)
  const folder = trimSlashes(metadata.properties['write.data.path'] ?? `${trimSlashes(metadata.location)}/data`)
  if (metadata.properties['write.object-storage.enabled'] !== 'true') return [folder, path, name].filter(part => part !== '').join('/')
  if (metadata.properties['write.object-storage.partitioned-paths'] === 'false') return `${folder}/${hashFolders(name)}-${name}`
  const full = path === '' ? name : `${path}/${name}`
  return `${folder}/${hashFolders(full)}/${full}`
}

export function metadataFolder(metadata: TableMetadata): string {
  return trimSlashes(metadata.properties['write.metadata.path'] ?? `${trimSlashes(metadata.location)}/metadata`)
}

/** Where the metadata that follows the one at `baseLocation` is stored: `00042-<uuid>.metadata.json`. Names of others start anew. */
export function metadataFileLocation(metadata: TableMetadata, baseLocation: string | null, uuid: string): string {
  const match = baseLocation === null ? null : /\/(\d{1,9})-[^/]*$/.exec(baseLocation)
  const version = match === null ? (baseLocation === null ? 0 : 1) : Number(match[1]) + 1
  return `${metadataFolder(metadata)}/${String(version).padStart(5, '0')}-${uuid}${isGzipped(metadata) ? '.gz' : ''}.metadata.json`
}

/** Whether the table asks for compressed metadata files. */
export function isGzipped(metadata: Pick<TableMetadata, 'properties'>): boolean {
  return metadata.properties['write.metadata.compression-codec']?.toLowerCase() === 'gzip'
}

/** Metadata files that are compressed, by Java's old and new way of naming them. */
export const gzippedMetadata = /(\.gz\.metadata\.json|\.metadata\.json\.gz)$/

function trimSlashes(location: string): string {
  return location.replace(/\/+$/, '')
}

function hashFolders(name: string): string {
  const bits = (hashMurmur3(Buffer.from(name, 'utf8')) >>> 0).toString(2).padStart(32, '0').slice(-20)
  return `${bits.slice(0, 4)}/${bits.slice(4, 8)}/${bits.slice(8, 12)}/${bits.slice(12)}`
}
