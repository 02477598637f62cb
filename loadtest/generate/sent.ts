// What was sent, line by line, in the order in which it was: with the ledger of what was accepted it says what the tables
// have to hold, without a look into them. A broken event is no part of it: nothing of it is ever accepted.

import type { ShopEvent } from './shop.ts'

export interface SentEvent {
  /** The event, as it was sent. */
  readonly event: Readonly<Record<string, unknown>>
  readonly ip: string
  readonly habit: { readonly name: string, readonly isLast: boolean } | null
  readonly fraud: string | null
}

/** Null for what is broken. */
export function sentEvent ({ kind, json, ip, habit, fraud }: ShopEvent): SentEvent | null {
  return kind === 'malformed' ? null : { event: JSON.parse(json) as Record<string, unknown>, ip, habit: habit ?? null, fraud: fraud?.pattern ?? null }
}
