// Takes the spool to the log: the front slice, again and again until the log has confirmed it, then the next one. One slice at a
// time, so the order of the spool is the order in the log. While the log does not answer it is asked with backoff, then probed
// with one record: what an append in doubt doubles stays small. Slices grow as they are confirmed.
// A record that the log refuses for good holds the line: it was acknowledged, so it is never dropped; the sentence says why.

import { setTimeout as sleep } from 'node:timers/promises'
import { sentenceOf, type Logger } from '../../runtime/index.ts'
import type { EventLog } from '../event-log.ts'
import type { Spool, SpoolSlice } from './spool.ts'
import type { SpoolState } from './spooling-log.ts'

export interface DrainHooks {
  readonly signal: AbortSignal
  readonly state: () => SpoolState
  /** Resolves when the state leaves `straight`. */
  readonly untilNeeded: () => Promise<void>
  readonly confirmed: (slice: SpoolSlice) => void
  /** Whether it was the log's own failure and is said already; otherwise it is about the records at the front. */
  readonly failed: (error: Error) => boolean
  readonly empty: () => void
  readonly logger: Logger
}

const sliceRecordsMax = 4096
const sliceGrowth = 8
const pauseMsMin = 50
const pauseMsMax = 1000
const frontMsMax = 50

/** Ends when the signal aborts, and rejects never. */
export async function drain (target: EventLog, spool: Spool, hooks: DrainHooks): Promise<void> {
  const { signal, logger } = hooks
  let recordsMax = 1
  let pauseMs = pauseMsMin
  let said = ''
  while (!signal.aborted) {
    if (hooks.state() === 'straight') {
      recordsMax = 1
      await hooks.untilNeeded()
      continue
    }
    try {
      const slice = await frontOf()
      if (hooks.state() === 'spooling') await target.checkReady()
      if (signal.aborted) return
      if (slice !== null) {
        await target.append(slice.records)
        hooks.confirmed(slice)
        const noted = spool.drained(slice)
        if (spool.isEmpty) hooks.empty()
        await noted.catch((error: unknown) => { say(error, 'the spool could not note its progress: a restart would send this again') })
        recordsMax = Math.min(sliceRecordsMax, recordsMax * sliceGrowth)
      } else if (spool.isEmpty) hooks.empty()
      pauseMs = pauseMsMin
    } catch (error) {
      if (signal.aborted) return
      recordsMax = 1
      if (!hooks.failed(error as Error)) say(error, 'the log refuses an event of the spool, and those behind it wait')
      await sleep(pauseMs, undefined, { signal }).catch(() => {})
      pauseMs = Math.min(pauseMsMax, pauseMs * 2)
    }
  }

  async function frontOf (): Promise<SpoolSlice | null> {
    try {
      return await spool.front(recordsMax, frontMsMax)
    } catch (error) {
      // Not the log's trouble: other keys may go straight meanwhile.
      if (signal.aborted) return null
      say(error, 'the spool cannot be read')
      await sleep(pauseMsMax, undefined, { signal }).catch(() => {})
      return null
    }
  }

  function say (error: unknown, what: string): void {
    const sentence = sentenceOf(error)
    if (sentence === said) return
    said = sentence
    logger.warn({ err: error }, what)
  }
}
