/**
 * The seam to a log: append durably, read from an offset.
 *
 * Nothing here knows a backend. `embedded/` and `kafka/` implement it, and one behaviour suite runs against both.
 * Invariant: a position that `append` resolved with is durable, and a reader never sees a record that is not.
 */

/** Header names and values of a record. One object may be shared by many records: backends encode it once. */
export type RecordHeaders = Readonly<Record<string, string>>

/** A record on its way into the log. `value` is not copied before `append` resolves: do not reuse its memory. */
export interface LogRecord {
  readonly topic: string
  /** Decides the partition (murmur2, as Kafka's default partitioner). */
  readonly key: string
  readonly value: Uint8Array
  readonly headers: RecordHeaders
  /** Milliseconds since the epoch, UTC. */
  readonly timestampMs: number
}

export interface Position {
  readonly topic: string
  readonly partition: number
  readonly offset: bigint
}

/**
 * A run of records of one partition, as columns: `count` entries in each array, no object per record.
 * Offsets rise but may have holes (compaction, transaction markers): the record i has offset `firstOffset + offsetDelta[i]`.
 */
export interface RecordBatch {
  readonly topic: string
  readonly partition: number
  readonly firstOffset: bigint
  /** The position after this batch: the next offset to read (may be past the last record + 1). */
  readonly nextOffset: bigint
  readonly count: number
  readonly offsetDelta: Uint32Array
  readonly timestampMs: Float64Array
  /** All values; the value of record i is `bytes.subarray(valueStart[i], valueEnd[i])`. Valid for as long as the batch is referenced. */
  readonly bytes: Buffer
  readonly valueStart: Uint32Array
  readonly valueEnd: Uint32Array
  /** The distinct header objects of this batch; record i has `headers[headersIndex[i]]`. */
  readonly headers: readonly RecordHeaders[]
  readonly headersIndex: Uint32Array
  /** The key of record i; null where a foreign producer sent none. */
  key(i: number): string | null
  /**
   * Evidence of the log's records of this partition up to `nextOffset`, for `compareFingerprint`: opaque text of the
   * backend, at most 200 characters; empty where the backend has none.
   */
  readonly fingerprint: string
}

/** Partition → offset. Offsets are bigint everywhere. */
export type PartitionOffsets = ReadonlyMap<number, bigint>

/** What a reader reports besides records. */
export type LogEvent =
  | { readonly kind: 'batch', readonly batch: RecordBatch }
  | { readonly kind: 'assigned', readonly topic: string, readonly partitions: readonly number[] }
  /**
   * Do not commit batches of these partitions any more. They are silent from the moment when the group took them, which is
   * before this is heard: until then the caller may seek, pause and resume them, and nothing comes of it.
   */
  | { readonly kind: 'revoked', readonly topic: string, readonly partitions: readonly number[] }
  /** The wanted offset does not exist in the log (retention, truncation). The reader does not move: the caller decides. */
  | { readonly kind: 'out-of-range', readonly topic: string, readonly partition: number, readonly wanted: bigint, readonly first: bigint, readonly end: bigint }
  /**
   * Records of [from, to) cannot be read. The reader does not move past them: the caller decides and seeks. Reported once; a
   * caller that polls on without having paused or sought the partition hears LOG_DAMAGED.
   */
  | { readonly kind: 'damaged', readonly topic: string, readonly partition: number, readonly from: bigint, readonly to: bigint, readonly reason: string }
  /**
   * Where `ends` was asked for: everything that can be read now was delivered, and the next record lies at `offset` or behind
   * it. Markers of transactions and aborted records may lie before it: no batch says that they were passed. `fingerprint` as
   * in a batch; empty when no record was read since the place of the last one is known to the caller.
   */
  | { readonly kind: 'end', readonly topic: string, readonly partition: number, readonly offset: bigint, readonly fingerprint: string }

/**
 * What a log says about a fingerprint that was taken from it, or from another. `unknown`: the records that would tell are
 * gone (retention, compaction), or the fingerprint is from before there were any.
 */
export type FingerprintVerdict = 'same' | 'other' | 'unknown'

export interface LogReader {
  /**
   * The next event, or null when nothing came within `waitMsMax`. A batch holds at most about `bytesMax` bytes of values
   * (one stored append batch at least). Never busy-waits: an idle reader costs nothing.
   */
  poll(waitMsMax: number, bytesMax: number): Promise<LogEvent | null>
  /** The next batch of that partition starts at `offset`. */
  seek(topic: string, partition: number, offset: bigint): void
  /** Stops delivering a partition (halted) until `resume`. */
  pause(topic: string, partition: number): void
  resume(topic: string, partition: number): void
  close(): Promise<void>
}

/** A recreated log or topic is another log, with another id. */
export interface LogIdentity {
  readonly clusterId: string
  /** Topic name → topic id; a topic that does not exist is absent. */
  readonly topicIds: ReadonlyMap<string, string>
}

export interface TopicRange {
  /** The earliest offset still stored. */
  readonly first: PartitionOffsets
  /** One past the last durable record that a reader can see: those of an open transaction it cannot. */
  readonly end: PartitionOffsets
  /** What was acknowledged after commits, where the log itself keeps that. */
  readonly acknowledged?: PartitionOffsets
}

export interface LogOpenOptions {
  readonly topics: readonly string[]
  /** Where to start each partition, asked when it is assigned; 'earliest' means the first stored offset. */
  readonly startAt: (topic: string, partition: number) => bigint | 'earliest'
  /** Shares the partitions with the other readers of this group; without it all partitions are read, and nobody is disturbed. */
  readonly group?: string
  /** Reports `end` each time a partition was read to its end. */
  readonly ends?: boolean
}

export interface Log {
  /**
   * Resolves when all records are durable, one position per record in order. Rejects with LOG_FULL (disk bound, retryable),
   * LOG_BUSY (too much under way), LOG_TIMEOUT (deadline passed: may still land), LOG_CLOSED, and what a backend adds.
   */
  append(records: readonly LogRecord[]): Promise<Position[]>
  open(options: LogOpenOptions): Promise<LogReader>
  identity(topics: readonly string[]): Promise<LogIdentity>
  ranges(topic: string): Promise<TopicRange>
  /** The names of all topics that there are to see, sorted; those that a backend keeps for itself are not among them. */
  topics(): Promise<string[]>
  /**
   * Whether this log still holds before `offset` what was consumed there, by the fingerprint of the batch that ended at
   * `offset`. A log that was restored, truncated, recreated or has grown anew says 'other'.
   */
  compareFingerprint(topic: string, partition: number, offset: bigint, fingerprint: string): Promise<FingerprintVerdict>
  /** Creates the topic when it is absent; returns its partition count. */
  ensureTopic(topic: string): Promise<number>
  /** The reader's progress after its commit: retention may remove what lies below. Advisory for lag tools. */
  acknowledge(topic: string, offsets: PartitionOffsets): Promise<void>
  /** Throws with the reason when an append would not be durable now. */
  checkReady(): Promise<void>
  /** What is kept, against the bound at which appends are refused; where the backend has such a bound. */
  stored?(): Promise<{ readonly bytes: number, readonly bytesMax: number }>
  close(): Promise<void>
}
