// One measured row: what was run, what it cost, and the line that it has to stay under.

export interface Figure {
  readonly name: string
  readonly events: number
  readonly eventsPerSecond: number
  readonly cpuSecondsPerMillion: number
  readonly limitCpuSecondsPerMillion: number | null
  readonly peakRssMiB: number
  readonly notes: string
}

/** The rows as a Markdown table. */
export function figureTable (figures: readonly Figure[]): string {
  const rows = figures.map(f => [
    f.name,
    f.events === 0 ? '' : f.events.toLocaleString('en'),
    f.events === 0 ? '' : Math.round(f.eventsPerSecond).toLocaleString('en'),
    f.events === 0 ? '' : f.cpuSecondsPerMillion.toFixed(1),
    f.limitCpuSecondsPerMillion === null ? '' : `≤ ${f.limitCpuSecondsPerMillion}`,
    Math.round(f.peakRssMiB).toString(),
    f.notes
  ])
  return table(['what', 'events', 'events/s', 'CPU-s per million', 'wanted', 'peak RSS MiB', 'notes'], rows)
}

function table (head: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  return [head, head.map(() => '---'), ...rows].map(row => `| ${row.join(' | ')} |`).join('\n')
}
