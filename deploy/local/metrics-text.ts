// Reads the Prometheus text of a service: sums over labels, and quantiles of a histogram between two readings.
// Pure but for `readMetrics`; a service that does not answer in time counts as silent, not as an error.

import { get } from 'node:http'
import { text } from 'node:stream/consumers'

const readMsMax = 1500

/** Sample name (`x_total`, `x_bucket{le="5"}`) → value, as the text has it. */
export type Samples = ReadonlyMap<string, number>

export async function readMetrics (url: string): Promise<Samples | undefined> {
  // node:http rather than fetch, which would take another 10 MiB of a process that only watches.
  const body = await new Promise<string | undefined>(resolve => {
    const asked = get(`${url}/metrics`, { timeout: readMsMax }, answer => {
      text(answer).then(body => { resolve(answer.statusCode === 200 ? body : undefined) }, () => { resolve(undefined) })
    })
    asked.on('timeout', () => { asked.destroy() }).on('error', () => { resolve(undefined) })
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

/** The sum of a metric over all its labels. */
export function sumOf (samples: Samples, name: string): number {
  let sum = 0
  for (const [sample, value] of samples) if (sample === name || sample.startsWith(name + '{')) sum += value
  return sum
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
