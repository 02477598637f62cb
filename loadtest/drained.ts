// Waits until the writer has taken everything that the log holds: the table's recorded progress against the log's ends.
// Cheap enough to ask every second: it reads the table's metadata and no file of it. Ends when nothing moves any more.

import { setTimeout as sleep } from 'node:timers/promises'
import { isCatalogError, type Catalog } from '../catalog/index.ts'
import type { Log } from '../log/index.ts'
import { fail } from './errors.ts'
import { progressProperty, readProgressRecord } from './verify/progress-record.ts'

const pollMs = 500

export interface DrainOptions {
  readonly catalog: Pick<Catalog, 'loadTable'>
  readonly log: Pick<Log, 'ranges' | 'identity'>
  readonly topics: readonly string[]
  /** How long the writer may stand still. */
  readonly stillSecondsMax: number
  readonly onLag?: (lag: bigint) => void
}

/** Resolves with the milliseconds that it took. Errors: LOADTEST_NOT_DRAINED. */
export async function untilDrained ({ catalog, log, topics, stillSecondsMax, onLag }: DrainOptions): Promise<number> {
  const began = performance.now()
  let least: bigint | null = null
  let movedMs = began
  for (;;) {
    const lag = await lagOf(catalog, log, topics)
    onLag?.(lag)
    if (lag === 0n) return Math.round(performance.now() - began)
    if (least === null || lag < least) {
      least = lag
      movedMs = performance.now()
    }
    if (performance.now() - movedMs > stillSecondsMax * 1000) throw fail('LOADTEST_NOT_DRAINED', { lag, seconds: stillSecondsMax })
    await sleep(pollMs)
  }
}

/** Records in the log that the table has not taken. */
export async function lagOf (catalog: Pick<Catalog, 'loadTable'>, log: Pick<Log, 'ranges' | 'identity'>, topics: readonly string[]): Promise<bigint> {
  const taken = await takenOf(catalog)
  let lag = 0n
  for (const topic of (await log.identity(topics)).topicIds.keys()) {
    const { first, end } = await log.ranges(topic)
    for (const [partition, last] of end) {
      const next = taken.get(`${partition}/${topic}`) ?? first.get(partition) ?? 0n
      if (last > next) lag += last - next
    }
  }
  return lag
}

async function takenOf (catalog: Pick<Catalog, 'loadTable'>): Promise<Map<string, bigint>> {
  const table = await catalog.loadTable({ namespace: ['firn'], name: 'events' }).catch((error: unknown) => {
    if (isCatalogError(error, 'CATALOG_NO_SUCH_TABLE')) return null
    throw error
  })
  const text = table?.metadata.properties[progressProperty]
  return new Map(text === undefined ? [] : readProgressRecord('firn.events', text).partitions.map(({ topic, partition, next }) => [`${partition}/${topic}`, next]))
}
