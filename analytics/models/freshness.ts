// How far behind its sources a model may be: what its header says, or what its kind has. Which models run as snapshots land, and
// which wait for their minute. Pure.

import { fail } from '../errors.ts'
import type { Model } from './model-file.ts'

const quickGoalMs = 60_000
const slowGoalMs = 300_000

/** Runs each time a snapshot lands. An hour of all events is too much for that: what reads it waits for the minute. */
export function isQuick ({ kind, unit, reads }: Pick<Model, 'kind' | 'unit' | 'reads'>): boolean {
  return kind === 'rule' || (unit.kind === 'hour' && !reads.some(({ table, eventTypes }) => table === 'firn.events' && eventTypes === null))
}

/**
 * By the model's name, in milliseconds. No model can be fresher than what it reads, nor one that waits for its minute fresher than
 * two of these (`slowMs`). `models`: each after those that it reads. Throws MODEL_INVALID where a header promises more.
 */
export function freshnessGoals (models: readonly Model[], slowMs = 0): Map<string, number> {
  const goals = new Map<string, number>()
  const byTable = new Map(models.map(({ name }) => [`analytics.${name}`, name]))
  const promised = new Map<string, number>()
  for (const model of models) {
    const sources = model.reads.flatMap(({ table }) => byTable.get(table) ?? [])
    const slowest = sources.toSorted((a, b) => (promised.get(b) ?? 0) - (promised.get(a) ?? 0))[0]
    const behind = slowest === undefined ? 0 : promised.get(slowest) ?? 0
    if (model.freshnessMs !== null && model.freshnessMs < behind) {
      throw fail('MODEL_INVALID', { model: model.name, reason: `its freshness is ${model.freshnessMs / 1000} s, but it reads ${slowest}, whose freshness is ${behind / 1000} s: promise no more than what it reads does` })
    }
    const own = model.freshnessMs ?? (isQuick(model) ? quickGoalMs : slowGoalMs)
    promised.set(model.name, Math.max(own, behind))
    goals.set(model.name, Math.max(own, isQuick(model) ? 0 : 2 * slowMs, ...sources.map(name => goals.get(name) ?? 0)))
  }
  return goals
}
