// Load whose order can be checked: many sessions, each sending its numbered events one request after the other, the next
// only when the one before was answered with 202. So the order of the first 202s of a session is the order of its numbers.
// A session that was given no answer in the end is over: what it would send next would have no place.

import { setTimeout as sleep } from 'node:timers/promises'
import { openLedger } from '../generate/ledger.ts'
import { createSender, type OutgoingEvent, type SenderCounts } from '../generate/sender.ts'

const eventsPerRequestMax = 3
const requestsPerSession = 40
const giveUpMs = 240_000

export interface SessionLoadOptions {
  readonly url: string
  readonly ledgerFile: string
  readonly sessions: number
  readonly eventsPerSecond: number
  /** Of so many events one goes again at the same moment, with the same event_id from another session; 0: none does. */
  readonly strayEvery?: number
}

export interface Answers {
  /** Answered with 503 or 429. */
  refusals: number
  /** Of these, without Retry-After. */
  bareRefusals: number
  /** Requests without any answer. */
  silent: number
}

export interface SessionLoad {
  readonly counts: SenderCounts
  readonly answers: Answers
  /** When the last 202 came, and the longest time without one since `resetSilence` (performance.now). */
  silence(): { lastAckMs: number, longestMs: number }
  resetSilence(): void
  /** Resolves with the milliseconds until the next 202. */
  nextAck(): Promise<number>
  /** No new requests; resolves when each one sent is answered. */
  stop(): Promise<void>
}

export function startSessions (options: SessionLoadOptions): SessionLoad {
  const { sessions, eventsPerSecond, strayEvery = 0 } = options
  const ledger = openLedger(options.ledgerFile)
  const answers: Answers = { refusals: 0, bareRefusals: 0, silent: 0 }
  const waiting = new Set<() => void>()
  let lastAckMs = performance.now()
  let longestMs = 0
  const sender = createSender({
    url: options.url,
    ledger,
    connections: sessions + 8,
    giveUpMs,
    onAnswer: (status, hasRetryAfter) => {
      if (status === null) answers.silent++
      if (status === 503 || status === 429) {
        answers.refusals++
        if (!hasRetryAfter) answers.bareRefusals++
      }
      if (status !== 202) return
      const now = performance.now()
      longestMs = Math.max(longestMs, now - lastAckMs)
      lastAckMs = now
      for (const tell of waiting) tell()
      waiting.clear()
    }
  })
  const stopping = new AbortController()
  const run = Date.now().toString(36)
  const gapMs = sessions / eventsPerSecond * 1000 * (eventsPerRequestMax + 1) / 2
  let [born, sent] = [0, 0]

  const playSession = async (seat: number): Promise<void> => {
    const session = `${run}-s${born++}`
    const from = { ip: `198.51.100.${seat % 250 + 1}`, userAgent: 'outage-test' }
    for (let request = 0, n = 0; request < requestsPerSession && !stopping.signal.aborted; request++) {
      await sleep(gapMs * (0.5 + Math.random()), undefined, { signal: stopping.signal }).catch(() => {})
      if (stopping.signal.aborted) return
      const events = Array.from({ length: 1 + (request + seat) % eventsPerRequestMax }, () => eventOf(session, n++))
      const strays = strayEvery === 0 ? [] : events.filter(() => sent++ % strayEvery === 0)
      const unknownBefore = sender.counts.unknown
      await Promise.all([
        sender.send({ events, ...from }),
        ...strays.map(stray => sender.send({ events: [strayOf(stray)], ip: '198.51.100.251', userAgent: 'stray' }))
      ])
      if (sender.counts.unknown > unknownBefore) return
    }
  }
  const seats = Promise.all(Array.from({ length: sessions }, async (_, seat) => {
    while (!stopping.signal.aborted) await playSession(seat)
  }))
  seats.catch(() => {})

  return {
    counts: sender.counts,
    answers,
    silence: () => ({ lastAckMs, longestMs: Math.max(longestMs, performance.now() - lastAckMs) }),
    resetSilence: () => { longestMs = 0; lastAckMs = performance.now() },
    nextAck: async () => {
      const startedMs = performance.now()
      await new Promise<void>(resolve => { waiting.add(resolve) })
      return performance.now() - startedMs
    },
    stop: async () => {
      stopping.abort()
      await seats
      await sender.close()
      ledger.close()
    }
  }
}

/** The number stands at the end of the id: session-n17. */
function eventOf (session: string, n: number): OutgoingEvent {
  const eventId = `${session}-n${n}`
  return { eventId, json: JSON.stringify({ event_id: eventId, event_type: n % 4 === 0 ? 'search' : 'page_view', timestamp: new Date().toISOString(), session_id: session, user_id: `u-${session}`, url: 'https://shop.example/p/7', title: 'Merino sweater' }) }
}

/** The same event_id under another session: mostly another partition, thus perhaps another writer. */
function strayOf ({ eventId, json }: OutgoingEvent): OutgoingEvent {
  return { eventId, json: JSON.stringify({ ...JSON.parse(json) as object, session_id: `stray-${eventId}` }) }
}
