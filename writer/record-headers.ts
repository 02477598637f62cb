// What a record's headers say of it, and how that stands in its line. Who can write to the topic can forge them, so a time of
// arrival is believed only where it can have been one.

import type { RecordHeaders } from '../log/index.ts'

/**
 * Direct: checked here. Of the gateway: checked there. Imported: likewise, and of any age. Derived: direct, with an id that was
 * made from the whole record: what seems to be a duplicate may be another record that is the same in every field.
 */
export const origins = { direct: 0, gateway: 1, imported: 2, derived: 3 } as const
type Origin = typeof origins[keyof typeof origins]

export interface Headers {
  /** Everything between the distance and the value, for the gateway's records; null where each record needs its own. */
  readonly prefix: Buffer | null
  readonly ip: string
  readonly userAgent: string
  readonly origin: Origin
  readonly imported: boolean
  /** Whether a client has sent it to the gateway, over HTTP. */
  readonly live: boolean
  readonly extra: boolean
  /** Received later than can be, by the gateway's word. */
  readonly isAhead: boolean
  /** Null unless it is a time at which the gateway can have received something. */
  readonly receivedUs: bigint | null
}

export function readHeaders (headers: RecordHeaders, lane: number, latestUs: bigint, version: number): Headers {
  const received = headers['received_at']
  const claimed = received !== undefined && /^\d{1,18}$/.test(received) ? BigInt(received) : null
  // Nobody received it in the future: such a time would be the watermark of everything that is computed from the table.
  const isAhead = claimed !== null && claimed > latestUs
  const receivedUs = isAhead ? null : claimed
  const imported = headers['source'] === 'import'
  const origin = receivedUs === null ? origins.direct : imported ? origins.imported : origins.gateway
  const ip = oneField(headers['ip'])
  const userAgent = oneField(headers['user_agent'])
  // A gateway of a newer contract takes fields for declared that are unknown here.
  const extra = headers['extra'] === '1' || Number(headers['contract'] ?? 1) > version
  const prefix = receivedUs === null || extra ? null : Buffer.from(middleOf(lane, receivedUs, ip, userAgent, origin, ''))
  return { prefix, ip, userAgent, origin, imported, live: headers['source'] === 'gateway', extra, isAhead, receivedUs }
}

/** What stands between the distance and the value. */
export function middleOf (lane: number, receivedUs: bigint, ip: string, userAgent: string, origin: Origin, extra: string): string {
  return `\x1f${lane}\x1f${receivedUs}\x1f${ip}\x1f${userAgent}\x1f${origin}\x1f${extra}\x1f`
}

/** A header's text without what would break a line; headers are no part of the event. */
function oneField (text: string | undefined): string {
  return text === undefined ? '' : text.slice(0, 4096).replaceAll(/[\0\r\n\x1f]/g, ' ').toWellFormed()
}
