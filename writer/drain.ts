// When a drain (`--until-end`) has reached its end: every partition was read to where it ended when the drain began.
// Pure but for one look at the table, which tells how far other writers of the group are.
// Refuses to call drained what it does not hold and the table does not have.

import type { Catalog } from '../catalog/index.ts'
import { offsetsProperty, parseOffsets } from './offsets.ts'
import { eventsId } from './tables.ts'

export interface PartitionEnd { readonly topic: string, readonly partition: number, readonly end: bigint }

/** What a writer knows of a partition. */
export interface Standing {
  /** It waits for an operator: not for a drain to wait for. */
  readonly isHalted: boolean
  /** The log had nothing more to read of it since the drain began: an open transaction may lie behind that place. */
  readonly hasEnded: boolean
  /** Where it was read up to; undefined when nothing is known. */
  readonly position: bigint | undefined
}

export function isDrained ({ end }: Pick<PartitionEnd, 'end'>, { isHalted, hasEnded, position }: Standing): boolean {
  return isHalted || hasEnded || (position !== undefined && position >= end)
}

/** Those that the table does not have up to their end, with where it is. */
export async function notCommitted (catalog: Pick<Catalog, 'loadTable'>, ends: readonly PartitionEnd[]): Promise<(PartitionEnd & { readonly next: bigint })[]> {
  const { metadata } = await catalog.loadTable(eventsId)
  const topics = parseOffsets(metadata.properties[offsetsProperty] ?? '')?.topics
  return ends.map(each => ({ ...each, next: topics?.get(each.topic)?.partitions.get(each.partition)?.next ?? 0n })).filter(({ end, next }) => next < end)
}
