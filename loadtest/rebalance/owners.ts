// Who took what, from the summaries of the writers' snapshots alone: per partition the ranges in commit order. Pure.
// One owner at a time means that the ranges tile, each beginning where the one before ended, and that a partition changes
// hands only because the group changed: at most once for each writer that came or went.

import type { TableMetadata } from '../../catalog/index.ts'

export interface Taken {
  readonly sequence: bigint
  readonly owner: string
  readonly topic: string
  readonly partition: number
  readonly start: bigint
  readonly end: bigint
}

/** A span of the table's history up to a sequence number, in which so many writers came or went. */
export interface Epoch { readonly name: string, readonly upTo: bigint, readonly changes: number }

export interface Ownership {
  /** Overlaps, gaps and snapshots that do not say what they took. */
  readonly broken: readonly string[]
  /** Partitions that changed hands more often than the group did. */
  readonly restless: readonly string[]
  readonly handovers: number
  readonly owners: ReadonlySet<string>
}

/** Every range of every snapshot of a writer, in the order of the commits. Throws when a summary cannot be read. */
export function rangesTaken (metadata: TableMetadata): Taken[] {
  return metadata.snapshots
    .filter(({ summary }) => summary['firn.batch'] === '1')
    .toSorted((a, b) => a['sequence-number'] < b['sequence-number'] ? -1 : 1)
    .flatMap(snapshot => {
      const { 'firn.writer': owner, 'firn.ranges': ranges } = snapshot.summary
      if (owner === undefined || ranges === undefined) throw new Error(`snapshot ${snapshot['snapshot-id']} names no writer or no ranges`)
      return Object.entries(JSON.parse(ranges) as Record<string, Record<string, [string, string]>>).flatMap(([topic, partitions]) =>
        Object.entries(partitions).map(([partition, [start, end]]): Taken => ({ sequence: snapshot['sequence-number'], owner, topic, partition: Number(partition), start: BigInt(start), end: BigInt(end) })))
    })
}

export function judgeOwnership (taken: readonly Taken[], epochs: readonly Epoch[]): Ownership {
  const broken: string[] = []
  const restless: string[] = []
  let handovers = 0
  for (const [place, ranges] of Map.groupBy(taken, ({ topic, partition }) => `${topic}/${partition}`)) {
    const moves = new Map<Epoch | undefined, string[]>()
    for (const [i, range] of ranges.entries()) {
      const before = ranges[i - 1]
      if (before === undefined) continue
      if (range.start !== before.end) broken.push(`${place}: ${range.owner} took ${range.start}…${range.end} after ${before.owner} took ${before.start}…${before.end}`)
      if (range.owner === before.owner) continue
      handovers++
      const epoch = epochs.find(({ upTo }) => range.sequence <= upTo)
      moves.set(epoch, [...moves.get(epoch) ?? [], `${before.owner} → ${range.owner}`])
    }
    for (const [epoch, hands] of moves) {
      const allowed = epoch?.changes ?? 0
      if (hands.length > allowed) restless.push(`${place} changed hands ${hands.length} times ${epoch === undefined ? 'after the last change' : epoch.name}, ${allowed} at most: ${hands.join(', ')}`)
    }
  }
  return { broken, restless, handovers, owners: new Set(taken.map(({ owner }) => owner)) }
}

/** Partition → the owner of its newest commit after this sequence number. */
export function ownersSince (taken: readonly Taken[], sequence: bigint): Map<string, string> {
  return new Map(taken.filter(range => range.sequence > sequence).map(({ topic, partition, owner }) => [`${topic}/${partition}`, owner]))
}

export function ownerOf (taken: readonly Taken[], topic: string, partition: number, offset: bigint): string | undefined {
  return taken.find(range => range.topic === topic && range.partition === partition && range.start <= offset && offset < range.end)?.owner
}
