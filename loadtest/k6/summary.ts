// The end of a run as a person reads it: what was sent, how it was answered, how long that took, which thresholds hold.
// The same numbers go to the file named by SUMMARY, for the runner, which compares them with the ledger.

interface Metric { readonly values: Readonly<Record<string, number>>, readonly thresholds?: Readonly<Record<string, { readonly ok: boolean }>> }
export interface SummaryData { readonly metrics: Readonly<Record<string, Metric>>, readonly state: { readonly testRunDurationMs: number } }

export interface RunCounts {
  readonly accepted: number
  readonly refused: number
  readonly unknown: number
  readonly wrong: number
  readonly retried: number
  readonly requests: number
  readonly seconds: number
  readonly crossed: readonly string[]
}

export function summarise (title: string): (data: SummaryData) => Record<string, string> {
  return data => {
    const counts = countsOf(data)
    const file = __ENV['SUMMARY']
    return { stdout: printSummary(title, data, counts), ...file === undefined || file === '' ? {} : { [file]: JSON.stringify(counts) } }
  }
}

function countsOf ({ metrics, state }: SummaryData): RunCounts {
  const count = (name: string): number => metrics[name]?.values['count'] ?? 0
  return {
    accepted: count('events_accepted'),
    refused: count('events_refused'),
    unknown: count('events_unknown'),
    wrong: count('answers_wrong'),
    retried: count('requests_retried'),
    requests: count('http_reqs'),
    seconds: state.testRunDurationMs / 1000,
    crossed: Object.entries(metrics).flatMap(([name, { thresholds = {} }]) => Object.entries(thresholds).flatMap(([bound, { ok }]) => ok ? [] : [`${name} ${bound}`]))
  }
}

function printSummary (title: string, { metrics }: SummaryData, counts: RunCounts): string {
  const ms = (value: number | undefined): string => value === undefined ? '-' : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`
  const took = metrics['http_req_duration']?.values ?? {}
  const dropped = metrics['dropped_iterations']?.values['count'] ?? 0
  const lines = [
    '',
    `${title}: ${counts.accepted} events accepted in ${counts.seconds.toFixed(0)} s (${Math.round(counts.accepted / counts.seconds)}/s), ${counts.requests} requests`,
    `  answers    ${counts.accepted} accepted, ${counts.refused} refused as they should be, ${counts.unknown} without an answer, ${counts.wrong} wrong; ${counts.retried} requests sent again`,
    `  latency    median ${ms(took['med'])}, p95 ${ms(took['p(95)'])}, p99 ${ms(took['p(99)'])}, slowest ${ms(took['max'])}`,
    ...dropped > 0 ? [`  not sent   ${dropped} sessions: the load generator had no free VU left, so the rate was lower than asked for`] : []
  ]
  for (const [name, { thresholds = {}, values }] of Object.entries(metrics).sort(([a], [b]) => a < b ? -1 : 1)) {
    for (const [bound, { ok }] of Object.entries(thresholds)) lines.push(`  ${ok ? 'kept      ' : 'CROSSED   '} ${name} ${bound}${ok ? '' : `   (it is ${JSON.stringify(valueOf(values, bound))})`}`)
  }
  return lines.join('\n') + '\n\n'
}

function valueOf (values: Readonly<Record<string, number>>, bound: string): number | undefined {
  const value = values[/^[a-z]+(\([\d.]+\))?/.exec(bound)?.[0] ?? '']
  return value === undefined ? undefined : Math.round(value * 1000) / 1000
}
