// How much garbage a process may hold beside what it needs. V8 lets a heap grow up to fourfold between two collections, which
// suits a desktop and not a process whose memory has a bound: what was measured under overload was mostly garbage.

import { setFlagsFromString } from 'node:v8'

const growthPercent = 50

/** From now on the heap is collected when it has grown by half. */
export function keepHeapSmall (): void {
  setFlagsFromString(`--heap-growing-percent=${growthPercent}`)
}
