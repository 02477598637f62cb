// What may leave the log: whole batches that the reader has acknowledged after its commit and that are older than the
// retention, or, when room is needed, acknowledged batches of any age, oldest first. Never anything else.
// Works in small steps inside somebody's write transaction, so that no step holds the lock for long.

import { batchKey, offsetOfKey, type PartitionState, type TopicRecord } from './layout.ts'
import { readStored } from './batch.ts'
import type { Store } from './store.ts'
import { storedBytes } from './usage.ts'

/** Batches that one step may remove. */
export const stepBatchesMax = 256

export interface RetentionWish {
  /** Batches appended before this may go when acknowledged. */
  readonly appendedBeforeMs: number
  /** Free at least so many bytes from acknowledged batches, whatever their age. */
  readonly bytesWanted: number
}

/**
 * Removes from the front of each partition; changes `states`; returns what left. A damaged batch goes like the others once
 * the reader has acknowledged what lies behind it, which takes an operator's decision: it would fill the log for ever.
 */
export function removeAcknowledged (store: Store, topic: TopicRecord, states: PartitionState[], wish: RetentionWish): { batches: number, bytes: number } {
  let freed = 0
  let steps = 0
  let moved = true
  while (moved && steps < stepBatchesMax) {
    moved = false
    for (const [partition, state] of states.entries()) {
      if (state.first >= state.acknowledged || steps >= stepBatchesMax) continue
      const key = batchKey(topic.number, partition, state.first)
      const found = store.read(key)
      const bytes = found === null ? 0 : storedBytes(found.length)
      const batch = found === null ? 'a batch is missing' : readStored(found, { topicNumber: topic.number, partition, offset: state.first })
      const isDamaged = typeof batch === 'string'
      const next = isDamaged ? nextBatchOffset(store, topic, partition, state) : state.first + BigInt(batch.count)
      if (next > state.acknowledged) continue
      if (!isDamaged && batch.appendedMs >= wish.appendedBeforeMs && freed >= wish.bytesWanted) continue
      if (found !== null) void store.db.remove(key)
      state.first = next
      freed += bytes
      steps++
      moved = true
    }
  }
  return { batches: steps, bytes: freed }
}

/** Where the batch behind the first one begins. */
function nextBatchOffset (store: Store, topic: TopicRecord, partition: number, { first, end }: PartitionState): bigint {
  const key = store.keyAfter(batchKey(topic.number, partition, first), batchKey(topic.number, partition, end))
  return key === null ? end : offsetOfKey(key)
}
