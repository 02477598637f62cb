// What the table has to hold, from the ledgers alone: an accepted event_id names its session, and the session can be made
// again, so the number of events and their money are known to the cent without asking any part of the line.

import { centsOf, makeSession, placeOf, type ShopEvent } from '../k6/events.ts'

export interface Expected {
  readonly events: number
  readonly cents: bigint
  /** event_type → number of events. */
  readonly types: ReadonlyMap<string, number>
}

export interface AcceptedRun { readonly seed: number, readonly acked: ReadonlySet<string> }

export function expectedOf (runs: readonly AcceptedRun[]): Expected {
  let events = 0
  let cents = 0n
  const types = new Map<string, number>()
  for (const { seed, acked } of runs) {
    const sessions = new Map<string, readonly ShopEvent[]>()
    for (const id of acked) {
      const event = eventOf(id, seed, sessions)
      events++
      cents += BigInt(centsOf(event))
      types.set(event.event_type, (types.get(event.event_type) ?? 0) + 1)
    }
  }
  return { events, cents, types }
}

/** Only the newest sessions are kept: ids of one session stand together in a ledger. */
const sessionsKeptMax = 2000

export function eventOf (id: string, seed: number, sessions = new Map<string, readonly ShopEvent[]>()): ShopEvent {
  const place = placeOf(id)
  if (place === null) throw new Error(`${id} is no id of this load`)
  const { run, stream, iteration, n } = place
  const name = `${run}-${stream}-${iteration}`
  let events = sessions.get(name)
  if (events === undefined) {
    events = makeSession({ run, seed, stream, iteration }, Date.now()).events
    if (sessions.size >= sessionsKeptMax) sessions.clear()
    sessions.set(name, events)
  }
  return events[n] as ShopEvent
}

/** Cents as SQL prints decimal(38,2). */
export function printCents (cents: bigint): string {
  const text = String(cents).padStart(3, '0')
  return `${text.slice(0, -2)}.${text.slice(-2)}`
}
