// What a backtest found, for people: per rule how often it would have fired and on what, and where the truth is known how
// right that was. Pure.

import type { Judgement } from './truth.ts'
import type { Fired } from './run-rule.ts'

export interface Tested {
  readonly rule: string
  readonly fired: ReadonlyMap<string, Fired>
  readonly judgement: Judgement | null
  readonly ms: number
}

/** From this score on an order is an alert. */
export const alertScore = 3

export function reportLines ({ rule, fired, judgement, ms }: Tested, days: number, samples: number): string[] {
  const scores = [...Map.groupBy(fired.values(), ({ score }) => score)].sort(([a], [b]) => b - a).map(([score, some]) => `${some.length} with score ${score}`)
  const alerts = [...fired.values()].filter(({ score }) => score >= alertScore).length
  const shown = [...fired.values()].sort((a, b) => b.score - a.score || (a.at < b.at ? -1 : 1)).slice(0, samples)
  return [
    `${rule}: would fire on ${fired.size} orders${scores.length === 0 ? '' : ` (${scores.join(', ')})`}; ${alerts} alerts by itself, ${round(alerts / days)} a day; ${ms} ms`,
    ...shown.map(({ orderId, at, score, evidence }) => `    ${orderId}  ${at}  ${score}  ${evidence}`),
    ...judgement === null ? [] : [`    precision ${ratio(judgement.precision)} (${judgement.right} of ${judgement.fired}), recall ${ratio(judgement.recall)} of all fraud${patternsOf(judgement)}`]
  ]
}

/** One line a rule: the figures alone. */
export function reportTable (tested: readonly Tested[], days: number): string[] {
  const rows = tested.map(({ rule, fired, judgement }) => [rule, String(fired.size), round([...fired.values()].filter(({ score }) => score >= alertScore).length / days), judgement === null ? '' : ratio(judgement.precision), judgement === null ? '' : ratio(judgement.recall), judgement === null ? '' : best(judgement)])
  const all = [['rule', 'fires', 'alerts a day', 'precision', 'recall', 'of its patterns'], ...rows]
  const widths = all[0]!.map((_, column) => Math.max(...all.map(row => row[column]!.length)))
  return all.map(row => row.map((cell, column) => column === 0 || column === 5 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!)).join('  ').trimEnd())
}

export function ratio (value: number | null): string {
  return value === null ? '–' : value.toFixed(3)
}

function patternsOf ({ patterns }: Judgement): string {
  const found = patterns.filter(({ found }) => found > 0)
  return found.length === 0 ? '' : `: ${found.map(({ pattern, orders, found }) => `${pattern} ${found} of ${orders}`).join(', ')}`
}

/** The patterns that a rule finds most of: what it is there for. */
function best ({ patterns }: Judgement): string {
  return patterns.filter(({ orders, found }) => found > orders / 5).map(({ pattern, orders, found }) => `${pattern} ${ratio(found / orders)}`).join(', ')
}

function round (value: number): string {
  return value >= 10 ? Math.round(value).toLocaleString('en') : value.toFixed(1)
}
