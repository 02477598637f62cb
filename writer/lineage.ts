// Whether the rows that the recorded offsets speak of are still in the table. Snapshots tell first: the one that carried
// the record is an ancestor of main, or it is not. Where expiry took the snapshots that would tell, the files and rows of
// the newest recorded commit have to. Pure: what is found is handed in. Refuses to take "not contradicted" for "shown".
// Facts it rests on: a table gives out each sequence number once, also after a rollback; a cherry-pick, as every commit,
// takes a new one; a rewrite keeps the numbers of rows it moves or gives them later ones.

import type { TableMetadata } from '../catalog/index.ts'
import type { RecordedOffsets, Tail } from './offsets.ts'

export type Lineage =
  | { readonly kind: 'intact' }
  | { readonly kind: 'broken', readonly reason: string }
  /** No snapshot says it; `reason` is the halt's if the rows do not either. */
  | { readonly kind: 'unclear', readonly reason: string }

/** What the current snapshot holds of the newest recorded commit with rows. */
export interface TailEvidence {
  /** A live data file has that commit's sequence number. */
  readonly hasFiles: boolean
  /** Rows whose places lie in its ranges. */
  readonly rows: bigint
  /** Rows of the whole table; null when its snapshot does not say. */
  readonly totalRows: bigint | null
}

export function judgeLineage (metadata: TableMetadata, { snapshotId, sequenceNumber }: Pick<RecordedOffsets, 'snapshotId' | 'sequenceNumber'>): Lineage {
  const mainId = metadata.refs['main']?.['snapshot-id'] ?? metadata['current-snapshot-id']
  const byId = new Map(metadata.snapshots.map(snapshot => [snapshot['snapshot-id'], snapshot]))
  const main = byId.get(mainId ?? -1n)
  const carrier = `snapshot ${snapshotId} (sequence number ${sequenceNumber}), which carried the recorded offsets,`
  if (main === undefined) return { kind: 'broken', reason: `the table is empty, but the recorded offsets were committed with snapshot ${snapshotId}: it was replaced or emptied` }
  const current = `the current snapshot ${main['snapshot-id']} (sequence number ${main['sequence-number']})`
  const broken = (how: string): Lineage => ({ kind: 'broken', reason: `the table was ${how}: ${carrier} is not an ancestor of ${current}` })
  for (let at = main; ;) {
    if (at['snapshot-id'] === snapshotId) return { kind: 'intact' }
    // Walked past the place where it would have to be. Sequence numbers only rise, so this is no expiry.
    if (at['sequence-number'] <= sequenceNumber) return broken('rolled back or replaced')
    const parentId = at['parent-snapshot-id']
    // What merely expired was the parent of what stands on it.
    if (parentId === snapshotId) return { kind: 'intact' }
    const parent = parentId === undefined ? undefined : byId.get(parentId)
    if (parent === undefined) {
      return { kind: 'unclear', reason: `the table was rolled back or replaced: ${carrier} is not an ancestor of ${current} as far as its snapshots reach, and` }
    }
    at = parent
  }
}

/** After `unclear`: what the rows say. */
export function settleLineage (unclear: string, tail: Tail | null, evidence: TailEvidence): Lineage {
  if (evidence.hasFiles) return { kind: 'intact' }
  const broken = (why: string): Lineage => ({ kind: 'broken', reason: `${unclear} ${why}` })
  if (tail === null) return broken('no file of that commit is left in it')
  const { rows, totalRows } = tail
  if (evidence.rows < rows) return broken(`it holds ${evidence.rows} of the ${rows} rows of the newest recorded commit`)
  if (totalRows > 0n && evidence.totalRows !== null && evidence.totalRows < totalRows) {
    return broken(`it holds ${evidence.totalRows} rows, but held ${totalRows} when the offsets were recorded`)
  }
  return { kind: 'intact' }
}
