// What the log holds of the topics and how far the table has taken it: the log's own answer beside what stands in the table's
// property firn.offsets. Reads no record and no file of the table.

import { isCatalogError, type Catalog } from '../../catalog/index.ts'
import type { Log } from '../../log/index.ts'

export interface PartitionEnd { readonly topic: string, readonly partition: number, readonly first: bigint, readonly end: bigint }

/** Throws with a sentence when a topic is missing or cannot be asked. */
export async function endsOf (log: Pick<Log, 'identity' | 'ranges'>, topics: readonly string[]): Promise<PartitionEnd[]> {
  const { topicIds, clusterId } = await log.identity(topics)
  const missing = topics.filter(topic => !topicIds.has(topic))
  if (missing.length > 0) throw new Error(`the log (cluster ${clusterId}) has no topic ${missing.join(', ')}: start the gateway, which creates it, create it there, or set FIRN_LOG_TOPICS`)
  const ends: PartitionEnd[] = []
  for (const topic of topics) {
    const { first, end } = await log.ranges(topic)
    if (end.size === 0) throw new Error(`topic ${topic} has no partition that answers`)
    for (const [partition, last] of end) ends.push({ topic, partition, first: first.get(partition) ?? 0n, end: last })
  }
  return ends
}

/** Records below these ends that are not rows yet. */
export async function lagBelow (ends: readonly PartitionEnd[], catalog: Pick<Catalog, 'loadTable'>): Promise<bigint> {
  const table = await catalog.loadTable({ namespace: ['firn'], name: 'events' }).catch((error: unknown) => {
    if (isCatalogError(error, 'CATALOG_NO_SUCH_TABLE')) return null
    throw error
  })
  const taken = takenBy(table?.metadata.properties['firn.offsets'])
  return ends.reduce((lag, { topic, partition, first, end }) => {
    const next = taken(topic, partition) ?? first
    return end > next ? lag + end - next : lag
  }, 0n)
}

function takenBy (text: string | undefined): (topic: string, partition: number) => bigint | null {
  if (text === undefined) return () => null
  const { v, log } = JSON.parse(text) as { v: number, log: { topics: Record<string, { p: Record<string, { next: string }> }> } }
  if (v !== 1 && v !== 2) throw new Error(`the property firn.offsets of firn.events has the format ${v}, this version reads 1 and 2`)
  return (topic, partition) => {
    const next = log.topics[topic]?.p[partition]?.next
    return next === undefined ? null : BigInt(next)
  }
}
