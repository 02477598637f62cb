/**
 * Which delete files apply to which data file (spec, "Scan Planning"). Pure.
 *
 * Equality deletes reach rows that are strictly older; deletes by position and vectors also rows of their own snapshot. A delete file
 * applies within its partition; equality deletes of an unpartitioned spec, and deletes by position that name their data file, everywhere.
 * A vector takes the place of deletes by position.
 */
import type { DeleteFile, DeletionVector, FileDeletes, LiveFile } from '../spec/data-file.ts'
import { partitionKey } from '../spec/partition.ts'
import type { TableMetadata } from '../spec/types.ts'

/** Ids of the reserved columns of files with deletes by position. */
export const deletedPathId = 2_147_483_546
export const deletedPositionId = 2_147_483_545

export interface DeleteIndex {
  /** undefined when nothing deletes rows of this file. */
  deletesOf(file: LiveFile): FileDeletes | undefined
}

type Metadata = Pick<TableMetadata, 'partition-specs'>

/** `vectorOf`: the decoded one, of delete files that are vectors. */
export function indexDeletes(metadata: Metadata, deleteFiles: readonly DeleteFile[], vectorOf: (file: DeleteFile) => DeletionVector): DeleteIndex {
  const global: DeleteFile[] = []
  const byPartition = new Map<string, DeleteFile[]>()
  const byFile = new Map<string, DeleteFile[]>()
  for (const file of deleteFiles) {
    const target = file.content === 'equality-deletes' ? null : singleTarget(file)
    if (target !== null) push(byFile, target, file)
    else if (file.content === 'equality-deletes' && isUnpartitioned(metadata, file.specId)) global.push(file)
    else push(byPartition, scopeOf(metadata, file), file)
  }
  return {
    deletesOf(file) {
      const near = [...global, ...byPartition.get(scopeOf(metadata, file)) ?? [], ...byFile.get(file.location) ?? []]
      if (near.length === 0) return undefined
      const equality = near.filter(each => each.content === 'equality-deletes' && file.dataSequenceNumber < each.dataSequenceNumber)
      const byPosition = near.filter(each => each.content === 'position-deletes' && file.dataSequenceNumber <= each.dataSequenceNumber)
      const vector = byPosition.filter(isVector).at(-1)
      const positions = vector === undefined ? byPosition.filter(each => mayName(each, file.location)) : []
      if (equality.length === 0 && positions.length === 0 && vector === undefined) return undefined
      return { equality, positions, ...vector === undefined ? {} : { vector: vectorOf(vector) } }
    }
  }
}

export function isVector(file: DeleteFile): boolean {
  return file.format === 'PUFFIN'
}

/** Equal for files of one partition of one spec. */
export function scopeOf({ 'partition-specs': specs }: Metadata, { specId, partition }: Pick<LiveFile, 'specId' | 'partition'>): string {
  return `${specId}/${partitionKey(specs.find(spec => spec['spec-id'] === specId)?.fields ?? [], partition)}`
}

/** Whether it reaches every partition: a spec without fields, or whose fields are all void. */
export function isUnpartitioned({ 'partition-specs': specs }: Metadata, specId: number): boolean {
  return (specs.find(spec => spec['spec-id'] === specId)?.fields ?? []).every(field => field.transform === 'void')
}

/** The one data file that deletes by position are about: it is named, or both bounds of the paths are it. */
export function singleTarget({ referencedDataFile, lowerBounds, upperBounds }: DeleteFile): string | null {
  if (referencedDataFile !== null) return referencedDataFile
  const [lower, upper] = [lowerBounds.get(deletedPathId), upperBounds.get(deletedPathId)]
  // A path that was cut is no path: cut bounds are never equal.
  return lower !== undefined && upper !== undefined && lower.equals(upper) ? lower.toString('utf8') : null
}

function mayName({ lowerBounds, upperBounds }: DeleteFile, location: string): boolean {
  const path = Buffer.from(location, 'utf8')
  const [lower, upper] = [lowerBounds.get(deletedPathId), upperBounds.get(deletedPathId)]
  return !(lower !== undefined && Buffer.compare(lower, path) > 0) && !(upper !== undefined && Buffer.compare(upper, path) < 0)
}

function push<K>(map: Map<K, DeleteFile[]>, key: K, file: DeleteFile): void {
  const known = map.get(key)
  if (known === undefined) map.set(key, [file]); else known.push(file)
}
