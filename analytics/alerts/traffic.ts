// What each write key usually sends, kept in slots of ten minutes for a week and over restarts: whether it has fallen silent or
// sends many times as much, and which part of it is usually refused. Gateways count from their start; what grew between two
// readings of one instance is added up over all of them. Bounded: keys beyond `keysMax` are not followed.

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Samples } from '../../runtime/index.ts'
import { slotMs, trafficConditions, type Slot } from './traffic-conditions.ts'
import type { Condition } from './conditions.ts'

const slotsKept = 8 * 144
const keysMax = 200
const metric = 'firn_gateway_key_events_total'

export interface Traffic {
  /** A reading of one instance; null when it did not answer. */
  take(instance: string, samples: Samples | null, nowMs: number): void
  /** Percent of a key's events that were refused until an hour ago; null when nothing is known. */
  refusedHabit(key: string, nowMs: number): number | null
  conditions(nowMs: number): Condition[]
}

interface Reading { readonly atMs: number, readonly counts: ReadonlyMap<string, [valid: number, refused: number]> }

/** A reading further back says nothing about where between the two its events came. */
const gapMsMax = 60_000

export function openTraffic (file: string): Traffic {
  const slots = readSlots(file)
  const readings = new Map<string, Reading>()
  let writtenAt = slots.at(-1)?.at ?? 0

  const slotOf = (nowMs: number): Slot => {
    const at = Math.floor(nowMs / slotMs) * slotMs
    let slot = slots.at(-1)
    if (slot === undefined || slot.at < at) {
      slots.push(slot = { at, watchedMs: 0, keys: {} })
      if (slots.length > slotsKept) slots.splice(0, slots.length - slotsKept)
      if (writtenAt !== at) writeSlots(file, slots.slice(0, -1))
      writtenAt = at
    }
    return slot
  }
  const known = new Set(slots.flatMap(({ keys }) => Object.keys(keys)))
  let lookedMs = 0
  return {
    take: (instance, samples, nowMs) => {
      const before = readings.get(instance)
      if (samples === null) {
        readings.delete(instance)
        return
      }
      const counts = countsIn(samples)
      if (counts === null) return
      readings.set(instance, { atMs: nowMs, counts })
      if (before === undefined || nowMs - before.atMs > gapMsMax) return
      const slot = slotOf(nowMs)
      // Several instances watch the same minute.
      slot.watchedMs += Math.max(0, nowMs - Math.max(lookedMs, before.atMs, slot.at))
      lookedMs = Math.max(lookedMs, nowMs)
      for (const [key, [valid, refused]] of counts) {
        if (!known.has(key) && known.size >= keysMax) continue
        known.add(key)
        const [v, r] = before.counts.get(key) ?? [0, 0]
        const sum = slot.keys[key] ??= [0, 0]
        // One that was started again counts from nought.
        const restarted = valid < v || refused < r
        sum[0] += restarted ? valid : valid - v
        sum[1] += restarted ? refused : refused - r
      }
    },
    refusedHabit: (key, nowMs) => {
      let [valid, refused] = [0, 0]
      for (const { at, keys } of slots) {
        if (at > nowMs - 6 * slotMs) continue
        valid += keys[key]?.[0] ?? 0
        refused += keys[key]?.[1] ?? 0
      }
      return valid + refused === 0 ? null : refused * 100 / (valid + refused)
    },
    conditions: nowMs => trafficConditions(slots, nowMs)
  }
}

function countsIn (samples: Samples): Map<string, [number, number]> | null {
  const counts = new Map<string, [number, number]>()
  for (const [sample, value] of samples) {
    const found = sample.startsWith(`${metric}{`) ? /^\w+\{key="((?:[^"\\]|\\.)*)",outcome="(valid|refused)"\}$/.exec(sample) : null
    if (found === null) continue
    const of = counts.get(found[1]!) ?? [0, 0]
    of[found[2] === 'valid' ? 0 : 1] += value
    counts.set(found[1]!, of)
  }
  return counts.size === 0 && ![...samples.keys()].some(name => name.startsWith('firn_gateway_')) ? null : counts
}

/** A file that cannot be read is none: habits are learnt anew. */
function readSlots (file: string): Slot[] {
  try {
    const found = JSON.parse(readFileSync(file, 'utf8')) as Slot[]
    return Array.isArray(found) ? found.filter(({ at, keys }) => typeof at === 'number' && typeof keys === 'object' && keys !== null).slice(-slotsKept) : []
  } catch {
    return []
  }
}

function writeSlots (file: string, slots: readonly Slot[]): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  writeFileSync(`${file}.new`, JSON.stringify(slots), { mode: 0o600 })
  renameSync(`${file}.new`, file)
}
