// What tells this log from another that has the same identity: the running checksum over all batches of a partition, known
// wherever a stored batch begins or ends. A log that was restored from a copy, cut off or grown anew has another there.
// Pure. Batches from before there were running checksums have none: of them nothing can be said.

import type { FingerprintVerdict } from '../types.ts'
import type { BatchPlace, StoredBatch } from './batch.ts'
import type { PartitionState } from './layout.ts'

export function printFingerprint (place: Pick<BatchPlace, 'after'> | null): string {
  return place === null ? '' : `crc:${place.after.toString(16).padStart(8, '0')}`
}

/** What is stored around an offset: the batch that begins there, a text when it cannot be read, null when none does. */
export interface Surroundings {
  readonly state: PartitionState | null
  readonly at: StoredBatch | string | null
  /** Of the batch that ends there, where `at` cannot tell. */
  readonly before: StoredBatch | string | null
}

/** Judges a fingerprint that was taken at `offset`. */
export function judgeFingerprint (offset: bigint, fingerprint: string, { state, at, before }: Surroundings): FingerprintVerdict {
  if (fingerprint === '') return 'unknown'
  if (state === null || offset > state.end) return 'other'
  if (offset < state.first) return 'unknown'
  if (offset === state.end) return same(fingerprint, state.chain)
  // No batch of the log that it was taken from lies across its end.
  if (at === null) return 'other'
  if (typeof at !== 'string') return at.place === null ? 'unknown' : same(fingerprint, at.place.before)
  if (before === null || typeof before === 'string' || before.place === null) return 'unknown'
  return before.place.offset + BigInt(before.count) === offset ? same(fingerprint, before.place.after) : 'other'
}

function same (fingerprint: string, chain: number): FingerprintVerdict {
  return fingerprint === printFingerprint({ after: chain }) ? 'same' : 'other'
}
