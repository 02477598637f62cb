// What operators decided after halts: the property `firn.decisions` of `firn.events`, written in the commit that carries a
// decision out. `verify` reads it: what was read twice, left out, or read from another log is known from here. Pure.
// Bounded: the oldest are folded into a count, but never one that still leaves records out.

import type { Choice } from './choices.ts'
import type { LogIds } from './offsets.ts'

export const decisionsProperty = 'firn.decisions'
const decisionsMax = 50

export interface DecidedPartition {
  readonly topic: string
  readonly partition: number
  /** Where the record stood; null when it said nothing of this partition. */
  readonly from: string | null
  /** Where reading goes on. For `skip`: records [from, to) are left out. */
  readonly to: string
  /** What the log held then: [first, end). */
  readonly first: string
  readonly end: string
}

export interface Decision {
  /** RFC 3339, UTC. */
  readonly at: string
  readonly choice: Choice
  /** Why the writer had halted. */
  readonly reason: string
  readonly writer: string
  /** The log that is read from now on, and the one that the record belonged to (null: no record). */
  readonly log: PrintedLog
  readonly before: PrintedLog | null
  readonly partitions: readonly DecidedPartition[]
}

export interface PrintedLog { readonly cluster: string, readonly topics: Readonly<Record<string, string>> }

export interface Decisions { readonly folded: number, readonly list: readonly Decision[] }

/** Decisions explain the past and allow nothing but `skip`: what cannot be read allows nothing. */
export function parseDecisions (text: string | undefined): Decisions {
  try {
    const { v, folded, list } = JSON.parse(text ?? '{}') as { v?: number, folded?: number, list?: Decision[] }
    if (v === 1 && Array.isArray(list)) return { folded: Number(folded), list }
  } catch { /* as none */ }
  return { folded: 0, list: [] }
}

export function printDecisions ({ folded, list }: Decisions): string {
  return JSON.stringify({ v: 1, folded, list })
}

/** `isOpen` tells a decision that is still needed. */
export function addDecision ({ folded, list }: Decisions, decision: Decision, isOpen: (decision: Decision) => boolean = () => false): Decisions {
  const all = [...list, decision]
  const surplus = all.length - decisionsMax
  if (surplus <= 0) return { folded, list: all }
  const gone = new Set(all.filter(each => each !== decision && !isOpen(each)).slice(0, surplus))
  return { folded: folded + gone.size, list: all.filter(each => !gone.has(each)) }
}

/** Where reading goes on when an operator left out the damaged records [from, to), or null when nobody decided that. */
export function skippedTo ({ list }: Decisions, topic: string, partition: number, from: bigint, to: bigint): bigint | null {
  for (const { choice, partitions } of list) {
    if (choice !== 'skip') continue
    const found = partitions.find(each => each.topic === topic && each.partition === partition && each.from !== null && BigInt(each.from) <= from && to <= BigInt(each.to))
    if (found !== undefined) return to
  }
  return null
}

export function printLog ({ clusterId, topicIds }: LogIds): PrintedLog {
  return { cluster: clusterId, topics: Object.fromEntries(topicIds) }
}
