// When the next event may leave: a steady schedule that catches up after a stall, but never by more than a second's worth.

import { setTimeout as sleep } from 'node:timers/promises'

const catchUpMsMax = 1_000

export interface Pacer { next(signal: AbortSignal): Promise<void> }

export function createPacer (eventsPerSecond: number, now: () => number = () => performance.now()): Pacer {
  if (!Number.isFinite(eventsPerSecond)) return { next: async () => {} }
  const gapMs = 1000 / eventsPerSecond
  let due = now()
  return {
    next: async signal => {
      due = Math.max(due + gapMs, now() - catchUpMsMax)
      const wait = due - now()
      if (wait > 1) await sleep(wait, undefined, { signal }).catch(() => {})
    }
  }
}
