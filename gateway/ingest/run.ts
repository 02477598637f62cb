// One run of `ingest` or `import`: opens log and ledger, delivers file after file, follows a folder when asked, closes both.
// An error in one file is one sentence and does not stop the others; an error of the log or the ledger does.

import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openLogFrom, ownTopic } from '../../log/index.ts'
import { sentenceOf, takeLock } from '../../runtime/index.ts'
import { logUrlOf } from '../config.ts'
import { fail, is } from '../errors.ts'
import { routeTopics } from '../topic-routes.ts'
import { deliverFile, type Delivered, type DeliveryContext } from './deliver.ts'
import { Ledger } from './ledger.ts'
import type { ProgressLine } from './progress-line.ts'
import type { FileConfig } from './settings.ts'

export interface Run {
  readonly source: 'ingest' | 'import'
  readonly config: FileConfig
  /** Asked at the start, and again every `watchMs` when that is set. */
  readonly listFiles: () => Promise<string[]>
  readonly watchMs: number | null
  readonly signal: AbortSignal
  readonly line: ProgressLine
  readonly say: (sentence: string) => void
  readonly now?: () => number
}

export interface RunResult {
  readonly delivered: readonly Delivered[]
  readonly unchanged: number
  readonly failed: number
}

export async function runFiles (run: Run): Promise<RunResult> {
  const { config, source, signal, line, watchMs, now = Date.now } = run
  const first = await run.listFiles()
  const folder = join(resolve(config.FIRN_DATA_DIR), 'ingest', source)
  await mkdir(folder, { recursive: true })
  const path = join(folder, 'running.lock')
  const lock = takeLock(path, pid => fail('INGEST_RUNNING', { pid, path }))
  try {
    const ledger = await Ledger.open(folder)
    const log = await openLogFrom(logUrlOf(config), config)
    try {
      for (const topic of config.FIRN_LOG_TOPICS ?? [ownTopic]) await log.ensureTopic(topic)
      const context: DeliveryContext = {
        log,
        ledger,
        topicOf: routeTopics(config),
        source,
        futureMinutesMax: config.FIRN_EVENT_FUTURE_MINUTES_MAX,
        ageDaysMax: source === 'import' ? null : config.FIRN_EVENT_AGE_DAYS_MAX,
        moneyRound: config.FIRN_MONEY_ROUND,
        eventBytesMax: config.FIRN_EVENT_BYTES_MAX,
        waitSecondsMax: config.FIRN_INGEST_WAIT_SECONDS_MAX,
        growing: watchMs !== null,
        signal,
        now,
        progressed: line.progressed
      }
      const results = new Map<string, Delivered>()
      const failures = new Map<string, string>()
      for (let files = first; ; files = await run.listFiles()) {
        for (const path of files) {
          if (signal.aborted) break
          try {
            const { accepted, rejected } = await deliverFile(path, context)
            const before = results.get(path)
            results.set(path, { path, accepted: accepted + (before?.accepted ?? 0), rejected: rejected + (before?.rejected ?? 0) })
            failures.delete(path)
          } catch (error) {
            if (is(error, 'INGEST_LOG') || is(error, 'INGEST_LEDGER')) throw error
            const sentence = sentenceOf(error)
            line.clear()
            if (failures.get(path) !== sentence) run.say(sentence)
            failures.set(path, sentence)
          }
        }
        if (watchMs === null || signal.aborted) break
        await sleep(watchMs, undefined, { signal }).catch(() => {})
        if (signal.aborted) break
      }
      const delivered = [...results.values()]
      return { delivered, unchanged: delivered.filter(file => file.accepted + file.rejected === 0).length, failed: failures.size }
    } finally {
      line.clear()
      await log.close()
    }
  } finally {
    lock.release()
  }
}
