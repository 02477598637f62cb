// k6: the steady load for long. What it looks for is drift: the last quarter has to keep the same limits as the first, and
// the gateway has to say all along that it is ready.

import { scenario } from 'k6/execution'
import http from 'k6/http'
import { Rate } from 'k6/metrics'
import type { Options } from 'k6/options'
import { deliverSession } from './delivery.ts'
import { eventsPerSession } from './events.ts'
import { commonOptions, gracefulStop, numberOf, readSettings, thresholds } from './settings.ts'
import { summarise } from './summary.ts'

const settings = readSettings({ rate: 200, seconds: 1800 })
const ready = new Rate('gateway_ready')
const readyCheckSeconds = 5
const limits = { p95: 250, p99: 1000 }

export const options: Options = {
  ...commonOptions,
  scenarios: {
    sessions: {
      executor: 'constant-arrival-rate',
      rate: Math.max(1, Math.round(settings.eventsPerSecond / eventsPerSession * 60)),
      timeUnit: '1m',
      duration: `${settings.durationSeconds}s`,
      preAllocatedVUs: 20,
      maxVUs: 400,
      gracefulStop: gracefulStop(settings)
    },
    readiness: { executor: 'constant-arrival-rate', exec: 'checkReady', rate: 1, timeUnit: `${readyCheckSeconds}s`, duration: `${settings.durationSeconds}s`, preAllocatedVUs: 1, maxVUs: 5 }
  },
  thresholds: {
    ...thresholds(limits),
    'http_req_duration{quarter:first}': [`p(95)<=${numberOf('P95_MS', limits.p95)}`],
    'http_req_duration{quarter:last}': [`p(95)<=${numberOf('P95_MS', limits.p95)}`, `p(99)<=${numberOf('P99_MS', limits.p99)}`],
    gateway_ready: ['rate>=0.99']
  }
}

export default function (): void {
  const quarter = Math.min(3, Math.floor(scenario.progress * 4))
  deliverSession(settings, 4, scenario.iterationInTest, { quarter: ['first', 'second', 'third', 'last'][quarter] as string })
}

export function checkReady (): void {
  const answer = http.get(`${settings.url}/readyz`, { timeout: `${readyCheckSeconds}s`, tags: { name: 'GET /readyz' }, responseCallback: http.expectedStatuses(200, 503) })
  ready.add(answer.status === 200)
}

export const handleSummary = summarise('soak')
