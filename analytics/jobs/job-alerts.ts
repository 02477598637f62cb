// A job that failed for good becomes an alert of kind `job`: by mail, webhook and on the terminal, once per run. The outbox is
// durable and belongs to the job: what cannot be sent now goes out when the job runs next.

import { setTimeout as sleep } from 'node:timers/promises'
import { createLogger, sentenceOf } from '../../runtime/index.ts'
import { openAlerts, type Alert, type AlertConfig, type Alerts } from '../alerts/index.ts'
import type { JobFailure } from './run-job.ts'

const openAttemptsMax = 20
const openAgainMs = 500
const sendMsMax = 120_000

export interface JobAlerts {
  tell(failure: JobFailure): Promise<void>
  /** Waits, within bounds, until everything is sent. */
  close(): Promise<void>
}

/** `name` is the job, or `scheduler` for a process that runs all of them. */
export async function openJobAlerts (config: AlertConfig, dataDir: string, name: string, say: (sentence: string) => void): Promise<JobAlerts> {
  const open = async (): Promise<Alerts> => await openAlerts({ config, dataDir, name: `job-${name}`, say, logger: createLogger('daily', 'warn') })
  // Another date of the same job may hold the outbox right now: then it is opened when it is needed.
  let alerts = await open().catch(() => null)
  return {
    tell: async failure => {
      for (let attempt = 1; alerts === null; attempt++) {
        alerts = await open().catch(async (error: unknown) => {
          if (attempt >= openAttemptsMax) throw error
          await sleep(openAgainMs)
          return null
        })
      }
      await alerts.offer(alertOf(failure))
    },
    close: async () => {
      if (alerts === null) return
      try {
        if (!await alerts.drained(sendMsMax)) say(`an alert could not be sent within ${sendMsMax / 1000} s: it is kept and goes out when the job runs next; check FIRN_MAIL_URL`)
        await alerts.close()
      } catch (error) {
        say(`the alerts did not close: ${sentenceOf(error)}`)
      }
    }
  }
}

/** The same run makes the same alert, however often it is told. */
export function alertOf ({ job, date, run, step, tries, reason, logFile, at }: JobFailure): Alert {
  return {
    id: `job-${job}-${date}-${run}`,
    kind: 'job',
    severity: 'high',
    title: `${job} for ${date} failed at ${step}`,
    evidence: [reason, `${tries} ${tries === 1 ? 'try' : 'tries'}, the last one ended at ${at.toISOString()}`, `its log: ${logFile}`, `when it is mended: npm run daily -- --job ${job} --date ${date} (begins at ${step})`],
    at
  }
}
