/** A data file as a manifest describes it (spec, `data_file`), in plain words; ids, counts and sizes are bigint. */
import type { Partition } from './partition.ts'

export interface DataFile {
  location: string
  format: 'PARQUET' | (string & {})
  /** The spec whose tuple `partition` is. */
  specId: number
  partition: Partition
  recordCount: bigint
  fileSizeBytes: bigint
  columnSizes: Map<number, bigint>
  valueCounts: Map<number, bigint>
  nullValueCounts: Map<number, bigint>
  lowerBounds: Map<number, Buffer>
  upperBounds: Map<number, Buffer>
  splitOffsets: bigint[] | null
  sortOrderId: number | null
}

/** Content of a file in a manifest: rows, deletes by position, deletes by equality. */
export type FileContent = 'data' | 'position-deletes' | 'equality-deletes'

/** A manifest's entry with everything inherited filled in: what a scan works on and what a merge writes again. */
export interface ManifestEntry {
  status: 'existing' | 'added' | 'deleted'
  snapshotId: bigint
  /** null only for entries that are being added: the commit decides. */
  sequenceNumber: bigint | null
  fileSequenceNumber: bigint | null
  content: FileContent
  nanValueCounts: Map<number, bigint>
  equalityIds: number[] | null
  referencedDataFile: string | null
  file: DataFile
}

/** A data file that the table holds at a snapshot. */
export interface LiveFile extends DataFile { dataSequenceNumber: bigint, snapshotId: bigint }

/** A row of a manifest list. */
export interface ManifestFile {
  location: string
  lengthBytes: bigint
  specId: number
  content: 'data' | 'deletes'
  sequenceNumber: bigint
  minSequenceNumber: bigint
  addedSnapshotId: bigint
  addedFiles: number
  existingFiles: number
  deletedFiles: number
  addedRows: bigint
  existingRows: bigint
  deletedRows: bigint
  partitions: PartitionSummary[] | null
  keyMetadata: Buffer | null
}

export interface PartitionSummary { containsNull: boolean, containsNan: boolean | null, lower: Buffer | null, upper: Buffer | null }
