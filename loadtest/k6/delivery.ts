// Sends events as a careful client does: one request after the other, the same bytes again when the gateway asks for it or
// does not answer. Every settled request becomes one line on k6's console, which the runner points at a file: that file is
// the ledger that the verifier reads. A line is written before the next request, so an aborted run has noted what it knew.

import { sleep } from 'k6'
import http, { type RefinedResponse } from 'k6/http'
import { Counter } from 'k6/metrics'
import { makeSession, type ShopEvent } from './events.ts'
import { requestTimeout, type LoadSettings } from './settings.ts'

const backoffSecondsMin = 0.1
const backoffSecondsMax = 5

export const accepted = new Counter('events_accepted')
export const refused = new Counter('events_refused')
export const unknown = new Counter('events_unknown')
export const wrong = new Counter('answers_wrong')
export const retried = new Counter('requests_retried')

export interface Sender { readonly ip: string, readonly userAgent: string }
export type Answer = RefinedResponse<'text'>

/** Sends one session of a stream (one per scenario), which has to be accepted whole. */
export function deliverSession (settings: LoadSettings, stream: number, iteration: number, tags: Record<string, string> = {}): void {
  const { run, seed, batch } = settings
  const session = makeSession({ run, seed, stream, iteration }, Date.now())
  for (let at = 0; at < session.events.length; at += batch) {
    const events = session.events.slice(at, at + batch)
    const answer = post(settings, bodyOf(events), session, tags)
    if (answer === null) note('unknown', events, unknown)
    else if (isAccepted(answer, events)) note('acked', events, accepted)
    else {
      sayWrong(answer, 'valid events', '202 for all of them')
      // What a wrong answer means is not known: the verifier must not be told that it is safe or that it is gone.
      note('unknown', events, unknown)
    }
  }
}

/** The final answer; null when there was none until we gave up. */
export function post (settings: LoadSettings, body: string, { ip, userAgent }: Sender, tags: Record<string, string> = {}, headers: Record<string, string> = {}): Answer | null {
  const startedMs = Date.now()
  for (let attempt = 0; ; attempt++) {
    const answer = http.post(`${settings.url}/v1/events`, body, {
      headers: { 'content-type': 'application/json', 'x-forwarded-for': ip, 'user-agent': userAgent, ...settings.key === '' ? {} : { 'x-write-key': settings.key }, ...headers },
      responseType: 'text',
      timeout: requestTimeout,
      tags: { name: 'POST /v1/events', ...tags }
    })
    if (answer.status !== 0 && answer.status < 500 && answer.status !== 429 && answer.status !== 408) return answer
    if (Date.now() - startedMs > settings.giveUpSeconds * 1000) return null
    retried.add(1)
    const asked = Number(answer.headers['Retry-After'] ?? 0)
    sleep(Math.min(backoffSecondsMax, Math.max(asked, backoffSecondsMin * 2 ** Math.min(attempt, 10) * (0.5 + Math.random() / 2))))
  }
}

export function bodyOf (events: readonly ShopEvent[]): string {
  return JSON.stringify(events.length === 1 ? events[0] : events)
}

/** A 202 that answers for each of these events. */
function isAccepted (answer: Answer, events: readonly ShopEvent[]): boolean {
  if (answer.status !== 202) return false
  try {
    const { event_id: id, accepted, rejected } = JSON.parse(answer.body) as Record<string, unknown>
    return events.length === 1 ? id === events[0]?.event_id : accepted === events.length && rejected === 0
  } catch {
    return false
  }
}

/** A line of the ledger, in the form that `npm run verify` reads. */
export function note (kind: 'acked' | 'unknown', events: readonly ShopEvent[], counter: Counter): void {
  counter.add(events.length)
  console.log(JSON.stringify({ [kind]: events.map(event => event.event_id) }))
}

export function noteRefused (eventId: string | null, code: string): void {
  refused.add(1)
  console.log(JSON.stringify({ refused: [[eventId, code]] }))
}

/** An answer that the contract does not give: kept beside the ledger lines, which readers of ledgers skip. */
export function sayWrong (answer: Answer, sent: string, expected: string): void {
  wrong.add(1)
  console.log(JSON.stringify({ wrong: { sent, expected, status: answer.status, body: String(answer.body).slice(0, 300) } }))
}
