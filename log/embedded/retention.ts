// What may leave the log: whole batches that the reader has acknowledged after its commit and that are older than the
// retention, or, when room is needed, acknowledged batches of any age, oldest first. Never anything else.
// Works in small steps inside somebody's write transaction, so that no step holds the lock for long.

import { batchKey, type PartitionState, type TopicRecord } from './layout.ts'
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

/** Removes from the front of each partition; changes `states`; returns what left. A damaged batch stops its partition. */
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
      if (found === null) continue
      const batch = readStored(found)
      if (typeof batch === 'string') continue
      const next = state.first + BigInt(batch.count)
      if (next > state.acknowledged) continue
      if (batch.appendedMs >= wish.appendedBeforeMs && freed >= wish.bytesWanted) continue
      const bytes = storedBytes(found.length)
      void store.db.remove(key)
      state.first = next
      freed += bytes
      steps++
      moved = true
    }
  }
  return { batches: steps, bytes: freed }
}
