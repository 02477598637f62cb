// The recorded progress against the log as it is: ranges, and the evidence of what was consumed. Asks, and lets the pure
// judgement decide. An answer that cannot be had is an error of the log, never 'other'.

import type { FingerprintVerdict, Log } from '../log/index.ts'
import { judgePartition, type Circumstances, type Found } from './circumstances.ts'
import type { PartitionHalt } from './halts.ts'
import type { LogIds, PartitionProgress, RecordedOffsets, TopicProgress } from './offsets.ts'

export type IsRead = (topic: string, partition: number) => boolean

/** The partitions of a topic that halt. A topic that this writer does not read is not judged. */
export async function judgeTopic (log: Log, ids: LogIds, topic: string, recorded: TopicProgress, isRead: IsRead, nowMs: () => number): Promise<PartitionHalt[]> {
  const id = ids.topicIds.get(topic)
  if (id === undefined) return []
  const isSameId = id === recorded.id
  const { first, end } = await log.ranges(topic)
  const found = await Promise.all([...recorded.partitions].map(async ([partition, progress]) => {
    const range = { first: first.get(partition) ?? 0n, end: end.get(partition) ?? 0n }
    const isCompared = isRead(topic, partition) || !isSameId
    const verdict = isCompared ? await compare(log, topic, partition, progress, range) : 'unknown'
    return judgePartition({ topic, partition, recorded: progress, isSameId, verdict, ...range })
  }))
  return found.filter(each => each !== null).map(each => haltAt(each, nowMs()))
}

export function haltAt (found: NonNullable<Found>, nowMs: number): PartitionHalt {
  return { ...found, since: new Date(nowMs).toISOString() } as PartitionHalt
}

/** What is known of every partition that the log has, for a decision. */
export async function circumstancesOf (log: Log, ids: LogIds, offsets: RecordedOffsets | null): Promise<Circumstances[]> {
  const all: Circumstances[] = []
  for (const [topic, id] of ids.topicIds) {
    const { first, end } = await log.ranges(topic)
    const known = offsets?.topics.get(topic)
    const isSameId = offsets?.clusterId === ids.clusterId && known?.id === id
    for (const [partition, last] of end) {
      const recorded = known?.partitions.get(partition) ?? null
      const range = { first: first.get(partition) ?? 0n, end: last }
      const verdict = recorded === null ? 'unknown' : await compare(log, topic, partition, recorded, range)
      all.push({ topic, partition, recorded, isSameId, verdict, ...range })
    }
  }
  return all
}

async function compare (log: Log, topic: string, partition: number, { next, fingerprint }: PartitionProgress, { first, end }: { first: bigint, end: bigint }): Promise<FingerprintVerdict> {
  if (fingerprint === '' || next < first || next > end) return 'unknown'
  return await log.compareFingerprint(topic, partition, next, fingerprint)
}
