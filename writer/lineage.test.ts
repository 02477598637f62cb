// What other hands can do to a table's history, and whether the rows that the offsets speak of are still in it.

import t from 'tap'
import type { TableMetadata } from '../catalog/index.ts'
import type { Tail } from './offsets.ts'
import { judgeLineage, settleLineage, type TailEvidence } from './lineage.ts'

/** The offsets were committed with snapshot 5, sequence number 5; it brought 10 rows, and the table had 30 then. */
const carrier = { snapshotId: 5n, sequenceNumber: 5n }
const tail: Tail = { ...carrier, rows: 10n, totalRows: 30n, ranges: [] }

interface History { readonly main: number | null, readonly snapshots: readonly (readonly [id: number, parent: number | null, sequence?: number])[] }
interface Row { readonly name: string, readonly history: History, readonly evidence?: TailEvidence, readonly tail?: Tail | null, readonly verdict: 'intact' | 'broken' }

const there: TailEvidence = { hasFiles: true, rows: 10n, totalRows: 30n }
const gone: TailEvidence = { hasFiles: false, rows: 0n, totalRows: 20n }

const rows: readonly Row[] = [
  { name: 'its own commit is the newest', history: { main: 5, snapshots: [[4, null], [5, 4]] }, verdict: 'intact' },
  { name: 'a foreign append on top', history: { main: 6, snapshots: [[5, 4], [6, 5]] }, verdict: 'intact' },
  { name: 'a foreign append on top, then its snapshot expired', history: { main: 6, snapshots: [[6, 5]] }, verdict: 'intact' },
  { name: 'expiry alone, several commits later', history: { main: 9, snapshots: [[8, 7], [9, 8]] }, evidence: there, verdict: 'intact' },
  { name: 'expiry alone, no parent is said (a catalog that shows one snapshot)', history: { main: 9, snapshots: [[9, null]] }, evidence: there, verdict: 'intact' },
  { name: 'a foreign compaction on top, expired', history: { main: 9, snapshots: [[9, 8]] }, evidence: { hasFiles: false, rows: 10n, totalRows: 30n }, verdict: 'intact' },
  { name: 'a foreign compaction, then appends, expired', history: { main: 9, snapshots: [[9, 8]] }, evidence: { hasFiles: false, rows: 10n, totalRows: 500n }, verdict: 'intact' },
  { name: 'old rows were deleted on top, expired', history: { main: 9, snapshots: [[9, 8]] }, evidence: { hasFiles: true, rows: 10n, totalRows: 12n }, verdict: 'intact' },
  { name: 'a tag keeps its snapshot, those in between expired', history: { main: 9, snapshots: [[5, 4], [9, 8]] }, evidence: there, verdict: 'intact' },
  { name: 'main is a branch that was made from it', history: { main: 7, snapshots: [[4, 3], [5, 4], [6, 5], [7, 6]] }, verdict: 'intact' },
  { name: 'a rollback alone', history: { main: 4, snapshots: [[3, null], [4, 3], [5, 4]] }, verdict: 'broken' },
  { name: 'a rollback alone, the rest expired', history: { main: 4, snapshots: [[4, 3]] }, verdict: 'broken' },
  { name: 'a rollback and a commit', history: { main: 6, snapshots: [[4, 3], [5, 4], [6, 4]] }, verdict: 'broken' },
  { name: 'a rollback, a commit and an expiry', history: { main: 6, snapshots: [[6, 4]] }, evidence: gone, verdict: 'broken' },
  { name: 'a rollback, a large insert and an expiry', history: { main: 6, snapshots: [[6, 4]] }, evidence: { ...gone, totalRows: 9000n }, verdict: 'broken' },
  { name: 'a rollback by two, the newest cherry-picked, an expiry', history: { main: 7, snapshots: [[7, 6]] }, evidence: { hasFiles: false, rows: 10n, totalRows: 20n }, verdict: 'broken' },
  { name: 'a cherry-pick of it onto an older state', history: { main: 7, snapshots: [[4, 3], [5, 4], [7, 4]] }, verdict: 'broken' },
  { name: 'some of the newest rows were deleted, history expired', history: { main: 9, snapshots: [[9, 8]] }, evidence: { hasFiles: false, rows: 7n, totalRows: 40n }, verdict: 'broken' },
  { name: 'main replaced by a branch from before it', history: { main: 8, snapshots: [[3, null], [4, 3], [5, 4], [8, 3]] }, verdict: 'broken' },
  { name: 'created or replaced: a new history', history: { main: 9, snapshots: [[9, null]] }, evidence: { hasFiles: false, rows: 0n, totalRows: 3n }, verdict: 'broken' },
  { name: 'emptied', history: { main: null, snapshots: [] }, verdict: 'broken' },
  { name: 'a record of the first format whose files are there', history: { main: 9, snapshots: [[9, 8]] }, evidence: there, tail: null, verdict: 'intact' },
  { name: 'a record of the first format whose files are not there', history: { main: 9, snapshots: [[9, 8]] }, evidence: gone, tail: null, verdict: 'broken' },
  { name: 'metadata restored with its properties: the record is as old as the table', history: { main: 5, snapshots: [[4, null], [5, 4]] }, verdict: 'intact' }
]

for (const row of rows) {
  t.test(`${row.name}: ${row.verdict}`, t => {
    const judged = judgeLineage(metadataOf(row.history), carrier)
    const settled = judged.kind !== 'unclear' ? judged : settleLineage(judged.reason, row.tail === undefined ? tail : row.tail, row.evidence!)
    t.equal(settled.kind, row.verdict)
    t.equal(judged.kind === 'unclear', row.evidence !== undefined, 'rows are asked only where the snapshots do not say')
    if (settled.kind === 'broken') t.match(settled.reason, /rolled back|replaced|emptied/)
    t.end()
  })
}

function metadataOf ({ main, snapshots }: History): TableMetadata {
  return {
    'current-snapshot-id': main === null ? -1n : BigInt(main),
    'refs': main === null ? {} : { main: { 'snapshot-id': BigInt(main), 'type': 'branch' } },
    'snapshots': snapshots.map(([id, parent, sequence = id]) => ({
      'snapshot-id': BigInt(id),
      'sequence-number': BigInt(sequence),
      ...parent === null ? {} : { 'parent-snapshot-id': BigInt(parent) },
      'timestamp-ms': id,
      'manifest-list': '',
      'summary': { operation: 'append' }
    }))
  } as unknown as TableMetadata
}
