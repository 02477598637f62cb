/**
 * Append: a batch of data files becomes a snapshot on `main`. Safe to stage again on a newer base, because it removes nothing.
 *
 * The batch's manifest is written once for the same files and serves every attempt (added entries take their sequence number from the commit);
 * each attempt writes only a list of its own. Everything staged is on disk before the change is returned.
 */
import { randomUUID } from 'node:crypto'
import type { LoadedTable } from '../catalogs/catalog.ts'
import { printIdentifier } from '../catalogs/catalog.ts'
import { CatalogError } from '../errors.ts'
import { addedEntry, encodeManifest } from '../files/manifest.ts'
import { encodeManifestList } from '../files/manifest-list.ts'
import type { DataFile, ManifestFile } from '../spec/data-file.ts'
import { manifestListLocation, manifestLocation } from '../spec/names.ts'
import { partitionKey, specById } from '../spec/partition.ts'
import { currentSchema } from '../spec/schema.ts'
import { currentSnapshot, mainSnapshotId, summarizeAppend } from '../spec/snapshot.ts'
import type { Requirement, Snapshot, TableChange, Update } from '../spec/types.ts'
import type { Storage } from '../storage/storage.ts'
import { planExpiry, type ExpirePolicy } from './expire-snapshots.ts'
import { applyMerge, prepareMerge } from './merge-manifests.ts'
import { memoryOf, type TableMemory } from './table-memory.ts'

export interface StageContext { readonly storage: Storage, readonly clock?: (() => number) | undefined }

export interface AppendBatch {
  readonly snapshotId: bigint
  readonly files: readonly DataFile[]
  /** Set in the same commit. */
  readonly properties?: Readonly<Record<string, string>>
  /** Further members of the snapshot's summary. */
  readonly summary?: Readonly<Record<string, string>>
  /** Expire snapshots in the same commit. */
  readonly expire?: ExpirePolicy
}

export interface StagedChange {
  readonly kind: 'staged'
  readonly change: TableChange
  readonly snapshot: Snapshot
  /** Files of this attempt alone: removed when it lost for certain and a later attempt landed. */
  readonly attemptFiles: readonly string[]
}

export async function stageAppend(context: StageContext, base: LoadedTable, batch: AppendBatch): Promise<StagedChange> {
  const metadata = base.metadata
  refuseUnsupported(base)
  const memory = memoryOf(context.storage, metadata['table-uuid'])
  const parent = currentSnapshot(metadata)
  const inherited = parent === undefined ? [] : await memory.readList(parent['manifest-list'])
  const staged = await stageManifests(context, memory, base, batch)
  const merged = applyMerge(memory, inherited, batch.snapshotId)
  const sequenceNumber = metadata['last-sequence-number'] + 1n
  const list = await encodeManifestList(
    { snapshotId: batch.snapshotId, parentSnapshotId: parent?.['snapshot-id'] ?? null, sequenceNumber },
    [...staged.manifests, ...merged.manifests]
  )
  const location = manifestListLocation(metadata, batch.snapshotId, 1, `${staged.commitUuid}-${randomUUID().slice(0, 8)}`)
  await context.storage.writeDurably(location, list.bytes)
  memory.rememberList(location, list.manifests)
  const now = Math.max((context.clock ?? Date.now)(), metadata['last-updated-ms'])
  const snapshot: Snapshot = {
    'snapshot-id': batch.snapshotId,
    ...(parent === undefined ? {} : { 'parent-snapshot-id': parent['snapshot-id'] }),
    'sequence-number': sequenceNumber,
    'timestamp-ms': now,
    'manifest-list': location,
    'summary': summarizeAppend(parent, {
      addedFiles: batch.files.length,
      addedRecords: batch.files.reduce((sum, file) => sum + file.recordCount, 0n),
      addedBytes: batch.files.reduce((sum, file) => sum + file.fileSizeBytes, 0n),
      changedPartitions: countPartitions(base, batch.files),
      manifestsCreated: staged.manifests.length + merged.created,
      manifestsKept: inherited.length - merged.replaced,
      manifestsReplaced: merged.replaced
    }, batch.summary),
    'schema-id': metadata['current-schema-id']
  }
  const expired = batch.expire === undefined ? [] : planExpiry(metadata, batch.expire, now)
  memory.rememberExpiring(batch.snapshotId, expired)
  const change = changeOf(base, snapshot, batch, expired)
  return { kind: 'staged', change, snapshot, attemptFiles: [location] }
}

/** To be called after a landed commit: forgets the batch and prepares the next merge in the background. */
export function settleAppend(storage: Storage, table: LoadedTable, snapshotId: bigint): void {
  const memory = memoryOf(storage, table.metadata['table-uuid'])
  memory.staged.delete(snapshotId)
  memory.settleExpiring(snapshotId)
  const current = currentSnapshot(table.metadata)
  const manifests = current === undefined ? undefined : memory.knownList(current['manifest-list'])
  if (manifests !== undefined) prepareMerge(memory, storage, table.metadata, manifests)
}

function changeOf(base: LoadedTable, snapshot: Snapshot, batch: AppendBatch, expired: bigint[]): TableChange {
  const { metadata } = base
  const main = metadata.refs['main']
  const updates: Update[] = [
    { 'action': 'add-snapshot', snapshot },
    // The update replaces the whole ref: retention that is not repeated would be erased.
    { 'action': 'set-snapshot-ref', 'ref-name': 'main', ...main, 'type': 'branch', 'snapshot-id': snapshot['snapshot-id'] }
  ]
  if (batch.properties !== undefined && Object.keys(batch.properties).length > 0) updates.push({ 'action': 'set-properties', 'updates': { ...batch.properties } })
  if (expired.length > 0) updates.push({ 'action': 'remove-snapshots', 'snapshot-ids': expired })
  const requirements: Requirement[] = [
    { 'type': 'assert-table-uuid', 'uuid': metadata['table-uuid'] },
    { 'type': 'assert-ref-snapshot-id', 'ref': 'main', 'snapshot-id': mainSnapshotId(metadata) }
  ]
  // Removing snapshots silently drops refs that name them, so every ref that was looked at is asserted.
  if (expired.length > 0) {
    for (const [ref, { 'snapshot-id': id }] of Object.entries(metadata.refs)) {
      if (ref !== 'main') requirements.push({ 'type': 'assert-ref-snapshot-id', ref, 'snapshot-id': id })
    }
  }
  return { requirements, updates }
}

async function stageManifests(context: StageContext, memory: TableMemory, base: LoadedTable, batch: AppendBatch) {
  // A batch may lose files between attempts (duplicates that a rival committed first): then its manifest is another.
  const locations = batch.files.map(file => file.location)
  const known = memory.staged.get(batch.snapshotId)
  if (known !== undefined && known.locations.length === locations.length && known.locations.every((location, index) => location === locations[index])) return known
  const { metadata } = base
  const commitUuid = randomUUID()
  const manifests: ManifestFile[] = []
  for (const [specId, files] of Map.groupBy(batch.files, file => file.specId)) {
    const spec = specById(metadata, specId)
    if (spec === undefined) throw new CatalogError('CATALOG_SPEC_UNKNOWN', { specId, table: printIdentifier(base.id) })
    const location = manifestLocation(metadata, commitUuid, manifests.length)
    const { bytes, manifest } = await encodeManifest(location, files.map(file => addedEntry(file, batch.snapshotId)),
      { schema: currentSchema(metadata), schemas: metadata.schemas, spec, snapshotId: batch.snapshotId })
    await context.storage.writeDurably(location, bytes)
    manifests.push(manifest)
  }
  const staged = { commitUuid, locations, manifests }
  memory.rememberStaged(batch.snapshotId, staged)
  return staged
}

function countPartitions(base: LoadedTable, files: readonly DataFile[]): number {
  return new Set(files.map(file => {
    const spec = specById(base.metadata, file.specId)
    return `${file.specId}/${partitionKey(spec?.fields ?? [], file.partition)}`
  })).size
}

function refuseUnsupported(base: LoadedTable): void {
  const { metadata } = base
  if (metadata['format-version'] !== 2) {
    throw new CatalogError('CATALOG_FORMAT_UNSUPPORTED', { location: `table ${printIdentifier(base.id)}`, feature: `format version ${metadata['format-version']}`, advice: 'only version 2 is written; create the table anew with format-version 2' })
  }
  const impl = metadata.properties['write.location-provider.impl']
  if (impl !== undefined) throw new CatalogError('CATALOG_PROPERTY_UNSUPPORTED', { property: 'write.location-provider.impl', value: impl, advice: 'it names a Java class; remove the property' })
}
