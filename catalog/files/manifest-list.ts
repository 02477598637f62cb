/**
 * Manifest lists: one row for each manifest of a snapshot (spec, "Snapshots", manifest list).
 *
 * A manifest carried over from the parent is written verbatim. New manifests get the commit's sequence number here.
 * The header repeats format version and ids, which the spec does not ask for but iceberg-go needs (it takes a list without them for v1).
 */
import { CatalogError, reasonOf } from '../errors.ts'
import type { ManifestFile, PartitionSummary } from '../spec/data-file.ts'
import { compileFileSchema, decodeContainer, encodeContainer } from './avro-container.ts'
import { unassignedSequence } from './manifest.ts'
import { manifestListNames, manifestListSchema, manifestListSchemaV3 } from './manifest-schema.ts'

export interface ManifestListHeader {
  readonly snapshotId: bigint
  readonly parentSnapshotId: bigint | null
  readonly sequenceNumber: bigint
  /** The table's `next-row-id`: makes a list of v3. */
  readonly firstRowId?: bigint
}

const fileSchema = compileFileSchema(manifestListSchema)
const fileSchemaV3 = compileFileSchema(manifestListSchemaV3)

export interface EncodedManifestList { readonly bytes: Buffer, readonly manifests: ManifestFile[], readonly assignedRows: bigint }

/** Bytes of the list and the manifests as written, with sequence numbers and (v3) row ids assigned. */
export async function encodeManifestList(header: ManifestListHeader, manifests: readonly ManifestFile[]): Promise<EncodedManifestList> {
  const numbered = manifests.map(manifest => assignSequence(manifest, header.sequenceNumber))
  const { firstRowId } = header
  if (firstRowId === undefined) return { bytes: await encode(header, numbered), manifests: numbered, assignedRows: 0n }
  const { manifests: assigned, next } = assignRowIds(numbered, firstRowId)
  return { bytes: await encode(header, assigned), manifests: assigned, assignedRows: next - firstRowId }
}

async function encode(header: ManifestListHeader, manifests: readonly ManifestFile[]): Promise<Buffer> {
  const { firstRowId } = header
  return await encodeContainer(firstRowId === undefined ? fileSchema : fileSchemaV3, {
    'snapshot-id': String(header.snapshotId),
    'parent-snapshot-id': header.parentSnapshotId === null ? 'null' : String(header.parentSnapshotId),
    'sequence-number': String(header.sequenceNumber),
    ...firstRowId === undefined ? { 'format-version': '2' } : { 'first-row-id': String(firstRowId), 'format-version': '3' }
  }, manifests.map(writeRow))
}

/**
 * v3, "First Row ID Assignment": data manifests without one, new or from before the upgrade, get ranges that follow each other, wide enough
 * for all of their rows. Delete manifests have none.
 */
function assignRowIds(manifests: readonly ManifestFile[], firstRowId: bigint): { manifests: ManifestFile[], next: bigint } {
  let next = firstRowId
  const assigned = manifests.map(manifest => {
    if (manifest.content !== 'data' || manifest.firstRowId !== null) return manifest
    const own = { ...manifest, firstRowId: next }
    next += manifest.addedRows + manifest.existingRows
    return own
  })
  return { manifests: assigned, next }
}

export async function decodeManifestList(bytes: Buffer, location: string): Promise<ManifestFile[]> {
  try {
    const { records } = await decodeContainer(bytes, manifestListNames)
    return records.map(record => readRow(record as Record<string, unknown>))
  } catch (error) {
    throw new CatalogError('CATALOG_METADATA_DAMAGED', { location, what: 'a manifest list', reason: reasonOf(error) }, error)
  }
}

function assignSequence(manifest: ManifestFile, sequenceNumber: bigint): ManifestFile {
  if (manifest.sequenceNumber !== unassignedSequence) return manifest
  const minSequenceNumber = manifest.minSequenceNumber === unassignedSequence ? sequenceNumber : manifest.minSequenceNumber
  return { ...manifest, sequenceNumber, minSequenceNumber }
}

function writeRow(manifest: ManifestFile): unknown {
  return {
    manifest_path: manifest.location,
    manifest_length: manifest.lengthBytes,
    partition_spec_id: manifest.specId,
    content: manifest.content === 'data' ? 0 : 1,
    sequence_number: manifest.sequenceNumber,
    min_sequence_number: manifest.minSequenceNumber,
    added_snapshot_id: manifest.addedSnapshotId,
    added_files_count: manifest.addedFiles,
    existing_files_count: manifest.existingFiles,
    deleted_files_count: manifest.deletedFiles,
    added_rows_count: manifest.addedRows,
    existing_rows_count: manifest.existingRows,
    deleted_rows_count: manifest.deletedRows,
    partitions: manifest.partitions?.map(summary => ({ contains_null: summary.containsNull, contains_nan: summary.containsNan, lower_bound: summary.lower, upper_bound: summary.upper })) ?? null,
    key_metadata: manifest.keyMetadata,
    first_row_id: manifest.firstRowId
  }
}

// v1 lists lack sequence numbers (0) and may lack counts; a missing count must never read as "no files", so it counts as one.
function readRow(row: Record<string, unknown>): ManifestFile {
  const summaries = row['partitions'] as { contains_null: boolean, contains_nan?: boolean | null, lower_bound: Buffer | null, upper_bound: Buffer | null }[] | null | undefined
  return {
    location: row['manifest_path'] as string,
    lengthBytes: row['manifest_length'] as bigint,
    specId: Number(row['partition_spec_id']),
    content: Number(row['content'] ?? 0) === 1 ? 'deletes' : 'data',
    sequenceNumber: (row['sequence_number'] as bigint | undefined) ?? 0n,
    minSequenceNumber: (row['min_sequence_number'] as bigint | undefined) ?? 0n,
    addedSnapshotId: (row['added_snapshot_id'] as bigint | null | undefined) ?? 0n,
    addedFiles: Number(row['added_files_count'] ?? 1),
    existingFiles: Number(row['existing_files_count'] ?? 1),
    deletedFiles: Number(row['deleted_files_count'] ?? 1),
    addedRows: (row['added_rows_count'] as bigint | null | undefined) ?? 0n,
    existingRows: (row['existing_rows_count'] as bigint | null | undefined) ?? 0n,
    deletedRows: (row['deleted_rows_count'] as bigint | null | undefined) ?? 0n,
    partitions: summaries?.map((summary): PartitionSummary => ({ containsNull: summary.contains_null, containsNan: summary.contains_nan ?? null, lower: summary.lower_bound, upper: summary.upper_bound })) ?? null,
    keyMetadata: (row['key_metadata'] as Buffer | null | undefined) ?? null,
    firstRowId: (row['first_row_id'] as bigint | null | undefined) ?? null
  }
}
