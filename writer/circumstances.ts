// What is known of one partition when the writer is about to read it, and what follows: it goes on, it halts, or an
// operator's choice is carried out or refused. Pure: a function from circumstances to a decision, with a test per row.
// Refuses every choice that would lose what the log still holds, whatever the operator says.

import type { FingerprintVerdict } from '../log/index.ts'
import { choices, type Choice } from './choices.ts'
import type { Halt } from './halts.ts'
import type { PartitionProgress } from './offsets.ts'

export interface Circumstances {
  readonly topic: string
  readonly partition: number
  /** Null: the record says nothing of this partition. */
  readonly recorded: PartitionProgress | null
  /** Whether the record belongs to this very log and topic by their ids. */
  readonly isSameId: boolean
  /** Whether the log holds before `recorded.next` what was consumed there. */
  readonly verdict: FingerprintVerdict
  /** The log holds [first, end). */
  readonly first: bigint
  readonly end: bigint
}

/** A halt without its time: what was found wrong, or null. */
export type Found = Omit<Halt, 'since'> | null

export function judgePartition (found: Circumstances): Found {
  const { topic, partition, recorded, isSameId, verdict, first, end } = found
  if (recorded === null) return null
  const { next, fingerprint } = recorded
  const evidence = { recorded: String(next), first: String(first), end: String(end), fingerprint, verdict }
  const halt = (kind: Halt['kind'], reason: string, words: string): Found => ({ topic, partition, kind, reason, choices: words, evidence })
  if (!isSameId) {
    const reason = `the topic was recreated: offset ${next}, up to which the table was written, belongs to another topic of this name`
    return halt('log', reason, verdict === 'same' ? choices('recorded', 'earliest') : choices('earliest', 'restore'))
  }
  if (next > end) {
    const reason = `the table was written up to offset ${next}, but the log ends at ${end}: the log was truncated or restored`
    return halt('log', reason, choices('earliest', 'restore'))
  }
  if (next < first) {
    const reason = `the table was written up to offset ${next}, but the log begins at ${first}: ${first - next} records are gone from the log`
    return halt('records-gone', reason, choices('earliest', 'restore'))
  }
  if (verdict === 'other') {
    const reason = `the table was written up to offset ${next}, but the log holds other records before it than were consumed: it was restored from an older copy, truncated or made anew, and has grown since`
    return halt('log', reason, choices('earliest', 'restore'))
  }
  return null
}

/** Records [from, to) that the log cannot read. */
export function judgeDamage ({ topic, partition, from, to, reason }: { topic: string, partition: number, from: bigint, to: bigint, reason: string }): NonNullable<Found> {
  const sentence = `the log cannot read its records ${from} to ${to - 1n} (${reason})`
  return { topic, partition, kind: 'damaged', reason: sentence, choices: choices('restore', 'skip'), evidence: { from: String(from), to: String(to) } }
}

export type Ruling =
  /** Reading goes on at `next`. `rereadTo`: what is listed below may be of another reading. */
  | { readonly kind: 'go', readonly next: bigint, readonly rereadTo: bigint }
  /** The record stays; the damaged records [from, to) are left out when reading comes to them. */
  | { readonly kind: 'skip', readonly from: bigint, readonly to: bigint }
  | { readonly kind: 'refused', readonly reason: string }

export interface Standing {
  /** The halt that the choice answers. */
  readonly halt: Pick<Halt, 'kind' | 'evidence'>
  /** After the newest row of the partition; null when the table holds none. */
  readonly newestRow: bigint | null
  /** How far dead_letters lists it; 0 when nothing is listed. */
  readonly lettersNext: bigint
}

export function ruleOn (choice: Choice, found: Circumstances, { halt, newestRow, lettersNext }: Standing): Ruling {
  const { recorded, isSameId, verdict, first, end } = found
  const refused = (reason: string): Ruling => ({ kind: 'refused', reason })
  const listedTo = [recorded?.next ?? 0n, recorded?.rereadTo ?? 0n, lettersNext].reduce((most, each) => each > most ? each : most)
  const go = (next: bigint): Ruling => ({ kind: 'go', next, rereadTo: listedTo })
  const isThisLog = verdict === 'same' || (verdict === 'unknown' && isSameId)
  switch (choice) {
    case 'earliest':
      // Damaged records would only be met again, and everything before them is in the table.
      return halt.kind === 'damaged' ? refused('reading from the beginning would only come to the damaged records again') : go(first)
    case 'recorded':
      if (recorded === null) return refused('no offset is recorded')
      // A record of the first format has no evidence: a log that was found to be another one is not taken back on trust.
      if (halt.kind === 'log' && verdict === 'unknown') return refused(`nothing shows that the log holds before offset ${recorded.next} what was consumed there; earliest is safe`)
      if (!isThisLog) return refused(`the log does not hold before offset ${recorded.next} what was consumed there, so what lies below would be lost`)
      if (recorded.next < first) return refused(`records ${recorded.next} to ${first - 1n} are not in the log`)
      if (recorded.next > end) return refused(`the log ends at ${end}, before the recorded offset ${recorded.next}`)
      return { kind: 'go', next: recorded.next, rereadTo: recorded.rereadTo ?? recorded.next }
    case 'data':
      if (halt.kind !== 'table') return refused('the table is not what differs')
      if (!isThisLog) return refused('offsets of the rows belong to another log')
      if (newestRow !== null && newestRow > end) return refused(`the newest row is at offset ${newestRow - 1n}, but the log ends at ${end}`)
      return go(newestRow === null || newestRow < first ? first : newestRow)
    case 'skip': {
      const { from, to } = halt.evidence
      if (halt.kind !== 'damaged' || from === undefined || to === undefined) return refused('no record is damaged')
      return { kind: 'skip', from: BigInt(from), to: BigInt(to) }
    }
  }
}
