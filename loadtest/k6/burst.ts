// k6: calm, then a wall of sessions, then calm again. Asked to come again (429) clients do, so nothing may be lost in the
// wall; in the calm after it the gateway has to be as quick as before.

import { scenario } from 'k6/execution'
import type { Options } from 'k6/options'
import { deliverSession } from './delivery.ts'
import { eventsPerSession } from './events.ts'
import { commonOptions, gracefulStop, numberOf, readSettings, thresholds } from './settings.ts'
import { summarise } from './summary.ts'

const settings = readSettings({ rate: 200, seconds: 60 })
/** How many times the calm rate the wall is. */
const height = numberOf('BURST', 10)
const calm = Math.max(1, Math.round(settings.eventsPerSecond / eventsPerSession))
const part = (share: number): number => Math.max(1, Math.round(settings.durationSeconds * share))
const [before, wall, after] = [part(0.3), part(0.3), part(0.4)]

const phase = (startSeconds: number, seconds: number, sessionsPerSecond: number, stream: string): NonNullable<Options['scenarios']>[string] => ({
  executor: 'constant-arrival-rate',
  rate: sessionsPerSecond,
  timeUnit: '1s',
  startTime: `${startSeconds}s`,
  duration: `${seconds}s`,
  preAllocatedVUs: Math.min(300, 10 + sessionsPerSecond),
  maxVUs: 1000,
  gracefulStop: gracefulStop(settings),
  env: { STREAM: stream }
})

export const options: Options = {
  ...commonOptions,
  scenarios: {
    calm: phase(0, before, calm, '1'),
    wall: phase(before, wall, calm * height, '2'),
    recovery: phase(before + wall, after, calm, '3')
  },
  thresholds: {
    // In the wall latency is the gateway's to choose: it may also answer 429.
    ...thresholds({ p95: 2000, p99: 8000 }),
    http_req_failed: [`rate<=${numberOf('FAILED_MAX', 0.2)}`],
    'http_req_duration{scenario:calm}': [`p(95)<=${numberOf('CALM_P95_MS', 250)}`],
    'http_req_duration{scenario:recovery}': [`p(95)<=${numberOf('RECOVERY_P95_MS', 1000)}`]
  }
}

export default function (): void {
  deliverSession(settings, Number(__ENV['STREAM']), scenario.iterationInTest)
}

export const handleSummary = summarise('burst')
