/** Append: a batch of data files becomes a snapshot on `main`. Safe to stage again on a newer base, because it removes nothing. */
import type { LoadedTable } from '../catalogs/catalog.ts'
import type { DataFile } from '../spec/data-file.ts'
import { applyMerge } from './merge-manifests.ts'
import { openBase, sealSnapshot, stageAdded, type SnapshotBatch, type StageContext, type StagedChange } from './stage-snapshot.ts'

export interface AppendBatch extends SnapshotBatch { readonly files: readonly DataFile[] }

export async function stageAppend(context: StageContext, base: LoadedTable, batch: AppendBatch): Promise<StagedChange> {
  const opened = await openBase(context, base)
  const { manifests: added } = await stageAdded(opened, batch.snapshotId, batch.files)
  const merged = applyMerge(opened.memory, opened.inherited, batch.snapshotId)
  return await sealSnapshot(opened, batch, {
    operation: 'append',
    added: batch.files,
    removed: [],
    manifests: [...added, ...merged.manifests],
    created: added.length + merged.created,
    replaced: merged.replaced
  })
}
