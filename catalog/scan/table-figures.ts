/**
 * How large a table is, for whoever watches it: its files and rows as the summary of the current snapshot says, and the bytes of
 * metadata that a reader has to take to learn of them. Reads the manifest list, and no manifest.
 */
import { memoryOf } from '../actions/table-memory.ts'
import type { LoadedTable } from '../catalogs/catalog.ts'
import { currentSnapshot } from '../spec/snapshot.ts'
import type { Storage } from '../storage/storage.ts'

export interface TableFigures {
  /** Null where the engine that wrote the snapshot did not say. */
  readonly dataFiles: number | null
  readonly deleteFiles: number | null
  readonly fileBytes: number | null
  readonly rows: number | null
  readonly snapshots: number
  /** The metadata file, the manifest list and its manifests. */
  readonly metadataBytes: number
}

export async function tableFigures(storage: Storage, { metadata, metadataLocation }: LoadedTable): Promise<TableFigures> {
  const current = currentSnapshot(metadata)
  const ofFile = metadataLocation === null ? 0 : await storage.size(metadataLocation)
  const counted = { snapshots: metadata.snapshots.length }
  if (current === undefined) return { ...counted, dataFiles: 0, deleteFiles: 0, fileBytes: 0, rows: 0, metadataBytes: ofFile }
  const total = (name: string): number | null => {
    const text = current.summary[`total-${name}`]
    return text !== undefined && /^\d+$/.test(text) ? Number(text) : null
  }
  const list = current['manifest-list']
  const manifests = await memoryOf(storage, metadata['table-uuid']).readList(list)
  const ofManifests = manifests.reduce((sum, { lengthBytes }) => sum + Number(lengthBytes), 0)
  return {
    ...counted,
    dataFiles: total('data-files'),
    deleteFiles: total('delete-files'),
    fileBytes: total('files-size'),
    rows: total('records'),
    metadataBytes: ofFile + await storage.size(list) + ofManifests
  }
}
