// How the log was read, from what the table records: `firn.offsets` says from where to where, `firn.decisions` where an
// operator made the reading jump, go back, or go on with another log. Between two decisions lies an *era*: within one, an
// offset names one record, so it is one row or one dead letter; across two it may name two records, or one read twice.
// Read from the published formats alone, without the writer's code. Pure; what cannot be read says so.

import { fail } from '../errors.ts'
import type { ProgressRecord } from './progress-record.ts'

export const decisionsProperty = 'firn.decisions'
export const haltsProperty = 'firn.halts'

/** One reading of a partition, between two decisions. */
export interface Claim {
  readonly topic: string
  readonly partition: number
  readonly era: number
  /** Offsets [first, upto) may have been taken in this era. */
  readonly first: bigint
  readonly upto: bigint
  /** Offsets [first, due) have to be there: the others were read again in a later era, of the same log. */
  readonly due: bigint
  /** Offsets below this one were read before, of the same log: a record that was a row then is no second one now. */
  readonly again: bigint
  /** When the era began, in microseconds; null for the first. */
  readonly sinceUs: bigint | null
  /** Whether the log that is there now is the one that was read. */
  readonly isOfLog: boolean
}

/** Offsets that an operator's decision left out. */
export interface LeftOut { readonly topic: string, readonly partition: number, readonly from: bigint, readonly to: bigint, readonly by: 'skip' | 'jump' | 'recorded' }

export interface ReadingHistory {
  readonly claims: readonly Claim[]
  readonly leftOut: readonly LeftOut[]
  /** Decisions that are no longer listed: what was read before the first listed one cannot be told apart. */
  readonly folded: number
  readonly decisions: number
}

const endless = 1n << 62n

interface LogName { readonly cluster: string, readonly topic: string | undefined }
interface Turn { readonly atUs: bigint, readonly choice: string, readonly from: bigint | null, readonly to: bigint, readonly before: LogName | null, readonly log: LogName }

/** Throws VERIFY_DECISIONS_UNREADABLE: what was decided changes what the rows mean. */
export function readHistory (table: string, record: ProgressRecord | null, text: string | undefined): ReadingHistory {
  const { folded, count, turns, skips } = readTurns(table, text)
  const claims: Claim[] = []
  const leftOut: LeftOut[] = [...skips]
  for (const { topic, partition, start, next } of record?.partitions ?? []) {
    const now: LogName = { cluster: record!.clusterId, topic: record!.topicIds.get(topic) }
    const found = turns.get(`${partition}/${topic}`) ?? []
    const place = { topic, partition }
    const eras = found.length === 0 || found[0]!.from === null ? [] : [{ first: start, upto: found[0]!.from, log: found[0]!.before ?? found[0]!.log, sinceUs: null as bigint | null }]
    for (const [i, turn] of found.entries()) eras.push({ first: turn.to, upto: found[i + 1]?.from ?? next, log: turn.log, sinceUs: turn.atUs })
    if (found.length === 0) eras.push({ first: start, upto: next, log: now, sinceUs: null })
    const firstEra = found[0]?.from === null ? 1 : 0
    // The record was lost once: rows from before may have any place, and none is due.
    if (firstEra === 1) claims.push({ ...place, era: 0, first: 0n, upto: endless, due: 0n, again: 0n, sinceUs: null, isOfLog: false })
    for (const [i, { first, upto, log, sinceUs }] of eras.entries()) {
      const again = eras.slice(i + 1).filter(later => isSame(later.log, log)).map(later => later.first)
      const earlier = eras.slice(0, i).filter(one => isSame(one.log, log)).map(one => one.upto)
      const last = upto > first ? upto : first
      const due = again.reduce((least, to) => to < least ? to : least, last)
      claims.push({ ...place, era: firstEra + i, first, upto: last, due: due > first ? due : first, again: earlier.reduce((most, to) => to > most ? to : most, 0n), sinceUs, isOfLog: isSame(log, now) })
    }
    for (const { choice, from, to, before, log } of found) {
      if (from !== null && to > from && (before === null || isSame(before, log))) leftOut.push({ ...place, from, to, by: 'jump' })
      if (from !== null && choice === 'recorded') leftOut.push({ ...place, from: start, to: from, by: 'recorded' })
    }
  }
  return { claims, leftOut, folded, decisions: count }
}

/** Sentences about what stands halted. What cannot be read is said. */
export function readHalts (text: string | undefined): string[] {
  if (text === undefined) return []
  try {
    const { halts } = JSON.parse(text) as { halts: { topic: string | null, partition: number | null, reason: string, since: string }[] }
    return halts.map(({ topic, partition, reason, since }) => `${topic === null ? 'the table' : `${topic}/${partition}`} is halted since ${since}: ${reason}`)
  } catch {
    return [`the property ${haltsProperty} cannot be read: ${text.slice(0, 60)}`]
  }
}

function readTurns (table: string, text: string | undefined): { folded: number, count: number, turns: Map<string, Turn[]>, skips: LeftOut[] } {
  const turns = new Map<string, Turn[]>()
  const skips: LeftOut[] = []
  if (text === undefined) return { folded: 0, count: 0, turns, skips }
  try {
    const { v, folded, list } = JSON.parse(text) as { v: number, folded: number, list: PrintedDecision[] }
    if (v !== 1) throw new Error(`its format is ${String(v)}, this version reads 1`)
    for (const { at, choice, log, before, partitions } of list) {
      const atUs = BigInt(Date.parse(at)) * 1000n
      for (const { topic, partition, from, to } of partitions) {
        if (choice === 'skip') {
          skips.push({ topic, partition, from: BigInt(from!), to: BigInt(to), by: 'skip' })
          continue
        }
        const key = `${partition}/${topic}`
        const name = (printed: PrintedLog): LogName => ({ cluster: printed.cluster, topic: printed.topics[topic] })
        const turn = { atUs, choice, from: from === null ? null : BigInt(from), to: BigInt(to), before: before === null ? null : name(before), log: name(log) }
        turns.set(key, [...turns.get(key) ?? [], turn])
      }
    }
    return { folded: Number(folded), count: list.length, turns, skips }
  } catch (error) {
    throw fail('VERIFY_DECISIONS_UNREADABLE', { table, reason: (error as Error).message }, error)
  }
}

interface PrintedLog { readonly cluster: string, readonly topics: Readonly<Record<string, string>> }
interface PrintedDecision {
  readonly at: string
  readonly choice: string
  readonly log: PrintedLog
  readonly before: PrintedLog | null
  readonly partitions: readonly { readonly topic: string, readonly partition: number, readonly from: string | null, readonly to: string }[]
}

function isSame (a: LogName, b: LogName): boolean {
  return a.cluster === b.cluster && a.topic !== undefined && a.topic === b.topic
}
