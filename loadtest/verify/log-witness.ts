// The log as a witness: how far it goes, whether it still holds what was taken, what a gap in the table was, and which
// acknowledged events still wait in it. Reads only; never acknowledges, never creates a log that is not there. What it
// cannot read is no hole: it is counted as unreadable.

import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { openLog, topicsToRead, type Log, type LogIdentity, type LogReader, type TopicChoice } from '../../log/index.ts'
import type { Gap } from './conservation.ts'
import type { PartitionRecord, ProgressRecord } from './progress-record.ts'

const pollMsMax = 500
const readBytesMax = 8 * 1024 ** 2
const quietPollsMax = 20
const examplesMax = 5
/** Gaps of one partition that lie nearer than this are read in one go. */
const apartMax = 10_000n

/** `isDense`: every offset below the end is a record (the embedded log). */
interface Source { readonly log: Log, readonly isDense: boolean }

/** Offsets of gaps by what the log says of them: a record is there, none (a hole), it no longer keeps them, or they cannot be read. */
export interface Visited { readonly found: bigint, readonly holes: bigint, readonly forgotten: bigint, readonly unreadable: bigint }
/** A record of a gap was never taken: it is lost. */
export interface Explained extends Omit<Visited, 'found'> { readonly lost: bigint, readonly examples: readonly string[] }
export interface SeenRecord { readonly topic: string, readonly partition: number, readonly offset: bigint, /** Null where none can be read. */ readonly id: () => string | null }

export interface LogWitness {
  /** Why this log cannot speak for the table, or null. */
  readonly stranger: string | null
  readonly lag: bigint
  /** What the log keeps from before the place where the table says it began. */
  readonly before: readonly Gap[]
  /** What was in the log before the place where the table says it began, and is no longer. */
  readonly goneBefore: readonly Gap[]
  /** Only a reader's acknowledgement lets records of this log go: what is gone was taken, by whichever table. */
  readonly keepsUntilTaken: boolean
  /** Partitions that end before what the table has taken of them. */
  readonly shortened: readonly string[]
  /** Partitions whose records are others than those that were taken, and those that cannot be compared any more. */
  compare(): Promise<{ other: string[], unknown: string[] }>
  /** The least offset that the log still keeps of a gap's partition; the gap's end where it has none of it. */
  firstOf(gap: Gap): bigint
  explain(gaps: readonly Gap[]): Promise<Explained>
  /** Each record that lies in the gaps. */
  visit(gaps: readonly Gap[], take: (record: SeenRecord) => void): Promise<Visited>
  /** The event_ids of records at or after the recorded offsets. */
  waiting(): AsyncGenerator<string>
  close(): Promise<void>
}

/** Null when there is no log at this address. `record` is null while the table has taken nothing: then all of the topics waits. */
export async function openWitness (logUrl: string, record: ProgressRecord | null, choice: TopicChoice, open: (url: string) => Promise<Log> = openLog): Promise<LogWitness | null> {
  const isEmbedded = logUrl.startsWith('file:')
  if (isEmbedded && !existsSync(fileURLToPath(logUrl))) return null
  const log = await open(logUrl)
  const source = { log, isDense: isEmbedded }
  const identity = await log.identity([...new Set([...record?.topicIds.keys() ?? [], ...await topicsToRead(log, choice)])])
  const stranger = record === null ? null : strangeness(record, identity)
  const ranges = new Map(await Promise.all([...identity.topicIds.keys()].map(async topic => [topic, await log.ranges(topic)] as const)))
  const recorded = new Map(record?.partitions.map(p => [`${p.topic}/${p.partition}`, p]))
  const places = [...ranges].flatMap(([topic, { first, end }]) => [...end].map(([partition, to]) =>
    ({ topic, partition, first: first.get(partition) ?? 0n, end: to, known: recorded.get(`${topic}/${partition}`) })))
  const tails = places.map(({ topic, partition, first, end, known }): Gap => ({ topic, partition, from: known?.next ?? first, to: end }))
  const firstOf = ({ topic, partition, to }: Gap): bigint => ranges.get(topic)?.first.get(partition) ?? to
  return {
    stranger,
    keepsUntilTaken: isEmbedded,
    before: places.flatMap(({ topic, partition, first, known }): Gap[] => known !== undefined && first < known.start ? [{ topic, partition, from: first, to: known.start }] : []),
    goneBefore: places.flatMap(({ topic, partition, first, known }): Gap[] => {
      // A partition of which the table knows nothing begins, for the table, where the log begins now.
      const to = known === undefined || first < known.start ? first : known.start
      return to > 0n ? [{ topic, partition, from: 0n, to }] : []
    }),
    shortened: places.flatMap(({ topic, partition, end, known }) => known !== undefined && end < known.next ? [`${topic}/${partition} ends at ${end}, the table has taken up to ${known.next}`] : []),
    lag: tails.reduce((sum, { from, to }) => sum + (to > from ? to - from : 0n), 0n),
    compare: async () => await compareAll(log, record?.partitions ?? []),
    firstOf,
    explain: async gaps => {
      const examples: string[] = []
      const { found, ...rest } = await visitGaps(source, gaps, firstOf, ({ topic, partition, offset }) => {
        if (examples.length < examplesMax) examples.push(`${topic}/${partition}@${offset}`)
      })
      return { lost: found, ...rest, examples }
    },
    visit: async (gaps, take) => await visitGaps(source, gaps, firstOf, take),
    async * waiting () {
      for (const tail of tails) {
        for await (const { value } of readRange(source, tail, { unreadable: 0n })) {
          const id = idOf(value())
          if (id !== null) yield id
        }
      }
    },
    close: () => log.close()
  }
}

async function compareAll (log: Log, partitions: readonly PartitionRecord[]): Promise<{ other: string[], unknown: string[] }> {
  const [other, unknown]: [string[], string[]] = [[], []]
  for (const { topic, partition, next, fingerprint } of partitions) {
    if (fingerprint === '') continue
    const verdict = await log.compareFingerprint(topic, partition, next, fingerprint)
    if (verdict !== 'same') (verdict === 'other' ? other : unknown).push(`${topic}/${partition} before ${next}`)
  }
  return { other, unknown }
}

async function visitGaps (source: Source, gaps: readonly Gap[], firstOf: (gap: Gap) => bigint, take: (record: SeenRecord) => void): Promise<Visited> {
  let [seen, forgotten, total] = [0n, 0n, 0n]
  const unread = { unreadable: 0n }
  for (const near of runsOf(gaps)) {
    const { topic, partition } = near[0]!
    const first = firstOf(near[0]!)
    for (const { from, to } of near) {
      total += to - from
      if (first > from) forgotten += (first < to ? first : to) - from
    }
    const from = first > near[0]!.from ? first : near[0]!.from
    let at = 0
    for await (const { offset, value } of readRange(source, { topic, partition, from, to: near.at(-1)!.to }, unread, near)) {
      while (at < near.length && offset >= near[at]!.to) at++
      if (at >= near.length || offset < near[at]!.from) continue
      seen++
      take({ topic, partition, offset, id: () => idOf(value()) })
    }
  }
  return { found: seen, holes: total - seen - forgotten - unread.unreadable, forgotten, unreadable: unread.unreadable }
}

/** Gaps of one partition in order, together where they lie near each other. */
function runsOf (gaps: readonly Gap[]): Gap[][] {
  const runs: Gap[][] = []
  for (const gap of gaps) {
    const last = runs.at(-1)?.at(-1)
    if (last !== undefined && last.topic === gap.topic && last.partition === gap.partition && gap.from >= last.to && gap.from - last.to < apartMax) runs.at(-1)!.push(gap)
    else runs.push([gap])
  }
  return runs
}

function strangeness (record: ProgressRecord, { clusterId, topicIds }: LogIdentity): string | null {
  if (clusterId !== record.clusterId) return `the table was filled from log ${record.clusterId}, this one is ${clusterId}`
  const other = [...record.topicIds.keys()].find(topic => topicIds.get(topic) !== record.topicIds.get(topic))
  return other === undefined ? null : `topic ${other} was recreated since: its id is ${topicIds.get(other) ?? 'none'}, the table knows ${record.topicIds.get(other)}`
}

/** The records of a range. What cannot be read is added to `unread`, as far as it lies in `asked`. */
async function * readRange ({ log, isDense }: Source, range: Gap, unread: { unreadable: bigint }, asked: readonly Gap[] = [range]): AsyncGenerator<{ offset: bigint, value: () => Buffer }> {
  const { topic, partition, from, to } = range
  if (from >= to) return
  const { end } = await log.ranges(topic)
  const reader = await log.open({ topics: [topic], startAt: (_, other) => other === partition ? from : end.get(other) ?? 'earliest' })
  try {
    let at = from
    for (let quiet = 0; at < to && quiet < quietPollsMax;) {
      const event = await reader.poll(pollMsMax, readBytesMax)
      if (event === null) quiet++
      if (event?.kind === 'assigned') pauseOthers(reader, topic, partition, event.partitions)
      if (event?.kind === 'damaged' && event.partition === partition) {
        unread.unreadable += overlap(asked, event.from, event.to)
        at = event.to
        reader.seek(topic, partition, at)
      }
      if (event?.kind === 'out-of-range' && event.partition === partition) break
      if (event?.kind !== 'batch' || event.batch.partition !== partition) continue
      const { batch } = event
      for (let i = 0; i < batch.count; i++) {
        const offset = batch.firstOffset + BigInt(batch.offsetDelta[i] as number)
        if (offset >= from && offset < to) yield { offset, value: () => batch.bytes.subarray(batch.valueStart[i], batch.valueEnd[i]) }
      }
      at = batch.nextOffset
    }
    // Behind the last record of a Kafka partition lie at most markers of transactions, which are never delivered.
    const isTail = !isDense && to >= (end.get(partition) ?? to)
    if (at < to && !isTail) unread.unreadable += overlap(asked, at, to)
  } finally {
    await reader.close()
  }
}

function pauseOthers (reader: LogReader, topic: string, partition: number, assigned: readonly number[]): void {
  for (const other of assigned) if (other !== partition) reader.pause(topic, other)
}

function overlap (gaps: readonly Gap[], from: bigint, to: bigint): bigint {
  return gaps.reduce((sum, gap) => {
    const [low, high] = [gap.from > from ? gap.from : from, gap.to < to ? gap.to : to]
    return high > low ? sum + high - low : sum
  }, 0n)
}

function idOf (value: Buffer): string | null {
  try {
    const { event_id: id } = JSON.parse(value.toString()) as { event_id?: unknown }
    return typeof id === 'string' ? id : null
  } catch {
    return null
  }
}
