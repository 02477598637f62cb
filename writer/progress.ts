// How far the table is behind the log, as it is when somebody asks: the log's end of that moment against what has landed.
// A writer that stands still lands nothing and would tell the lag of its last commit for ever; so would one that halted.
// Ages are counted by this process's own clock from when it first saw the end of the log there: the times in records are
// the producers'. It may therefore say less than the truth after a restart, never more.

import type { TopicRange } from '../log/index.ts'

export interface PartitionLag { readonly topic: string, readonly partition: number, readonly lag: bigint }

export interface Standing {
  readonly lags: readonly PartitionLag[]
  /** How long the oldest record that is not committed has been waiting; 0 when none waits. */
  readonly oldestSeconds: number
  /** How long records have waited while nothing landed at all; halted partitions have a condition of their own. */
  readonly stalledSeconds: number
}

interface Place {
  readonly topic: string
  readonly partition: number
  /** Null: nothing of it was ever committed. */
  committed: bigint | null
  first: bigint
  end: bigint
  /** Ends of the log and when they were first seen, those alone that are not committed yet. */
  seen: { readonly end: bigint, readonly atMs: number }[]
}

/** More ends than this in wait tell nothing more: those in the middle are left out. */
const seenMax = 1000

export class Progress {
  readonly #places = new Map<string, Place>()
  #landedMs = -Infinity

  /** What the table says when a session is opened: no landing of ours. */
  recorded (topic: string, partition: number, next: bigint): void {
    this.#commit(this.#placeOf(topic, partition), next)
  }

  landed (topic: string, partition: number, next: bigint, nowMs: number): void {
    this.#landedMs = nowMs
    this.#commit(this.#placeOf(topic, partition), next)
  }

  /** What the log holds now. */
  look (topic: string, { first, end }: Pick<TopicRange, 'first' | 'end'>, nowMs: number): void {
    for (const [partition, offset] of end) {
      const place = this.#placeOf(topic, partition)
      place.first = first.get(partition) ?? 0n
      place.end = offset
      if (offset <= startOf(place) || offset <= (place.seen.at(-1)?.end ?? -1n)) continue
      place.seen.push({ end: offset, atMs: nowMs })
      if (place.seen.length > seenMax) place.seen.splice(1, seenMax / 2)
    }
  }

  standing (nowMs: number, { isOurs, isHalted }: { readonly isOurs: (topic: string, partition: number) => boolean, readonly isHalted: (topic: string, partition: number) => boolean }): Standing {
    const lags: PartitionLag[] = []
    let oldestMs = Infinity
    let waitingMs = Infinity
    for (const place of this.#places.values()) {
      const { topic, partition, end, seen } = place
      if (!isOurs(topic, partition)) continue
      const lag = end - startOf(place)
      lags.push({ topic, partition, lag: lag > 0n ? lag : 0n })
      const atMs = lag > 0n ? seen[0]?.atMs ?? Infinity : Infinity
      oldestMs = Math.min(oldestMs, atMs)
      if (!isHalted(topic, partition)) waitingMs = Math.min(waitingMs, atMs)
    }
    const since = (ms: number): number => ms === Infinity ? 0 : Math.max(0, nowMs - ms) / 1000
    return { lags, oldestSeconds: since(oldestMs), stalledSeconds: since(Math.max(waitingMs, this.#landedMs)) }
  }

  #commit (place: Place, next: bigint): void {
    place.committed = next
    place.seen = place.seen.filter(({ end }) => end > next)
  }

  #placeOf (topic: string, partition: number): Place {
    const key = `${partition}/${topic}`
    const found = this.#places.get(key)
    if (found !== undefined) return found
    const place: Place = { topic, partition, committed: null, first: 0n, end: 0n, seen: [] }
    this.#places.set(key, place)
    return place
  }
}

/** Where the next commit begins: below its first record the log has nothing to give. */
function startOf ({ committed, first }: Place): bigint {
  return committed === null || committed < first ? first : committed
}
