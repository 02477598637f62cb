// `npm run daily:wait -- --date D`: waits, within bounds, until the day's events are in firn.events. Ends with 0 and what it
// found, or with 1 and why the day is not complete.

import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isCatalogError, openLake } from '../../../catalog/index.ts'
import { complain, exitWhenPrinted, sentenceOf, show } from '../../../runtime/index.ts'
import { fail } from '../../errors.ts'
import { openQueryEngine } from '../../query/open.ts'
import { dayOf, readWaitConfig } from '../config.ts'
import { fillDay, rowsOf } from '../day-statement.ts'
import { judgeDay } from './day.ts'

const eventsId = { namespace: ['firn'], name: 'events' }
const lookEveryMs = 5000
const template = readFileSync(join(import.meta.dirname, 'day_arrived.sql'), 'utf8')

try {
  show(await main())
} catch (error) {
  complain(`daily:wait: ${sentenceOf(error)}`)
  process.exitCode = 1
}
await exitWhenPrinted()

async function main (): Promise<string> {
  const config = readWaitConfig()
  const date = dayOf(config.date, new Date())
  const lake = openLake(config, { dataDir: resolve(config.FIRN_DATA_DIR) })
  const engine = await openQueryEngine(config, () => ({ ...lake, catalogUrl: config.FIRN_CATALOG_URL }))
  const began = performance.now()
  const msMax = config.FIRN_JOBS_WAIT_SECONDS_MAX * 1000
  for (;;) {
    const waitedMs = performance.now() - began
    let reason: string
    try {
      await lake.catalog.loadTable(eventsId)
      const [row] = await rowsOf(await engine.query(fillDay(template, date)))
      const [rows, watermark] = [Number(row![0]), row![1] === null ? null : new Date(String(row![1]))]
      const answer = judgeDay({ date, now: new Date(), rows, watermark, drained: config.drained, waitMsLeft: Math.max(0, msMax - waitedMs) })
      if (answer.complete) return `${date} is complete: ${answer.note}`
      reason = answer.reason
    } catch (error) {
      // The catalog or the engine is away for a while.
      const isMissing = isCatalogError(error, 'CATALOG_NO_SUCH_TABLE') || isCatalogError(error, 'CATALOG_NO_SUCH_NAMESPACE')
      if (!isMissing && (error as { retryable?: boolean }).retryable !== true) throw error
      reason = isMissing ? 'firn.events is not there yet: the writer creates it when it starts' : sentenceOf(error)
    }
    if (waitedMs + lookEveryMs > msMax) throw fail('JOB_DATA_LATE', { date, waited: Math.round(waitedMs / 1000), reason })
    await sleep(lookEveryMs)
  }
}
