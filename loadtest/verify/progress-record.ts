// Reads the property `firn.offsets` from the published format alone, without the writer's code: what the table says about
// how far each partition of the log was taken. All numbers are bigint.

import { fail } from '../errors.ts'

export const progressProperty = 'firn.offsets'

export interface PartitionRecord {
  readonly topic: string
  readonly partition: number
  readonly start: bigint
  readonly next: bigint
  /** The log's own evidence of what it held before `next`; empty in records of the first format. */
  readonly fingerprint: string
}
export interface ProgressRecord {
  readonly tableUuid: string
  readonly snapshotId: bigint
  readonly clusterId: string
  readonly topicIds: ReadonlyMap<string, string>
  readonly partitions: readonly PartitionRecord[]
}

/** Throws VERIFY_OFFSETS_UNREADABLE with the reason. */
export function readProgressRecord (table: string, text: string): ProgressRecord {
  const unreadable = (reason: string, cause?: unknown): Error => fail('VERIFY_OFFSETS_UNREADABLE', { table, reason }, cause)
  let value: Record<string, unknown>
  try {
    value = objectOf(JSON.parse(text))
  } catch (error) {
    throw unreadable(`not a JSON object: ${text.slice(0, 60)}`, error)
  }
  if (value.v !== 1 && value.v !== 2) throw unreadable(`its format is ${String(value.v)}, this version reads 1 and 2`)
  try {
    const log = objectOf(value.log)
    const topics = Object.entries(objectOf(log.topics)).map(([topic, entry]) => ({ topic, ...objectOf(entry) as { id?: unknown, p?: unknown } }))
    const partitions = topics.flatMap(({ topic, p }) => Object.entries(objectOf(p)).map(([partition, range]): PartitionRecord => {
      const { start, next, fp } = objectOf(range)
      const record = { topic, partition: Number(partition), start: BigInt(textOf(start)), next: BigInt(textOf(next)), fingerprint: typeof fp === 'string' ? fp : '' }
      if (record.start < 0n || record.next < record.start) throw new Error(`partition ${partition} of ${topic} goes from ${record.start} to ${record.next}`)
      return record
    }))
    return {
      tableUuid: textOf(value['table-uuid']),
      snapshotId: BigInt(textOf(value.snap)),
      clusterId: textOf(log.cluster),
      topicIds: new Map(topics.map(({ topic, id }) => [topic, textOf(id)])),
      partitions
    }
  } catch (error) {
    throw unreadable((error as Error).message, error)
  }
}

function objectOf (value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new Error(`an object was expected, not ${JSON.stringify(value)}`)
  return value as Record<string, unknown>
}

function textOf (value: unknown): string {
  if (typeof value !== 'string') throw new Error(`a text was expected, not ${JSON.stringify(value)}`)
  return value
}
