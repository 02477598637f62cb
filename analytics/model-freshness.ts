// How stale each model is, for whoever asks often: a scrape, the watch over the line, GET /v1/models. The tables are asked at most
// every few seconds and within a bound; while they cannot be asked, a model grows older by the clock, since nothing better is
// known of it.

import { setTimeout as sleep } from 'node:timers/promises'
import type { Metrics } from '../runtime/index.ts'
import type { ModelStatus } from './runner/index.ts'

const knownMsMax = 2_000
const askMsMax = 2_000

export interface Freshness { readonly model: string, /** null while something that it reads is not there. */ readonly staleMs: number | null, readonly goalMs: number }

export class ModelFreshness {
  readonly #ask: () => Promise<readonly ModelStatus[]>
  readonly #clock: () => number
  #known: readonly Freshness[] = []
  #knownAtMs = -Infinity
  #asking: Promise<void> | null = null

  constructor (ask: () => Promise<readonly ModelStatus[]>, clock: () => number = () => performance.now()) {
    this.#ask = ask
    this.#clock = clock
  }

  /** Never throws; empty until the tables could be asked once. */
  async read (): Promise<readonly Freshness[]> {
    if (this.#clock() - this.#knownAtMs >= knownMsMax) {
      this.#asking ??= this.#askOnce().finally(() => { this.#asking = null })
      const done = new AbortController()
      const late = sleep(askMsMax, undefined, { signal: done.signal }).catch(() => undefined)
      await Promise.race([this.#asking, late])
      done.abort()
    }
    const sinceMs = this.#clock() - this.#knownAtMs
    if (sinceMs < knownMsMax) return this.#known
    return this.#known.map(one => ({ ...one, staleMs: one.staleMs === null ? null : one.staleMs + sinceMs }))
  }

  async #askOnce (): Promise<void> {
    try {
      const found = await this.#ask()
      this.#known = found.map(({ model, staleMs, goalMs }) => ({ model, staleMs, goalMs }))
      this.#knownAtMs = this.#clock()
    } catch {
      // The loop of the models says what is wrong with the catalog.
    }
  }
}

export function measureFreshness (metrics: Metrics, freshness: ModelFreshness): void {
  metrics.gauge('model_staleness_seconds', 'how long the sources of a model, or theirs, have had rows that it does not know of; 0: it knows all', ['model'], async gauge => {
    gauge.reset()
    for (const { model, staleMs } of await freshness.read()) if (staleMs !== null) gauge.set({ model }, Math.round(staleMs / 100) / 10)
  })
  metrics.gauge('model_freshness_goal_seconds', 'how long that may be, by the header of the model', ['model'], async gauge => {
    gauge.reset()
    for (const { model, goalMs } of await freshness.read()) gauge.set({ model }, goalMs / 1000)
  })
}
