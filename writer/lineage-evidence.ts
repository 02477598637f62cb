// Progress judged to the end: where the snapshots that would tell are gone, the files and rows of the newest recorded
// commit are looked for in the table as it is. Reads manifests, and the places of a few rows when files were rewritten.

import { quoteText, scanFiles, type LiveFile, type LoadedTable, type Storage } from '../catalog/index.ts'
import type { Engine } from './engine.ts'
import { settleLineage, type TailEvidence } from './lineage.ts'
import { currentSnapshot, haltOf, readProgress, type LogIds, type OffsetRange, type Progress, type RecordedOffsets, type Tail } from './offsets.ts'
import { readOwn } from './tables.ts'

export interface EvidenceParts { readonly engine: Engine, readonly storage: Storage }

/** `readProgress`, with the rows asked where the snapshots do not say. */
export async function settledProgress (parts: EvidenceParts, table: LoadedTable, log: LogIds): Promise<Exclude<Progress, { kind: 'unclear' }>> {
  const progress = readProgress(table.metadata, log)
  if (progress.kind !== 'unclear') return progress
  const { offsets, reason } = progress
  const lineage = settleLineage(reason, offsets.tail, await tailEvidence(parts, table, offsets))
  return lineage.kind === 'intact' ? { kind: 'recorded', offsets } : haltOf(lineage.kind === 'broken' ? lineage.reason : reason)
}

async function tailEvidence ({ engine, storage }: EvidenceParts, table: LoadedTable, { sequenceNumber, tail }: RecordedOffsets): Promise<TailEvidence> {
  const number = tail?.sequenceNumber ?? sequenceNumber
  const { files } = await scanFiles(storage, table, { afterSequenceNumber: number - 1n, fileFilter: file => file.dataSequenceNumber === number, withDeleteFiles: true })
  const totalRows = rowsOf(table)
  if (files.length > 0 || tail === null) return { hasFiles: files.length > 0, rows: 0n, totalRows }
  return { hasFiles: false, rows: await countRows({ engine, storage }, table, tail.ranges), totalRows }
}

async function countRows ({ engine, storage }: EvidenceParts, table: LoadedTable, ranges: readonly OffsetRange[]): Promise<bigint> {
  const { files } = await scanFiles(storage, table)
  if (files.length === 0 || ranges.length === 0) return 0n
  const result = await readOwn(storage, table, files, ['log_topic', 'log_partition', 'log_offset'], async scan =>
    await engine.main.runAndReadAll(`SELECT count(*) FROM ${scan} WHERE ${placesIn(ranges)}`))
  return BigInt(String(result.getRows()[0]?.[0] ?? 0))
}

/** The rows of these ranges, as a condition. */
export function placesIn (ranges: readonly OffsetRange[]): string {
  return ranges.map(({ topic, partition, start, end }) => `(log_topic = ${quoteText(topic)} AND log_partition = ${partition} AND log_offset >= ${start} AND log_offset < ${end})`).join(' OR ')
}

/** Rows of the current snapshot by its summary; null when it does not say. */
export function rowsOf ({ metadata }: LoadedTable): bigint | null {
  const current = currentSnapshot(metadata)
  if (current === undefined) return 0n
  const total = current.summary['total-records']
  return total !== undefined && /^\d+$/.test(total) ? BigInt(total) : null
}

/** The newest rows as they are now: what an operator's decision leaves to be found again. Null for an empty table. */
export async function tailOfTable ({ storage }: Pick<EvidenceParts, 'storage'>, table: LoadedTable): Promise<Tail | null> {
  const { files } = await scanFiles(storage, table, { withDeleteFiles: true })
  const newest = files.reduce<LiveFile | null>((most, file) => most === null || file.dataSequenceNumber > most.dataSequenceNumber ? file : most, null)
  if (newest === null) return null
  return { snapshotId: newest.snapshotId, sequenceNumber: newest.dataSequenceNumber, rows: 0n, totalRows: rowsOf(table) ?? 0n, ranges: [] }
}
