// `npm run daily -- --date D`: runs a job of the jobs file for a day, goes on where a killed run was, and ends with 0 when every
// step is done, with 1 when one failed for good. `--list` shows the jobs, `--schedule` stays and runs each at its time.

import { resolve } from 'node:path'
import { complain, exitWhenPrinted, sentenceOf, show } from '../../runtime/index.ts'
import { fail } from '../errors.ts'
import { dayOf, readRunnerConfig } from './config.ts'
import { readJobs, type Job } from './jobs-file.ts'
import { openJobAlerts } from './job-alerts.ts'
import { runJob, type RunOptions } from './run-job.ts'
import { datesOf, readRunState, runFolder } from './run-state.ts'
import { runSchedule } from './schedule.ts'

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => { stop.abort(new Error(signal)) })

try {
  process.exitCode = await main()
} catch (error) {
  complain(`daily: ${sentenceOf(error)}`)
  process.exitCode = 1
}
await exitWhenPrinted()

async function main (): Promise<number> {
  const config = readRunnerConfig()
  const jobs = readJobs(config.FIRN_JOBS_FILE)
  const dataDir = resolve(config.FIRN_DATA_DIR)
  if (config.list) return await list(jobs, dataDir)
  const job = jobs.find(({ name }) => name === config.job)
  if (job === undefined) throw fail('JOB_UNKNOWN', { job: config.job, known: jobs.map(({ name }) => name).join(', ') })
  const date = dayOf(config.date, new Date())
  const alerts = await openJobAlerts(config, dataDir, config.schedule ? 'scheduler' : job.name, say)
  const options = {
    dataDir, signal: stop.signal, say, onFailure: alerts.tell,
    ...config.FIRN_JOBS_RETRY_DELAY_MS === undefined ? {} : { retryDelayMs: config.FIRN_JOBS_RETRY_DELAY_MS }
  }
  try {
    if (!config.schedule) return await once({ ...options, job, date, again: config.again })
    await runSchedule({ ...options, jobs })
    return 0
  } finally {
    await alerts.close()
  }
}

async function once (options: RunOptions): Promise<number> {
  const { outcome, before, state } = await runJob(options)
  const what = `${options.job.name} for ${options.date}`
  if (before) say(`${what} is done since ${state.endedAt}; --again runs it once more`)
  else if (outcome === 'done') say(`${what} is done: ${options.job.steps.length} steps`)
  else if (outcome === 'failed') say(`${what} failed; the same command begins at the step that failed`)
  return outcome === 'done' ? 0 : outcome === 'failed' ? 1 : 130
}

async function list (jobs: readonly Job[], dataDir: string): Promise<number> {
  for (const { name, doc, schedule, startsAtMinutes, steps } of jobs) {
    const at = schedule === null ? 'only when asked for' : `every day at ${new Date(startsAtMinutes * 60_000).toISOString().slice(11, 16)} UTC`
    show([`${name}: ${doc}`, `  ${at}: ${steps.map(step => step.name).join(' → ')}`])
    for (const date of (await datesOf(dataDir, name)).slice(0, 5)) {
      const state = await readRunState(runFolder(dataDir, name, date))
      if (state !== null) show(`  ${date} ${state.outcome}${state.endedAt === undefined ? '' : ` at ${state.endedAt}`}`)
    }
  }
  return 0
}

function say (sentence: string): void {
  complain(`daily: ${sentence}`)
}
