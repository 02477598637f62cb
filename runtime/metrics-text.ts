// Reads the Prometheus text of another service: sums over labels, and quantiles of a histogram between two readings.
// Pure but for `readMetrics`; a service that does not answer in time counts as silent, not as an error.

import { get } from 'node:http'

const textBytesMax = 4 * 1024 * 1024

/** Sample name (`x_total`, `x_bucket{le="5"}`) → value, as the text has it. */
export type Samples = ReadonlyMap<string, number>

/** What the service at `url` says at /metrics; undefined when it does not within `msMax`. */
export async function readMetrics (url: string, msMax: number, signal?: AbortSignal): Promise<Samples | undefined> {
  const late = AbortSignal.timeout(msMax)
  // node:http rather than fetch, which would take another 10 MiB of a process that only watches.
  const body = await new Promise<string | undefined>(resolve => {
    const asked = get(new URL('/metrics', url), { signal: signal === undefined ? late : AbortSignal.any([signal, late]) }, answer => {
      let text = ''
      answer.setEncoding('utf8')
        .on('data', (chunk: string) => {
          text += chunk
          if (text.length > textBytesMax) answer.destroy()
        })
        .on('end', () => { resolve(answer.statusCode === 200 ? text : undefined) })
        .on('error', () => { resolve(undefined) })
        .on('close', () => { resolve(undefined) })
    })
    asked.on('error', () => { resolve(undefined) })
  })
  return body === undefined ? undefined : parseMetrics(body)
}

export function parseMetrics (body: string): Samples {
  const samples = new Map<string, number>()
  for (const line of body.split('\n')) {
    const at = line.lastIndexOf(' ')
    if (at > 0 && !line.startsWith('#')) samples.set(line.slice(0, at), Number(line.slice(at + 1)))
  }
  return samples
}

/** Whether the service has the metric at all. */
export function hasMetric (samples: Samples, name: string): boolean {
  return [...samples.keys()].some(sample => isOf(sample, name))
}

/** The sum of a metric over all its labels, but for samples that hold the text `except`. */
export function sumOf (samples: Samples, name: string, except = ''): number {
  let sum = 0
  for (const [sample, value] of samples) if (isOf(sample, name) && (except === '' || !sample.includes(except))) sum += value
  return sum
}

function isOf (sample: string, name: string): boolean {
  return sample === name || sample.startsWith(`${name}{`)
}

/** Counts per upper bound of a histogram, all labels together. */
export function bucketsOf (samples: Samples, name: string): Map<number, number> {
  const buckets = new Map<number, number>()
  for (const [sample, value] of samples) {
    if (!sample.startsWith(`${name}_bucket{`)) continue
    const bound = /[{,]le="([^"]+)"/.exec(sample)?.[1]
    if (bound === undefined) continue
    const le = bound === '+Inf' ? Infinity : Number(bound)
    buckets.set(le, (buckets.get(le) ?? 0) + value)
  }
  return buckets
}

/** The q-quantile of what arrived between two readings; undefined when nothing did. Linear inside a bucket, as Prometheus does. */
export function quantileBetween (before: Map<number, number>, after: Map<number, number>, q: number): number | undefined {
  const bounds = [...after.keys()].sort((a, b) => a - b)
  const counts = bounds.map(bound => (after.get(bound) ?? 0) - (before.get(bound) ?? 0))
  const total = counts.at(-1) ?? 0
  if (total <= 0) return undefined
  const rank = q * total
  const index = counts.findIndex(count => count >= rank)
  const upper = bounds[index] as number
  const lower = index === 0 ? 0 : bounds[index - 1] as number
  if (upper === Infinity) return lower
  const below = index === 0 ? 0 : counts[index - 1] as number
  const inside = (counts[index] as number) - below
  return inside === 0 ? upper : lower + (upper - lower) * (rank - below) / inside
}
