// Our own clock for jobs: once a minute it looks which daily job is due and was not begun for yesterday, and runs it. Days that
// were missed while nothing ran are not caught up with (a model's next run covers them); a run that was killed goes on.

import { setTimeout as sleep } from 'node:timers/promises'
import { sentenceOf } from '../../runtime/index.ts'
import type { Job } from './jobs-file.ts'
import { runJob, type RunOptions } from './run-job.ts'
import { readRunState, runFolder, type RunState } from './run-state.ts'

const lookEveryMs = 60_000
const dayMs = 86_400_000

export interface ScheduleOptions extends Omit<RunOptions, 'job' | 'date' | 'again'> {
  readonly jobs: readonly Job[]
  readonly signal: AbortSignal
  readonly now?: () => Date
  readonly lookEveryMs?: number
}

/** Resolves when the signal aborts and what ran has ended. */
export async function runSchedule ({ jobs, now = () => new Date(), lookEveryMs: every = lookEveryMs, ...options }: ScheduleOptions): Promise<void> {
  const { dataDir, signal, say = () => {} } = options
  const running = new Map<string, Promise<void>>()
  while (!signal.aborted) {
    for (const job of jobs) {
      if (running.has(job.name)) continue
      const date = dateDue(job, now())
      const state = date === null ? null : await readRunState(runFolder(dataDir, job.name, date)).catch((error: unknown) => { say(sentenceOf(error)); return undefined })
      if (date === null || state === undefined || !isToBeRun(state)) continue
      say(`${job.name} for ${date} begins`)
      running.set(job.name, runJob({ ...options, job, date })
        .then(({ outcome }) => { say(`${job.name} for ${date}: ${outcome}`) }, (error: unknown) => { say(sentenceOf(error)) })
        .finally(() => { running.delete(job.name) }))
    }
    await sleep(every, undefined, { signal }).catch(() => undefined)
  }
  await Promise.all(running.values())
}

/** The day that a job is due for: yesterday, from its time on. */
export function dateDue (job: Pick<Job, 'schedule' | 'startsAtMinutes'>, now: Date): string | null {
  if (job.schedule === null || now.getTime() % dayMs < job.startsAtMinutes * 60_000) return null
  return new Date(now.getTime() - dayMs).toISOString().slice(0, 10)
}

/** A date that failed for good waits for a person. */
function isToBeRun (state: RunState | null): boolean {
  return state === null || state.outcome === 'running'
}
