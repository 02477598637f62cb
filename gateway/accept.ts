// The accept path, the same for requests and files: checked events become records, and an append makes them durable.
// Refuses nothing itself: what a valid event is, the contract says. Invariant: `appendEvents` resolves only after the log
// has said that every record is durable; what it could not say comes out as a gateway error, retryable, with its cause.

import { isLogError, type LogRecord, type Position } from '../log/index.ts'
import { FirnError } from '../runtime/index.ts'
import type { CheckedEvent } from '../openapi/index.ts'
import { fail } from './errors.ts'
import type { EventLog } from './event-log.ts'
import { recordOf, type AcceptedEvent, type Origin } from './records.ts'
import type { TopicOf } from './topic-routes.ts'

export interface Sorted {
  readonly accepted: readonly AcceptedEvent[]
  readonly rejected: readonly RejectedEvent[]
}

/** An event that was refused, as answers and reports show it. */
export interface RejectedEvent {
  readonly index: number
  readonly event_id: string | null
  readonly code: string
  readonly path: string | null
  readonly message: string
}

/** `refuse` may refuse what the contract accepts. */
export function sortEvents (events: readonly CheckedEvent[], refuse: (eventType: string) => FirnError | null = () => null): Sorted {
  const accepted: AcceptedEvent[] = []
  const rejected: RejectedEvent[] = []
  for (let index = 0; index < events.length; index++) {
    const event = events[index] as CheckedEvent
    const refusal = event.ok ? refuse(event.eventType) : null
    if (refusal !== null) rejected.push({ index, event_id: event.eventId, code: refusal.code, path: '/event_type', message: refusal.message })
    else if (event.ok) accepted.push(event)
    else rejected.push({ index, event_id: event.eventId, code: event.code, path: event.path, message: event.message })
  }
  return { accepted, rejected }
}

/**
 * One append, whatever topics its events go to. Resolves with their positions, or null when some wait in the spool.
 * Throws GATEWAY_LOG_FULL, GATEWAY_SPOOL_FULL, GATEWAY_UNCONFIRMED (may have landed), GATEWAY_LOG_RECORD, GATEWAY_LOG_UNAVAILABLE.
 */
export async function appendEvents (log: EventLog, topicOf: TopicOf, events: readonly AcceptedEvent[], origin: Origin): Promise<readonly Position[] | null> {
  const records: LogRecord[] = new Array(events.length)
  for (let i = 0; i < events.length; i++) {
    const event = events[i] as AcceptedEvent
    records[i] = recordOf(event, topicOf(event.eventType), origin)
  }
  try {
    return await log.append(records)
  } catch (error) {
    throw failureOf(error)
  }
}

function failureOf (error: unknown): Error {
  if (error instanceof FirnError && error.code.startsWith('GATEWAY_')) return error
  if (isLogError(error, 'LOG_RECORD_TOO_LARGE')) return fail('GATEWAY_LOG_RECORD', { reason: error.message }, error)
  if (isLogError(error, 'LOG_FULL')) return fail('GATEWAY_LOG_FULL', {}, error)
  if (isLogError(error, 'LOG_TIMEOUT')) return fail('GATEWAY_UNCONFIRMED', {}, error)
  return fail('GATEWAY_LOG_UNAVAILABLE', {}, error)
}
