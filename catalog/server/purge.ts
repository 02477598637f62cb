/**
 * Deletes the files of a dropped table: data files (unless `gc.enabled` is false), manifests, manifest lists, statistics and metadata.
 *
 * Runs after the pointer is gone. What cannot be read is left lying and named in the log: an orphan costs space, a wrong deletion a table.
 */
import { decodeManifest } from '../files/manifest.ts'
import { decodeManifestList } from '../files/manifest-list.ts'
import type { ManifestFile } from '../spec/data-file.ts'
import type { TableMetadata } from '../spec/types.ts'
import type { CatalogState } from './state.ts'

export async function purgeTable(state: CatalogState, location: string): Promise<void> {
  try {
    const { metadata } = await state.files.readTable(location)
    if (state.pointers.isUsed(location)) return
    const { manifests, lists } = await findManifests(state, metadata)
    if (metadata.properties['gc.enabled'] !== 'false') await deleteDataFiles(state, metadata, manifests)
    const statistics = [...metadata.statistics, ...metadata['partition-statistics']].map(file => String((file as { 'statistics-path': string })['statistics-path']))
    await state.storage.delete([...manifests.keys(), ...lists, ...statistics])
    await state.files.delete([...metadata['metadata-log'].map(entry => entry['metadata-file']), location])
  } catch (error) {
    state.logger.warn({ err: error, location }, 'files of a dropped table are left behind')
  }
}

async function findManifests(state: CatalogState, metadata: TableMetadata): Promise<{ manifests: Map<string, ManifestFile>, lists: string[] }> {
  const manifests = new Map<string, ManifestFile>()
  const lists: string[] = []
  for (const snapshot of metadata.snapshots) {
    const list = (snapshot as { 'manifest-list'?: string })['manifest-list']
    if (list === undefined) continue
    lists.push(list)
    try {
      for (const manifest of await decodeManifestList(await state.storage.read(list), list)) manifests.set(manifest.location, manifest)
    } catch (error) {
      state.logger.warn({ err: error, list }, 'a manifest list of a dropped table cannot be read')
    }
  }
  return { manifests, lists }
}

async function deleteDataFiles(state: CatalogState, metadata: TableMetadata, manifests: ReadonlyMap<string, ManifestFile>): Promise<void> {
  for (const [location, manifest] of manifests) {
    try {
      const entries = await decodeManifest(await state.storage.read(location), manifest, metadata)
      await state.storage.delete(entries.map(entry => entry.file.location))
    } catch (error) {
      state.logger.warn({ err: error, manifest: location }, 'a manifest of a dropped table cannot be read: its data files are left behind')
    }
  }
}
