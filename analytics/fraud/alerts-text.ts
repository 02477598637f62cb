// fraud_alerts adds up every rule that lies in the folder: a rule file that is put there counts, one that is moved away does
// not, and nobody has to edit fraud_alerts.sql. Its text names those that are delivered; for other rules the same lines are
// written. Pure.

import { fail } from '../errors.ts'
import type { Model } from '../models/model-file.ts'

export const alertsName = 'fraud_alerts'

/** What fraud_alerts reads of a rule. */
const columns = ['order_id', 'customer_id', 'event_time', 'received_at', 'score', 'evidence']

/** A rule that could not be added up would stop all alerts. Throws MODEL_INVALID. */
export function checkRule ({ name, columns: has }: Model): void {
  if (!/^fraud_[a-z0-9_]+$/.test(name)) throw fail('MODEL_INVALID', { model: name, reason: 'the name of a rule begins with fraud_' })
  const missing = columns.filter(column => !has.some(({ name }) => name === column))
  if (missing.length > 0) throw fail('MODEL_INVALID', { model: name, reason: `a rule has the columns ${columns.join(', ')}, and this one lacks ${missing.join(', ')}` })
}

const readsLine = /^(--\s+(?:Reads:\s+)?)analytics\.fraud_\w+ by order_id$/
const unionLine = /^\s*(?:with found as \(|union all)?.*'\w+' as rule from analytics\.fraud_\w+ a$/

/** The text of fraud_alerts.sql for these rules. Without any it stays as it is: what it reads is then not there, which is said. */
export function withRules (text: string, rules: readonly string[]): string {
  const sorted = [...rules].sort()
  if (sorted.length === 0) return text
  const lines = text.split('\n')
  return replaceRun(replaceRun(lines, readsLine, sorted.map((rule, i) => `${i === 0 ? '-- Reads:     ' : '--            '}analytics.${rule} by order_id`)),
    unionLine, sorted.map((rule, i) => `  ${i === 0 ? '' : 'union all '}select a.order_id, a.customer_id, a.event_time, a.received_at, a.score, a.evidence, '${rule.replace('fraud_', '')}' as rule from analytics.${rule} a`)).join('\n')
}

function replaceRun (lines: readonly string[], pattern: RegExp, by: readonly string[]): string[] {
  const first = lines.findIndex(line => pattern.test(line))
  return first < 0 ? [...lines] : [...lines.slice(0, first), ...by, ...lines.slice(first).filter(line => !pattern.test(line))]
}
