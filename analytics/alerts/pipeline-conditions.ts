// What is wrong with the line, read from two scrapes of each service. Pure. The bounds are settings; between "bad" and
// "good" lies a band in which nothing changes, so that a value at its bound does not tell a story every minute.

import { bucketsOf, hasMetric, sumOf, type Samples } from '../../runtime/index.ts'
import type { AlertConfig } from './config.ts'
import type { Condition, Finding } from './conditions.ts'

/** Good again only below this share of the bound. */
const goodShare = 0.8
/** A few letters among a few rows are no share of anything. */
const deadLettersMin = 10

export interface Scrape { readonly url: string, readonly before: Samples | null, readonly now: Samples | null, /** Why it is not ready; null: it is, undefined: it was not asked. */ readonly refusal?: string | null | undefined }

export type PipelineLimits = Pick<AlertConfig, 'FIRN_ALERT_SPOOL_PERCENT_MAX' | 'FIRN_ALERT_LAG_RECORDS_MAX' | 'FIRN_ALERT_STALLED_SECONDS_MAX' | 'FIRN_ALERT_FRESHNESS_SECONDS_MAX' | 'FIRN_ALERT_DEAD_LETTERS_PERCENT_MAX'>

/** `refusedHabit`: percent of a key's events that are usually refused, where that is known. */
export function pipelineConditions (scrapes: readonly Scrape[], limits: PipelineLimits, refusedHabit: (key: string) => number | null = () => null): Condition[] {
  return scrapes.flatMap(scrape => {
    const { url, before, now } = scrape
    const told = now === null ? [] : [...writerOf(url, before, now, limits), ...spoolOf(url, now, limits), ...keysOf(url, before, now, refusedHabit)]
    return [awayOf(scrape), ...refusalOf(scrape), ...told]
  })
}

function awayOf ({ url, now }: Scrape): Condition {
  return pipeline(`away-${url}`, 'high', now === null ? 'bad' : 'good', `${url} does not answer`, [`its /metrics was asked and did not answer; look at its log, or run npm run doctor`])
}

/** A gateway that refuses events is up and answers: only what it says of itself tells. A writer has conditions of its own. */
function refusalOf ({ url, now, refusal }: Scrape): Condition[] {
  if (now === null || refusal === undefined || hasMetric(now, 'firn_writer_rows_total')) return []
  return [pipeline(`refuses-${url}`, 'high', refusal === null ? 'good' : 'bad', `${url} is not ready`, [`it says: ${refusal ?? ''}`, 'while that lasts a gateway takes no events: clients are answered 503 and have to send them again'])]
}

function writerOf (url: string, before: Samples | null, now: Samples, limits: PipelineLimits): Condition[] {
  const lag = hasMetric(now, 'firn_writer_lag_records') ? sumOf(now, 'firn_writer_lag_records') : undefined
  if (lag === undefined && !hasMetric(now, 'firn_writer_rows_total')) return []
  const halted = sumOf(now, 'firn_writer_halted_partitions')
  const freshness = before === null ? undefined : boundBetween(bucketsOf(before, freshnessMetric), bucketsOf(now, freshnessMetric), 0.99)
  const stalled = hasMetric(now, 'firn_writer_stalled_seconds') ? sumOf(now, 'firn_writer_stalled_seconds') : undefined
  const oldest = sumOf(now, 'firn_writer_oldest_uncommitted_seconds')
  const { FIRN_ALERT_LAG_RECORDS_MAX: lagMax, FIRN_ALERT_STALLED_SECONDS_MAX: stalledMax, FIRN_ALERT_FRESHNESS_SECONDS_MAX: freshnessMax } = limits
  return [
    pipeline(`lag-${url}`, 'high', band(lag, lagMax), `The writer is ${count(lag)} records behind`, [`${count(lag)} records are in the log and not in the table; ${count(lagMax)} are allowed (FIRN_ALERT_LAG_RECORDS_MAX)`, writerHint]),
    pipeline(`stalled-${url}`, 'high', band(stalled, stalledMax), 'The writer stands still', [`nothing was committed for ${count(stalled)} s, although ${count(lag)} records wait in the log, the oldest for ${count(oldest)} s or longer; ${count(stalledMax)} s are allowed (FIRN_ALERT_STALLED_SECONDS_MAX)`, writerHint]),
    ...retentionOf(url, now, oldest),
    pipeline(`freshness-${url}`, 'medium', band(freshness, freshnessMax), 'Rows reach the table too late', [`99 % of the rows of the last minutes took up to ${freshness === Infinity ? 'more than an hour' : `${freshness} s`}; ${freshnessMax} s are allowed (FIRN_ALERT_FRESHNESS_SECONDS_MAX)`, writerHint]),
    pipeline(`halted-${url}`, 'high', halted === 0 ? 'good' : 'bad', halted < 0 ? 'The writer has halted' : `${halted} partitions have halted`, ['it waits for a decision: its log says which (FIRN_WRITER_RESUME_FROM)', writerHint]),
    deadLettersOf(url, before, now, limits)
  ]
}

/** What the log drops before it is a row is lost: told when half of the time is gone. */
function retentionOf (url: string, now: Samples, oldest: number): Condition[] {
  const retention = sumOf(now, 'firn_writer_log_retention_seconds')
  if (retention === 0) return []
  const hours = (seconds: number): string => (seconds / 3600).toFixed(1)
  return [pipeline(`retention-${url}`, 'high', band(oldest, retention / 2), 'Records will leave the log before they are rows', [
    `the oldest record that is no row has waited for ${hours(oldest)} h or longer, and the log keeps records for ${hours(retention)} h`, 'raise retention.ms of the topics now, then get the writer going', writerHint
  ])]
}

/** The spool holds events while the log takes none: full, the gateway refuses. */
function spoolOf (url: string, now: Samples, { FIRN_ALERT_SPOOL_PERCENT_MAX: percentMax }: PipelineLimits): Condition[] {
  const bytesMax = sumOf(now, 'firn_gateway_spool_stored_bytes_max')
  if (bytesMax === 0) return []
  const percent = sumOf(now, 'firn_gateway_spool_stored_bytes') * 100 / bytesMax
  return [pipeline(`spool-${url}`, 'high', band(percent, percentMax), `The spool is ${percent.toFixed(0)} % full`, [
    `${count(sumOf(now, 'firn_gateway_spool_records'))} events wait in it because the log takes none; at 100 % the gateway refuses events (FIRN_GATEWAY_SPOOL_BYTES_MAX)`,
    `${percentMax} % are allowed (FIRN_ALERT_SPOOL_PERCENT_MAX); see why the log takes nothing: npm run doctor`
  ])]
}

const freshnessMetric = 'firn_writer_freshness_seconds'
const writerHint = 'look at logs/writer.log, or run npm run doctor'

function deadLettersOf (url: string, before: Samples | null, now: Samples, limits: PipelineLimits): Condition {
  // Duplicates are listed in the same table; nobody has to look at them.
  const grown = (name: string, except = ''): number => Math.max(0, sumOf(now, name, except) - (before === null ? 0 : sumOf(before, name, except)))
  const letters = before === null ? 0 : grown('firn_writer_dead_letters_total', 'reason="duplicate"')
  const rows = before === null ? 0 : grown('firn_writer_rows_total')
  const percent = letters === 0 ? 0 : letters * 100 / (letters + rows)
  const percentMax = limits.FIRN_ALERT_DEAD_LETTERS_PERCENT_MAX
  const finding: Finding = before === null ? 'unknown' : letters < deadLettersMin ? 'good' : band(percent, percentMax)
  return pipeline(`dead-letters-${url}`, 'medium', finding, `${percent.toFixed(1)} % of the records became dead letters`, [`${count(letters)} dead letters and ${count(rows)} rows in the last minutes; ${percentMax} % are allowed (FIRN_ALERT_DEAD_LETTERS_PERCENT_MAX)`, 'npm run sql -- "select d.reason, count(*) as letters from firn.dead_letters d group by d.reason order by letters desc"'])
}

/** A client release that breaks tracking: most of what a key sends is refused, where it was not before. */
function keysOf (url: string, before: Samples | null, now: Samples, refusedHabit: (key: string) => number | null): Condition[] {
  if (before === null || !hasMetric(now, keyMetric)) return []
  return keysIn(now).map(key => {
    const grown = (outcome: string): number => Math.max(0, ofKey(now, key, outcome) - ofKey(before, key, outcome))
    const [valid, refused] = [grown('valid'), grown('refused')]
    const percent = refused === 0 ? 0 : refused * 100 / (valid + refused)
    const habit = refusedHabit(key) ?? habitOf(before, key)
    const bound = Math.min(100, Math.max(refusedPercentMin, habit * refusedTimesHabit))
    const finding: Finding = valid + refused === 0 ? 'unknown' : refused < deadLettersMin ? 'good' : band(percent, bound)
    const name = key === '' ? 'clients' : `the key ${key}`
    return pipeline(`refused-${key}-${url}`, 'high', finding, `The gateway refuses ${percent.toFixed(0)} % of what ${name} send${key === '' ? '' : 's'}`, [
      `${count(refused)} events were refused and ${count(valid)} were valid in the last minutes; until then ${habit.toFixed(1)} % were refused`,
      `GET /v1/refusals of the gateway lists codes and samples`
    ])
  })
}

const keyMetric = 'firn_gateway_key_events_total'
const refusedPercentMin = 20
const refusedTimesHabit = 3

function keysIn (samples: Samples): string[] {
  const keys = new Set<string>()
  for (const sample of samples.keys()) {
    const key = sample.startsWith(`${keyMetric}{`) ? /[{,]key="([^"]*)"/.exec(sample)?.[1] : undefined
    if (key !== undefined) keys.add(key)
  }
  return [...keys]
}

function ofKey (samples: Samples, key: string, outcome: string): number {
  return samples.get(`${keyMetric}{key="${key}",outcome="${outcome}"}`) ?? 0
}

function habitOf (before: Samples, key: string): number {
  const [valid, refused] = [ofKey(before, key, 'valid'), ofKey(before, key, 'refused')]
  return refused === 0 ? 0 : refused * 100 / (valid + refused)
}

/** The upper bound of the bucket in which the q-quantile of what came between two readings lies; undefined when nothing came. */
function boundBetween (before: ReadonlyMap<number, number>, after: ReadonlyMap<number, number>, q: number): number | undefined {
  // A service that was started again counts from nought.
  const counts = [...after].map(([bound, value]) => [bound, Math.max(0, value - (before.get(bound) ?? 0))] as const).sort(([a], [b]) => a - b)
  const total = counts.at(-1)?.[1] ?? 0
  return total === 0 ? undefined : counts.find(([, count]) => count >= q * total)?.[0]
}

/** Nothing measured says nothing. */
function band (value: number | undefined, max: number): Finding {
  if (value === undefined) return 'unknown'
  return value > max ? 'bad' : value <= max * goodShare ? 'good' : 'unknown'
}

function pipeline (name: string, severity: Condition['severity'], finding: Finding, title: string, evidence: readonly string[]): Condition {
  return { name, kind: 'pipeline', severity, finding, title, evidence: finding === 'good' ? [] : evidence }
}

const count = (value: number | undefined): string => (value ?? 0).toLocaleString('en')
