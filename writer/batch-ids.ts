// The ids of one batch as typed arrays, in the order (topic, partition, offset), and the question which of them are
// duplicates: of the index, or of an earlier row of the batch that is admitted. The index is only read here: ids enter
// it when their commit landed, never before.

import type { DuplicateIndex } from './duplicate-index.ts'

export class BatchIds {
  /** Three words of hash per row. */
  hashes: Uint32Array
  seconds: Uint32Array
  /** DuckDB's row id in the batch's table. */
  rows: Uint32Array
  count = 0

  constructor (capacity: number) {
    this.hashes = new Uint32Array(capacity * 3)
    this.seconds = new Uint32Array(capacity)
    this.rows = new Uint32Array(capacity)
  }
}

/** Sorts by place. Places are nearly dense whole numbers, so a count does where a sort would cost ten times as much. */
export function orderIds (ids: BatchIds, places: Float64Array): BatchIds {
  const { count } = ids
  let most = -1
  for (let i = 0; i < count; i++) if (places[i]! > most) most = places[i]!
  const order = new Uint32Array(count)
  if (most < count * 8 + 1024) {
    const at = new Uint32Array(most + 1)
    for (let i = 0; i < count; i++) at[places[i]!] = i + 1
    let next = 0
    for (const found of at) if (found !== 0) order[next++] = found - 1
  } else {
    for (let i = 0; i < count; i++) order[i] = i
    order.sort((left, right) => places[left]! - places[right]!)
  }
  const sorted = new BatchIds(count)
  sorted.count = count
  for (let i = 0; i < count; i++) {
    const from = order[i]!
    sorted.hashes[i * 3] = ids.hashes[from * 3]!
    sorted.hashes[i * 3 + 1] = ids.hashes[from * 3 + 1]!
    sorted.hashes[i * 3 + 2] = ids.hashes[from * 3 + 2]!
    sorted.seconds[i] = ids.seconds[from]!
    sorted.rows[i] = ids.rows[from]!
  }
  return sorted
}

/**
 * The positions (not row ids) of duplicates, ascending. The first occurrence wins. `asked`: what was learned for this
 * check alone, beside the index.
 */
export function findDuplicates (ids: BatchIds, index: DuplicateIndex, windowSeconds: number, asked: DuplicateIndex | null = null): Uint32Array {
  const { hashes, seconds, count } = ids
  const mask = 2 ** Math.ceil(Math.log2(Math.max(count, 8) * 2)) - 1
  const slots = new Uint32Array(mask + 1)
  const duplicates: number[] = []
  for (let i = 0; i < count; i++) {
    const a = hashes[i * 3]!
    const b = hashes[i * 3 + 1]!
    const c = hashes[i * 3 + 2]!
    const second = seconds[i]!
    let known = index.has(a, b, c, second, windowSeconds) || (asked !== null && asked.has(a, b, c, second, windowSeconds))
    let slot = c & mask
    while (!known) {
      const other = slots[slot]!
      if (other === 0) break
      const j = other - 1
      known = hashes[j * 3] === a && hashes[j * 3 + 1] === b && hashes[j * 3 + 2] === c && Math.abs(seconds[j]! - second) <= windowSeconds
      slot = (slot + 1) & mask
    }
    if (known) duplicates.push(i)
    else slots[slot] = i + 1
  }
  return Uint32Array.from(duplicates)
}

/** Adds what was admitted, after its commit landed. */
export function addAdmitted (ids: BatchIds, duplicates: Uint32Array, add: (a: number, b: number, c: number, second: number) => void): void {
  let next = 0
  for (let i = 0; i < ids.count; i++) {
    if (duplicates[next] === i) {
      next++
      continue
    }
    add(ids.hashes[i * 3]!, ids.hashes[i * 3 + 1]!, ids.hashes[i * 3 + 2]!, ids.seconds[i]!)
  }
}
