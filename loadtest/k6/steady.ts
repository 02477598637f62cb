// k6: a constant stream of sessions. What the line does all day.

import { scenario } from 'k6/execution'
import type { Options } from 'k6/options'
import { deliverSession } from './delivery.ts'
import { eventsPerSession } from './events.ts'
import { commonOptions, gracefulStop, readSettings, thresholds } from './settings.ts'
import { summarise } from './summary.ts'

const settings = readSettings({ rate: 300, seconds: 60 })

export const options: Options = {
  ...commonOptions,
  scenarios: {
    steady: {
      executor: 'constant-arrival-rate',
      rate: Math.max(1, Math.round(settings.eventsPerSecond / eventsPerSession * 60)),
      timeUnit: '1m',
      duration: `${settings.durationSeconds}s`,
      preAllocatedVUs: 20,
      maxVUs: 400,
      gracefulStop: gracefulStop(settings)
    }
  },
  thresholds: thresholds({ p95: 250, p99: 1000 })
}

export default function (): void {
  deliverSession(settings, 0, scenario.iterationInTest)
}

export const handleSummary = summarise('steady load')
