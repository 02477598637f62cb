// What a service says at /metrics, as far as alerts look at it: sums over labels, and quantiles of a histogram between two
// readings. A service that does not answer in time is silent, which is a finding of its own, not an error.

import { request } from 'undici'

const answerMsMax = 3000
const answerBytesMax = 4 * 1024 * 1024

/** Sample with its labels (`x_bucket{le="5"}`) → value. */
export type Samples = ReadonlyMap<string, number>

/** Null when the service does not answer. */
export async function readMetrics (baseUrl: string, signal: AbortSignal): Promise<Samples | null> {
  try {
    const { statusCode, body } = await request(new URL('/metrics', baseUrl), { signal: AbortSignal.any([signal, AbortSignal.timeout(answerMsMax)]) })
    let text = ''
    for await (const chunk of body.setEncoding('utf8')) {
      text += chunk as string
      if (text.length > answerBytesMax) return null
    }
    return statusCode === 200 ? parseSamples(text) : null
  } catch {
    return null
  }
}

export function parseSamples (text: string): Samples {
  const samples = new Map<string, number>()
  for (const line of text.split('\n')) {
    const at = line.lastIndexOf(' ')
    if (at > 0 && !line.startsWith('#')) samples.set(line.slice(0, at), Number(line.slice(at + 1)))
  }
  return samples
}

/** Undefined where the service has no such metric. */
export function sumOf (samples: Samples, name: string, except = ''): number | undefined {
  let sum: number | undefined
  for (const [sample, value] of samples) {
    if ((sample === name || sample.startsWith(`${name}{`)) && (except === '' || !sample.includes(except))) sum = (sum ?? 0) + value
  }
  return sum
}

/** The upper bound of the bucket in which the q-quantile of what came between two readings lies; undefined when nothing came. */
export function quantileBetween (before: Samples, after: Samples, name: string, q: number): number | undefined {
  const counts: Array<readonly [bound: number, count: number]> = []
  for (const [sample, value] of after) {
    const bound = sample.startsWith(`${name}_bucket{`) ? /[{,]le="([^"]+)"/.exec(sample)?.[1] : undefined
    // A service that was started again counts from nought.
    if (bound !== undefined) counts.push([bound === '+Inf' ? Infinity : Number(bound), Math.max(0, value - (before.get(sample) ?? 0))])
  }
  counts.sort(([a], [b]) => a - b)
  const total = counts.at(-1)?.[1] ?? 0
  return total === 0 ? undefined : counts.find(([, count]) => count >= q * total)?.[0]
}
