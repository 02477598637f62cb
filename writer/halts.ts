// Halts that outlive the process: the property `firn.halts` of `firn.events`, set before the writer says it. Pure.
// Invariant: nothing but an operator's recorded decision takes a halt out; a restart, a grown log or another writer does
// not. A text that cannot be read is a halt itself, never "none".

import { choices } from './choices.ts'

export const haltsProperty = 'firn.halts'
/** More partitions than this halt as a whole, so that the table's metadata stays small. */
export const haltsMax = 100
const reasonCharactersMax = 600

export type HaltKind =
  /** The table is not what the record says: rolled back, replaced, a copy, a lost or unreadable record. */
  | 'table'
  /** The log is not the one that was consumed: restored, truncated, recreated, another cluster. */
  | 'log'
  /** Records that were not consumed are gone from the log. */
  | 'records-gone'
  /** Records of the log cannot be read. */
  | 'damaged'

export interface Halt {
  /** Null: the whole table stands still. */
  readonly topic: string | null
  readonly partition: number | null
  readonly kind: HaltKind
  readonly reason: string
  readonly choices: string
  /** RFC 3339, UTC. */
  readonly since: string
  readonly evidence: Readonly<Record<string, string>>
}

export interface PartitionHalt extends Halt { readonly topic: string, readonly partition: number }

export function isPartitionHalt (halt: Halt): halt is PartitionHalt {
  return halt.topic !== null && halt.partition !== null
}

/** Of one place there is one halt. */
export function placeOf ({ topic, partition }: Pick<Halt, 'topic' | 'partition'>): string {
  return topic === null ? '' : `${partition}/${topic}`
}

export function parseHalts (text: string | undefined): Halt[] {
  if (text === undefined) return []
  try {
    const found = JSON.parse(text) as { v: number, halts: Halt[] }
    if (found.v === 1 && Array.isArray(found.halts) && found.halts.every(isHalt)) return found.halts
  } catch { /* said below */ }
  const reason = `the property ${haltsProperty} cannot be read (${text.slice(0, 80)})`
  return [{ topic: null, partition: null, kind: 'table', reason, choices: choices('recorded', 'data', 'earliest'), since: new Date(0).toISOString(), evidence: {} }]
}

export function printHalts (halts: readonly Halt[]): string {
  return JSON.stringify({ v: 1, halts: halts.map(halt => ({ ...halt, reason: halt.reason.slice(0, reasonCharactersMax) })) })
}

/** What stands stays, word for word; what was found now is added. */
export function mergeHalts (standing: readonly Halt[], found: readonly Halt[]): Halt[] {
  const places = new Set(standing.map(placeOf))
  const merged = [...standing]
  for (const halt of found) {
    if (places.has(placeOf(halt))) continue
    places.add(placeOf(halt))
    merged.push(halt)
  }
  return merged.filter(isPartitionHalt).length > haltsMax ? wholeOf(merged) : merged
}

function wholeOf (halts: readonly Halt[]): Halt[] {
  const whole = halts.filter(halt => !isPartitionHalt(halt))
  if (whole.length > 0) return whole
  const first = halts[0]!
  const reason = `${halts.length} partitions halted, the first (partition ${first.partition} of ${first.topic}) because ${first.reason}`
  return [{ ...first, topic: null, partition: null, reason }]
}

function isHalt (value: Halt): boolean {
  const { topic, partition, kind, reason, choices: words, since } = value
  return (topic === null) === (partition === null) && (topic === null || typeof topic === 'string') &&
    (partition === null || Number.isInteger(partition)) && [kind, reason, words, since].every(each => typeof each === 'string')
}
