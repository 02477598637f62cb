// One run of a job for a date. A step is tried 1 + retries times with a delay in between, each try bounded; the state is on the
// disk before a step starts and after it ended, so a run that was killed goes on where it was, with the tries that are left.
// Steps that do not wait for each other run side by side. The first step that fails for good ends the run: what runs is
// awaited, nothing new is begun, and whoever wants to know is told once per run.

import { appendFile, mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRunning, takeLock } from '../../runtime/index.ts'
import { fail } from '../errors.ts'
import type { Job, Step } from './jobs-file.ts'
import { readRunState, runFolder, writeRunState, type RunState, type StepState } from './run-state.ts'
import { endGroup, runStep } from './step-process.ts'

const stepsAtOnceMax = 2
const projectDir = resolve(import.meta.dirname, '../..')

export interface JobFailure {
  readonly job: string
  readonly date: string
  readonly run: number
  readonly step: string
  readonly tries: number
  readonly reason: string
  readonly logFile: string
  readonly at: Date
}

export interface RunOptions {
  readonly job: Job
  /** 2026-01-31 */
  readonly date: string
  readonly dataDir: string
  /** Runs a date that is done once more. */
  readonly again?: boolean
  readonly signal?: AbortSignal
  /** Told once when a run failed for good; what it throws is said and changes nothing. */
  readonly onFailure?: (failure: JobFailure) => Promise<void>
  readonly say?: (sentence: string) => void
  /** Instead of the delay of the jobs file. */
  readonly retryDelayMs?: number
  /** A step's words → the process to start. Without it: a task of start.mjs. */
  readonly commandOf?: (words: readonly string[]) => readonly string[]
  readonly env?: NodeJS.ProcessEnv
}

export interface RunResult { readonly outcome: 'done' | 'failed' | 'stopped', readonly state: RunState, /** It was done before; nothing was run. */ readonly before: boolean }

/** Throws JOB_RUNNING, JOB_STATE_UNREADABLE. */
export async function runJob (options: RunOptions): Promise<RunResult> {
  const { job, date } = options
  const folder = runFolder(resolve(options.dataDir), job.name, date)
  await mkdir(folder, { recursive: true })
  const lock = takeLock(join(folder, 'run.lock'), pid => fail('JOB_RUNNING', { job: job.name, date, pid }))
  try {
    return await new JobRun(options, folder).run()
  } finally {
    lock.release()
  }
}

class JobRun {
  readonly #options: RunOptions
  readonly #folder: string
  readonly #signal: AbortSignal
  readonly #say: (sentence: string) => void
  #state!: RunState
  #writing: Promise<void> = Promise.resolve()

  constructor (options: RunOptions, folder: string) {
    this.#options = options
    this.#folder = folder
    this.#signal = options.signal ?? new AbortController().signal
    this.#say = options.say ?? (() => {})
  }

  async run (): Promise<RunResult> {
    const { job, date, again } = this.#options
    const before = await readRunState(this.#folder)
    if (before?.outcome === 'done' && again !== true) return { outcome: 'done', state: before, before: true }
    this.#state = await this.#begin(before)
    const failure = await this.#runSteps()
    if (failure === null && this.#signal.aborted) {
      this.#say(`${job.name} for ${date} was stopped; the same command goes on where it was`)
      return { outcome: 'stopped', state: this.#state, before: false }
    }
    // Told first: a kill in between tells again (the same run, so the same alert) instead of never.
    if (failure !== null) await this.#tell(failure)
    const outcome = failure === null ? 'done' : 'failed'
    await this.#change({ outcome, endedAt: new Date().toISOString() })
    return { outcome, state: this.#state, before: false }
  }

  /** Goes on with what a killed run left; a run that failed is begun anew at the step that failed. */
  async #begin (before: RunState | null): Promise<RunState> {
    const { job, date } = this.#options
    const names = new Set(job.steps.map(({ name }) => name))
    const known = Object.entries(before?.steps ?? {}).filter(([name]) => names.has(name))
    for (const [name, { process }] of known) {
      if (process === undefined || !isRunning(process)) continue
      this.#say(`${name} still runs as process ${process.pid} of a run that was killed: it is ended first`)
      await endGroup(process)
    }
    const fresh = before === null || before.outcome === 'done'
    const kept = fresh ? [] : known.filter(([, { state }]) => state === 'done' || before.outcome === 'running')
    if (kept.some(([, { state }]) => state === 'done')) this.#say(`${job.name} for ${date} goes on: ${kept.filter(([, { state }]) => state === 'done').map(([name]) => name).join(', ')} done before`)
    const state: RunState = {
      v: 1, job: job.name, date, outcome: 'running', beganAt: new Date().toISOString(), steps: Object.fromEntries(kept),
      run: before === null ? 1 : before.outcome === 'running' ? before.run : before.run + 1
    }
    await writeRunState(this.#folder, state)
    return state
  }

  async #runSteps (): Promise<JobFailure | null> {
    const running = new Map<string, Promise<void>>()
    let failure: JobFailure | null = null
    const isDone = (name: string): boolean => this.#state.steps[name]?.state === 'done'
    for (;;) {
      const ready = failure !== null || this.#signal.aborted ? [] : this.#options.job.steps.filter(({ name, after }) => !isDone(name) && !running.has(name) && after.every(isDone))
      for (const step of ready.slice(0, stepsAtOnceMax - running.size)) {
        running.set(step.name, this.#tryStep(step).then(failed => {
          failure ??= failed
        }).finally(() => { running.delete(step.name) }))
      }
      if (running.size === 0) return failure
      await Promise.race(running.values())
    }
  }

  /** null: done, or stopped from outside. */
  async #tryStep (step: Step): Promise<JobFailure | null> {
    const { job, date, dataDir, commandOf = startTask, env = process.env, retryDelayMs = step.retryDelaySeconds * 1000 } = this.#options
    const logFile = join(this.#folder, `${step.name}.log`)
    // A try that the kill of a run took along counts, but one more is always there: the crash may not have been its own.
    const before = Math.min(this.#state.steps[step.name]?.tries ?? 0, step.retries)
    for (let tries = before + 1; ; tries++) {
      const beganAt = new Date().toISOString()
      const words = step.command.map(word => word.replaceAll('{date}', date))
      await appendFile(logFile, `── ${beganAt} try ${tries} of ${step.retries + 1}: ${words.join(' ')}\n`)
      await this.#setStep(step.name, { state: 'running', tries, beganAt })
      const reason = await runStep({
        command: commandOf(words), cwd: projectDir, logFile, msMax: step.stepSecondsMax * 1000, signal: this.#signal,
        env: { ...env, FIRN_DATA_DIR: resolve(dataDir) },
        onStart: async process => { await this.#setStep(step.name, { state: 'running', tries, beganAt, process }) }
      })
      const endedAt = new Date().toISOString()
      if (reason === null) {
        await this.#setStep(step.name, { state: 'done', tries, beganAt, endedAt })
        this.#say(`${step.name}: done after ${secondsBetween(beganAt, endedAt)} s${tries === 1 ? '' : `, at try ${tries}`}`)
        return null
      }
      if (this.#signal.aborted) {
        // Stopping is nobody's failure: the try is given back.
        await this.#setStep(step.name, { state: 'waiting', tries: tries - 1, beganAt, endedAt, reason })
        return null
      }
      if (tries > step.retries) {
        await this.#setStep(step.name, { state: 'failed', tries, beganAt, endedAt, reason })
        this.#say(`${step.name}: failed for good after ${tries} ${tries === 1 ? 'try' : 'tries'}: ${reason} (its log: ${logFile})`)
        return { job: job.name, date, run: this.#state.run, step: step.name, tries, reason, logFile, at: new Date(endedAt) }
      }
      await this.#setStep(step.name, { state: 'waiting', tries, beganAt, endedAt, reason })
      this.#say(`${step.name}: try ${tries} of ${step.retries + 1} failed: ${reason}; the next one in ${retryDelayMs / 1000} s`)
      await sleep(retryDelayMs, undefined, { signal: this.#signal }).catch(() => undefined)
      if (this.#signal.aborted) return null
    }
  }

  async #tell (failure: JobFailure): Promise<void> {
    const { job, onFailure } = this.#options
    if (!job.emailOnFailure || onFailure === undefined) return
    try {
      await onFailure(failure)
    } catch (error) {
      this.#say(`nobody could be told of the failure: ${(error as Error).message}`)
    }
  }

  async #setStep (name: string, state: StepState): Promise<void> {
    await this.#change({ steps: { ...this.#state.steps, [name]: state } })
  }

  /** Steps run side by side: their states are written one after the other. */
  async #change (part: Partial<RunState>): Promise<void> {
    this.#state = { ...this.#state, ...part }
    this.#writing = this.#writing.then(async () => { await writeRunState(this.#folder, this.#state) })
    await this.#writing
  }
}

function startTask (words: readonly string[]): readonly string[] {
  return [process.execPath, join(projectDir, 'start.mjs'), ...words]
}

function secondsBetween (from: string, to: string): string {
  return ((Date.parse(to) - Date.parse(from)) / 1000).toFixed(1)
}
