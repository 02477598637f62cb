// Turns checked events into records of the log: topic, key, value bytes as the client sent them, headers.
// Headers are one object for all records of an origin (a second one with `extra` for events with undeclared fields), and the
// same origin within the same millisecond shares them over requests: the log stores each object once per batch.

import { contractVersion, type CheckedEvent } from '../openapi/index.ts'
import type { LogRecord, RecordHeaders } from '../log/index.ts'

export type Source = 'gateway' | 'ingest' | 'import'

export interface Origin {
  readonly source: Source
  readonly receivedAtMs: number
  readonly plain: RecordHeaders
  readonly extra: RecordHeaders
}

export type AcceptedEvent = Extract<CheckedEvent, { ok: true }>

const userAgentCharsMax = 512

/** Makes origins; keeps those of the current millisecond. */
export function createOrigins (source: Source): (receivedAtMs: number, ip: string | null, userAgent: string | undefined) => Origin {
  let keptAtMs = 0
  const kept = new Map<string, Origin>()
  return (receivedAtMs, ip, userAgent) => {
    if (receivedAtMs !== keptAtMs) {
      kept.clear()
      keptAtMs = receivedAtMs
    }
    const name = `${ip} ${userAgent}`
    let origin = kept.get(name)
    if (origin === undefined) kept.set(name, origin = makeOrigin(source, receivedAtMs, ip, userAgent))
    return origin
  }
}

export function recordOf (event: AcceptedEvent, topic: string, origin: Origin): LogRecord {
  return {
    topic,
    key: event.key,
    value: event.value,
    headers: event.hasExtra ? origin.extra : origin.plain,
    timestampMs: origin.receivedAtMs
  }
}

function makeOrigin (source: Source, receivedAtMs: number, ip: string | null, userAgent: string | undefined): Origin {
  const plain: Record<string, string> = { received_at: `${receivedAtMs}000` }
  if (ip !== null) plain.ip = ip
  if (userAgent !== undefined && userAgent !== '') plain.user_agent = userAgent.slice(0, userAgentCharsMax).toWellFormed()
  plain.source = source
  // An older writer then looks for fields that it does not know and keeps them, as it does with `extra`.
  if (contractVersion > 1) plain.contract = String(contractVersion)
  return { source, receivedAtMs, plain, extra: { ...plain, extra: '1' } }
}
