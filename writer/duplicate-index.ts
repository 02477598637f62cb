// A set of (id hash, second of arrival): is an id known within a window around a moment?
//
// Open addressing in typed arrays, in shards, so that a rehash moves a 256th of the ids. An entry is 96 bits of a hash
// salted per process (nobody can craft collisions; among 20 million ids one in 10^14 runs meets one) and its second:
// 16 bytes at a load of 0.58–0.75. Ids older than `evictBelow` may leave at any `add`: below it, an answer of "unknown"
// means nothing. What has to be known for certain, however old, belongs into a set of its own with `evictBelow` 0.

const shardCount = 256
const loadMax = 0.75
const growth = 1.3
const capacityMin = 64
const words = 4
/** Slices of time that `keepNewest` tells apart. */
const slices = 4096

export class DuplicateIndex {
  /** Seconds; entries below may be forgotten. */
  evictBelow = 0
  #shards: Uint32Array[] = Array.from({ length: shardCount }, () => new Uint32Array(capacityMin * words))
  #counts = new Uint32Array(shardCount)
  #count = 0

  get size (): number {
    return this.#count
  }

  get bytes (): number {
    return this.#shards.reduce((sum, shard) => sum + shard.byteLength, 0)
  }

  /** Is there an entry of this hash at most `windowSeconds` away from `second`? */
  has (a: number, b: number, c: number, second: number, windowSeconds: number): boolean {
    const shard = this.#shards[a & 0xff]!
    const capacity = shard.length / words
    let slot = Math.floor(b / 4294967296 * capacity)
    for (;;) {
      const at = slot * words
      const found = shard[at + 3]!
      if (found === 0) return false
      if (shard[at] === a && shard[at + 1] === b && shard[at + 2] === c && Math.abs(found - second) <= windowSeconds) return true
      slot = slot + 1 === capacity ? 0 : slot + 1
    }
  }

  /** Adding the same entry twice changes nothing. `second` ≥ 1. */
  add (a: number, b: number, c: number, second: number): void {
    const number = a & 0xff
    let shard = this.#shards[number]!
    if (this.#counts[number]! + 1 > shard.length / words * loadMax) shard = this.#rehash(number)
    if (place(shard, a, b, c, second)) {
      this.#counts[number]!++
      this.#count++
    }
  }

  /** Raises `evictBelow` until at most `idsMax` ids are left, and forgets the others at once. */
  keepNewest (idsMax: number): void {
    this.#rehashAll()
    if (this.#count <= idsMax) return
    const { oldest, newest } = this.#span()
    const width = Math.ceil((newest - oldest + 1) / slices)
    const counts = new Uint32Array(slices)
    this.#visitSeconds(second => { counts[Math.floor((second - oldest) / width)]!++ })
    let kept = 0
    let slice = slices
    while (slice > 0 && kept + counts[slice - 1]! <= idsMax) kept += counts[--slice]!
    this.evictBelow = oldest + slice * width
    this.#rehashAll()
  }

  /** Forgets everything and makes room for about `expected` ids at once: no rehash on the way there. */
  clear (expected = 0): void {
    const capacity = Math.max(capacityMin, Math.ceil(expected / shardCount / loadMax * 1.1))
    this.#shards = Array.from({ length: shardCount }, () => new Uint32Array(capacity * words))
    this.#counts.fill(0)
    this.#count = 0
  }

  #span (): { oldest: number, newest: number } {
    let oldest = Infinity
    let newest = 0
    this.#visitSeconds(second => {
      if (second < oldest) oldest = second
      if (second > newest) newest = second
    })
    return { oldest, newest }
  }

  #visitSeconds (visit: (second: number) => void): void {
    for (const shard of this.#shards) for (let at = 3; at < shard.length; at += words) if (shard[at] !== 0) visit(shard[at]!)
  }

  #rehashAll (): void {
    for (let number = 0; number < shardCount; number++) this.#rehash(number)
  }

  #rehash (number: number): Uint32Array {
    const old = this.#shards[number]!
    let alive = 0
    for (let at = 3; at < old.length; at += words) if (old[at]! >= this.evictBelow && old[at] !== 0) alive++
    const capacity = Math.max(capacityMin, Math.ceil((alive + 1) / loadMax * growth))
    const shard = new Uint32Array(capacity * words)
    for (let at = 0; at < old.length; at += words) {
      const second = old[at + 3]!
      if (second !== 0 && second >= this.evictBelow) place(shard, old[at]!, old[at + 1]!, old[at + 2]!, second)
    }
    this.#count += alive - this.#counts[number]!
    this.#counts[number] = alive
    this.#shards[number] = shard
    return shard
  }
}

/** Returns false when the very entry was there. */
function place (shard: Uint32Array, a: number, b: number, c: number, second: number): boolean {
  const capacity = shard.length / words
  let slot = Math.floor(b / 4294967296 * capacity)
  for (;;) {
    const at = slot * words
    const found = shard[at + 3]!
    if (found === 0) {
      shard[at] = a
      shard[at + 1] = b
      shard[at + 2] = c
      shard[at + 3] = second
      return true
    }
    if (found === second && shard[at] === a && shard[at + 1] === b && shard[at + 2] === c) return false
    slot = slot + 1 === capacity ? 0 : slot + 1
  }
}
