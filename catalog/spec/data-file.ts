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
  /** Where a deletion vector lies in its file. */
  contentOffset: bigint | null
  contentSizeBytes: bigint | null
  /** v3: the row id of the first row; null for entries that are being added, and before the table's upgrade. */
  firstRowId: bigint | null
  keyMetadata: Buffer | null
  file: DataFile
}

/** A data file that the table holds at a snapshot. */
export interface LiveFile extends DataFile {
  dataSequenceNumber: bigint
  snapshotId: bigint
  /** What deletes rows of it; absent when nothing does. */
  deletes?: FileDeletes
}

/** A file that deletes rows of data files (spec, "Delete Formats"). */
export interface DeleteFile {
  readonly location: string
  readonly format: string
  readonly content: FileContent
  readonly dataSequenceNumber: bigint
  readonly specId: number
  readonly partition: Partition
  readonly recordCount: bigint
  /** Of equality deletes: the columns that must be equal. */
  readonly equalityIds: number[] | null
  /** Of deletes by position: the only data file that they are about, when it is one. */
  readonly referencedDataFile: string | null
  /** Where a deletion vector lies in its file. */
  readonly contentOffset: bigint | null
  readonly contentSizeBytes: bigint | null
  readonly lowerBounds: ReadonlyMap<number, Buffer>
  readonly upperBounds: ReadonlyMap<number, Buffer>
}

/** Those delete files that apply to one data file, by the rules of sequence numbers and partitions. */
export interface FileDeletes {
  readonly positions: readonly DeleteFile[]
  readonly equality: readonly DeleteFile[]
  /** Takes the place of deletes by position. */
  readonly vector?: DeletionVector
}

/** Deleted positions by their upper bits: the lower 16 bits as a sorted list, or as a set of 65,536 bits (the first is the highest of byte 0). */
export type DeletionVector = ReadonlyMap<number, Uint16Array | Buffer>

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
  /** v3: the row id of the first row of its first added file; null for delete manifests and before the table's upgrade. */
  firstRowId: bigint | null
}

export interface PartitionSummary { containsNull: boolean, containsNan: boolean | null, lower: Buffer | null, upper: Buffer | null }
