// Sends events to a gateway the way a careful client does: on 429, 503, any 5xx, a timeout or a lost connection the same
// bytes go again, with the same event_ids, until they are answered or the sender is told to give up. Every answer goes
// to the ledger before `send` resolves. Refuses nothing: what a 4xx means is noted, not judged.

import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import type { Ledger } from './ledger.ts'

const answerMsMax = 20_000
const backoffMsMin = 50
const backoffMsMax = 2_000

export interface OutgoingEvent {
  /** null for an event that is broken on purpose and has none. */
  readonly eventId: string | null
  readonly json: string
}

export interface Shipment {
  readonly events: readonly OutgoingEvent[]
  readonly ip: string
  readonly userAgent: string
}

export interface SenderCounts { acked: number, refused: number, unknown: number, requests: number, retries: number }

export interface Sender {
  readonly counts: SenderCounts
  /** Milliseconds of each answered request. */
  readonly latencyMs: number[]
  /** Resolves when every event of the shipment is answered, or noted as unknown. */
  send(shipment: Shipment): Promise<void>
  close(): Promise<void>
}

export interface SenderOptions {
  readonly url: string
  /** A write key, where the gateway asks for one. */
  readonly key?: string | undefined
  readonly ledger: Ledger
  readonly connections: number
  /** How long one shipment is tried before it is noted as unknown. */
  readonly giveUpMs: number
  /** Aborting it ends the retries of all shipments. */
  readonly signal?: AbortSignal
  /** Told of every answer: its status (null: none came) and whether it said when to come back. */
  readonly onAnswer?: (status: number | null, hasRetryAfter: boolean) => void
}

export function createSender ({ url, key, ledger, connections, giveUpMs, signal, onAnswer }: SenderOptions): Sender {
  const keyHeader: Record<string, string> = key === undefined ? {} : { 'x-write-key': key }
  const pool = new Pool(new URL(url).origin, { connections, pipelining: 1, connectTimeout: 2_000, headersTimeout: answerMsMax, bodyTimeout: answerMsMax })
  const counts: SenderCounts = { acked: 0, refused: 0, unknown: 0, requests: 0, retries: 0 }
  const latencyMs: number[] = []

  const post = async (shipment: Shipment, body: string): Promise<{ status: number, text: string, retryAfterMs: number } | null> => {
    counts.requests++
    try {
      const { statusCode, headers, body: answer } = await pool.request({
        method: 'POST',
        path: '/v1/events',
        headers: { 'content-type': 'application/json', 'x-forwarded-for': shipment.ip, 'user-agent': shipment.userAgent, ...keyHeader },
        body
      })
      const text = await answer.text()
      onAnswer?.(statusCode, headers['retry-after'] !== undefined)
      return { status: statusCode, text, retryAfterMs: Number(headers['retry-after'] ?? 0) * 1000 }
    } catch {
      onAnswer?.(null, false)
      return null
    }
  }

  const send = async (shipment: Shipment): Promise<void> => {
    const { events } = shipment
    const body = events.length === 1 ? (events[0] as OutgoingEvent).json : `[${events.map(event => event.json).join(',')}]`
    const startedAt = performance.now()
    for (let attempt = 0; ; attempt++) {
      const sentAt = performance.now()
      const answer = await post(shipment, body)
      if (answer !== null && answer.status < 500 && answer.status !== 429 && answer.status !== 408) {
        latencyMs.push(performance.now() - sentAt)
        settle(events, answer.status, answer.text)
        return
      }
      if (performance.now() - startedAt > giveUpMs || signal?.aborted === true) break
      counts.retries++
      const backoff = Math.min(backoffMsMax, backoffMsMin * 2 ** attempt)
      await sleep(Math.max(backoff * (0.5 + Math.random() / 2), Math.min(answer?.retryAfterMs ?? 0, backoffMsMax)), undefined, signal === undefined ? {} : { signal }).catch(() => {})
    }
    counts.unknown += events.length
    ledger.note({ unknown: idsOf(events) })
  }

  /** An answered request: which events were taken, which refused. */
  const settle = (events: readonly OutgoingEvent[], status: number, text: string): void => {
    const refused = refusedOf(events.length, status, text)
    const acked = events.filter((_, i) => !refused.has(i))
    counts.acked += acked.length
    counts.refused += refused.size
    ledger.note({
      ...acked.length > 0 && { acked: idsOf(acked) },
      ...refused.size > 0 && { refused: [...refused].map(([i, code]): [string | null, string] => [events[i]?.eventId ?? null, code]) }
    })
  }

  return { counts, latencyMs, send, close: () => pool.close() }
}

/** Index → code of every event that an answer refused. Throws when the answer is none that a gateway gives. */
export function refusedOf (count: number, status: number, text: string): Map<number, string> {
  const answer = parseAnswer(text)
  if (status === 202) {
    const errors = Array.isArray(answer.errors) ? answer.errors as Array<{ index: number, code: string }> : []
    if (typeof answer.accepted === 'number' && answer.accepted + errors.length !== count) {
      throw new Error(`the gateway took ${answer.accepted} and refused ${errors.length} of ${count} events: ${text.slice(0, 300)}`)
    }
    return new Map(errors.map(({ index, code }) => [index, code]))
  }
  const code = typeof answer.code === 'string' ? answer.code : `HTTP_${status}`
  return new Map(Array.from({ length: count }, (_, i) => [i, code]))
}

function parseAnswer (text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch {
    return {}
  }
}

function idsOf (events: readonly OutgoingEvent[]): string[] {
  return events.flatMap(event => event.eventId ?? [])
}
