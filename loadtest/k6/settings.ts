// What the scripts read from k6's environment (`k6 run -e NAME=value`), with the defaults of a small machine, and the
// thresholds that every script has. How fast is a default that one may change; that every answer is right is not.

import type { Options } from 'k6/options'

export interface LoadSettings {
  readonly url: string
  /** The write key of a gateway that wants one. */
  readonly key: string
  readonly run: string
  readonly seed: number
  readonly eventsPerSecond: number
  readonly durationSeconds: number
  /** Events in a request at most; a request holds events of one session, in their order. */
  readonly batch: number
  readonly giveUpSeconds: number
}

const requestSecondsMax = 10
export const requestTimeout = `${requestSecondsMax}s`

export function readSettings (defaults: { readonly rate: number, readonly seconds: number }): LoadSettings {
  return {
    url: (__ENV['URL'] || 'http://127.0.0.1:8000').replace(/\/+$/, ''),
    key: __ENV['WRITE_KEY'] ?? '',
    run: __ENV['RUN'] || `k6_${Math.floor(Date.now() / 1000).toString(36)}`,
    seed: numberOf('SEED', 1),
    eventsPerSecond: numberOf('RATE', defaults.rate),
    durationSeconds: numberOf('DURATION', defaults.seconds),
    batch: numberOf('BATCH', 5),
    giveUpSeconds: numberOf('GIVE_UP', 60)
  }
}

/** Every script's thresholds. A request counts as failed when its first answer asked to come again or there was none. */
export function thresholds (limits: { readonly p95: number, readonly p99: number }): NonNullable<Options['thresholds']> {
  return {
    http_req_failed: [`rate<=${numberOf('FAILED_MAX', 0.01)}`],
    http_req_duration: [`p(95)<=${numberOf('P95_MS', limits.p95)}`, `p(99)<=${numberOf('P99_MS', limits.p99)}`],
    events_accepted: ['count>0'],
    // Never negotiable: no event without an answer in the end, no answer that the contract does not allow.
    events_unknown: ['count==0'],
    answers_wrong: ['count==0']
  }
}

/** Requests under way at the end may come to their answer, retries included: an interrupted one would stay unknown. */
export function gracefulStop ({ giveUpSeconds }: LoadSettings): string {
  return `${giveUpSeconds + 2 * requestSecondsMax}s`
}

export const commonOptions: Options = { discardResponseBodies: false, summaryTrendStats: ['min', 'med', 'p(95)', 'p(99)', 'max'], userAgent: 'firn-k6' }

export function numberOf (name: string, otherwise: number): number {
  const text = __ENV[name]
  if (text === undefined || text === '') return otherwise
  const value = Number(text)
  if (!Number.isFinite(value) || value < 0) throw new Error(`${name} is ${text}: a number is expected`)
  return value
}
