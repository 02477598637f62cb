// Whether a key's traffic has left its habit. Pure. The habit of a key is what it sent at this time of day on the days before;
// where no such day is known, what it sent in the last hours. Too little to tell says nothing.

import type { Condition, Finding } from './conditions.ts'

export const slotMs = 10 * 60_000

/** Counts of one slot. `watchedMs`: for how much of it readings were there, so that a blind watch is no silence. */
export interface Slot { readonly at: number, watchedMs: number, readonly keys: Record<string, [valid: number, refused: number]> }

const daySlots = 144
const daysMax = 7
/** Compared are the same time of day and half an hour around it. */
const aroundSlots = 3
/** Without a day to compare with. */
const hoursSlots = 12
const hoursSlotsMin = 6
/** In ten minutes: from fewer events nothing can be said, since they come when they come. */
const eventsMin = 100
const silentShare = 0.01
const backShare = 0.3
const floodTimes = 10
const calmTimes = 5
const watchedShareMin = 0.8

export function trafficConditions (slots: readonly Slot[], nowMs: number): Condition[] {
  const at = Math.floor(nowMs / slotMs) * slotMs - slotMs
  const last = slots.find(slot => slot.at === at)
  if (last === undefined || !isWatched(last)) return []
  const keys = new Set(slots.flatMap(slot => Object.keys(slot.keys)))
  return [...keys].flatMap(key => conditionsOf(key, sentIn(last, key), habitOf(slots, key, at)))
}

function conditionsOf (key: string, sent: number, habit: number | null): Condition[] {
  const name = key === '' ? 'the clients' : `the key ${key}`
  const words = `${count(sent)} events in ten minutes; at this time it is usually about ${count(Math.round(habit ?? 0))}`
  const silent: Finding = habit === null || habit < eventsMin ? (sent >= eventsMin ? 'good' : 'unknown') : sent <= habit * silentShare ? 'bad' : sent >= habit * backShare ? 'good' : 'unknown'
  const most = Math.max(habit ?? 0, eventsMin)
  const flood: Finding = habit === null ? 'unknown' : sent > most * floodTimes ? 'bad' : sent <= most * calmTimes ? 'good' : 'unknown'
  return [
    condition(`silent-${key}`, silent, `Hardly anything comes from ${name}`, [words, 'a release, a firewall or a revoked key may stand in the way: ask whoever owns it']),
    condition(`flood-${key}`, flood, `Many times as much as usual comes from ${name}`, [words, 'a loop, a campaign or somebody else with the key: ask whoever owns it; name:key:events_per_second in FIRN_GATEWAY_WRITE_KEYS bounds it'])
  ]
}

/** Null: not known. */
function habitOf (slots: readonly Slot[], key: string, at: number): number | null {
  const byTime = new Map(slots.filter(isWatched).map(slot => [slot.at, slot]))
  const days: number[] = []
  for (let day = 1; day <= daysMax; day++) {
    const around: number[] = []
    for (let step = -aroundSlots; step <= aroundSlots; step++) {
      const slot = byTime.get(at - (day * daySlots + step) * slotMs)
      if (slot !== undefined) around.push(sentIn(slot, key))
    }
    if (around.length > aroundSlots) days.push(middle(around))
  }
  if (days.length > 0) return middle(days)
  const hours: number[] = []
  for (let step = 1; step <= hoursSlots; step++) {
    const slot = byTime.get(at - step * slotMs)
    if (slot !== undefined) hours.push(sentIn(slot, key))
  }
  return hours.length < hoursSlotsMin ? null : middle(hours)
}

function isWatched ({ watchedMs }: Slot): boolean {
  return watchedMs >= slotMs * watchedShareMin
}

function sentIn ({ keys }: Slot, key: string): number {
  const [valid, refused] = keys[key] ?? [0, 0]
  return valid + refused
}

function middle (values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const half = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}

function condition (name: string, finding: Finding, title: string, evidence: readonly string[]): Condition {
  return { name: `traffic-${name}`, kind: 'pipeline', severity: 'medium', finding, title, evidence: finding === 'good' ? [] : evidence }
}

const count = (value: number): string => value.toLocaleString('en')
