// How much the log holds, against its bound: the sum of what its batches take in pages, kept under one key and moved in
// the same transaction as the batches. Whoever adds asks first; nothing is dropped to make room.

import { usageKey } from './layout.ts'
import type { Store } from './store.ts'

const pageBytes = 4096

/** What a value of `bytes` takes on disk: whole pages once it does not fit beside others, plus its place in the tree. */
export function storedBytes (bytes: number): number {
  return bytes < pageBytes / 2 ? bytes + 64 : Math.ceil((bytes + 24) / pageBytes) * pageBytes + 64
}

export function readUsage (store: Store): number {
  return store.readRecord(usageKey, 'how much it holds').readDoubleBE(0)
}

/** Inside a write transaction. */
export function putUsage (store: Store, bytes: number): void {
  const value = Buffer.alloc(8)
  value.writeDoubleBE(Math.max(0, bytes))
  store.putRecord(usageKey, value)
}
