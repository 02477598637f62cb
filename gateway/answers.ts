// The bodies of answers to POST /v1/events. A 202 is put together by hand: it is sent once per event.
// Positions are JSON numbers: offsets stay far below 2^53.

import type { FirnError, errorBody } from '../runtime/index.ts'
import type { Position } from '../log/index.ts'
import type { RejectedEvent } from './accept.ts'

export const jsonType = 'application/json; charset=utf-8'

/** 202 for a request that was one event. What waits in the spool is durable, but has no position yet. */
export function printAccepted (eventId: string, position: Position | null): string {
  if (position === null) return `{"event_id":${JSON.stringify(eventId)},"status":"accepted","position":null}`
  return `{"event_id":${JSON.stringify(eventId)},"status":"accepted","position":{"topic":"${position.topic}","partition":${position.partition},"offset":${position.offset}}}`
}

/** 202 for an array, {"events": […]} or NDJSON. */
export function printAcceptedMany (accepted: number, rejected: readonly RejectedEvent[]): string {
  return rejected.length === 0
    ? `{"accepted":${accepted},"rejected":0,"errors":[]}`
    : `{"accepted":${accepted},"rejected":${rejected.length},"errors":${JSON.stringify(rejected)}}`
}

/** 400: nothing of the request was valid. */
export function printRejected (error: FirnError, path: string | null, rejected: readonly RejectedEvent[], requestId: string): string {
  const body: ReturnType<typeof errorBody> & { accepted: number, rejected: number, errors: readonly RejectedEvent[] } = {
    code: error.code,
    message: error.message,
    ...path === null ? {} : { path },
    retryable: error.retryable,
    requestId,
    accepted: 0,
    rejected: rejected.length,
    errors: rejected
  }
  return JSON.stringify(body)
}
