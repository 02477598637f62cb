// The log as a witness: how far it goes, what a gap in the table was, and which acknowledged events still wait in it.
// Reads only; never acknowledges, never creates a log that is not there.

import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { openLog, type Log, type LogIdentity } from '../../log/index.ts'
import type { Gap } from './conservation.ts'
import type { ProgressRecord } from './progress-record.ts'

const pollMsMax = 500
const readBytesMax = 8 * 1024 ** 2
const quietPollsMax = 20

export interface LogWitness {
  /** Why this log cannot speak for the table, or null. */
  readonly stranger: string | null
  readonly lag: bigint
  /** What the log keeps from before the place where the table says it began. */
  readonly before: readonly Gap[]
  /** Offsets of the gaps that hold a record (lost), that hold none (a hole), or that the log no longer keeps. */
  explain(gaps: readonly Gap[]): Promise<{ lost: string[], holes: bigint, forgotten: bigint }>
  /** The event_ids of records at or after the recorded offsets. */
  waiting(): Promise<Set<string>>
  close(): Promise<void>
}

/** Null when there is no log at this address. `record` is null while the table has taken nothing: then all of the topics waits. */
export async function openWitness (logUrl: string, record: ProgressRecord | null, topicsRead: readonly string[], open: (url: string) => Promise<Log> = openLog): Promise<LogWitness | null> {
  if (logUrl.startsWith('file:') && !existsSync(fileURLToPath(logUrl))) return null
  const log = await open(logUrl)
  const identity = await log.identity([...new Set([...record?.topicIds.keys() ?? [], ...topicsRead])])
  const stranger = record === null ? null : strangeness(record, identity)
  const ranges = new Map(await Promise.all([...identity.topicIds.keys()].map(async topic => [topic, await log.ranges(topic)] as const)))
  const nextOf = new Map(record?.partitions.map(p => [`${p.topic}/${p.partition}`, p.next]))
  const tails = [...ranges].flatMap(([topic, { first, end }]) => [...end].map(([partition, to]): Gap => ({ topic, partition, from: nextOf.get(`${topic}/${partition}`) ?? first.get(partition) ?? 0n, to })))
  const before = (record?.partitions ?? []).flatMap(({ topic, partition, start }): Gap[] => {
    const from = ranges.get(topic)?.first.get(partition) ?? start
    return from < start ? [{ topic, partition, from, to: start }] : []
  })
  return {
    stranger,
    before,
    lag: tails.reduce((sum, { from, to }) => sum + (to > from ? to - from : 0n), 0n),
    explain: async gaps => {
      const lost: string[] = []
      let [holes, forgotten] = [0n, 0n]
      for (const gap of gaps) {
        const first = ranges.get(gap.topic)?.first.get(gap.partition) ?? gap.to
        const from = first > gap.from ? (first < gap.to ? first : gap.to) : gap.from
        forgotten += from - gap.from
        let found = 0n
        await readRange(log, { ...gap, from }, offset => {
          found++
          lost.push(`${gap.topic}/${gap.partition}@${offset}`)
        })
        holes += gap.to - from - found
      }
      return { lost, holes, forgotten }
    },
    waiting: async () => {
      const ids = new Set<string>()
      for (const tail of tails) {
        await readRange(log, tail, (_, value) => {
          const id = idOf(value())
          if (id !== null) ids.add(id)
        })
      }
      return ids
    },
    close: () => log.close()
  }
}

function strangeness (record: ProgressRecord, { clusterId, topicIds }: LogIdentity): string | null {
  if (clusterId !== record.clusterId) return `the table was filled from log ${record.clusterId}, this one is ${clusterId}`
  const other = [...record.topicIds.keys()].find(topic => topicIds.get(topic) !== record.topicIds.get(topic))
  return other === undefined ? null : `topic ${other} was recreated since: its id is ${topicIds.get(other) ?? 'none'}, the table knows ${record.topicIds.get(other)}`
}

async function readRange (log: Log, { topic, partition, from, to }: Gap, take: (offset: bigint, value: () => Buffer) => void): Promise<void> {
  if (from >= to) return
  const { end } = await log.ranges(topic)
  const reader = await log.open({ topics: [topic], startAt: (_, other) => other === partition ? from : end.get(other) ?? 'earliest' })
  try {
    for (let at = from, quiet = 0; at < to && quiet < quietPollsMax;) {
      const event = await reader.poll(pollMsMax, readBytesMax)
      if (event === null) quiet++
      if (event?.kind === 'assigned') for (const other of event.partitions) if (other !== partition) reader.pause(topic, other)
      if (event?.kind !== 'batch' || event.batch.partition !== partition) continue
      const { batch } = event
      for (let i = 0; i < batch.count; i++) {
        const offset = batch.firstOffset + BigInt(batch.offsetDelta[i] as number)
        if (offset >= from && offset < to) take(offset, () => batch.bytes.subarray(batch.valueStart[i], batch.valueEnd[i]))
      }
      at = batch.nextOffset
    }
  } finally {
    await reader.close()
  }
}

function idOf (value: Buffer): string | null {
  try {
    const { event_id: id } = JSON.parse(value.toString()) as { event_id?: unknown }
    return typeof id === 'string' ? id : null
  } catch {
    return null
  }
}
