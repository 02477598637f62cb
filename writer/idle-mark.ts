// How long the line has been quiet, in the table: while nothing arrives, no row says that time passes, and results that
// wait for the watermark would wait for the next event. So the writer notes in the property `firn.idle-until` of events up
// to when it knows that the table has everything: the moment before a look at the log's ends found no record beyond them.
// A metadata commit without a snapshot; once a minute at first, ever more seldom later, so that a quiet line costs nothing.
// Refuses to note anything while a partition has more than the table, whichever writer of the group has it. It is no
// promise: a record that was on its way at that moment is a late row, as any other.

import { mainSnapshotId, type Catalog } from '../catalog/index.ts'
import type { Log } from '../log/index.ts'
import { idleUntilProperty } from '../openapi/index.ts'
import type { Logger } from '../runtime/index.ts'
import { notCommitted, type PartitionEnd } from './drain.ts'
import { eventsId } from './tables.ts'

const minuteMs = 60_000
/** Until then each minute counts: what is usually waited for, and somewhat more. */
const eachMinuteMs = 15 * minuteMs
/** Later, the part of the quiet time that may pass without a mark. */
const laterPart = 4

export interface IdleMarkParts {
  readonly catalog: Catalog
  readonly source: Pick<Log, 'ranges'>
  readonly topics: readonly string[]
  readonly logger: Pick<Logger, 'debug'>
  readonly nowMs: () => number
}

/** Whether a line that has been quiet for so long, with its last mark so long ago, gets one. */
export function isMarkDue (quietMs: number, sinceMarkMs: number): boolean {
  if (quietMs < minuteMs) return false
  return sinceMarkMs >= (quietMs <= eachMinuteMs ? minuteMs : quietMs / laterPart)
}

export class IdleMark {
  readonly #parts: IdleMarkParts
  #quietSinceMs: number | null = null
  #markedMs = -Infinity

  constructor (parts: IdleMarkParts) {
    this.#parts = parts
  }

  /** Asked with each look at the log. Never throws: without a mark, results wait longer. */
  async look (isQuiet: boolean): Promise<void> {
    if (!isQuiet) {
      this.#quietSinceMs = null
      return
    }
    // A clock that never goes back says how long; the other one what is written down.
    const now = performance.now()
    this.#quietSinceMs ??= now
    if (!isMarkDue(now - this.#quietSinceMs, now - this.#markedMs)) return
    this.#markedMs = now
    await markIdle(this.#parts).catch((error: unknown) => {
      this.#parts.logger.debug({ err: error }, 'that the line is idle could not be noted')
    })
  }
}

/** Resolves with the time that was noted; null where the table does not have everything, or another commit was faster. */
export async function markIdle ({ catalog, source, topics, nowMs }: Omit<IdleMarkParts, 'logger'>): Promise<Date | null> {
  // Before the look: what is appended later was received later, but for what is on its way.
  const until = new Date(nowMs())
  const ends: PartitionEnd[] = []
  for (const topic of topics) {
    const { first, end } = await source.ranges(topic)
    for (const [partition, offset] of end) if (offset > (first.get(partition) ?? 0n)) ends.push({ topic, partition, end: offset })
  }
  const { metadata } = await catalog.loadTable(eventsId)
  const main = mainSnapshotId(metadata)
  if (main === null || (await notCommitted(catalog, ends)).length > 0) return null
  const noted = metadata.properties[idleUntilProperty]
  // Another writer of the group, or a clock that was set back: the mark never goes back.
  if (noted !== undefined && Date.parse(noted) >= until.getTime()) return null
  const outcome = await catalog.commitTable(eventsId, {
    requirements: [{ 'type': 'assert-table-uuid', 'uuid': metadata['table-uuid'] }, { 'type': 'assert-ref-snapshot-id', 'ref': 'main', 'snapshot-id': main }],
    updates: [{ 'action': 'set-properties', 'updates': { [idleUntilProperty]: until.toISOString() } }]
  })
  return outcome.kind === 'landed' ? until : null
}
