/**
 * What every action that makes a snapshot on `main` shares: manifests for added files, the manifest list, the snapshot with its summary, and
 * the change that commits it.
 *
 * The manifests of a batch are written once and serve every attempt (added entries take their sequence number from the commit); each attempt
 * writes a list of its own. Everything staged is on disk before the change is returned. Refuses tables that this version cannot write.
 */
import { randomUUID } from 'node:crypto'
import type { LoadedTable } from '../catalogs/catalog.ts'
import { printIdentifier } from '../catalogs/catalog.ts'
import { CatalogError } from '../errors.ts'
import { addedEntry, encodeManifest } from '../files/manifest.ts'
import { encodeManifestList } from '../files/manifest-list.ts'
import type { DataFile, ManifestEntry, ManifestFile } from '../spec/data-file.ts'
import { firstRowIdOf, formatVersionsWritten } from '../spec/format-version.ts'
import { manifestListLocation, manifestLocation } from '../spec/names.ts'
import { partitionKey, specById } from '../spec/partition.ts'
import { currentSchema } from '../spec/schema.ts'
import { countFiles, currentSnapshot, mainSnapshotId, summarizeSnapshot } from '../spec/snapshot.ts'
import type { PartitionSpec, Requirement, Snapshot, SnapshotSummary, TableChange, TableMetadata, Update } from '../spec/types.ts'
import type { Storage } from '../storage/storage.ts'
import { refuseVersion } from './refuse-version.ts'
import { planExpiry, type ExpirePolicy } from './expire-snapshots.ts'
import { prepareMerge } from './merge-manifests.ts'
import { memoryOf, type StagedManifests, type TableMemory } from './table-memory.ts'

export interface StageContext { readonly storage: Storage, readonly clock?: (() => number) | undefined }

/** What a batch may bring beside files. */
export interface SnapshotBatch {
  readonly snapshotId: bigint
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
  /** Files of this attempt alone: removed when it lost for certain. */
  readonly attemptFiles: readonly string[]
}

/** The stage will not do it on this base: what was asked for does not hold there. */
export interface StageAbandoned { readonly kind: 'abandon', readonly reason: string }

export interface OpenBase { readonly context: StageContext, readonly base: LoadedTable, readonly memory: TableMemory, readonly parent: Snapshot | undefined, readonly inherited: readonly ManifestFile[] }

export async function openBase(context: StageContext, base: LoadedTable): Promise<OpenBase> {
  refuseUnsupported(base)
  const memory = memoryOf(context.storage, base.metadata['table-uuid'])
  const parent = currentSnapshot(base.metadata)
  const listed = parent === undefined ? [] : await memory.readList(parent['manifest-list'])
  // What holds only removed entries has told its story in the snapshot that removed them (Java leaves it out as well).
  return { context, base, memory, parent, inherited: listed.filter(manifest => manifest.addedFiles + manifest.existingFiles > 0) }
}

export interface SnapshotParts {
  readonly operation: SnapshotSummary['operation']
  readonly added: readonly DataFile[]
  readonly removed: readonly DataFile[]
  /** All of the new list, those that this snapshot creates included. */
  readonly manifests: readonly ManifestFile[]
  readonly created: number
  readonly replaced: number
  readonly attemptFiles?: readonly string[]
}

export async function sealSnapshot({ context, base, memory, parent }: OpenBase, batch: SnapshotBatch, parts: SnapshotParts): Promise<StagedChange> {
  const { metadata } = base
  const sequenceNumber = metadata['last-sequence-number'] + 1n
  const firstRowId = firstRowIdOf(metadata)
  const header = { snapshotId: batch.snapshotId, parentSnapshotId: parent?.['snapshot-id'] ?? null, sequenceNumber, ...firstRowId === null ? {} : { firstRowId } }
  const list = await encodeManifestList(header, parts.manifests)
  const location = manifestListLocation(metadata, batch.snapshotId, 1, randomUUID())
  await context.storage.writeDurably(location, list.bytes)
  memory.rememberList(location, list.manifests)
  const clockMs = (context.clock ?? Date.now)()
  const now = Math.max(clockMs, metadata['last-updated-ms'])
  const snapshot: Snapshot = {
    'snapshot-id': batch.snapshotId,
    ...(parent === undefined ? {} : { 'parent-snapshot-id': parent['snapshot-id'] }),
    'sequence-number': sequenceNumber,
    'timestamp-ms': now,
    'manifest-list': location,
    'summary': summarizeSnapshot(parts.operation, parent, {
      added: countFiles(parts.added),
      removed: countFiles(parts.removed),
      changedPartitions: countPartitions(base, [...parts.added, ...parts.removed]),
      manifestsCreated: parts.created,
      manifestsKept: parts.manifests.length - parts.created,
      manifestsReplaced: parts.replaced
    }, batch.summary),
    'schema-id': metadata['current-schema-id'],
    ...firstRowId === null ? {} : { 'first-row-id': firstRowId, 'added-rows': list.assignedRows }
  }
  const expired = batch.expire === undefined ? [] : planExpiry(metadata, batch.expire, clockMs)
  memory.rememberExpiring(batch.snapshotId, expired)
  return { kind: 'staged', change: changeOf(base, snapshot, batch, expired, parts.added), snapshot, attemptFiles: [location, ...parts.attemptFiles ?? []] }
}

/** Manifests for the files that a batch adds, one for each partition spec. Rows that are older than their new file keep their sequence number. */
export async function stageAdded(opened: OpenBase, snapshotId: bigint, files: readonly DataFile[], dataSequenceNumber: bigint | null = null): Promise<StagedManifests> {
  // A batch may lose files between attempts (duplicates that a rival committed first): then its manifest is another.
  const locations = files.map(file => file.location)
  const known = opened.memory.staged.get(snapshotId)
  if (known !== undefined && known.locations.length === locations.length && known.locations.every((location, index) => location === locations[index])) return known
  const commitUuid = randomUUID()
  const manifests: ManifestFile[] = []
  for (const [specId, group] of Map.groupBy(files, file => file.specId)) {
    manifests.push(await writeManifest(opened, manifestLocation(opened.base.metadata, commitUuid, manifests.length), specId, group.map(file => ({ ...addedEntry(file, snapshotId), sequenceNumber: dataSequenceNumber })), snapshotId))
  }
  const staged = { locations, manifests }
  opened.memory.rememberStaged(snapshotId, staged)
  return staged
}

export async function writeManifest({ context, base }: OpenBase, location: string, specId: number, entries: readonly ManifestEntry[], snapshotId: bigint): Promise<ManifestFile> {
  const { metadata } = base
  const spec = specById(metadata, specId)
  if (spec === undefined) throw new CatalogError('CATALOG_SPEC_UNKNOWN', { specId, table: printIdentifier(base.id) })
  const { bytes, manifest } = await encodeManifest(location, entries, { schema: currentSchema(metadata), schemas: metadata.schemas, spec, snapshotId, formatVersion: metadata['format-version'] })
  await context.storage.writeDurably(location, bytes)
  return manifest
}

/** To be called after a landed commit: forgets the batch and prepares the next merge in the background. */
export function settleSnapshot(storage: Storage, table: LoadedTable, snapshotId: bigint): void {
  const memory = memoryOf(storage, table.metadata['table-uuid'])
  memory.forgetStaged(snapshotId)
  memory.settleExpiring(snapshotId)
  const current = currentSnapshot(table.metadata)
  const manifests = current === undefined ? undefined : memory.knownList(current['manifest-list'])
  if (manifests !== undefined) prepareMerge(memory, storage, table.metadata, manifests)
}

/** A batch that will never be in the table: what was staged for all of its attempts, to be deleted. */
export function forgetBatch(storage: Storage, table: LoadedTable, snapshotId: bigint): string[] {
  const memory = memoryOf(storage, table.metadata['table-uuid'])
  const staged = memory.staged.get(snapshotId)
  memory.forgetStaged(snapshotId)
  return staged?.manifests.map(manifest => manifest.location) ?? []
}

function changeOf({ metadata }: LoadedTable, snapshot: Snapshot, batch: SnapshotBatch, expired: bigint[], added: readonly DataFile[]): TableChange {
  const main = metadata.refs['main']
  const updates: Update[] = [
    // No requirement says that a spec is there: one that another engine removes meanwhile, unused as it was, is there again (spec ids go on from the largest).
    ...otherSpecs(metadata, added).map((spec): Update => ({ 'action': 'add-spec', spec })),
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
  // New files were judged on these two: changed since, the base is judged again instead of landing by luck.
  if (added.length > 0) {
    requirements.push(
      { 'type': 'assert-current-schema-id', 'current-schema-id': metadata['current-schema-id'] },
      { 'type': 'assert-default-spec-id', 'default-spec-id': metadata['default-spec-id'] }
    )
  }
  // Removing snapshots silently drops refs that name them, so every ref that was looked at is asserted.
  if (expired.length > 0) {
    for (const [ref, { 'snapshot-id': id }] of Object.entries(metadata.refs)) {
      if (ref !== 'main') requirements.push({ 'type': 'assert-ref-snapshot-id', ref, 'snapshot-id': id })
    }
  }
  return { requirements, updates }
}

/** Specs beside the default one that the files are of. */
function otherSpecs(metadata: TableMetadata, files: readonly DataFile[]): PartitionSpec[] {
  const ids = new Set(files.map(({ specId }) => specId))
  ids.delete(metadata['default-spec-id'])
  return metadata['partition-specs'].filter(spec => ids.has(spec['spec-id']))
}

function countPartitions(base: LoadedTable, files: readonly DataFile[]): number {
  return new Set(files.map(file => {
    const spec = specById(base.metadata, file.specId)
    return `${file.specId}/${partitionKey(spec?.fields ?? [], file.partition)}`
  })).size
}

function refuseUnsupported(base: LoadedTable): void {
  const { metadata } = base
  refuseVersion(base, formatVersionsWritten, 'written')
  const impl = metadata.properties['write.location-provider.impl']
  if (impl !== undefined) throw new CatalogError('CATALOG_PROPERTY_UNSUPPORTED', { property: 'write.location-provider.impl', value: impl, advice: 'it names a Java class; remove the property' })
}
