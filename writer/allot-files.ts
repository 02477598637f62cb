// Which partitions of a batch get a data file of their own, and which share one. Pure.

import type { RowPartition } from './pipeline.ts'

/** Files of one commit: a client that spreads a few events over all types and days would else make a thousand. */
export const filesUsualMaxDefault = 64

/** Those with a file of their own: all, or the largest, as many as leave one file for the rest. */
export function partitionsAlone (partitions: readonly RowPartition[], filesMax: number): readonly RowPartition[] {
  if (partitions.length <= filesMax) return partitions
  return partitions.toSorted((a, b) => b.rows - a.rows).slice(0, filesMax - 1)
}
