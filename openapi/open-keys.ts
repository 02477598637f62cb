// The keys of all objects that are open at the moment, so that a second key of the same name is noticed at any depth.
// Keeps hashes and places, no strings: only when two hashes of one object are equal are the names themselves compared.
// Cost: linear in the keys; an object of many keys goes through a set, so that nobody can make it quadratic.

/** Up to here comparing each key with each is cheaper than a set. */
const pairwiseMax = 24

export interface OpenKeys {
  count (): number
  push (hash: number, start: number, end: number): void
  /** forgets the keys from `count` on: their object is closed */
  drop (count: number): void
  /** the place of a key that an earlier one since `from` has the name of, or -1 */
  findTwice (from: number, nameOf: (start: number, end: number) => string): number
  start (n: number): number
  end (n: number): number
}

export function createOpenKeys (): OpenKeys {
  let hashes = new Int32Array(256)
  let starts = new Int32Array(256)
  let ends = new Int32Array(256)
  let count = 0

  function push (hash: number, start: number, end: number): void {
    if (count === hashes.length) {
      hashes = double(hashes)
      starts = double(starts)
      ends = double(ends)
    }
    hashes[count] = hash
    starts[count] = start
    ends[count] = end
    count++
  }

  function findTwice (from: number, nameOf: (start: number, end: number) => string): number {
    if (count - from > pairwiseMax) {
      return new Set(hashes.subarray(from, count)).size === count - from ? -1 : compareNames(from, nameOf)
    }
    for (let a = from + 1; a < count; a++) {
      const hash = hashes[a]
      for (let b = from; b < a; b++) if (hash === hashes[b]) return compareNames(from, nameOf)
    }
    return -1
  }

  function compareNames (from: number, nameOf: (start: number, end: number) => string): number {
    const names = new Set<string>()
    for (let n = from; n < count; n++) {
      const name = nameOf(starts[n]!, ends[n]!)
      if (names.has(name)) return n
      names.add(name)
    }
    return -1
  }

  return {
    count: () => count,
    push,
    drop (kept) { count = kept },
    findTwice,
    start: n => starts[n]!,
    end: n => ends[n]!
  }
}

function double (array: Int32Array): Int32Array<ArrayBuffer> {
  const next = new Int32Array(array.length * 2)
  next.set(array)
  return next
}
