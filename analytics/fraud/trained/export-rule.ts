// A trained model as a rule file: the SQL of its features and one formula. Whoever reads the file sees what it weighs and how
// right it was; no engine needs to know that it was trained. Pure.

import type { Model } from '../../models/model-file.ts'
import type { Figures, LogisticModel } from './logistic.ts'

export interface Training { readonly orders: number, readonly heldOut: number, readonly seed: number, readonly figures: readonly Figures[] }

/** In words, for the evidence. */
const words: Readonly<Record<string, string>> = {
  amount: 'the amount', address: 'orders from the same address', customer: 'orders of the same customer', cards: 'cards in the visit', failures: 'failed payments in the visit', mismatch: 'another amount paid than ordered', travel: 'the distance to where the customer was'
}

export function exportRule (features: Model, names: readonly string[], model: LogisticModel, training: Training): string {
  const terms = names.map((name, i) => `${number(model.weights[i]!)} * (f.${name} - ${number(model.means[i]!)}) / ${number(model.deviations[i]!)}`)
  const reads = features.reads.map(({ table, eventTypes, by, beforeMs }, i) => `${i === 0 ? '' : '--            '}${table}${eventTypes === null ? '' : `(${eventTypes.join(', ')})`}${by === null ? '' : ` by ${by}`}${beforeMs === 0 ? '' : ` with ${beforeMs / 60_000} minutes before`}`)
  const percent = (value: number): string => (value * 100).toFixed(1) + ' %'
  return `-- Question:  Which orders look like those that were fraud?
-- Reads:     ${reads.join('\n')}
-- Unit:      hour
-- Time:      event_time
-- Key:       order_id, event_time
-- Partition: day(event_time)
-- Sort:      event_time
-- Owner:     fraud desk
-- Columns:
--   order_id     string       The order.
--   customer_id  string       Who ordered, as far as the event says.
--   event_time   timestamptz  When the order came in.
--   received_at  timestamptz  When it arrived.
--   score        int          3 from a probability of 0.9, 2 from 0.5.
--   evidence     string       The probability and what speaks for it most.
-- Written by npm run train: logistic regression over analytics/fraud/trained/features.sql. Off while it lies in
-- analytics/fraud/off; moved to analytics/fraud/rules it counts like any other rule.
-- Trained on ${training.orders - training.heldOut} orders, judged on ${training.heldOut} others (hours held out by seed ${training.seed}):
${training.figures.map(({ threshold, fires, right, fraud, precision, recall }) => `-- from ${threshold}, precision ${percent(precision)} (${right} of ${fires}), recall ${percent(recall)} (of ${fraud})`).join('\n')}
with features as (
${features.sql.split('\n').map(line => `  ${line}`).join('\n')}
), weighed as (
  select f.order_id, f.customer_id, f.event_time, f.received_at,
${names.map((name, i) => `    ${terms[i]} as ${name}_weight`).join(',\n')}
  from features f
), judged as (
  select w.*, 1e0 / (1e0 + exp(-(${number(model.bias)} + ${names.map(name => `w.${name}_weight`).join(' + ')}))) as probability,
    greatest(${names.map(name => `w.${name}_weight`).join(', ')}) as most
  from weighed w
)
select j.order_id, j.customer_id, j.event_time, j.received_at,
  -- The thresholds; the least is below as well.
  case when j.probability >= 0.9e0 then 3 else 2 end as score,
  'a trained model gives ' || cast(cast(floor(j.probability * 100e0) as integer) as varchar) || ' % for fraud, most of all for ' || case
${names.map(name => `    when j.${name}_weight = j.most then '${words[name] ?? name}'`).join('\n')}
  end as evidence
from judged j
where j.probability >= 0.5e0
`
}

/** As a double in both engines: a plain decimal would become another type. */
function number (value: number): string {
  const text = value.toExponential(9)
  return value < 0 ? `(${text})` : text
}
