// The seam to whoever carries a message: one call, one of four outcomes. What decides about retries is the outcome, never
// the text of an error.

import type { Alert } from './alert.ts'
import type { ChannelName, Message } from './ledger-state.ts'

export type Delivery =
  | { readonly outcome: 'sent', readonly detail: string }
  /** Never will be: the same message would be refused again. */
  | { readonly outcome: 'refused', readonly detail: string }
  /** Certainly not accepted. `isWide`: nothing else would be either, so the channel pauses. */
  | { readonly outcome: 'failed', readonly detail: string, readonly isWide: boolean }
  /** May have been accepted: only the same message with the same id may follow. */
  | { readonly outcome: 'unknown', readonly detail: string }

export interface Channel {
  readonly name: ChannelName
  /** Ends within its own time limit. Never throws for what the other side does. */
  deliver(message: Message, alerts: readonly Alert[], signal: AbortSignal): Promise<Delivery>
}

/** Alerts were told on the terminal when they were offered: there is nothing left to do. */
export const terminalChannel: Channel = { name: 'terminal', deliver: async () => ({ outcome: 'sent', detail: 'told on the terminal: FIRN_MAIL_URL is not set' }) }
