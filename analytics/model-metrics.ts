// What the models did, for a scrape: runs by outcome, seconds and CPU of each, how long a cycle took, who failed.

import type { Metrics } from '../runtime/index.ts'
import type { ModelRun } from './runner/index.ts'

const cycleSeconds = [0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 20, 60]

export interface ModelMetrics { ran(runs: readonly ModelRun[], ms: number): void }

export function createModelMetrics (metrics: Metrics): ModelMetrics {
  const runs = metrics.counter('model_runs_total', 'runs of a model, by outcome: fresh (nothing was new), written, failed', ['model', 'outcome'])
  const rows = metrics.counter('model_rows_total', 'rows that runs of a model wrote', ['model'])
  const cpu = metrics.counter('model_cpu_seconds_total', 'CPU time that runs of a model took', ['model'])
  const failing = metrics.gauge('models_failing', 'models whose last run failed')
  const cycles = metrics.histogram('cycle_seconds', 'from the look at a new snapshot to the last model of the cycle', cycleSeconds)
  const failed = new Set<string>()
  failing.set(0)
  return {
    ran: (list, ms) => {
      for (const run of list) {
        runs.inc({ model: run.model, outcome: run.outcome })
        cpu.inc({ model: run.model }, run.cpuMs / 1000)
        if (run.rows > 0) rows.inc({ model: run.model }, run.rows)
        if (run.outcome === 'failed') failed.add(run.model)
        else failed.delete(run.model)
      }
      failing.set(failed.size)
      if (list.some(({ outcome }) => outcome === 'written')) cycles.observe(ms / 1000)
    }
  }
}
