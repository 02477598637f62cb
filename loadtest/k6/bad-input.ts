// k6: what clients get wrong, alone and amid valid events. Each mistake has to get the contract's answer, its neighbours
// have to be accepted, and nothing refused may become a row: the ledger tells the verifier which ids those are.

import { scenario } from 'k6/execution'
import http from 'k6/http'
import type { Options } from 'k6/options'
import { badBodies, badEvents, type BadEvent } from './bad-bodies.ts'
import { accepted, note, noteRefused, post, sayWrong, unknown, type Answer } from './delivery.ts'
import { makeSession, type ShopEvent } from './events.ts'
import { commonOptions, gracefulStop, readSettings, thresholds } from './settings.ts'
import { summarise } from './summary.ts'

const settings = readSettings({ rate: 100, seconds: 30 })
const neighbours = 3
// A refusal is the right answer here; what fails is an answer that asks to come again, or none.
http.setResponseCallback(http.expectedStatuses(202, 400, 413, 415))

export const options: Options = {
  ...commonOptions,
  scenarios: {
    'bad-input': {
      executor: 'constant-arrival-rate',
      rate: Math.max(1, Math.round(settings.eventsPerSecond)),
      timeUnit: '1s',
      duration: `${settings.durationSeconds}s`,
      preAllocatedVUs: 10,
      maxVUs: 200,
      gracefulStop: gracefulStop(settings)
    }
  },
  thresholds: { ...thresholds({ p95: 250, p99: 1000 }), events_refused: ['count>0'] }
}

export default function (): void {
  const iteration = scenario.iterationInTest
  const session = makeSession({ run: settings.run, seed: settings.seed, stream: 9, iteration }, Date.now())
  const round = Math.floor(iteration / 3)
  if (iteration % 3 === 0) badBody(round, session)
  else if (iteration % 3 === 1) badAlone(badEvents[round % badEvents.length] as BadEvent, session)
  else badAmid(badEvents[round % badEvents.length] as BadEvent, session)
}

export const handleSummary = summarise('bad input')

type Session = ReturnType<typeof makeSession>

function badBody (round: number, session: Session): void {
  const { what, body, headers, status, code } = badBodies[round % badBodies.length] as (typeof badBodies)[number]
  const answer = post(settings, body, session, {}, headers)
  if (answer !== null && (answer.status !== status || jsonOf(answer)['code'] !== code)) sayWrong(answer, what, `${status} ${code}`)
}

function badAlone (mistake: BadEvent, session: Session): void {
  const event = session.events[0] as ShopEvent
  const answer = post(settings, mistake.make(event), session)
  if (answer === null) return note('unknown', [event], unknown)
  const { code, errors } = jsonOf(answer) as { code?: string, errors?: Array<{ code?: string }> }
  if (answer.status >= 400 && answer.status < 500 && (errors?.[0]?.code ?? code) === mistake.code) noteRefused(mistake.hasId ? event.event_id : null, mistake.code)
  else sayWrong(answer, mistake.what, `4xx ${mistake.code}`)
}

function badAmid (mistake: BadEvent, session: Session): void {
  const good = session.events.slice(1, 1 + neighbours)
  const bad = session.events[0] as ShopEvent
  const texts = good.map(event => JSON.stringify(event))
  texts.splice(1, 0, mistake.make(bad))
  const answer = post(settings, `[${texts.join(',')}]`, session)
  if (answer === null) return note('unknown', session.events.slice(0, 1 + neighbours), unknown)
  const { accepted: taken, rejected, errors } = jsonOf(answer) as { accepted?: number, rejected?: number, errors?: Array<{ index: number, code: string }> }
  if (answer.status === 202 && taken === neighbours && rejected === 1 && errors?.[0]?.index === 1 && errors[0].code === mistake.code) {
    note('acked', good, accepted)
    noteRefused(mistake.hasId ? bad.event_id : null, mistake.code)
  } else {
    sayWrong(answer, `${mistake.what}, amid valid events`, `202 that refuses index 1 with ${mistake.code}`)
    note('unknown', session.events.slice(0, 1 + neighbours), unknown)
  }
}

function jsonOf (answer: Answer): Record<string, unknown> {
  try {
    return JSON.parse(answer.body) as Record<string, unknown>
  } catch {
    return {}
  }
}
