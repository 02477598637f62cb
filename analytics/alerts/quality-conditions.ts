// Whether the rows of an event type look worse than they should, from the hours of analytics.data_quality. Pure. Judged is
// the newest hour that has rows enough for a share to mean something; an alert begins with the first bad hour and is over
// with the first good one, so that ten bad hours are one alert.

import type { AlertConfig } from './config.ts'
import type { Condition, Finding } from './conditions.ts'

/** Good again only below this share of the bound. */
const goodShare = 0.8

export interface QualityHour {
  readonly eventType: string
  readonly hour: Date
  readonly rows: number
  /** Rows by what is wrong with them; what the table does not have is not judged. */
  readonly counts: Readonly<Partial<Record<Measure, number>>>
}

export type Measure = 'missing' | 'duplicates' | 'late' | 'outliers' | 'dead_letters'

type QualityLimits = Pick<AlertConfig, `FIRN_ALERT_${'MISSING' | 'DUPLICATES' | 'LATE' | 'OUTLIERS' | 'DEAD_LETTERS'}_PERCENT_MAX` | 'FIRN_ALERT_QUALITY_ROWS_MIN'>

const words: Readonly<Record<Measure, string>> = {
  missing: 'lack a field that they should have', duplicates: 'were sent more than once', late: 'came late', outliers: 'have an amount far from the usual', dead_letters: 'became dead letters'
}

export function qualityConditions (hours: readonly QualityHour[], limits: QualityLimits): Condition[] {
  const newest = new Map<string, QualityHour>()
  for (const hour of hours) {
    const judged = hour.rows + (hour.counts.dead_letters ?? 0)
    if (judged >= limits.FIRN_ALERT_QUALITY_ROWS_MIN && hour.hour > (newest.get(hour.eventType)?.hour ?? new Date(0))) newest.set(hour.eventType, hour)
  }
  return [...newest.values()].flatMap(hour => (Object.keys(hour.counts) as Measure[]).map(measure => conditionOf(hour, measure, limits)))
}

function conditionOf ({ eventType, hour, rows, counts }: QualityHour, measure: Measure, limits: QualityLimits): Condition {
  const setting = `FIRN_ALERT_${measure.toUpperCase()}_PERCENT_MAX` as `FIRN_ALERT_${Uppercase<Measure>}_PERCENT_MAX`
  const count = counts[measure] ?? 0
  // Dead letters and dropped duplicates are no rows of the table.
  const all = measure === 'dead_letters' || measure === 'duplicates' ? rows + count : rows
  const percent = all === 0 ? 0 : Math.min(100, count * 100 / all)
  const percentMax = limits[setting]
  const finding: Finding = percent > percentMax ? 'bad' : percent <= percentMax * goodShare ? 'good' : 'unknown'
  return {
    name: `${eventType}-${measure}`, kind: 'quality', severity: measure === 'missing' || measure === 'dead_letters' ? 'medium' : 'low', finding,
    title: `${percent.toFixed(1)} % of ${eventType} ${words[measure]}`,
    evidence: [
      `${count.toLocaleString('en')} of ${all.toLocaleString('en')} in the hour from ${hour.toISOString().slice(0, 16).replace('T', ' ')} UTC; ${percentMax} % are allowed (${setting})`,
      ...finding === 'good' ? [] : [`npm run sql -- "select * from analytics.data_quality q where q.event_type = '${/^[\w.-]+$/.test(eventType) ? eventType : '…'}' order by q.hour desc"`]
    ]
  }
}
