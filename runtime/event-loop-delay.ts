// How late the event loop comes to its work: a process that is busy, or starved of CPU, answers late and gives no other sign.
// Told is the last one to two minutes, whoever asks and however often: asking takes nothing from others who ask.

import { monitorEventLoopDelay, type IntervalHistogram } from 'node:perf_hooks'

/** Each look wakes a process that has nothing else to do: at 50 ms that was a third of what an idle line costs. */
const everyMs = 100
const windowMs = 60_000
const quantiles: readonly number[] = [0.5, 0.99, 1]

export class EventLoopDelay {
  #older: IntervalHistogram | null = null
  #current = begin()
  #begunMs = performance.now()

  /** Seconds by quantile. */
  read (nowMs: number): Map<number, number> {
    if (nowMs - this.#begunMs >= windowMs) {
      this.#older?.disable()
      // What stood unread for long says nothing of the last minutes.
      this.#older = nowMs - this.#begunMs < 2 * windowMs ? this.#current : null
      if (this.#older === null) this.#current.reset()
      else this.#current = begin()
      this.#begunMs = nowMs
    }
    const told = [this.#current, this.#older].filter(histogram => histogram !== null)
    return new Map(quantiles.map(quantile => [quantile, Math.max(...told.map(histogram => secondsOf(histogram, quantile)))]))
  }
}

function begin (): IntervalHistogram {
  const histogram = monitorEventLoopDelay({ resolution: everyMs })
  histogram.enable()
  return histogram
}

/** The timer's own period is no delay. Before its first tick nothing is known. */
function secondsOf (histogram: IntervalHistogram, quantile: number): number {
  if (histogram.count === 0) return 0
  const ns = quantile === 1 ? histogram.max : histogram.percentile(quantile * 100)
  return Math.max(0, ns / 1e9 - everyMs / 1000)
}
