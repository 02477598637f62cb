// Models that are older than they may be, as one condition: what holds one up usually holds up all that read it. Pure.

import type { Freshness } from '../model-freshness.ts'
import type { Condition } from './conditions.ts'

/** Good again only below this share of the goal. */
const goodShare = 0.8
const listedMax = 5

export function staleCondition (models: readonly Freshness[]): Condition {
  const shareOf = ({ staleMs, goalMs }: Freshness): number => (staleMs ?? 0) / goalMs
  const stale = models.filter(one => shareOf(one) > 1).sort((a, b) => shareOf(b) - shareOf(a))
  const isGood = models.length > 0 && models.every(one => shareOf(one) <= goodShare)
  return {
    name: 'models-stale', kind: 'pipeline', severity: 'medium', finding: stale.length > 0 ? 'bad' : isGood ? 'good' : 'unknown',
    title: stale.length === 1 ? `The model ${stale[0]!.model} is older than it may be` : `${stale.length} models are older than they may be`,
    evidence: stale.length === 0
      ? []
      : [
          ...stale.slice(0, listedMax).map(({ model, staleMs, goalMs }) => `${model} has not seen what its sources have had for ${secondsOf(staleMs ?? 0)} s; ${secondsOf(goalMs)} s are allowed (Freshness in its header)`),
          ...stale.length > listedMax ? [`and ${stale.length - listedMax} more`] : [],
          'npm run models says how each stands and what its last run took'
        ]
  }
}

function secondsOf (ms: number): string {
  return Math.round(ms / 1000).toLocaleString('en')
}
