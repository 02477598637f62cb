// Prometheus metrics of one process, named `firn_<service>_<name>`; the name ends in its unit, counters in `_total`.
// Process figures are read when somebody asks; the delay of the event loop alone is sampled meanwhile, seldom enough that an
// idle service costs nothing to speak of.

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { EventLoopDelay } from './event-loop-delay.ts'

export interface Metrics {
  readonly service: string
  readonly registry: Registry
  readonly contentType: string
  counter<L extends string = string>(name: string, help: string, labels?: readonly L[]): Counter<L>
  /** `read` is called at each scrape, for values that somebody else keeps. */
  gauge<L extends string = string>(name: string, help: string, labels?: readonly L[], read?: (gauge: Gauge<L>) => void | Promise<void>): Gauge<L>
  histogram<L extends string = string>(name: string, help: string, buckets: number[], labels?: readonly L[]): Histogram<L>
  /** The text of a scrape. */
  text(): Promise<string>
}

export function createMetrics (service: string): Metrics {
  const prom = createRequire(import.meta.url)('prom-client') as typeof import('prom-client')
  const registry = new prom.Registry()
  const registers = [registry]
  const full = (name: string): string => {
    const prefix = `firn_${service}_`
    return name.startsWith(prefix) ? name : prefix + name
  }
  const metrics: Metrics = {
    service,
    registry,
    contentType: registry.contentType,
    counter: (name, help, labels = []) => {
      if (!name.endsWith('_total')) throw new TypeError(`a counter's name ends in _total, ${name} does not`)
      return new prom.Counter({ name: full(name), help, labelNames: labels, registers })
    },
    gauge: (name, help, labels = [], read) => new prom.Gauge({
      name: full(name), help, labelNames: labels, registers, ...read === undefined ? {} : { collect () { return read(this) } }
    }),
    histogram: (name, help, buckets, labels = []) => new prom.Histogram({ name: full(name), help, labelNames: labels, buckets, registers }),
    text: () => registry.metrics()
  }
  metrics.gauge('process_cpu_seconds', 'CPU time used by this process', [], gauge => {
    const { user, system } = process.cpuUsage()
    gauge.set((user + system) / 1e6)
  })
  metrics.gauge('process_resident_memory_bytes', 'resident memory of this process', [], gauge => gauge.set(process.memoryUsage.rss()))
  metrics.gauge('process_start_time_seconds', 'when this process started', []).set(Math.round(Date.now() / 1000 - process.uptime()))
  const delay = new EventLoopDelay()
  metrics.gauge('event_loop_delay_seconds', 'how late this process came to its work in the last one to two minutes, by quantile; 1 is the longest', ['quantile'], gauge => {
    for (const [quantile, seconds] of delay.read(performance.now())) gauge.set({ quantile: String(quantile) }, seconds)
  })
  // The same name in every process, so that one question finds a line that was upgraded in part.
  new prom.Gauge({ name: 'firn_build_info', help: 'always 1; the labels say what runs', labelNames: ['version', 'node', 'service'], registers })
    .set({ version: versionOf(), node: process.versions.node, service }, 1)
  return metrics
}

function versionOf (): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }
  return version
}
