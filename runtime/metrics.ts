// Prometheus metrics of one process, named `firn_<service>_<name>`; the name ends in its unit, counters in `_total`.
// Process figures are read when somebody asks, never by a timer: an idle service costs nothing.

import { createRequire } from 'node:module'
import type { Counter, Gauge, Histogram, Registry } from 'prom-client'

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
  return metrics
}
